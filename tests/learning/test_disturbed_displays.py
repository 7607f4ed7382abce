"""Copies of a display keep its flow where it is, show another setting, and are the same each time."""

import numpy as np
import pytest

from echomine.doppler.display import PhysicalGrid
from echomine.doppler.display_numbers import NUMBERS
from echomine.doppler.envelope import Side
from echomine.learning.disturbed_displays import disturbed

GRID = PhysicalGrid(rows=192, columns=384, seconds=4.8)
ZERO, STEP_MPS = 96, 12 / 192


def display(peak_mps: float) -> np.ndarray:
    """Triangular flows below the baseline, 1 m/s of range beyond, 0.5 m/s above."""
    rng = np.random.default_rng(0)
    pixels = np.zeros((192, 384), dtype=np.uint8)
    pixels[ZERO - 8 : ZERO + round((peak_mps + 1) / STEP_MPS), :300] = 10
    pixels += (pixels * rng.random(pixels.shape)).astype(np.uint8)
    for column in range(300):
        height = max(0.0, 1 - abs(column % 75 - 20) / 15) * peak_mps / STEP_MPS
        pixels[ZERO : ZERO + round(height), column] = 200
    return pixels


def numbers(peak_mps: float) -> np.ndarray:
    found = np.full(len(NUMBERS), np.nan, dtype=np.float32)
    found[NUMBERS.index((Side.BELOW, "vmax"))] = np.log(peak_mps)
    return found


@pytest.mark.parametrize("seed", range(8))
def test_a_copy_keeps_the_peak_in_view_and_changes_what_an_operator_sets(seed: int) -> None:
    pixels = display(3.0)
    copy = disturbed(pixels, numbers(3.0), GRID, np.random.default_rng(seed))
    shown = np.flatnonzero(copy.any(axis=1))
    assert (shown[-1] + 1 - ZERO) * STEP_MPS >= 3.0
    assert not np.array_equal(copy, pixels)
    tip = copy[ZERO + 40 : ZERO + 46, : np.flatnonzero(copy.any(axis=0))[-1] + 1].astype(float)
    assert tip.max() > 1.5 * np.median(tip), "the jet stands out between 2.5 and 2.9 m/s"
    assert np.array_equal(copy, disturbed(pixels, numbers(3.0), GRID, np.random.default_rng(seed)))


def test_the_range_above_and_below_is_drawn_anew() -> None:
    pixels = display(2.0)
    lows, highs = set(), set()
    for seed in range(12):
        rows = np.flatnonzero(disturbed(pixels, numbers(2.0), GRID, np.random.default_rng(seed)).any(axis=1))
        lows.add(int(rows[0]))
        highs.add(int(rows[-1]))
    assert len(lows) > 6, "the slow side may be cut at any velocity"
    assert len(highs) > 2, "the side of the flow never above its peak"


def test_a_display_that_shows_next_to_nothing_and_one_without_numbers() -> None:
    small = np.zeros((192, 384), dtype=np.uint8)
    small[90:100, :30] = 99
    assert disturbed(small, numbers(1.0), GRID, np.random.default_rng(0)) is small
    copy = disturbed(display(4.0), np.full(len(NUMBERS), np.nan, np.float32), GRID, np.random.default_rng(0))
    assert np.flatnonzero(copy.any(axis=1))[-1] >= ZERO + round(5 / STEP_MPS) - 1, "nothing of the old range is cut off"
