"""What an evaluation found, as tables, Markdown and JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.metrics.calibration import RiskCoverage
from echomine.metrics.intervals import Estimate
from echomine.pipeline.evaluation_runs import METHODS, OURS
from echomine.pipeline.scoring import FIGURES, Scores
from echomine.pipeline.tables import TextTable

COMPARED = ("recall", "precision", "severity", "severity_found", "exact", "within_one")
TRUSTED = ("kappa", "calibration_error", "kept_precision", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalScores:
    """How early a test image finds paragraphs.

    Attributes:
        own: R@1, R@5, R@10 and median rank share of the image's own paragraph.
        same: The same for any paragraph that states the same findings.
        pool: Paragraphs in the pool.
        queries: Images with a paragraph of their own.
    """

    own: Mapping[str, float]
    same: Mapping[str, float]
    pool: int
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationResult:
    """All figures of one evaluation.

    Attributes:
        protocol: ``held-out`` or ``lecture``.
        judged_by: ``truth table`` or ``paired paragraphs``.
        synthetic: Whether the archive says it is synthetic.
        methods: Scores of each method, pooled over seeds.
        per_seed: For each seed the plain values of ours.
        retrieval: None when no test image has a paragraph.
        words: Rows of a sanity table: a word and its nearest ones.
        paragraphs: Rows of another: what a paragraph says, what the nearest one of another patient says, its score.
        confusion: (7, 8) counts of ours, rows the true grade.
        risk: Risk-coverage curve of ours.
        reliability: (confidence, share right, count) of bins.
        model: Version of the models, or ``""`` for retrained ones.
        seconds: How long it took.
    """

    protocol: str
    judged_by: str
    synthetic: bool
    methods: Mapping[str, Scores]
    per_seed: tuple[Mapping[str, float], ...]
    retrieval: RetrievalScores | None
    words: tuple[tuple[str, str], ...]
    paragraphs: tuple[tuple[str, str, str], ...]
    confusion: NDArray[np.int64] = field(repr=False)
    risk: RiskCoverage = field(repr=False)
    reliability: tuple[tuple[float, float, int], ...] = field(repr=False)
    weak: bool = False
    model: str = ""
    seconds: float = 0.0

    def tables(self) -> tuple[TextTable, ...]:
        """The tables that a person reads."""
        shown = [self._methods(), self._trust()]
        if self.retrieval is not None:
            shown.append(_retrieval_table(self.retrieval))
        if self.words:
            shown.append(TextTable(title="Nearest words in text space", headers=("word", "nearest"), rows=self.words))
        if self.paragraphs:
            headers = ("a paragraph that says", "nearest of another patient", "score")
            shown.append(TextTable(title="Nearest paragraphs in text space", headers=headers, rows=self.paragraphs))
        return tuple(shown)

    def markdown(self) -> str:
        """All tables in Markdown, with what they rest on."""
        heading = f"# Evaluation, protocol {self.protocol}, judged by {self.judged_by}\n"
        warning = "All data is synthetic.\n" if self.synthetic else ""
        return "\n".join([heading, warning, *(table.markdown() for table in self.tables())])

    def document(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "protocol": self.protocol,
            "judged_by": self.judged_by,
            "synthetic": self.synthetic,
            "weak": self.weak,
            "model": self.model,
            "methods": {name: one.document() for name, one in self.methods.items()},
            "per_seed": [dict(one) for one in self.per_seed],
            "retrieval": None if self.retrieval is None else _retrieval_document(self.retrieval),
            "nearest_words": [list(row) for row in self.words],
            "nearest_paragraphs": [list(row) for row in self.paragraphs],
            "confusion": self.confusion.tolist(),
            "aurc": float(self.risk.area),
            "seconds": round(self.seconds, 1),
        }

    def _methods(self) -> TextTable:
        ours = self.methods[OURS]
        rows = tuple(
            (name, *(estimate_words(one.figures[figure]) for figure in COMPARED)) for name, one in self.methods.items()
        )
        data = "synthetic " if self.synthetic else ""
        return TextTable(
            title=f"{ours.images} {data}test images of patients never learnt from, {ours.diseases} diseases",
            headers=("method", *(FIGURES[figure] for figure in COMPARED)),
            rows=rows,
            note="; ".join(f"{name}: {METHODS[name]}" for name in self.methods)
            + ". In brackets: 95 % bootstrap by patient. Severities are shares of all diseases, a missed one is wrong.",
        )

    def _trust(self) -> TextTable:
        ours = self.methods[OURS].figures
        return TextTable(
            title="How far the labels can be trusted",
            headers=("figure", "value"),
            rows=(
                *((FIGURES[name], estimate_words(ours[name])) for name in TRUSTED),
                ("area under risk-coverage", f"{self.risk.area:.3f}"),
            ),
        )


def estimate_words(one: Estimate) -> str:
    """``.91 (.85-.96)``; without an interval ``.91``, without a value ``-``."""
    if np.isnan(one.value):
        return "-"
    return _short(one.value) + ("" if np.isnan(one.low) else f" ({_short(one.low)}-{_short(one.high)})")


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0") if 0 <= value < 0.995 else f"{value:.2f}"


def _retrieval_table(one: RetrievalScores) -> TextTable:
    rows = tuple(
        (name, *(f"{value:.3f}" for value in figures.values()))
        for name, figures in (("its own paragraph", one.own), ("one that says the same", one.same))
    )
    return TextTable(
        title=f"Retrieval: {one.queries} images, pool of {one.pool} paragraphs",
        headers=("looked for", *one.own.keys()),
        rows=rows,
    )


def _retrieval_document(one: RetrievalScores) -> dict[str, Any]:
    return {"own": dict(one.own), "same": dict(one.same), "pool": one.pool, "queries": one.queries}
