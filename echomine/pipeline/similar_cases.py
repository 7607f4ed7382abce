"""What a query by image gives: records only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Hit, Label, Paragraph
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Severity
from echomine.pipeline.agreement import AGREEMENT
from echomine.pipeline.measure_image import MeasuredImage
from echomine.pipeline.measured_labels import MEASUREMENT

MAX_TEXT = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarImage:
    """One archived image near the query.

    Attributes:
        image_id: The image.
        score: Inner product of the two transformed vectors, -1..1.
        labels: What the current models say of it.
        picture: (H, W, 3) uint8 crop of its display, or None where its source is gone or no pictures were wanted.
    """

    image_id: str
    score: float
    labels: tuple[Label, ...]
    picture: NDArray[np.uint8] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarCases:
    """The answer to one query.

    Attributes:
        image_id: The query image.
        picture: (H, W, 3) uint8 crop of its display, everything outside the ultrasound region gone; None where no
            pictures were wanted.
        labels: Read from the nearest paragraphs.
        hits: Nearest paragraphs, nearest first.
        cases: Nearest archived images, nearest first.
        notes: What the reader should know, one sentence each.
        model: Version of the models.
        measured: What the display measures; None where nothing does.
        measured_labels: What guidelines make of that, beside what retrieval says.
    """

    image_id: str
    picture: NDArray[np.uint8] | None
    labels: tuple[Label, ...]
    hits: tuple[Hit, ...]
    cases: tuple[SimilarImage, ...]
    notes: tuple[str, ...]
    model: str
    measured: MeasuredImage | None = None
    measured_labels: tuple[Label, ...] = ()

    def document(self) -> dict[str, Any]:
        """The answer as plain JSON values, without pictures."""
        return {
            "image": self.image_id,
            "model": self.model,
            "notes": list(self.notes),
            "labels": [label_document(label) for label in self.labels],
            "measurement": self.measured.document() if self.measured else None,
            "measured_labels": [measured_document(label) for label in self.measured_labels],
            "paragraphs": [_hit_document(hit) for hit in self.hits],
            "cases": [
                {
                    "image": case.image_id,
                    "score": round(case.score, 4),
                    "labels": [label_document(label) for label in case.labels],
                }
                for case in self.cases
            ],
        }

    def label_rows(self) -> list[tuple[str, ...]]:
        """Rows of the label table."""
        return [
            (
                label.valve.value,
                label.disease.value,
                severity_words(label),
                f"{label.confidence:.2f}",
                "abstained" if label.abstained else "",
            )
            for label in self.labels
        ]

    @property
    def shown_measured(self) -> tuple[Label, ...]:
        """Measured labels that can be relied on; the others stay in :meth:`document`."""
        return tuple(label for label in self.measured_labels if not label.abstained)

    def measured_rows(self) -> list[tuple[str, ...]]:
        """Rows of the table of what the display measures."""
        return [
            (
                label.valve.value,
                label.disease.value,
                severity_words(label),
                f"{label.confidence:.2f}",
                measured_words(label),
                agreement_words(label),
            )
            for label in self.shown_measured
        ]

    def hit_rows(self) -> list[tuple[str, ...]]:
        """Rows of the paragraph table."""
        return [
            (
                f"{hit.score:.3f}",
                hit.paragraph.paragraph_id,
                "; ".join(finding_words(hit.paragraph)),
                shorten(hit.paragraph.text),
            )
            for hit in self.hits
        ]


def shorten(text: str) -> str:
    """A text on one line, cut at ``MAX_TEXT`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def severity_words(label: Label) -> str:
    """``none``, ``moderate`` or ``mild to moderate`` of a label."""
    return "none" if label.assertion is Assertion.NEGATED else severity_phrase(label.severity)


def severity_phrase(severity: SeverityInterval) -> str:
    """``moderate``, ``mild to moderate`` or ``ungraded``."""
    low, high = severity.low, severity.high
    return _word(low) if low is high else f"{_word(low)} to {_word(high)}"


def finding_words(paragraph: Paragraph) -> list[str]:
    """What a paragraph says, one phrase a finding."""
    phrases = []
    for finding in paragraph.findings:
        grade = "no" if finding.assertion is Assertion.NEGATED else _word(finding.severity.grade)
        words = ("" if grade in {"ungraded", "none"} else grade, finding.valve.value, finding.disease.value)
        phrases.append(" ".join(word.replace("_", " ") for word in words if word))
    return phrases


def label_document(label: Label) -> dict[str, Any]:
    """One label as plain JSON values."""
    return {
        "valve": label.valve.value,
        "disease": label.disease.value,
        "severity_low": label.severity.low.word,
        "severity_high": label.severity.high.word,
        "assertion": label.assertion.value,
        "confidence": round(label.confidence, 4),
        "abstained": label.abstained,
    }


def measured_document(label: Label) -> dict[str, Any]:
    """One measured label as plain JSON values, with its numbers, their tables, and what the other sources say."""
    return label_document(label) | {
        "evidence": [
            {"kind": piece.kind, "reference": piece.reference, "score": piece.score, "note": piece.note}
            for piece in label.evidence
        ]
    }


def measured_words(label: Label) -> str:
    """``vmax 3.1, EACVI/ASE 2017``: what a measured label rests on."""
    numbers = [piece for piece in label.evidence if piece.kind == MEASUREMENT]
    tables = sorted({piece.note.split(",")[0] for piece in numbers})
    return ", ".join([*number_words(label), *tables])


def number_words(label: Label) -> list[str]:
    """``vmax 3.1``, ``mean gradient 24.5``: the numbers that a measured label rests on, to three digits."""
    numbers = [piece for piece in label.evidence if piece.kind == MEASUREMENT and piece.score is not None]
    return [f"{piece.reference.replace('_', ' ')} {_three_digits(piece.score or 0.0)}" for piece in numbers]


def _three_digits(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def agreement_words(label: Label) -> str:
    """``conflict: retrieval says none``: what the other sources say beside a measured label."""
    return "; ".join(piece.note.replace("_", "-") for piece in label.evidence if piece.kind == AGREEMENT)


def _hit_document(hit: Hit) -> dict[str, Any]:
    return {
        "paragraph": hit.paragraph.paragraph_id,
        "report": hit.paragraph.report_id,
        "score": round(hit.score, 4),
        "text": hit.paragraph.text,
        "findings": finding_words(hit.paragraph),
    }


def _word(grade: Severity) -> str:
    words = {
        Severity.UNSPECIFIED: "ungraded",
        Severity.MILD_MODERATE: "mild-moderate",
        Severity.MODERATE_SEVERE: "moderate-severe",
    }
    return words.get(grade, grade.word)
