"""Agreement of two ways to measure: correlation, bias, limits of agreement, categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echomine.domain.errors import MeasurementError
from echomine.metrics.intervals import Estimate, bootstrap_by_group, wilson_interval

LIMITS_SD = 1.96
FEWEST_PAIRS = 3


class KappaWeights(StrEnum):
    """How a disagreement counts by its distance."""

    NONE = "none"
    LINEAR = "linear"
    QUADRATIC = "quadratic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How a method agrees with a reference, differences being method minus reference.

    Attributes:
        count: Pairs.
        correlation: Pearson's r with its 95 % interval (Fisher's z); NaN where one side is constant.
        bias: Mean difference with its 95 % interval.
        deviation: Standard deviation of the differences.
        lower_limit, upper_limit: 95 % limits of agreement with their intervals.
        mean_absolute_error: Of the differences.
    """

    count: int
    correlation: Estimate
    bias: Estimate
    deviation: float
    lower_limit: Estimate
    upper_limit: Estimate
    mean_absolute_error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryAgreement:
    """How the ordered categories of a method agree with those of a reference.

    Attributes:
        categories: K words, in their order.
        counts: (K, K) pairs: row the reference's category, column the measured one.
        share: Of pairs in one category, with its 95 % Wilson interval.
        kappa: Cohen's, linearly weighted, with its 95 % interval (pairs drawn with replacement); NaN where all pairs
            are in one category.
    """

    categories: tuple[str, ...]
    counts: NDArray[np.int64]
    share: Estimate
    kappa: Estimate


def agreement(measured: ArrayLike, reference: ArrayLike) -> Agreement:
    """Correlation, bias and limits of agreement of paired values in one unit.

    Raises:
        MeasurementError: If there are fewer than three pairs, the lengths differ, or a value is no number.

    References:
        Bland and Altman, Statistical Methods for Assessing Agreement between Two Methods of Clinical Measurement,
        Lancet 1986;327:307-310, and Stat Methods Med Res 1999;8:135-160 (intervals: Student's t, and a standard error
        of sqrt(1/n + 1.96^2 / (2 (n - 1))) deviations for the limits).
    """
    mine, theirs = _pairs(measured, reference)
    differences = mine - theirs
    count, bias, deviation = len(mine), float(differences.mean()), float(differences.std(ddof=1))
    student = _student(count - 1)
    bias_swing = student * deviation / np.sqrt(count)
    limit_swing = student * deviation * np.sqrt(1 / count + LIMITS_SD**2 / (2 * (count - 1)))
    return Agreement(
        count=count,
        correlation=_correlation(mine, theirs),
        bias=_about(bias, bias_swing),
        deviation=deviation,
        lower_limit=_about(bias - LIMITS_SD * deviation, limit_swing),
        upper_limit=_about(bias + LIMITS_SD * deviation, limit_swing),
        mean_absolute_error=float(np.abs(differences).mean()),
    )


def confusion(measured: Sequence[str], reference: Sequence[str], categories: Sequence[str]) -> NDArray[np.int64]:
    """(K, K) counts: row the reference's category, column the measured one.

    Raises:
        MeasurementError: If the lengths differ or a word is none of the categories.
    """
    if len(measured) != len(reference):
        raise MeasurementError(f"categories come in pairs, got {len(measured)} and {len(reference)}")
    place = {word: at for at, word in enumerate(categories)}
    unknown = sorted({*measured, *reference} - set(place))
    if unknown:
        raise MeasurementError(f"no category is called {', '.join(unknown)}; there are {', '.join(categories)}")
    table = np.zeros((len(place), len(place)), dtype=np.int64)
    for mine, theirs in zip(measured, reference, strict=True):
        table[place[theirs], place[mine]] += 1
    return table


def category_agreement(
    measured: Sequence[str], reference: Sequence[str], categories: Sequence[str], rng: np.random.Generator
) -> CategoryAgreement:
    """Confusion, share and kappa of paired categories, each pair one patient.

    Args:
        measured: N categories of the method.
        reference: N categories of the reference.
        categories: All, in their order.
        rng: Source of the draws of kappa's interval.

    Raises:
        MeasurementError: If there are no pairs, the lengths differ, or a word is none of the categories.
    """
    counts = confusion(measured, reference, categories)
    mine, theirs = np.array(measured), np.array(reference)

    def kappa_of(rows: NDArray[np.int64]) -> float:
        return kappa(confusion(mine[rows].tolist(), theirs[rows].tolist(), categories), weights=KappaWeights.LINEAR)

    return CategoryAgreement(
        categories=tuple(categories),
        counts=counts,
        share=wilson_interval(int(np.trace(counts)), len(mine)),
        kappa=bootstrap_by_group(kappa_of, [str(at) for at in range(len(mine))], rng),
    )


def kappa(table: NDArray[Any], *, weights: KappaWeights = KappaWeights.NONE) -> float:
    """Cohen's kappa of a confusion table; NaN where chance alone explains everything or nothing was counted.

    References:
        Cohen, Weighted kappa, Psychol Bull 1968;70:213-220.
    """
    counts = np.asarray(table, dtype=float)
    steps = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))))
    cost = {KappaWeights.NONE: (steps > 0) * 1.0, KappaWeights.LINEAR: steps, KappaWeights.QUADRATIC: steps**2}[weights]
    total = counts.sum()
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / total if total else counts
    chance = float((cost * expected).sum())
    return 1.0 - float((cost * counts).sum()) / chance if chance else float("nan")


def _pairs(measured: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mine, theirs = np.asarray(measured, dtype=float), np.asarray(reference, dtype=float)
    if mine.ndim != 1 or mine.shape != theirs.shape or len(mine) < FEWEST_PAIRS:
        raise MeasurementError(
            f"agreement needs {FEWEST_PAIRS} or more pairs of values, got {mine.shape} and {theirs.shape}"
        )
    if not (np.isfinite(mine).all() and np.isfinite(theirs).all()):
        raise MeasurementError("agreement needs finite values; leave out pairs without a value and say how many")
    return mine, theirs


def _about(value: float, swing: float) -> Estimate:
    return Estimate(value=value, low=float(value - swing), high=float(value + swing))


def _student(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def _correlation(mine: NDArray[np.float64], theirs: NDArray[np.float64]) -> Estimate:
    if np.ptp(mine) == 0 or np.ptp(theirs) == 0:
        return Estimate(value=float("nan"), low=-1.0, high=1.0)
    r = float(np.clip(np.corrcoef(mine, theirs)[0, 1], -1, 1))
    if len(mine) < 4 or abs(r) == 1:
        return Estimate(value=r, low=r if abs(r) == 1 else -1.0, high=r if abs(r) == 1 else 1.0)
    swing = NormalDist().inv_cdf(0.975) / np.sqrt(len(mine) - 3)
    return Estimate(value=r, low=float(np.tanh(np.arctanh(r) - swing)), high=float(np.tanh(np.arctanh(r) + swing)))
