"""Where the spectral display lies beside its velocity axis."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.doppler.axis import AxisSide
from echomine.doppler.display import Pixels
from echomine.doppler.marks import Sheet, percentiles
from echomine.doppler.region import SMALLEST_SIDE_PX, Box

GROUND_MARGIN = 10
"""Levels above the ground from which a pixel holds something."""
LINE_LEVELS = 14
"""Levels that the pixels of one drawn line differ by, JPEG included."""
LONGEST_GAP = 0.04
"""Share of the picture that a display may stay dark across, within a gap between beats."""
FULL_SHARE = 0.3
"""Share of the rows of a column that flow and noise fill, and print does not."""
CHUNKS, BUSY_CHUNKS, BUSY_SHARE = 10, 6, 0.012
"""A row belongs to the display when 6 of 10 parts of it hold 1.2 % of pixels that are not ground."""


@dataclass(frozen=True, slots=True)
class DisplayPlace:
    """A display on a sheet.

    Attributes:
        box: Its box.
        side: Side of the axis.
        baseline_row: Row of the drawn baseline, None where none is seen.
    """

    box: Box
    side: AxisSide
    baseline_row: float | None


def find_display(
    sheet: Sheet, axis_box: Box, *, zero_row: float, print_px: float, limits: tuple[int, int] | None = None
) -> DisplayPlace | None:
    """The display that an axis belongs to: the larger of what stands left and right of it.

    The drawn baseline, which crosses the whole display, gives its columns; else the columns that hold signal do.

    Args:
        sheet: The picture.
        axis_box: Around the numbers and tick marks.
        zero_row: Row of zero velocity by the axis.
        print_px: Height of the print.
        limits: Rows within which it lies, where other displays stand above or below.

    Returns:
        The display; None when nothing of 32 x 32 pixels stands beside the axis.
    """
    band = (max(0, axis_box[1] - round(print_px)), min(sheet.rows, axis_box[3] + round(print_px)))
    baseline = _baseline(sheet, zero_row, print_px)
    busy = _differs(sheet, band)
    spans = {side: _columns(busy, band, axis_box, side, baseline) for side in AxisSide}
    side = max(spans, key=lambda which: spans[which][1] - spans[which][0])
    x0, x1 = spans[side]
    if x1 - x0 < SMALLEST_SIDE_PX:
        return None
    y0, y1 = _rows(busy, (x0, x1), band)
    if limits:
        y0, y1 = max(y0, limits[0]), min(y1, limits[1])
    if y1 - y0 < SMALLEST_SIDE_PX:
        return None
    return DisplayPlace((x0, y0, x1, y1), side, baseline.row if baseline else None)


@dataclass(frozen=True, slots=True)
class _Baseline:
    row: float
    first: int
    last: int


def _baseline(sheet: Sheet, zero_row: float, print_px: float) -> _Baseline | None:
    """The longest level line near the zero of the axis."""
    reach = max(3, round(0.4 * print_px))
    first = max(0, round(zero_row) - reach)
    rows = sheet.grey[first : round(zero_row) + reach + 1].astype(np.int16)
    ground = _ground(sheet)
    found = [
        (right - left, -abs(first + place - zero_row), first + place, left, right)
        for place, row in enumerate(rows)
        for left, right in [longest_line(row, ground)]
    ]
    if not found:
        return None
    length, _, row, left, right = max(found)
    if length < 0.25 * sheet.columns:
        return None
    alike = [other for other in found if other[0] >= 0.9 * length and abs(other[2] - row) <= 2]
    return _Baseline(float(np.mean([other[2] for other in alike])), left, right)


def longest_line(row: NDArray[np.int16], ground: float) -> tuple[int, int]:
    """Columns that a line of one level crosses, over short breaks; (0, 0) for none."""
    lit = row[row > ground + 3 * GROUND_MARGIN]
    if len(lit) < 0.2 * len(row):
        return 0, 0
    level = int(np.argmax(np.convolve(np.bincount(lit, minlength=256), np.ones(9), "same")))
    on = np.abs(row - level) <= LINE_LEVELS
    return _longest_run(on, longest_gap=max(6, round(0.012 * len(row))), fill=0.6)


def _longest_run(on: NDArray[np.bool_], *, longest_gap: int, fill: float) -> tuple[int, int]:
    """First and last + 1 of the longest stretch without a longer gap and with that share set."""
    places = np.flatnonzero(on)
    if not len(places):
        return 0, 0
    cuts = np.flatnonzero(np.diff(places) > longest_gap)
    starts = places[np.concatenate(([0], cuts + 1))]
    ends = places[np.concatenate((cuts, [len(places) - 1]))] + 1
    counts = np.diff(np.concatenate(([0], cuts + 1, [len(places)])))
    lengths = np.where(counts >= fill * (ends - starts), ends - starts, 0)
    best = int(lengths.argmax())
    return (int(starts[best]), int(ends[best])) if lengths[best] else (0, 0)


def _ground(sheet: Sheet) -> float:
    return percentiles(sheet.grey, 20)[0]


def _differs(sheet: Sheet, band: tuple[int, int]) -> NDArray[np.bool_]:
    """(h, w) which pixels are not of the level that most of the screen outside the rows of the axis has."""
    outside = np.concatenate((sheet.grey[: band[0] : 2, ::2].ravel(), sheet.grey[band[1] :: 2, ::2].ravel()))
    levels = outside if outside.size >= 1000 else sheet.grey[::2, ::2].ravel()
    ground = int(np.bincount(levels, minlength=256).argmax())
    return np.asarray(cv2.absdiff(sheet.grey, np.full_like(sheet.grey, ground)) > GROUND_MARGIN)


def _columns(
    busy: NDArray[np.bool_], band: tuple[int, int], axis_box: Box, side: AxisSide, baseline: _Baseline | None
) -> tuple[int, int]:
    """Columns of the display when its axis stands on that side of it."""
    left, right = (0, axis_box[0]) if side is AxisSide.RIGHT else (axis_box[2], busy.shape[1])
    if right - left < SMALLEST_SIDE_PX:
        return 0, 0
    held = busy[band[0] : band[1]].mean(axis=0) > BUSY_SHARE
    if baseline:
        first, last = max(left, baseline.first), min(right, baseline.last)
        if last - first >= 0.8 * (baseline.last - baseline.first):
            return _grown(busy[band[0] : band[1]].mean(axis=0) > FULL_SHARE, first, last, (left, right))
    first, last = _longest_run(held[left:right], longest_gap=max(8, round(LONGEST_GAP * busy.shape[1])), fill=0.0)
    return left + first, left + last


def _grown(held: NDArray[np.bool_], first: int, last: int, limits: tuple[int, int]) -> tuple[int, int]:
    """A baseline that print interrupts near its ends, grown over the signal that goes on there."""
    while first > limits[0] and held[max(limits[0], first - 3) : first].any():
        first -= 1
    while last < limits[1] and held[last : min(limits[1], last + 3)].any():
        last += 1
    return first, last


def _rows(busy: NDArray[np.bool_], span: tuple[int, int], band: tuple[int, int]) -> tuple[int, int]:
    """Rows of the display: those of the axis, and beyond them as far as the same noise reaches."""
    held = _busy_rows(busy[:, span[0] : span[1]])
    first, last = band
    while first > 0 and held[first - 1]:
        first -= 1
    while last < len(held) and held[last]:
        last += 1
    return first, last


def _busy_rows(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h,) rows that hold something in most of their parts, smoothed over five rows."""
    width = on.shape[1] // CHUNKS
    if width == 0:
        return np.zeros(on.shape[0], dtype=np.bool_)
    parts = on[:, : width * CHUNKS].reshape(on.shape[0], CHUNKS, width).mean(axis=2)
    busy: Pixels = ((parts > BUSY_SHARE).sum(axis=1) >= BUSY_CHUNKS).astype(np.uint8)
    return np.asarray(cv2.medianBlur(np.ascontiguousarray(busy[:, None].repeat(3, axis=1)), 5)[:, 1] > 0)
