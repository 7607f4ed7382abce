"""Measuring one image of the catalog, here or in a process that does only that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import IO, Any, ClassVar, TypeAlias

from echomine.archive.rows import evidence_document, evidence_of
from echomine.archive.side_process import file_document, file_of, message, received, run
from echomine.archive.spectral_files import ImageFile, read_known_display
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve
from echomine.doppler.envelope import on_dark
from echomine.doppler.overlays import overlay_mask
from echomine.doppler.reading import read_display
from echomine.pipeline.measured_labels import SuggestedValve, measured_labels

Measured: TypeAlias = tuple[Label, ...] | ItemError
"""The labels of an image, without its identifiers and agreement, or why there are none."""


@dataclass(frozen=True, slots=True)
class Measuring:
    """Measuring displays, as work for a :class:`archive.reading_pool.ReadingPool`.

    Attributes:
        suggested: The valve that another source names, by image id.
    """

    module: ClassVar[str] = "echomine.pipeline.measuring"
    suggested: Mapping[str, SuggestedValve] = field(default_factory=dict)

    def here(self, file: ImageFile) -> Measured:
        """The labels of an image; whatever is wrong with it is the answer too."""
        return measured(file, self.suggested.get(file.record.image_id))

    def crashed(self, problem: ItemError) -> Measured:
        """The answer on a file that brought the process down."""
        return problem

    def question(self, files: Sequence[ImageFile]) -> bytes:
        """The message that asks for files."""
        return message([(file_document(one), _plain(self.suggested.get(one.record.image_id))) for one in files])

    def answers(self, stream: IO[bytes]) -> list[Measured]:
        """The answers to one question.

        Raises:
            EOFError: If the other process is gone.
        """
        return [
            ItemError(Reason(one["reason"]), one["message"]) if isinstance(one, dict) else tuple(map(_label, one))
            for one in received(stream)[0]
        ]


def measured(file: ImageFile, suggested: SuggestedValve | None) -> Measured:
    """The labels of an image, none without a scale; whatever is wrong with its file is the answer too."""
    try:
        return _labels(file, suggested)
    except ItemError as error:
        return error
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return ItemError(Reason.FAILED, f"measuring it failed ({type(error).__name__}); please report this")


def _labels(file: ImageFile, suggested: SuggestedValve | None) -> tuple[Label, ...]:
    scale, display = file.record.calibration, read_known_display(file)
    if scale is None:
        return ()
    display = replace(display, pixels=on_dark(display.pixels))
    reading = read_display(
        display,
        overlay=overlay_mask(display.pixels, baseline_y=scale.baseline_y),
        valve=suggested.valve if suggested else None,
    )
    return measured_labels(reading, suggested=suggested)


def _plain(suggested: SuggestedValve | None) -> tuple[str, float] | None:
    return (suggested.valve.value, suggested.confidence) if suggested else None


def _answer(asked: list[Any]) -> bytes:
    return message([_document(_asked(file, suggested)) for file, suggested in asked])


def _asked(file: dict[str, Any], suggested: list[Any] | None) -> Measured:
    return measured(
        file_of(file), SuggestedValve(valve=Valve(suggested[0]), confidence=suggested[1]) if suggested else None
    )


def _document(found: Measured) -> dict[str, Any] | list[dict[str, Any]]:
    if isinstance(found, ItemError):
        return {"reason": found.reason.value, "message": str(found)}
    return [
        {
            "valve": label.valve.value,
            "disease": label.disease.value,
            "severity": (int(label.severity.low), int(label.severity.high)),
            "assertion": label.assertion.value,
            "confidence": label.confidence,
            "abstained": label.abstained,
            "evidence": [evidence_document(piece) for piece in label.evidence],
        }
        for label in found
    ]


def _label(document: dict[str, Any]) -> Label:
    low, high = document["severity"]
    return Label(
        source=LabelSource.MEASUREMENT,
        valve=Valve(document["valve"]),
        disease=Disease(document["disease"]),
        severity=SeverityInterval(Severity(low), Severity(high)),
        assertion=Assertion(document["assertion"]),
        confidence=document["confidence"],
        abstained=document["abstained"],
        evidence=tuple(map(evidence_of, document["evidence"])),
    )


if __name__ == "__main__":
    run(_answer)
