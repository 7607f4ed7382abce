"""Copies of a display as another machine and another operator would have shown the same flow.

What tells the valve and the grade stays: velocities, and times but for a gentle warp. What an operator, a machine or a
neighbouring flow decides is drawn anew: the range above and below, gain and fading towards the tip, clutter at the
baseline, the spill of a slower flow, interference lines, marks, trace, and which part of the time is shown. A model
that has seen both cannot take the setting of a display for a sign of its valve.

References:
    Tobin et al., Domain randomization for transferring deep neural networks from simulation to the real world, IROS
    2017. Um et al., Data augmentation of wearable sensor data, ICMI 2017 (warping of time).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from echomine.doppler.display import PhysicalGrid, Pixels
from echomine.doppler.display_numbers import NUMBERS
from echomine.doppler.envelope import Side

Levels = NDArray[np.float32]

_LEAST_ROWS, _LEAST_COLUMNS = 24, 40
_FASTEST_MPS, _SLOWEST_MPS, _SPARE, _LEAST_SPAN_MPS = 6.0, 0.4, 1.1, 1.8
_SHORTEST_S = 1.9
_WARP, _WARP_PERIOD_S = 0.35, (0.3, 1.0)
_SPILL_MPS, _CLUTTER_MPS = (0.25, 1.3), (0.08, 0.45)
_CLUTTER_S = (0.04, 0.19)
_SPILLED, _CLUTTERED, _MARKED = 0.7, 0.8, 0.4
"""Shares of the copies that have a spill, clutter, and each kind of mark."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shown:
    """A display while it is changed.

    Attributes:
        levels: (h, w) of the rows that the new range shows, 0..255.
        zero: Row edge of zero velocity.
        reach: Rows from there to the fastest flow.
        below: Whether that lies below the baseline.
    """

    levels: Levels
    zero: int
    reach: int
    below: bool

    def distance(self) -> Levels:
        """(h, 1) rows from the baseline, negative above."""
        return (np.arange(len(self.levels), dtype=np.float32) - self.zero + 0.5)[:, None]

    def side(self, *, below: bool) -> Levels:
        """One side of the baseline, from it outwards; writes through."""
        return self.levels[self.zero :] if below else self.levels[: self.zero][::-1]


