"""What is drawn over a spectral display: text, ECG, calipers, lines. It is no signal, so an envelope leaves it out."""

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.doppler.display import Pixels, brightness
from echomine.doppler.marks import Sheet, Strokes, Word, marks_of, pieces_of
from echomine.doppler.medians import level_quantiles
from echomine.doppler.region import Box

Mask = NDArray[np.bool_]

PRINT_SHARE = 0.93
"""Print is brighter than the brightest flow: nearly the top of the scale."""
GLYPH_SHARE = 0.45
SMALLEST_GLYPH_PX, LARGEST_GLYPH_PX = 5, 40
FEWEST_LIT = 3
"""A letter is a piece of these brightness, size and number of pixels as bright as print."""
COLOUR_LEVELS = 45
"""Levels between the channels of a pixel from which it is coloured on a grey display."""
BASELINE_REACH_PX = 2
LINE_CONTRAST, LINE_NEIGHBOURS, LINE_THICKEST_PX = 5.0, 15, 7
"""An interference line is a thin band of rows that is this much brighter than the rows around, in the middle."""
TRACE_CONTRAST = 25.0
TRACE_SHARE = 0.6
"""A drawn trace stands out in this share of the columns at least."""
TRACE_ROWS, TRACE_COLUMNS = 2, 4
TRACE_STEPS_PX = (-16, -11, -7, -4, -2, -1, 0, 1, 2, 4, 7, 11, 16)
"""Blocks that a trace may climb from one column of blocks to the next."""


def overlay_mask(pixels: Pixels, *, baseline_y: float | None = None, boxes: Iterable[Box] = ()) -> Mask:
    """Pixels of a cropped display that are drawn over the spectrum.

    Text, the ECG trace, calipers, horizontal interference lines, the baseline, coloured print.

    Args:
        pixels: (H, W) or (H, W, 3) display, cropped to its box.
        baseline_y: Row of zero velocity where known.
        boxes: More boxes of the crop that hold no signal, such as text found by a network.

    Returns:
        (H, W), true where the pixel is not signal.
    """
    grey = np.ascontiguousarray(brightness(pixels))
    mask = _coloured(pixels, grey) | _print(grey) | _glyphs(grey)
    mask |= _level_lines(grey, baseline_y)
    mask |= _trace(grey, mask)
    for x0, y0, x1, y1 in boxes:
        mask[max(0, y0) : y1, max(0, x0) : x1] = True
    return mask


def _coloured(pixels: Pixels, grey: Pixels) -> Mask:
    """Pixels of another hue than the display: green ECG, orange baseline, coloured calipers."""
    if pixels.ndim == 2:
        return np.zeros(pixels.shape, dtype=np.bool_)
    lit = grey > 60
    if not lit.any():
        return np.zeros(grey.shape, dtype=np.bool_)
    colour = np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2YCrCb), dtype=np.uint8)
    own = np.clip(_own_colour(colour, grey), 0, 255).astype(np.uint8)
    off = [
        cv2.absdiff(np.ascontiguousarray(colour[..., place + 1]), cv2.LUT(grey, np.ascontiguousarray(own[:, place])))
        for place in range(2)
    ]
    return _grown((cv2.add(off[0], off[1]) > COLOUR_LEVELS) & lit)


def _own_colour(colour: Pixels, grey: Pixels) -> NDArray[np.float64]:
    """(256, 2) the hue that a tinted display has at each level: the median of its pixels, level by level.

    Args:
        colour: (H, W, 3) brightness and the two differences of colour, 128 for grey.
        grey: (H, W) levels.
    """
    bands = np.left_shift(grey[::3, ::3] >> 4, 8, dtype=np.intp)
    hues = []
    for place in (1, 2):
        counts = np.bincount((bands + colour[::3, ::3, place]).ravel(), minlength=16 * 256).reshape(16, 256)
        hues.append(np.where(counts.sum(axis=1) > 20, level_quantiles(counts, 0.5), 128.0))
    return np.repeat(np.stack(hues, axis=1), 16, axis=0)


