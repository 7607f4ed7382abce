"""What was claimed of images against what they show, as figures with intervals by patient.

A disease is a lesion of mild or more. A claim about another valve than the one the image shows is a false alarm; a
lesion that the image cannot show (regurgitation on a PW display) is not scored, since nobody can know it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Label
from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Disease, Severity, Valve
from echomine.metrics.calibration import expected_calibration_error
from echomine.metrics.intervals import Estimate, bootstrap_by_group
from echomine.metrics.labels import detection, severity_scores

Pair = tuple[Valve, Disease]
Truth = Mapping[Pair, Severity]
REPEATS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a method says of one lesion of an image.

    Attributes:
        grade: The grade; none or trace is a claim of absence.
        confidence: Probability that presence or absence is right; NaN where the method gives none.
        abstained: Whether the method would rather not say.
    """

    grade: Severity
    confidence: float = float("nan")
    abstained: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredImage:
    """One test image with its truth and the claims of one method."""

    image_id: str
    patient: str
    truth: Truth
    claims: Mapping[Pair, Claim]


@dataclass(frozen=True, slots=True)
class Row:
    """One (image, lesion): the truth, what was claimed, and whether it can be judged as severity."""

    patient: str
    truth: Severity
    claimed: Severity
    confidence: float
    abstained: bool
    claimed_at_all: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Figures of one method on the test images.

    Attributes:
        figures: Name to estimate; the names are those of ``FIGURES``.
        images: Test images.
        diseases: True diseases among them.
    """

    figures: Mapping[str, Estimate]
    images: int
    diseases: int
    rows: tuple[Row, ...] = field(default=(), repr=False)

    def document(self) -> dict[str, Any]:
        """The figures as plain JSON values."""
        plain = {
            name: {"value": _plain(one.value), "low": _plain(one.low), "high": _plain(one.high)}
            for name, one in self.figures.items()
        }
        return {"images": self.images, "diseases": self.diseases, "figures": plain}


FIGURES: dict[str, str] = {
    "recall": "disease recall",
    "precision": "disease precision",
    "severity": "severity, 3 classes",
    "severity_found": "of those found",
    "exact": "exact step",
    "within_one": "within one step",
    "kappa": "quadratic kappa",
    "calibration_error": "calibration error",
    "kept_precision": "right when kept",
    "coverage": "share kept",
}
"""Name to what the table calls it.

