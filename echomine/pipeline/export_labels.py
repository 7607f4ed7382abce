"""Export: labels of the catalog as a data set with a card."""

import os
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any

from echomine.archive.data_card import CardFacts, ExportTally, data_card
from echomine.archive.exports import (
    WRITERS,
    ExportRow,
    LabelledPicture,
    check_free,
    export_row,
    png_of,
    write_card,
    write_image_folder,
)
from echomine.archive.ledger import LabelFilter
from echomine.archive.spectral_files import ImageFile, read_shown_pixels
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ItemError, UsageError, WorkspaceError
from echomine.domain.records import Label
from echomine.domain.splits import DEFAULT_FRACTIONS, split_of
from echomine.domain.vocabulary import DopplerMode, LabelSource, Split, Valve
from echomine.pipeline.agreement import beside_each_other, in_conflict
from echomine.pipeline.measured_labels import measurement_model
from echomine.pipeline.progress import SILENT, Advance, Progress
from echomine.pipeline.ventricle_labels import ventricle_rows
from echomine.reports import lexicon_version

FORMS = (*WRITERS, "hf")
LABELLER = "labeller"
MOST_THREADS = 4
AHEAD = 32
SCREENSHOTS = (
    "**Look before you share:** {} of the pictures are screenshots without ultrasound regions. Print that a text "
    "detector found in them was masked; a name that it did not find is in them still."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What to export.

    Attributes:
        form: ``jsonl``, ``csv``, ``parquet`` or ``hf`` (a folder of pictures with metadata).
        out: File or folder to write; must not exist.
        min_confidence: Least confidence.
        source, valve: Only these; None for all.
        abstained: Also labels that the models abstain from.
        without_conflicts: Leave out labels that another source contradicts by two grades or more.
        fractions: Shares of patients in train, validation and test.
        salt: Another salt gives another split.
    """

    form: str
    out: Path
    min_confidence: float = 0.0
    source: LabelSource | None = None
    valve: Valve | None = None
    abstained: bool = False
    without_conflicts: bool = False
    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    salt: str = ""

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise UsageError(f"{self.form!r} is no export format, known are {', '.join(FORMS)}")
        if not 0 <= self.min_confidence <= 1:
            raise UsageError(f"the least confidence lies in 0..1, got {self.min_confidence}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """What was written.

    Attributes:
        path: File or folder.
        card: The data card.
        counts: Labels, images, exams, patients, and labels by part.
        excluded: What was left out and how much.
    """

    path: Path
    card: Path
    counts: dict[str, int]
    excluded: dict[str, int]

    def document(self) -> dict[str, Any]:
        """The result as plain JSON."""
        return {
            "path": str(self.path),
            "card": str(self.card),
            "counts": self.counts,
            "excluded": self.excluded,
        }


def export_labels(workspace: Workspace, request: ExportRequest, *, progress: Progress = SILENT) -> ExportResult:
    """Writes the labels of the current models, and what reports state and measurements found, with a data card.

    The card of a folder is its ``README.md``, the card of a file lies beside it as ``<name>.card.md``.

    Raises:
        UsageError: If the place is taken.
        WorkspaceError: If it cannot be written.
    """
    check_free(request.out)
    export = _Export(workspace, request)
    if request.form == "hf":
        card = request.out / "README.md"
        with progress.stage("Writing pictures", workspace.catalog.images.count()) as advance:
            write_image_folder(request.out, export.pictures(advance), export.card)
    else:
        card = request.out.with_name(f"{request.out.name}.card.md")
        with progress.stage("Writing labels", 0):
            WRITERS[request.form](request.out, export.rows())
        _write_card_or_nothing(card, export.card(), request.out)
    return ExportResult(path=request.out, card=card, counts=export.counts(), excluded=export.excluded())


def _write_card_or_nothing(card: Path, text: str, table: Path) -> None:
    """Labels without a card are no data set: where the card cannot be written, the table goes too."""
    try:
        write_card(card, text)
    except WorkspaceError:
        table.unlink(missing_ok=True)
        raise


class _Export:
    """One export: streams rows or pictures, and counts what went by."""

    def __init__(self, workspace: Workspace, request: ExportRequest) -> None:
        self._workspace = workspace
        self._catalog = workspace.catalog
        self._request = request
        self._labeller = workspace.artifacts.load(LABELLER) if workspace.artifacts.current(LABELLER) else None
        self._tally = ExportTally()
        self._excluded: Counter[str] = Counter()
        self._screenshots = 0

    def rows(self) -> Iterator[ExportRow]:
        """Rows of the wanted labels, counted as they go by."""
        for label in self._labels():
            row = self._row(label)
            self._tally.add(row)
            yield row
        for row in self._ventricle_rows():
            self._tally.add(row)
            yield row

    def pictures(self, advance: Advance) -> Iterator[LabelledPicture]:
        """Images with their wanted labels; an image whose file is gone or changed is left out and counted.

        They are read and encoded ahead on a few threads.
        """
        waiting: deque[Future[LabelledPicture | ItemError]] = deque()
        with ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1)) as pool:
            for file, rows in self._labelled_files():
                waiting.append(pool.submit(_picture, file, rows))
                if len(waiting) >= AHEAD:
                    yield from self._counted(waiting.popleft().result())
                    advance(1)
            while waiting:
                yield from self._counted(waiting.popleft().result())
                advance(1)
        self._excluded["labels of exams, without an image of their own"] += sum(1 for _ in self._ventricle_rows())

    def _labelled_files(self) -> Iterator[tuple[ImageFile, tuple[ExportRow, ...]]]:
        for image_id, group in groupby(self._labels(), key=lambda label: label.image_id):
            rows = tuple(map(self._row, group))
            file = self._catalog.images.get(image_id) if image_id else None
            if file is None:
                self._excluded["labels of exams, without an image of their own"] += len(rows)
            else:
                yield file, rows

    def _ventricle_rows(self) -> Iterator[ExportRow]:
        """Ejection fractions of exams, under the same filters; they belong to no valve."""
        request = self._request
        if request.valve is not None or request.source not in (None, LabelSource.MEASUREMENT):
            return
        for row in ventricle_rows(self._workspace):
            if self._is_wanted(row["confidence"], abstained=row["abstained"]):
                yield row | {"split": self._split(row["patient"] or row["study_uid"]).value}

    def _counted(self, picture: LabelledPicture | ItemError) -> Iterator[LabelledPicture]:
        if isinstance(picture, ItemError):
            self._excluded[f"images whose file could not be used: {picture.reason.value}"] += 1
            return
        for row in picture.rows:
            self._tally.add(row)
        self._screenshots += picture.record.mode is DopplerMode.UNKNOWN
        yield picture

    def counts(self) -> dict[str, int]:
        """Labels, images, exams, patients and labels by part."""
        splits = self._tally.by.get("split", Counter())
        return {
            "labels": self._tally.rows,
            "images": len(self._tally.images),
            "exams": len(self._tally.exams),
            "patients": len(self._tally.patients),
        } | {f"labels_{part.value}": splits[part.value] for part in Split}

    def excluded(self) -> dict[str, int]:
        """What was left out, by reason, 0 included where it was asked for."""
        return dict(self._excluded) | self._items_left_out()

    def card(self) -> str:
        """The data card of what went by so far."""
        synthetic = [self._catalog.images.is_synthetic(root) for root in self._catalog.images.roots()]
        return data_card(
            self._tally,
            CardFacts(
                form=self._request.form,
                settings=self._settings(),
                versions=self._versions(),
                exclusions=self.excluded(),
                synthetic=bool(synthetic) and all(synthetic),
                mixed=any(synthetic),
                notes=(SCREENSHOTS.format(self._screenshots),) if self._screenshots else (),
            ),
        )

    def _labels(self) -> Iterator[Label]:
        request = self._request
        ledger, models = self._catalog.ledger, self._models()
        everything = ledger.labels(LabelFilter(source=request.source, valve=request.valve, models=models))
        wanted = (label for label in everything if self._is_wanted(label.confidence, abstained=label.abstained))
        for label in beside_each_other(wanted, ledger, models=models):
            if request.without_conflicts and in_conflict(label):
                self._excluded["labels that another source contradicts"] += 1
            else:
                yield label

    def _models(self) -> tuple[str, ...] | None:
        """Current model versions: of reports, retrieval, and of one measuring, lest an image has its labels twice.

        All (None) where nothing was learnt here.
        """
        if self._labeller is None:
            return None
        generation = self._labeller.generation_id
        measured = measurement_model(generation)
        named = measured if self._catalog.ledger.states(measured) else measurement_model("")
        return "", generation, named

    def _is_wanted(self, confidence: float, *, abstained: bool) -> bool:
        """Whether a label passes the filters; one that does not is counted."""
        if confidence < self._request.min_confidence:
            self._excluded["labels below the least confidence"] += 1
            return False
        if abstained and not self._request.abstained:
            self._excluded["labels abstained from"] += 1
            return False
        return True

    def _row(self, label: Label) -> ExportRow:
        """A row; who has no pseudonym is split by exam or image."""
        return export_row(label, self._split(label.patient or label.study_uid or label.image_id))

    def _split(self, unit: str) -> Split:
        return split_of(unit, salt=self._request.salt, fractions=self._request.fractions)

    def _settings(self) -> dict[str, Any]:
        request = self._request
        thresholds = self._labeller.metrics if self._labeller else {}
        return {
            "least confidence": request.min_confidence,
            "source": request.source.value if request.source else "all",
            "valve": request.valve.value if request.valve else "all",
            "abstained labels": "included" if request.abstained else "left out",
            "labels that another source contradicts": "left out" if request.without_conflicts else "included",
            "shares of train, validation, test": ", ".join(map(str, request.fractions)),
            "salt of the split": request.salt or "none",
        } | {f"abstention, {name} lesions": words for name, words in thresholds.items()}

    def _versions(self) -> dict[str, str]:
        versions = {"echomine": metadata.version("echomine"), "lexicon": lexicon_version()}
        if self._labeller is None:
            return versions
        return (
            versions
            | {LABELLER: self._labeller.generation_id}
            | dict(self._labeller.parents)
            | {f"{name} (package)": number for name, number in self._labeller.packages.items()}
        )

    def _items_left_out(self) -> dict[str, int]:
        left = {
            f"files {state.value}: {reason.value}": number
            for (state, reason), number in self._catalog.images.problem_counts().items()
        }
        if self._labeller is not None:
            states = self._catalog.ledger.states(self._labeller.generation_id)
            left |= {f"images {state.value}": number for state, number in states.items() if number}
            left.pop("images labelled", None)
        return left


def _picture(file: ImageFile, rows: tuple[ExportRow, ...]) -> LabelledPicture | ItemError:
    try:
        pixels = read_shown_pixels(file)
    except ItemError as error:
        return error
    return LabelledPicture(record=file.record, png=png_of(pixels), rows=rows, split=Split(rows[0]["split"]))
