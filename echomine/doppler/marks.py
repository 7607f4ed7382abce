"""Print on a picture as image processing finds it: words, and short strokes that may be tick marks or minus signs.

Everything that is drawn over an ultrasound picture is brighter than a share of its brightest levels, so connected
pixels above such a level are the glyphs; how they are sized and placed makes them words or strokes.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.doppler.display import Pixels
from echomine.doppler.region import Box

LARGEST_SIDE_PX = 1600
"""Larger pictures are shrunk first: print and ticks survive it, time and memory stay bounded."""
SMALL_WIDTH_PX = 700
"""Narrower pictures are doubled: their glyphs are too thin to hang together."""
LIGHT_PAPER = 128
"""A picture whose middle level is above this is dark on light."""
GLYPH_HEIGHTS = (4, 60)
MOST_GLYPHS = 1500
"""More pieces than this are texture, no print."""
SIGN_GAP = 0.65
"""Heights between a minus sign and its number at most; in prints of fixed pitch it stands far off."""
STROKE_LONGEST_PX, STROKE_THICKEST_PX = 40, 7
CROP_MARGINS = (0.45, 0.2)
"""Heights of ground above and below, and beside, the print that is handed to a recogniser."""
FAINT_SHARE = 0.35
"""Share of the brightness of a word that its fainter glyphs have."""
POINT_GAP = 1.2
"""Heights between a digit and the one after the decimal point at most, in print of fixed pitch."""
MOST_SHORT_NUMBERS = 65_000
SOLID = 0.7
"""Share of its box that a stroke fills."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """A picture made ready for finding print.

    Attributes:
        grey: (h, w) levels, print bright on dark.
        scale: Pixels of the picture in one pixel of the sheet.
        colour: (h, w, 3) the same in colour; None for a grey picture.
    """

    grey: Pixels
    scale: float
    colour: Pixels | None = None

    @property
    def rows(self) -> int:
        """Height of the sheet."""
        return int(self.grey.shape[0])

    @property
    def columns(self) -> int:
        """Width of the sheet."""
        return int(self.grey.shape[1])


@dataclass(frozen=True, slots=True)
class Word:
    """Glyphs that stand close together in one line.

    Attributes:
        box: Of the glyphs, and of a stroke before them that may be a minus sign.
        body: Of the glyphs alone.
        dotted: Whether a decimal point lies between glyphs.
        glyphs: How many separate glyphs it has; 0 when they were not counted.
    """

    box: Box
    body: Box
    dotted: bool = False
    glyphs: int = 0

    @property
    def height(self) -> int:
        """Rows of the glyphs."""
        return self.body[3] - self.body[1]

    @property
    def middle(self) -> float:
        """Row of the middle of the glyphs."""
        return (self.body[1] + self.body[3] - 1) / 2


@dataclass(frozen=True, slots=True)
class Strokes:
    """Short solid strokes, as (n, 4) boxes x0, y0, x1, y1.

    Attributes:
        level: Lying ones.
        upright: Standing ones.
    """

    level: NDArray[np.int32]
    upright: NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Marks:
    """What one level of brightness shows."""

    words: tuple[Word, ...]
    strokes: Strokes


def sheet_of(pixels: Pixels) -> Sheet:
    """The picture as one channel with bright print, at most 1,600 pixels a side; small ones doubled.

    The strongest channel keeps coloured print; a picture that is light in the main is inverted first.
    """
    scale = max(1.0, max(pixels.shape[:2]) / LARGEST_SIDE_PX)
    if pixels.shape[1] < SMALL_WIDTH_PX and scale == 1:
        scale = 0.5
    if scale != 1:
        size = (max(1, round(pixels.shape[1] / scale)), max(1, round(pixels.shape[0] / scale)))
        method = cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=method), dtype=np.uint8)
    lightest = _over_channels(pixels, cv2.max)
    colour = pixels if pixels.ndim == 3 else None
    if float(np.median(lightest[::4, ::4])) <= LIGHT_PAPER:
        return Sheet(lightest, scale, colour)
    return Sheet(np.asarray(cv2.bitwise_not(_over_channels(pixels, cv2.min))), scale, colour)


def _over_channels(pixels: Pixels, choose: Callable[[Pixels, Pixels], object]) -> Pixels:
    if pixels.ndim == 2:
        return np.ascontiguousarray(pixels)
    red, green, blue = (np.ascontiguousarray(pixels[..., place]) for place in range(3))
    return np.asarray(choose(np.asarray(choose(red, green), dtype=np.uint8), blue), dtype=np.uint8)


def marks_of(sheet: Sheet, share: float, *, brightest: float = 99.9) -> Marks:
    """Words and strokes brighter than a share of the way from the ground to the brightest levels, a percentile."""
    mask = bright(sheet, share, brightest=brightest)
    lines = _long_lines(mask)
    pieces = pieces_of(cv2.bitwise_and(mask, cv2.bitwise_not(lines)))[1][1:]
    boxes = np.stack((pieces[:, 0], pieces[:, 1], pieces[:, 0] + pieces[:, 2], pieces[:, 1] + pieces[:, 3]), axis=1)
    width, height, area = pieces[:, 2], pieces[:, 3], pieces[:, 4]
    solid = area >= SOLID * width * height
    level = solid & (height <= STROKE_THICKEST_PX) & (width >= 1.3 * height) & (width <= STROKE_LONGEST_PX)
    upright = solid & (width <= STROKE_THICKEST_PX) & (height >= width) & (height <= STROKE_LONGEST_PX)
    glyph = (height >= GLYPH_HEIGHTS[0]) & (height <= GLYPH_HEIGHTS[1]) & (width <= 2.5 * height) & ~level
    dots = (height <= 6) & (width <= 6) & (area >= 0.5 * width * height)
    words = _words(boxes[glyph], boxes[level], boxes[dots])
    return Marks(tuple(words), Strokes(boxes[level], boxes[upright]))


def pieces_of(mask: cv2.typing.MatLike) -> tuple[NDArray[np.integer], NDArray[np.int32]]:
    """(h, w) number of the connected piece of each pixel, 0 for unlit ones, and (n, 5) x, y, width, height, area.

    Numbers of 16 bits, where no more are needed, make it three times as fast.
    """
    depth = cv2.CV_16U if cv2.countNonZero(mask) < MOST_SHORT_NUMBERS else cv2.CV_32S
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=depth)
    return np.asarray(labels), np.asarray(stats, dtype=np.int32)


def percentiles(levels: Pixels, *shares: float) -> list[float]:
    """Percentiles of levels by counting them, from every second row and column."""
    counts = np.cumsum(np.bincount(levels[::2, ::2].ravel(), minlength=256))
    return [float(np.searchsorted(counts, share / 100 * counts[-1])) for share in shares]


def bright(sheet: Sheet, share: float, *, brightest: float = 99.9) -> Pixels:
    """(h, w) 255 where the sheet is brighter than that share of the way from its ground to its brightest percentile."""
    ground, top = percentiles(sheet.grey, 50, brightest)
    level = ground + share * max(top - ground, 40.0)
    return np.asarray(cv2.threshold(sheet.grey, level, 255, cv2.THRESH_BINARY)[1])


def completed(sheet: Sheet, word: Word) -> Word:
    """A word with the fainter glyphs beside it: thin print breaks at the level that the others were found with.

    A number that has lost its last digit reads as a good number of another scale.
    """
    height, (x0, y0, x1, y1) = word.height, word.box
    reach, above = round(2.2 * height), round(0.4 * height) + 1
    left, top = max(0, x0 - reach), max(0, y0 - above)
    cut = sheet.grey[top : y1 + above, left : min(sheet.columns, x1 + reach)]
    ground, light = float(np.percentile(cut, 20)), float(np.percentile(sheet.grey[y0:y1, x0:x1], 98))
    _, mask = cv2.threshold(cut, ground + FAINT_SHARE * (light - ground), 255, cv2.THRESH_BINARY)
    faint = pieces_of(mask)[1][1:]
    low, high = faint[:, 1], faint[:, 1] + faint[:, 3]
    glyph = (faint[:, 3] >= 0.45 * height) & (faint[:, 2] <= 1.5 * height) & (low > 0) & (high < mask.shape[0])
    glyph &= np.minimum(high, y1 - top) - np.maximum(low, y0 - top) >= 0.4 * height
    faint = faint[glyph]
    first, last = word.body[0] - left, word.body[2] - left
    for _ in range(3):
        beside = faint[(faint[:, 0] <= last + 0.55 * height) & (faint[:, 0] + faint[:, 2] >= first - 0.55 * height)]
        if len(beside):
            first = min(first, int(beside[:, 0].min()))
            last = max(last, int((beside[:, 0] + beside[:, 2]).max()))
    body = (min(word.body[0], left + first), y0, max(word.body[2], left + last), y1)
    glyphs = int(((faint[:, 0] >= first) & (faint[:, 0] + faint[:, 2] <= last)).sum())
    glyphs += _digits_before(faint, first, (y0 - top, y1 - top))
    return replace(word, body=body, box=(min(x0, body[0]), y0, max(x1, body[2]), y1), glyphs=glyphs)


def _digits_before(faint: NDArray[np.int32], first: int, rows: tuple[int, int]) -> int:
    """Pieces before a word, farther off than glyphs are but as high and on its line: digits before a point."""
    height = rows[1] - rows[0]
    off = np.maximum(np.abs(faint[:, 1] - rows[0]), np.abs(faint[:, 1] + faint[:, 3] - rows[1]))
    gap = first - faint[:, 0] - faint[:, 2]
    digit = (faint[:, 2] >= 0.3 * height) & (faint[:, 2] <= height) & (off <= 0.2 * height)
    return int((digit & (gap >= 0) & (gap <= POINT_GAP * height)).sum())


def crop_of(sheet: Sheet, word: Word) -> Pixels:
    """The print of a word alone, on a margin of its ground, so that ticks beside it are not read as signs."""
    x0, y0, x1, y1 = word.box
    cut = sheet.grey[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1]
    above, beside = (max(2, round(share * word.height)) for share in CROP_MARGINS)
    ground = float(np.percentile(cut, 10))
    return np.asarray(cv2.copyMakeBorder(cut, above, above, beside, beside, cv2.BORDER_CONSTANT, value=[ground]))


def _long_lines(mask: Pixels) -> Pixels:
    """Rules and axis lines, which would tie ticks and glyphs together: looked for where enough pixels are lit."""
    longest = STROKE_LONGEST_PX + 20
    lines = np.zeros_like(mask)
    lit = 255 * longest
    rows = np.flatnonzero(cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] >= lit)
    columns = np.flatnonzero(cv2.reduce(mask, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0] >= lit)
    if rows.size:
        lines[rows] = cv2.morphologyEx(mask[rows], cv2.MORPH_OPEN, np.ones((1, longest), np.uint8))
    if columns.size:
        down = cv2.morphologyEx(
            np.ascontiguousarray(mask[:, columns].T), cv2.MORPH_OPEN, np.ones((1, longest), np.uint8)
        )
        lines[:, columns] = np.maximum(lines[:, columns], np.asarray(down, dtype=np.uint8).T)
    return lines


def _words(glyphs: NDArray[np.int32], strokes: NDArray[np.int32], dots: NDArray[np.int32]) -> list[Word]:
    if not 0 < len(glyphs) <= MOST_GLYPHS:
        return []
    groups = _neighbours(glyphs, dots)
    members = [glyphs[groups == number] for number in range(int(groups.max()) + 1)]
    bodies = np.array([(*part[:, :2].min(axis=0), *part[:, 2:].max(axis=0)) for part in members], dtype=np.int32)
    signs = strokes[~_is_tick(bodies, strokes)]
    words = []
    for part, corners, left in zip(members, bodies.tolist(), _with_signs(bodies, signs).tolist(), strict=True):
        body = (corners[0], corners[1], corners[2], corners[3])
        words.append(Word((left, *body[1:]), body, len(part) > 1 and _has_point(part, body, dots)))
    return words


def _neighbours(glyphs: NDArray[np.int32], dots: NDArray[np.int32]) -> NDArray[np.int32]:
    """(n,) number of the word each glyph belongs to: side by side, of one height, on one line."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    x0, y0, x1, y1 = (glyphs[:, place].astype(np.float32) for place in range(4))
    height = y1 - y0
    smaller = np.minimum(height[:, None], height[None])
    gap = np.maximum(x0[:, None], x0[None]) - np.minimum(x1[:, None], x1[None])
    overlap = np.minimum(y1[:, None], y1[None]) - np.maximum(y0[:, None], y0[None])
    alike = np.maximum(height[:, None], height[None]) <= 1.8 * smaller
    line = (overlap >= 0.6 * smaller) & alike
    close: NDArray[np.bool_] = line & (gap <= 0.55 * smaller + 1)
    for left, right in np.argwhere(line & ~close & (gap <= 1.1 * smaller) & (x0[:, None] < x0[None])).tolist():
        close[left, right] = _dot_between(glyphs[left], glyphs[right], dots)
    _, groups = connected_components(csr_array(close), directed=False)
    return np.asarray(groups, dtype=np.int32)


