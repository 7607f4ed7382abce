"""Numbers of a display on a grid, on jets whose numbers are known by hand."""

import numpy as np
import pytest

from echomine.doppler.display import PhysicalGrid
from echomine.doppler.display_numbers import NUMBERS, display_numbers
from echomine.doppler.envelope import Side

GRID = PhysicalGrid(rows=192, columns=384, seconds=4.8)


def jets(peak_mps: float, *, lasts_s: float = 0.4, every_s: float = 0.9) -> np.ndarray:
    """Flow away from the probe, in half sines."""
    times = (np.arange(GRID.columns) + 0.5) * GRID.s_per_column
    place = ((times - 0.2) % every_s) / lasts_s
    shape = np.sin(np.pi * np.clip(place, 0, 1))
    envelope = peak_mps * np.where(place < 1, shape, 0)
    speed = -(GRID.highest_mps - GRID.mps_per_row * (np.arange(GRID.rows) + 0.5))
    rng = np.random.default_rng(0)
    lit = (speed[:, None] > 0) & (speed[:, None] < envelope[None])
    return np.where(lit, 150, 12 + rng.integers(0, 8, lit.shape)).astype(np.uint8)


def number(found: np.ndarray, side: Side, name: str) -> float:
    return float(found[NUMBERS.index((side, name))])


@pytest.mark.parametrize("peak_mps", [2.6, 4.2])
def test_half_sines(peak_mps: float) -> None:
    found = display_numbers(jets(peak_mps), GRID)
    assert np.exp(number(found, Side.BELOW, "vmax")) == pytest.approx(
        peak_mps, abs=1.5 * GRID.mps_per_row + 0.02 * peak_mps
    )
    assert np.exp(number(found, Side.BELOW, "mean_gradient")) == pytest.approx(2 * peak_mps**2, rel=0.2)
    assert np.exp(number(found, Side.BELOW, "vti")) == pytest.approx(100 * peak_mps * 0.4 * 2 / np.pi, rel=0.12)
    assert np.exp(number(found, Side.BELOW, "duration")) == pytest.approx(400, rel=0.12)
    assert number(found, Side.BELOW, "fullness") == pytest.approx(2 / np.pi, abs=0.06)
    assert np.isnan(number(found, Side.ABOVE, "vmax"))


def test_nothing_is_measured_where_nothing_is_shown() -> None:
    assert np.isnan(display_numbers(np.zeros((192, 384), np.uint8), GRID)).all()
    narrow = jets(3.0)
    narrow[:, 20:] = 0
    assert np.isnan(display_numbers(narrow, GRID)).all()