def _print(grey: Pixels) -> Mask:
    """Lines of text and calipers: the brightest strokes, their boxes for text, their pixels for calipers."""
    marks = marks_of(Sheet(grey, 1.0), PRINT_SHARE, brightest=99.99)
    mask = np.zeros(grey.shape, dtype=np.bool_)
    for word in _lines_of_text(marks.words):
        x0, y0, x1, y1 = word.box
        mask[max(0, y0 - 2) : y1 + 2, max(0, x0 - 2) : x1 + 2] = True
    for x0, y0, x1, y1 in _calipers(marks.strokes):
        mask[max(0, y0 - 1) : y1 + 1, max(0, x0 - 1) : x1 + 1] = True
    return mask


def _glyphs(grey: Pixels) -> Mask:
    """Single letters: small pieces with print in them that stand free of the flow, however thin their strokes are."""
    mask = np.zeros(grey.shape, dtype=np.bool_)
    top = float(grey.max(initial=0))
    lit_pixels = np.asarray(cv2.inRange(grey, math.ceil(PRINT_SHARE * top), 255), dtype=np.uint8)
    if cv2.countNonZero(lit_pixels) < FEWEST_LIT:
        return mask
    reach = 2 * LARGEST_GLYPH_PX + 3  # a larger piece stays larger when it is cut off that far from its print
    near = cv2.dilate(lit_pixels, np.ones((reach, reach), np.uint8))
    bright = cv2.bitwise_and(cv2.inRange(grey, math.ceil(GLYPH_SHARE * top), 255), near)
    labels, stats = pieces_of(bright)
    lit = np.bincount(labels[lit_pixels > 0], minlength=len(stats))
    sizes = stats[:, (cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT)]
    small = (sizes.max(axis=1) <= LARGEST_GLYPH_PX) & (stats[:, cv2.CC_STAT_HEIGHT] >= SMALLEST_GLYPH_PX)
    for x, y, width, height, _ in stats[1:][(small & (lit >= FEWEST_LIT))[1:]].tolist():
        mask[max(0, y - 2) : y + height + 2, max(0, x - 2) : x + width + 2] = True
    return mask


def _calipers(strokes: Strokes) -> list[list[int]]:
    """Strokes of a cross: a lying and a standing one of a few pixels close together."""
    level, upright = (group[np.abs(_length(group) - 8) <= 5] for group in (strokes.level, strokes.upright))
    if not (len(level) and len(upright)):
        return []
    middles = [(group[:, :2] + group[:, 2:]) / 2 for group in (level, upright)]
    near = np.abs(middles[0][:, None] - middles[1][None]).max(axis=2) <= 9
    near &= np.abs(_length(level)[:, None] - _length(upright)[None]) <= 3
    return [*level[near.any(axis=1)].tolist(), *upright[near.any(axis=0)].tolist()]


def _length(boxes: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.asarray((boxes[:, 2:] - boxes[:, :2]).max(axis=1))


def _lines_of_text(words: tuple[Word, ...]) -> list[Word]:
    return [word for word in words if word.body[2] - word.body[0] >= 1.1 * word.height and word.height >= 6]


def _level_lines(grey: Pixels, baseline_y: float | None) -> Mask:
    mask = np.zeros(grey.shape, dtype=np.bool_)
    middle = _middle_levels(np.ascontiguousarray(grey[:, ::2]))
    around = cv2.medianBlur(np.ascontiguousarray(middle[:, None]).astype(np.uint8), LINE_NEIGHBOURS)[:, 0]
    rows = middle - around > np.maximum(LINE_CONTRAST, 0.25 * around)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], rows, [False]))))
    for first, last in edges.reshape(-1, 2):
        if last - first <= LINE_THICKEST_PX:
            mask[max(0, first - 1) : last + 1] = True
    if baseline_y is not None and 0 <= baseline_y < len(mask):
        mask[max(0, round(baseline_y) - BASELINE_REACH_PX) : round(baseline_y) + BASELINE_REACH_PX + 1] = True
    return mask