def _dot_between(left: NDArray[np.int32], right: NDArray[np.int32], dots: NDArray[np.int32]) -> bool:
    height = int(left[3] - left[1])
    low = np.abs(dots[:, 3] - left[3]) <= 0.15 * height + 1
    small = np.maximum(dots[:, 2] - dots[:, 0], dots[:, 3] - dots[:, 1]) <= 0.35 * height
    return bool(np.any(low & small & (dots[:, 0] >= left[2] - 1) & (dots[:, 2] <= right[0] + 1)))


def _is_tick(bodies: NDArray[np.int32], strokes: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(n,) which lying strokes are tick marks: of those in one column some stand beside no word, or before a sign."""
    middle = (strokes[:, 1] + strokes[:, 3]) / 2
    heights = bodies[:, 3] - bodies[:, 1]
    off = np.abs(middle[:, None] - (bodies[:, 1] + bodies[:, 3])[None] / 2)
    gap = bodies[None, :, 0] - strokes[:, None, 2]
    before = (off <= 0.3 * heights + 1) & (gap >= -1) & (gap <= 2 * heights)
    same_row = np.abs(middle[:, None] - middle[None]) <= 2
    sign_follows = same_row & (strokes[None, :, 0] > strokes[:, None, 2])
    sign_follows &= strokes[None, :, 0] - strokes[:, None, 2] <= 2 * (strokes[:, 2] - strokes[:, 0])[:, None]
    worded = np.asarray(before.any(axis=1))
    telling = ~worded | np.asarray((sign_follows & worded[None, :]).any(axis=1))
    aligned: NDArray[np.bool_] = np.abs(strokes[:, None, 0] - strokes[None, :, 0]) <= 1
    aligned &= np.abs(strokes[:, None, 3] - strokes[:, None, 1] - (strokes[None, :, 3] - strokes[None, :, 1])) <= 1
    return np.asarray((aligned & telling[None, :]).any(axis=1) & (aligned.sum(axis=1) >= 3))


def _with_signs(bodies: NDArray[np.int32], strokes: NDArray[np.int32]) -> NDArray[np.int32]:
    """(n,) left edges of words, each grown over the nearest stroke at half height that may be its minus sign."""
    if not len(strokes):
        return bodies[:, 0]
    height = (bodies[:, 3] - bodies[:, 1])[:, None]
    gap = bodies[:, 0, None] - strokes[None, :, 2]
    off = np.abs((strokes[:, 1] + strokes[:, 3])[None] / 2 - ((bodies[:, 1] + bodies[:, 3]) / 2)[:, None])
    fits = (gap >= -1) & (gap <= SIGN_GAP * height + 0.5) & (off <= 0.25 * height)
    fits &= (strokes[:, 2] - strokes[:, 0])[None] <= 0.8 * height
    nearest = np.where(fits, gap, np.iinfo(np.int32).max).argmin(axis=1)
    return np.where(fits.any(axis=1), strokes[nearest, 0], bodies[:, 0])


def _has_point(members: NDArray[np.int32], body: Box, dots: NDArray[np.int32]) -> bool:
    """Whether a dot stands on the line within the word, with glyphs on both sides or before the first."""
    height = body[3] - body[1]
    low = (dots[:, 3] >= body[3] - 0.15 * height - 1) & (dots[:, 3] <= body[3] + 0.2 * height + 1)
    small = (dots[:, 3] - dots[:, 1] <= 0.3 * height) & (dots[:, 2] - dots[:, 0] <= 0.35 * height)
    within = (dots[:, 0] >= body[0] - 0.5 * height) & (dots[:, 2] <= body[2])
    apart = dots[low & small & within]
    return any(bool(np.all((members[:, 0] >= x1 - 1) | (members[:, 2] <= x0 + 1))) for x0, _, x1, _ in apart)
