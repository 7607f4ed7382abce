"""A query as one picture: the image beside its nearest cases and paragraphs."""

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.durable_files import write_bytes
from echomine.domain.records import Hit, Label
from echomine.pipeline.similar_cases import (
    SimilarCases,
    SimilarImage,
    agreement_words,
    finding_words,
    measured_words,
    severity_words,
    shorten,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CASES = 4
PARAGRAPHS = 5
CASE_LESIONS, CASE_WIDTH = 2, 36
"""What is said below a case: so many lesions, in lines of so many characters, as wide as its picture."""
_INK, _QUIET = "#1b2733", "#5d6b78"


def write_contact_sheet(similar: SimilarCases, path: Path) -> None:
    """Write the contact sheet of a query as a PNG."""
    write_bytes(path, contact_sheet_png(similar))


def contact_sheet_png(similar: SimilarCases) -> bytes:
    """The contact sheet as PNG bytes."""
    buffer = io.BytesIO()
    contact_sheet(similar).savefig(buffer, format="png", metadata={"Software": "echomine"})
    return buffer.getvalue()


def contact_sheet(similar: SimilarCases) -> "Figure":
    """The contact sheet: query and labels on the left, cases and paragraphs on the right."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 8.5), dpi=100, facecolor="white")
    grid = figure.add_gridspec(
        2, 6, height_ratios=(1, 1.15), left=0.02, right=0.98, top=0.93, bottom=0.03, wspace=0.08, hspace=0.28
    )
    _draw_query(figure.add_subplot(grid[0, :2]), similar)
    said = _label_lines(similar.labels) + _measured_lines(similar.shown_measured) + _note_lines(similar.notes)
    _draw_text(figure.add_subplot(grid[1, :2]), said)
    for column, case in enumerate(similar.cases[:CASES]):
        _draw_case(figure.add_subplot(grid[0, 2 + column]), case)
    _draw_text(figure.add_subplot(grid[1, 2:]), _hit_lines(similar.hits))
    figure.suptitle("Nearest cases and paragraphs · research use only", color=_INK, fontsize=13)
    return figure


def _draw_query(axes: "Axes", similar: SimilarCases) -> None:
    _draw_picture(axes, similar.picture)
    axes.set_title("Query", loc="left", fontsize=11, color=_INK)


def _draw_case(axes: "Axes", case: SimilarImage) -> None:
    _draw_picture(axes, case.picture)
    axes.set_title(f"Case, {case.score:.2f}", loc="left", fontsize=10, color=_INK)
    lesions = [_label_words(label) for label in case.labels if label.severity.high > 1][:CASE_LESIONS]
    words = "\n".join(textwrap.fill(one, CASE_WIDTH) for one in lesions) or "no lesion"
    axes.set_xlabel(words, fontsize=8, color=_QUIET)


def _draw_picture(axes: "Axes", picture: NDArray[np.uint8] | None) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    if picture is not None:
        axes.imshow(picture, aspect="auto", interpolation="bilinear")


def _draw_text(axes: "Axes", lines: list[tuple[str, dict[str, Any]]]) -> None:
    axes.axis("off")
    height = 1.0
    for text, style in lines:
        height -= 0.03 if "fontweight" in style and height < 1 else 0
        axes.text(0, height, text, va="top", transform=axes.transAxes, **style)
        height -= (0.045 + 0.042 * text.count("\n")) * style["fontsize"] / 9
        if height < 0.02:
            return


def _head(text: str) -> tuple[str, dict[str, Any]]:
    return text, {"fontsize": 11, "color": _INK, "fontweight": "bold"}


def _body(text: str, width: int, *, color: str = _QUIET) -> tuple[str, dict[str, Any]]:
    return textwrap.fill(text, width), {"fontsize": 9, "color": color}


def _label_lines(labels: tuple[Label, ...]) -> list[tuple[str, dict[str, Any]]]:
    words = [_body(f"{_label_words(label)}  ({label.confidence:.2f})", 60, color=_INK) for label in labels]
    return [_head("Read from the nearest paragraphs"), *words]


def _measured_lines(labels: tuple[Label, ...]) -> list[tuple[str, dict[str, Any]]]:
    if not labels:
        return []
    lines = [_head("Measured on the display")]
    for label in labels:
        lines.append(_body(f"{_label_words(label)}  ({label.confidence:.2f})", 60, color=_INK))
        lines.append(_body("; ".join(filter(None, (measured_words(label), agreement_words(label)))), 60))
    return lines


def _label_words(label: Label) -> str:
    disease = label.disease.value.replace("_", " ")
    abstained = ", abstained" if label.abstained else ""
    return f"{label.valve.value} {disease}: {severity_words(label)}{abstained}"


def _note_lines(notes: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    return [_body(f"Note: {note}", 60) for note in notes]


def _hit_lines(hits: tuple[Hit, ...]) -> list[tuple[str, dict[str, Any]]]:
    lines = [_head("Nearest paragraphs")]
    for hit in hits[:PARAGRAPHS]:
        says = "; ".join(finding_words(hit.paragraph)) or "no finding"
        lines.append(_body(f"{hit.score:.3f}  {says}", 120, color=_INK))
        lines.append(_body(shorten(hit.paragraph.text), 128))
    return lines
