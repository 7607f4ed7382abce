"""How well labels name diseases and severities, per image and finding."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echomine.domain.errors import MeasurementError
from echomine.domain.severity import GRADES, three_classes
from echomine.domain.vocabulary import Severity

ScalarT = TypeVar("ScalarT", bound=np.generic)
Grades: TypeAlias = Sequence[Severity] | NDArray[np.int64]
"""Grades one by one, or as an array of their numbers."""

_ROUNDING = 1e-12
_HALF_STEPS = {Severity.MILD_MODERATE, Severity.MODERATE_SEVERE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """Counts of a yes-or-no question over rows, and the shares they give; a share without rows is NaN."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int

    @property
    def recall(self) -> float:
        """Share of the true rows that were found."""
        return _share(self.true_positive, self.true_positive + self.false_negative)

    @property
    def precision(self) -> float:
        """Share of the named rows that are true."""
        return _share(self.true_positive, self.true_positive + self.false_positive)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return _share(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeverityScores:
    """Agreement of grades over rows; NaN without rows.

    Attributes:
        three_class: Share right as mild / moderate / severe, a half-step right for either neighbour.
        exact: Share right on the seven steps.
        within_one: Share at most one step away.
        kappa: Quadratic weighted kappa on the seven steps, over the rows with a predicted grade.
        count: Rows.
    """

    three_class: float
    exact: float
    within_one: float
    kappa: float
    count: int


def detection(truth: ArrayLike, named: ArrayLike) -> Detection:
    """Counts of diseases found.

    Args:
        truth: (N,) whether each image and pair is diseased (mild or more).
        named: (N,) whether the label says so; False where nothing was said or the label abstained.

    Raises:
        MeasurementError: If the shapes differ.
    """
    true, said = _same_length(np.asarray(truth, dtype=np.bool_), np.asarray(named, dtype=np.bool_))
    return Detection(
        true_positive=int((true & said).sum()),
        false_positive=int((~true & said).sum()),
        false_negative=int((true & ~said).sum()),
        true_negative=int((~true & ~said).sum()),
    )


def severity_scores(truth: Grades, predicted: Grades) -> SeverityScores:
    """Agreement of grades; ``unspecified`` as a prediction counts as wrong.

    Args:
        truth: N true grades; give the diseased rows only to get the figure compared with the paper's.
        predicted: N grades.

    Raises:
        MeasurementError: If the lengths differ.
    """
    true, said = _same_length(np.array(truth, dtype=np.int64), np.array(predicted, dtype=np.int64))
    if not true.size:
        nothing = float("nan")
        return SeverityScores(three_class=nothing, exact=nothing, within_one=nothing, kappa=nothing, count=0)
    graded = said >= 0
    distance = np.where(graded, np.abs(true - said), len(GRADES))
    right = _SAME_CLASS[true, said]
    return SeverityScores(
        three_class=float(np.mean(right)),
        exact=float(np.mean(distance == 0)),
        within_one=float(np.mean(distance <= 1)),
        kappa=quadratic_kappa(true[graded], said[graded]),
        count=int(true.size),
    )


def same_class(truth: Severity, predicted: Severity) -> bool:
    """Whether two grades share a class of mild / moderate / severe.

    A half-step is right for either neighbour and for itself, but not for the other half-step, two grades
    away. None, trace and unspecified share no class with anything.
    """
    if truth is not predicted and {truth, predicted} == _HALF_STEPS:
        return False
    return bool(three_classes(truth) & three_classes(predicted))


_SAME_CLASS = np.array([[same_class(one, other) for other in (*GRADES, Severity.UNSPECIFIED)] for one in GRADES])
"""(7, 8): rows the true grade, columns the predicted one; the last column, also -1, is unspecified."""


def quadratic_kappa(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Cohen's kappa with quadratic weights of (N,) grades; NaN without rows or with one grade only.

    References:
        Cohen, Weighted kappa, Psychological Bulletin 1968;70:213-220.
    """
    true, said = _same_length(np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64))
    if not true.size:
        return float("nan")
    observed = float(np.mean((true - said) ** 2))
    by_chance = float(np.mean(true**2) + np.mean(said**2) - 2 * np.mean(true) * np.mean(said))
    return 1 - observed / by_chance if by_chance > _ROUNDING else float("nan")


def confusion(truth: Sequence[Severity], predicted: Sequence[Severity]) -> NDArray[np.int64]:
    """(7, 8) counts: rows the true grade, columns the predicted one and, last, unspecified."""
    true, said = _same_length(np.array(truth, dtype=np.int64), np.array(predicted, dtype=np.int64))
    table = np.zeros((len(GRADES), len(GRADES) + 1), dtype=np.int64)
    np.add.at(table, (true, np.where(said < 0, len(GRADES), said)), 1)
    return table


def _share(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _same_length(one: NDArray[ScalarT], other: NDArray[ScalarT]) -> tuple[NDArray[ScalarT], NDArray[ScalarT]]:
    if one.shape != other.shape or one.ndim != 1:
        raise MeasurementError(f"truth and prediction need one length, got {one.shape} and {other.shape}")
    return one, other
