"""How early the right paragraph comes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echomine.domain.errors import MeasurementError


def first_ranks(scores: ArrayLike, relevant: ArrayLike) -> NDArray[np.int64]:
    """Rank, from 1, of the best relevant paragraph of each query; N + 1 where none is relevant.

    Args:
        scores: (Q, N) similarities; -inf where a paragraph is left out.
        relevant: (Q, N) whether each is right for the query.

    Returns:
        (Q,) ranks. A paragraph that is not relevant and has the same score comes first: ties never help.

    Raises:
        MeasurementError: If the shapes differ.
    """
    values, right = np.asarray(scores, dtype=float), np.asarray(relevant, dtype=bool)
    if values.shape != right.shape or values.ndim != 2:
        raise MeasurementError(f"ranks need two tables of one shape, got {values.shape} and {right.shape}")
    best = np.where(right, values, -np.inf).max(axis=1, initial=-np.inf)
    before = ((values >= best[:, None]) & ~right).sum(axis=1)
    return np.asarray(np.where(np.isneginf(best), values.shape[1] + 1, before + 1), dtype=np.int64)


def recall_at(ranks: ArrayLike, k: int) -> float:
    """Share of the queries with a relevant paragraph among the first k (R@k); NaN without queries."""
    places = np.asarray(ranks)
    return float(np.mean(places <= k)) if places.size else float("nan")


def median_rank_share(ranks: ArrayLike, pool: int) -> float:
    """Median rank as a share of the pool, 0..1; NaN without queries."""
    places = np.asarray(ranks, dtype=float)
    return float(np.median(places)) / pool if places.size and pool else float("nan")
