"""Confidence intervals: Wilson's for a share, and the bootstrap over patients for anything else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import MeasurementError


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its interval; NaN where it cannot be computed."""

    value: float
    low: float
    high: float


def wilson_interval(hits: int, count: int, level: float = 0.95) -> Estimate:
    """The share hits / count with its two-sided Wilson interval; no trials give NaN and 0..1.

    References:
        Wilson, Probable inference, the law of succession, and statistical inference, JASA 1927;22:209-212.
    """
    if not count:
        return Estimate(value=float("nan"), low=0.0, high=1.0)
    z = NormalDist().inv_cdf((1 + level) / 2)
    return Estimate(value=hits / count, low=_wilson(hits, count, -z), high=_wilson(hits, count, z))


def wilson_lower(hits: int, count: int, assurance: float = 0.95) -> float:
    """Lower end of the one-sided Wilson interval; 0 without trials; an assurance of 0.5 gives the share."""
    return _wilson(hits, count, -NormalDist().inv_cdf(assurance)) if count else 0.0


def bootstrap_by_group(
    statistic: Callable[[NDArray[np.int64]], float],
    groups: Sequence[str],
    rng: np.random.Generator,
    *,
    repeats: int = 1000,
    level: float = 0.95,
) -> Estimate:
    """A figure with its percentile interval, whole groups (patients) drawn with replacement.

    One group alone says nothing of how groups differ: its figure has no interval (NaN).

    Args:
        statistic: The figure of the rows at the given positions; NaN where it has none.
        groups: N names of the group of each row.
        rng: Source of the draws.
        repeats: Number of draws.
        level: Of the interval.

    Raises:
        MeasurementError: If there are no rows.
    """
    if not groups:
        raise MeasurementError("a bootstrap needs at least one row, got none")
    names, member = np.unique(np.array(groups), return_inverse=True)
    if len(names) == 1:
        return Estimate(value=statistic(np.arange(len(groups))), low=float("nan"), high=float("nan"))
    rows = [np.flatnonzero(member == at) for at in range(len(names))]
    draws = rng.integers(len(names), size=(repeats, len(names)))
    values = np.array([statistic(np.concatenate([rows[at] for at in draw])) for draw in draws])
    tail = (1 - level) / 2
    known = values[~np.isnan(values)]
    low, high = np.quantile(known, [tail, 1 - tail]) if known.size else (float("nan"), float("nan"))
    return Estimate(value=statistic(np.arange(len(groups))), low=float(low), high=float(high))


def _wilson(hits: int, count: int, z: float) -> float:
    share = hits / count
    middle = share + z * z / (2 * count)
    swing = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return float(min(1.0, max(0.0, (middle + swing) / (1 + z * z / count))))
