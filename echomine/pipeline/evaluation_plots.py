"""The curves of an evaluation as pictures."""

import io
from typing import TYPE_CHECKING

import numpy as np

from echomine.domain.severity import GRADES
from echomine.pipeline.evaluation_result import EvaluationResult
from echomine.pipeline.html_report import ReportFigure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ACCENT, _QUIET = "#0b6e99", "#9aa7b2"


def evaluation_figures(result: EvaluationResult) -> dict[str, ReportFigure]:
    """File name to figure: risk-coverage curve, confusion of severities, reliability of the confidence."""
    data = "synthetic data, " if result.synthetic else ""
    count = sum(size for _, _, size in result.reliability)
    return {
        "risk_coverage": ReportFigure(
            caption=f"Share of wrong labels among the surest ones ({data}{count} labels).", png=_risk_coverage(result)
        ),
        "confusion": ReportFigure(
            caption=f"True against claimed severity ({data}{int(result.confusion.sum())} lesions).",
            png=_confusion(result),
        ),
        "reliability": ReportFigure(
            caption=f"Confidence against share right, bins of equal size ({data}{count} labels).",
            png=_reliability(result),
        ),
    }


def _new(width: float = 5.2, height: float = 4.2) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    return figure, figure.add_subplot()


def _png(figure: "Figure") -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "echomine"})
    return buffer.getvalue()


def _risk_coverage(result: EvaluationResult) -> bytes:
    figure, axes = _new()
    axes.plot(result.risk.coverage, result.risk.risk, color=_ACCENT, linewidth=2)
    axes.axhline(0.05, color=_QUIET, linewidth=1, linestyle="--")
    axes.text(0.01, 0.052, "5 % wrong", color=_QUIET, fontsize=9, va="bottom")
    axes.set_xlabel("share of labels kept")
    axes.set_ylabel("share wrong among those kept")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, max(0.12, float(np.max(result.risk.risk, initial=0.0)) * 1.05))
    axes.set_title(f"Risk against coverage, area {result.risk.area:.3f}", loc="left", fontsize=11)
    return _png(figure)


def _confusion(result: EvaluationResult) -> bytes:
    figure, axes = _new(5.8, 4.8)
    words = [grade.word.replace("_", "-\n") for grade in GRADES]
    columns = words if not result.confusion[:, -1].any() else [*words, "un-\ngraded"]
    counts = result.confusion[:, : len(columns)]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(counts.shape[0]):
        for column in range(counts.shape[1]):
            if counts[row, column]:
                ink = "white" if shares[row, column] > 0.5 else "black"
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=ink, fontsize=9)
    axes.set_xticks(range(len(columns)), columns, fontsize=8)
    axes.set_yticks(range(len(words)), words, fontsize=8)
    axes.set_xlabel("claimed")
    axes.set_ylabel("true")
    axes.set_title("Severity", loc="left", fontsize=11)
    return _png(figure)


def _reliability(result: EvaluationResult) -> bytes:
    figure, axes = _new()
    axes.plot([0, 1], [0, 1], color=_QUIET, linewidth=1, linestyle="--")
    confidences = [confidence for confidence, _, _ in result.reliability]
    shares = [share for _, share, _ in result.reliability]
    axes.plot(confidences, shares, color=_ACCENT, linewidth=2, marker="o")
    axes.set_xlabel("confidence")
    axes.set_ylabel("share right")
    low = min([0.5, *confidences, *shares])
    axes.set_xlim(low, 1.01)
    axes.set_ylim(low, 1.01)
    axes.set_title("Reliability", loc="left", fontsize=11)
    return _png(figure)