``severity``, ``exact`` and ``within_one`` are shares of *all* true diseases, a missed one counting as wrong;
``severity_found`` is the three-class share among those found. ``kept_precision`` is the share of right claims, of
presence or absence, among those not abstained from.
"""


def claims_of(labels: Sequence[Label]) -> dict[Pair, Claim]:
    """The claims of labels: an absent lesion has grade none."""
    return {
        (label.valve, label.disease): Claim(
            grade=_claimed_grade(label), confidence=label.confidence, abstained=label.abstained
        )
        for label in labels
    }


def _claimed_grade(label: Label) -> Severity:
    if label.assertion is Assertion.NEGATED:
        return min(label.severity.grade, Severity.TRACE) if label.severity.is_specified else Severity.NONE
    return max(label.severity.grade, Severity.MILD) if label.severity.is_specified else Severity.UNSPECIFIED


def rows_of(images: Sequence[ScoredImage]) -> tuple[Row, ...]:
    """One row for each lesion that an image shows, and one for each disease claimed of another valve."""
    rows: list[Row] = []
    for image in images:
        silent = Claim(grade=Severity.NONE)
        for pair, grade in image.truth.items():
            rows.append(_row(image.patient, grade, image.claims.get(pair, silent), said=pair in image.claims))
        valves = {valve for valve, _ in image.truth}
        for (valve, disease), claim in image.claims.items():
            if valve not in valves and disease in FLOW_DISEASES and _says_disease(claim.grade):
                rows.append(_row(image.patient, Severity.NONE, claim, said=True))
    return tuple(rows)


def _row(patient: str, truth: Severity, claim: Claim, *, said: bool) -> Row:
    return Row(patient, truth, claim.grade, claim.confidence, claim.abstained, said)


def _says_disease(grade: Severity) -> bool:
    return is_disease(grade) or grade is Severity.UNSPECIFIED


def score(images: Sequence[ScoredImage], *, seed: int = 0, repeats: int = REPEATS) -> Scores:
    """The figures of one method, each with its 95 % interval by a bootstrap over patients.

    Raises:
        MeasurementError: If there is no image.
    """
    rows = rows_of(images)
    groups = [row.patient for row in rows]
    table = _Columns.of(rows)
    figures = {
        name: bootstrap_by_group(_on(table, statistic), groups, np.random.default_rng(seed), repeats=repeats)
        for name, statistic in _STATISTICS.items()
    }
    return Scores(figures=figures, images=len(images), diseases=int(table.diseased.sum()), rows=rows)


def _on(table: "_Columns", statistic: "Statistic") -> Callable[[NDArray[np.int64]], float]:
    return lambda at: statistic(table.at(at))


@dataclass(frozen=True, slots=True)
class _Columns:
    """The rows as columns, so that a bootstrap draw is an indexing."""

    truth: NDArray[np.int64]
    claimed: NDArray[np.int64]
    confidence: NDArray[np.float64]
    abstained: NDArray[np.bool_]
    said: NDArray[np.bool_]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "_Columns":
        return cls(
            np.array([row.truth for row in rows], dtype=np.int64),
            np.array([row.claimed for row in rows], dtype=np.int64),
            np.array([row.confidence for row in rows], dtype=np.float64),
            np.array([row.abstained for row in rows], dtype=bool),
            np.array([row.claimed_at_all for row in rows], dtype=bool),
        )

    def at(self, rows: NDArray[np.int64]) -> "_Columns":
        return _Columns(*(getattr(self, name)[rows] for name in self.__slots__))

    @property
    def diseased(self) -> NDArray[np.bool_]:
        return np.asarray(self.truth >= Severity.MILD)

    @property
    def named(self) -> NDArray[np.bool_]:
        lesion = (self.claimed >= Severity.MILD) | (self.claimed == Severity.UNSPECIFIED)
        return np.asarray(self.said & lesion)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.named == self.diseased)


Statistic = Callable[[_Columns], float]


def _recall(table: _Columns) -> float:
    return detection(table.diseased, table.named).recall


def _precision(table: _Columns) -> float:
    return detection(table.diseased, table.named).precision


def _severities(table: _Columns, chosen: NDArray[np.bool_], figure: str) -> float:
    return float(getattr(severity_scores(table.truth[chosen], table.claimed[chosen]), figure))


def _of_diseases(figure: str) -> Callable[[_Columns], float]:
    return lambda table: _severities(table, table.diseased, figure)


def _of_found(table: _Columns) -> float:
    return _severities(table, table.diseased & table.named, "three_class")


def _kappa(table: _Columns) -> float:
    return _severities(table, table.said & (table.claimed >= 0), "kappa")


def _calibration(table: _Columns) -> float:
    known = table.said & ~np.isnan(table.confidence)
    return expected_calibration_error(table.confidence[known], table.right[known])


def _kept_precision(table: _Columns) -> float:
    kept = table.said & ~table.abstained & ~np.isnan(table.confidence)
    return float(table.right[kept].mean()) if kept.any() else float("nan")


def _coverage(table: _Columns) -> float:
    known = table.said & ~np.isnan(table.confidence)
    return float((~table.abstained[known]).mean()) if known.any() else float("nan")


_STATISTICS: dict[str, Statistic] = {
    "recall": _recall,
    "precision": _precision,
    "severity": _of_diseases("three_class"),
    "severity_found": _of_found,
    "exact": _of_diseases("exact"),
    "within_one": _of_diseases("within_one"),
    "kappa": _kappa,
    "calibration_error": _calibration,
    "kept_precision": _kept_precision,
    "coverage": _coverage,
}


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)