def disturbed(pixels: Pixels, numbers: NDArray[np.float32], grid: PhysicalGrid, rng: np.random.Generator) -> Pixels:
    """A copy of a display on a grid; a display that shows too little comes back as it is.

    Args:
        pixels: (rows, columns) of the grid, 0 outside the display.
        numbers: (len(NUMBERS),) what is measured on it; the new range never cuts a measured flow off.
        grid: The grid.
        rng: Source of all that is drawn.
    """
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if rows.size < _LEAST_ROWS or columns.size < _LEAST_COLUMNS:
        return pixels
    first, last, width = int(rows[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
    needed = _needed_mps(numbers, grid, first, last)
    zero = round(grid.highest_mps / grid.mps_per_row)
    top, bottom = _new_rows(needed, zero, grid, rng)
    at = _times(width, grid, rng)
    levels = np.empty((bottom - top, len(at)), dtype=np.float32)
    inner, outer = max(top, first), min(bottom, last)
    levels[inner - top : outer - top] = pixels[inner:outer][:, at]
    ground = _ground(pixels[first:last, :width])
    for low, high in ((top, inner), (outer, bottom)):
        levels[low - top : high - top] = rng.choice(ground, size=(max(0, high - low), len(at)))
    reach = max(4, round(max(needed) / grid.mps_per_row))
    shown = _Shown(levels, zero - top, reach, needed[1] >= needed[0])
    _change_tone(shown, rng)
    _spill(shown, grid, rng)
    _clutter(shown, grid, rng)
    _mark(shown, rng)
    out = np.zeros_like(pixels)
    out[top:bottom, : len(at)] = np.clip(np.rint(shown.levels), 1, 255)
    return out


def _needed_mps(numbers: NDArray[np.float32], grid: PhysicalGrid, first: int, last: int) -> tuple[float, float]:
    """Velocities above and below that must stay in view; all that is shown where nothing is measured."""
    if np.isnan(numbers).all():
        return grid.highest_mps - first * grid.mps_per_row, last * grid.mps_per_row - grid.highest_mps
    peaks = [float(numbers[NUMBERS.index((side, "vmax"))]) for side in (Side.ABOVE, Side.BELOW)]
    above, below = (_SLOWEST_MPS if np.isnan(one) else min(_SPARE * float(np.exp(one)), _FASTEST_MPS) for one in peaks)
    return above, below


def _new_rows(needed: tuple[float, float], zero: int, grid: PhysicalGrid, rng: np.random.Generator) -> tuple[int, int]:
    """First row and row after the last of the new range."""
    low, high = _SLOWEST_MPS, _FASTEST_MPS
    above, below = (max(one, rng.uniform(low, 1.5 if rng.random() < 0.5 else high)) for one in needed)
    if above + below < _LEAST_SPAN_MPS:
        above = below = _LEAST_SPAN_MPS / 2
    top = max(0, zero - int(above / grid.mps_per_row))
    return top, min(grid.rows, zero + int(np.ceil(below / grid.mps_per_row)))


def _times(width: int, grid: PhysicalGrid, rng: np.random.Generator) -> NDArray[np.int64]:
    """Columns of a part of the display, its time gently warped."""
    least = min(width, round(_SHORTEST_S / grid.s_per_column))
    count = int(rng.integers(least, width + 1))
    start = int(rng.integers(0, width - count + 1))
    period = rng.uniform(*_WARP_PERIOD_S) / grid.s_per_column
    turn = 2 * np.pi * np.arange(count) / period + rng.uniform(0, 2 * np.pi)
    moved = np.arange(count) + rng.uniform(0, _WARP) * period / (2 * np.pi) * np.sin(turn)
    return np.asarray(start + np.clip(np.rint(moved), 0, count - 1), dtype=np.int64)


def _ground(shown: Pixels) -> Levels:
    """Levels of what is no flow: of the rows next to the upper and lower border, without the brightest."""
    levels = np.concatenate([shown[1:4].ravel(), shown[-4:-1].ravel()])
    return np.asarray(levels[levels <= np.quantile(levels, 0.8)], dtype=np.float32)


def _change_tone(shown: _Shown, rng: np.random.Generator) -> None:
    """Gain, fading towards the tip of the flow, grain."""
    levels = shown.levels
    levels[:] = 255 * np.power(levels / 255, np.float32(rng.uniform(0.6, 1.5)))
    levels *= 1 - np.float32(rng.uniform(0, 0.5)) * np.clip(np.abs(shown.distance()) / shown.reach, 0, 1)
    levels *= 1 + np.float32(rng.uniform(0, 0.4)) * (2 * rng.random(levels.shape, dtype=np.float32) - 1)


def _spill(shown: _Shown, grid: PhysicalGrid, rng: np.random.Generator) -> None:
    """A slower flow of the same rhythm at another time of the beat, mostly on the other side."""
    if rng.random() >= _SPILLED:
        return
    source = shown.side(below=shown.below)[: shown.reach]
    rows = min(max(3, int(rng.uniform(*_SPILL_MPS) / grid.mps_per_row)), len(source))
    flow = source[np.linspace(0, len(source) - 1, rows).astype(int)] * np.float32(rng.uniform(0.3, 1.3))
    flow = np.roll(flow, int(rng.integers(flow.shape[1])), axis=1)
    if rng.random() < _SPILLED:
        second = np.roll(flow, int(rng.uniform(0.1, 0.5) / grid.s_per_column), axis=1)
        flow = np.maximum(flow, second * np.float32(rng.uniform(0.4, 1)))
    other = rng.random() < 0.75
    onto = shown.side(below=shown.below != other)[:rows]
    np.maximum(onto, flow[: len(onto)], out=onto)


def _clutter(shown: _Shown, grid: PhysicalGrid, rng: np.random.Generator) -> None:
    """A bright band at the baseline whose thickness changes with time."""
    if rng.random() >= _CLUTTERED:
        return
    width = shown.levels.shape[1]
    wave = gaussian_filter1d(rng.normal(size=(2, width)), rng.uniform(*_CLUTTER_S) / grid.s_per_column, mode="wrap")
    wave = np.clip(1 + 0.4 * wave / (wave.std() + 1e-6), 0.2, 2).astype(np.float32)
    thick = np.float32(rng.uniform(*_CLUTTER_MPS) / grid.mps_per_row)
    away = shown.distance()
    band = np.exp(-0.5 * np.square(away / (thick * np.where(away < 0, wave[0], wave[1]))))
    grain = 0.5 + 0.5 * rng.random(shown.levels.shape, dtype=np.float32)
    np.maximum(shown.levels, band * grain * np.float32(rng.uniform(80, 255)), out=shown.levels)


def _mark(shown: _Shown, rng: np.random.Generator) -> None:
    """An interference line, ticks of time at the lower border, a drawn trace."""
    levels = shown.levels
    rows, width = levels.shape
    if rng.random() < _MARKED:
        row = int(rng.integers(rows))
        levels[row] = np.maximum(levels[row], rng.uniform(40, 200))
    if rng.random() < _MARKED:
        levels[-2, :: int(rng.integers(8, 24))] = 255
    if rng.random() < _MARKED:
        height = rng.uniform(0.02, 0.3) * rows + np.cumsum(rng.normal(0, 0.2, width))
        levels[np.clip(height, 0, rows - 1).astype(int), np.arange(width)] = rng.uniform(120, 255)
