import numpy as np
import pytest

from echomine.domain.errors import MeasurementError
from echomine.metrics.retrieval import first_ranks, median_rank_share, recall_at


def test_ranks_by_hand():
    scores = [[0.9, 0.5, 0.1], [0.2, 0.9, 0.4], [0.3, 0.3, 0.1], [0.1, 0.2, 0.3]]
    relevant = [[1, 0, 0], [1, 0, 1], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(first_ranks(scores, relevant), [1, 2, 2, 4])


def test_a_paragraph_left_out_is_never_found():
    np.testing.assert_array_equal(first_ranks([[-np.inf, 0.5]], [[1, 0]]), [3])


def test_recall_and_median_rank():
    ranks = np.array([1, 3, 10, 200])
    assert [recall_at(ranks, k) for k in (1, 5, 10, 500)] == [0.25, 0.5, 0.75, 1.0]
    assert median_rank_share(ranks, 1000) == pytest.approx(6.5 / 1000)
    assert np.isnan(recall_at([], 1))
    assert np.isnan(median_rank_share([], 5))


def test_by_chance_the_median_rank_is_half_of_the_pool():
    rng = np.random.default_rng(0)
    ranks = first_ranks(rng.random((2000, 101)), np.eye(101, dtype=bool)[rng.integers(101, size=2000)])
    assert median_rank_share(ranks, 101) == pytest.approx(0.5, abs=0.03)


def test_different_shapes_are_told():
    with pytest.raises(MeasurementError):
        first_ranks([[0.1]], [[1, 0]])
