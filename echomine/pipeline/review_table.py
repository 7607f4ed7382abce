"""The order of review as a table and as plain values."""

from collections.abc import Sequence
from typing import Any

from echomine.domain.records import Label
from echomine.domain.vocabulary import LabelSource
from echomine.pipeline.measure_archive import ReviewItem
from echomine.pipeline.measured_labels import MEASUREMENT
from echomine.pipeline.similar_cases import label_document, number_words, severity_words
from echomine.pipeline.tables import TextTable


def review_table(items: Sequence[ReviewItem]) -> TextTable:
    """One row a lesion on which sources differ."""
    return TextTable(
        title="To review: where the measurement differs",
        headers=("image", "lesion", "measured", "by", "report", "retrieval", "grades apart"),
        rows=tuple(_row(item) for item in items),
        note="" if items else "No measured label that is kept differs from what report and retrieval say.",
    )


def _row(item: ReviewItem) -> tuple[str, ...]:
    label = item.measured
    return (
        label.image_id,
        f"{label.valve.value} {label.disease.value}",
        severity_words(label),
        ", ".join(number_words(label)),
        _said(item.said_by(LabelSource.REPORT)),
        _said(item.said_by(LabelSource.RETRIEVAL)),
        str(item.distance),
    )


def _said(label: Label | None) -> str:
    return severity_words(label) if label else ""


def review_documents(items: Sequence[ReviewItem]) -> list[dict[str, Any]]:
    """The same as plain JSON values."""
    return [
        {
            "image": item.measured.image_id,
            "study": item.measured.study_uid,
            "measured": label_document(item.measured)
            | {
                "evidence": [
                    {"measure": piece.reference, "value": piece.score, "table": piece.note}
                    for piece in item.measured.evidence
                    if piece.kind == MEASUREMENT
                ]
            },
            "others": {label.source.value: label_document(label) for label in item.others},
            "grades_apart": item.distance,
            "urgency": round(item.urgency, 4),
        }
        for item in items
    ]
