"""Medians of short rows and of counted levels against numpy's."""

import numpy as np
import pytest

from echomine.doppler.medians import level_quantiles, median, median_level


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_a_median_is_that_of_numpy(size: int) -> None:
    values = np.random.default_rng(size).normal(size=size)

    assert median(values) == np.median(values)


@pytest.mark.parametrize("shape", [(1, 1), (3, 4), (5, 5, 3)])
def test_levels_are_counted_to_the_same_median(shape: tuple[int, ...]) -> None:
    levels = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)

    assert median_level(levels) == np.median(levels)


def test_quantiles_of_counts_are_those_of_the_levels_themselves() -> None:
    rows = [np.array([3, 3, 9, 200]), np.array([7]), np.array([], dtype=int)]
    counts = np.stack([np.bincount(row, minlength=256) for row in rows])

    assert level_quantiles(counts, 0.3).tolist() == pytest.approx([np.quantile(rows[0], 0.3), 7.0, 0.0])