def _middle_levels(rows: Pixels) -> NDArray[np.float32]:
    """(h,) medians of the rows; a stable sort of bytes is a radix sort, several times as fast as a median."""
    ordered = np.sort(rows, axis=1, kind="stable")
    width = rows.shape[1]
    return np.asarray((ordered[:, (width - 1) // 2].astype(np.float32) + ordered[:, width // 2]) / 2, dtype=np.float32)


def _trace(grey: Pixels, taken: Mask) -> Mask:
    """The ECG: the thin bright path from left to right that stands out most, where it stands out all along."""
    ridge = _ridge(grey)
    ridge[taken] = 0
    mask = np.zeros(grey.shape, dtype=np.bool_)
    coarse = _pooled(ridge)
    if min(coarse.shape) < 2 or (coarse > TRACE_CONTRAST).any(axis=0).mean() < TRACE_SHARE:
        return mask
    rows = _brightest_path(coarse)
    out = coarse[rows, np.arange(len(rows))] > TRACE_CONTRAST
    if out.mean() < TRACE_SHARE:
        return mask
    points = np.stack((np.arange(len(rows)) * TRACE_COLUMNS, rows * TRACE_ROWS), axis=1).astype(np.int32)
    points += np.array(((TRACE_COLUMNS // 2, TRACE_ROWS // 2),), dtype=np.int32)
    drawn = np.zeros(grey.shape, dtype=np.uint8)
    for first, last, lit in zip(points[:-1], points[1:], out[1:] | out[:-1], strict=True):
        if lit:
            cv2.line(drawn, first.tolist(), last.tolist(), 1, 5)
    return drawn.view(np.bool_)


def _pooled(ridge: Pixels) -> Pixels:
    """The largest of each block of ``TRACE_ROWS`` (2) x ``TRACE_COLUMNS`` (a power of 2) pixels."""
    rows, columns = ridge.shape[0] // TRACE_ROWS * TRACE_ROWS, ridge.shape[1] // TRACE_COLUMNS * TRACE_COLUMNS
    tall = [ridge[start:rows:TRACE_ROWS, :columns] for start in range(TRACE_ROWS)]
    joined = np.maximum(*tall)
    while joined.shape[1] > columns // TRACE_COLUMNS:
        joined = np.maximum(joined[:, ::2], joined[:, 1::2])
    return np.asarray(joined, dtype=np.uint8)


def _ridge(grey: Pixels) -> Pixels:
    """How much brighter a pixel is than those four rows above and below: thin lines stay, flow does not."""
    light = np.asarray(cv2.GaussianBlur(grey, (3, 1), 0), dtype=np.uint8)
    padded = cv2.copyMakeBorder(light, 4, 4, 0, 0, cv2.BORDER_REPLICATE)
    around = cv2.max(np.ascontiguousarray(padded[:-8]), np.ascontiguousarray(padded[8:]))
    return np.minimum(np.asarray(cv2.subtract(light, around), dtype=np.uint8), np.uint8(80))


def _brightest_path(ridge: Pixels) -> NDArray[np.int64]:
    """(W,) rows of the path with the largest sum of allowed climbs."""
    height, width = ridge.shape
    light = np.ascontiguousarray(ridge.T, dtype=np.float32)
    shifts = np.array(TRACE_STEPS_PX)
    cost = (1.5 * np.abs(shifts)).astype(np.float32)
    places = np.clip(np.arange(height)[None] + shifts[:, None], 0, height - 1)
    totals = np.empty((width, height), dtype=np.float32)
    totals[0] = light[0]
    options = np.empty(places.shape, dtype=np.float32)
    for column in range(1, width):
        np.take(totals[column - 1], places, out=options, mode="clip")
        np.subtract(options, cost[:, None], out=options)
        np.maximum.reduce(options, axis=0, out=totals[column])
        totals[column] += light[column]
    rows = np.zeros(width, dtype=np.int64)
    rows[-1] = int(totals[-1].argmax())
    for column in range(width - 1, 0, -1):
        before = places[:, rows[column]]
        rows[column - 1] = before[int((totals[column - 1, before] - cost).argmax())]
    return rows


def _grown(mask: Mask) -> Mask:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
