"""Words that stand below each other as the numbers of an axis do, and the tick marks beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from statistics import median

import numpy as np
from numpy.typing import NDArray

from echomine.doppler.marks import Marks, Strokes, Word
from echomine.doppler.region import Box

MOST_WORDS = 24
"""Words of one column that are looked at; an axis has about ten numbers."""
MOST_GROUPS = 60
"""Groups of words below each other that are weighed, the largest of one height first."""
WIDEST_WORD = 6.0
"""Heights that a number or a unit may be wide."""
LINE_SPACING = 1.7
"""Heights between the lines of a paragraph at most; axis numbers stand farther apart."""
MOST_ALONE = 0.6
"""Share of words that stand alone above which a picture has little speckle."""
TICK_REACH = 5.0
"""Heights between a number and its tick mark at most."""


@dataclass(frozen=True, slots=True)
class Column:
    """Words that may be the numbers of one axis.

    Attributes:
        words: From the top down.
        promise: How much it looks like an axis; only its order matters.
    """

    words: tuple[Word, ...]
    promise: float

    @property
    def height(self) -> float:
        """Rows of its print."""
        return float(median([word.height for word in self.words]))

    @property
    def box(self) -> Box:
        """Around all of its words."""
        x0, y0, x1, y1 = zip(*(word.box for word in self.words), strict=True)
        return min(x0), min(y0), max(x1), max(y1)


def axis_columns(marks: Marks) -> list[Column]:
    """Columns of print, the most promising first, none a part of one before it.

    Words of one height whose left ends, right ends or middles lie below each other. Promising are many, far apart, at
    equal distances, of one height, each beside a stroke. Where much speckle looks like words, every second column is
    one of words that stand alone.
    """
    ranked = _ranked(marks.words, marks.strokes)
    alone = _alone(marks.words)
    if not alone.size or alone.mean() > MOST_ALONE:
        return ranked
    quiet = _ranked([word for word, free in zip(marks.words, alone, strict=True) if free], marks.strokes)
    mixed = [column for pair in zip_longest(ranked, quiet) for column in pair if column]
    return list({column.words: column for column in mixed}.values())


def _alone(words: Sequence[Word]) -> NDArray[np.bool_]:
    """(n,) which words have no other close by; speckle lies in the midst of more speckle."""
    if not words:
        return np.zeros(0, dtype=np.bool_)
    x0, y0, x1, y1 = np.array([word.body for word in words], dtype=np.float32).T
    height = y1 - y0
    across = np.maximum(x0[None] - x1[:, None], x0[:, None] - x1[None]) < height[:, None]
    down = np.maximum(y0[None] - y1[:, None], y0[:, None] - y1[None]) < 0.5 * height[:, None]
    return np.asarray((across & down).sum(axis=1) == 1)


def _ranked(all_words: Sequence[Word], strokes: Strokes) -> list[Column]:
    words = [word for word in all_words if word.body[2] - word.body[0] <= WIDEST_WORD * word.height]
    members = {tuple(np.flatnonzero(row).tolist()) for row in _below_each_other(words)}
    tall = [word.height for word in words]
    several = [group for group in members if len(group) > 1]
    likely = sorted(several, key=lambda group: (-len(group) * _evenness([tall[place] for place in group]) ** 2, group))
    beside = _beside(words, strokes)
    seen = []
    for group in likely[:MOST_GROUPS]:
        down = sorted(group, key=lambda place: words[place].middle)
        column = _column([words[place] for place in down], sum(beside[place] for place in down))
        seen.append((column, frozenset(down[:MOST_WORDS])))
    ranked = sorted(seen, key=lambda one: (-one[0].promise, -len(one[0].words), one[0].box))
    return [
        column
        for place, (column, parts) in enumerate(ranked)
        if not any(parts <= better for _, better in ranked[max(0, place - 12) : place])
    ]


def _below_each_other(words: Sequence[Word]) -> NDArray[np.bool_]:
    """(n, n) which words stand in one column; signs and units make their ends differ by a glyph."""
    if not words:
        return np.zeros((0, 0), dtype=np.bool_)
    bodies = np.array([word.body for word in words], dtype=float)
    height = bodies[:, 3] - bodies[:, 1]
    larger = np.maximum(height[:, None], height[None])
    left, right = (np.abs(bodies[:, None, end] - bodies[None, :, end]) for end in (0, 2))
    middle = np.abs((bodies[:, 0] + bodies[:, 2])[:, None] - (bodies[:, 0] + bodies[:, 2])[None]) / 2
    near = (left <= 0.75 * larger + 1) | (right <= 0.75 * larger + 1) | (middle <= 0.4 * larger + 1)
    return np.asarray(near & (larger <= 1.35 * np.minimum(height[:, None], height[None])))


def _column(words: Sequence[Word], beside: int) -> Column:
    """Words from the top down, of which so many have a stroke beside them."""
    regular = _regular([word.middle for word in words], float(median([word.height for word in words])))
    even = _evenness([word.height for word in words])
    return Column(tuple(words[:MOST_WORDS]), even**2 * (regular + 2.0 * min(beside, max(regular, 0.0))))


def _evenness(heights: Sequence[int]) -> float:
    """Share of words as high as the middle one: print of one axis is, speckle is not."""
    middle = sorted(heights)[len(heights) // 2]
    reach = max(1.0, 0.08 * middle)
    return sum(abs(height - middle) <= reach for height in heights) / len(heights)


def _regular(rows: Sequence[float], height: float) -> float:
    """How many rows lie at multiples of one distance larger than that of lines of text, less half of those between."""
    best = 0.0
    for first, start in enumerate(rows):
        for second in range(first + 1, min(first + 4, len(rows))):
            step = rows[second] - start
            if step > LINE_SPACING * height:
                best = max(best, _at_multiples(rows, start, step, reach=0.3 * height / step))
    return best


def _at_multiples(rows: Sequence[float], start: float, step: float, *, reach: float) -> float:
    taken: list[int] = []
    off: list[float] = []
    for row in rows:
        place = (row - start) / step
        nearest = round(place)
        if abs(place - nearest) <= reach:
            taken.append(nearest)
        else:
            off.append(place)
    between = sum(taken[0] < place < taken[-1] for place in off)
    distinct = len(set(taken))
    return distinct - 0.5 * between - 0.25 * (taken[-1] - taken[0] + 1 - distinct)


def _beside(words: Sequence[Word], strokes: Strokes) -> list[bool]:
    """Which words have a stroke beside them."""
    if not (words and len(strokes.level)):
        return [False] * len(words)
    boxes = strokes.level
    shapes = np.array([(*word.box, word.height) for word in words])
    left, right, height = shapes[:, 0, None], shapes[:, 2, None], shapes[:, 4, None]
    rows = np.array([word.middle for word in words])[:, None]
    gap = np.maximum(left - boxes[None, :, 2], boxes[None, :, 0] - right)
    off = np.abs((boxes[:, 1] + boxes[:, 3] - 1)[None] / 2 - rows)
    fits = (off <= 0.3 * height + 1) & (gap >= -1) & (gap <= TICK_REACH * height)
    return [bool(fit) for fit in fits.any(axis=1)]


def strokes_beside(word: Word, strokes: Strokes) -> NDArray[np.int32]:
    """(n, 4) lying strokes at half height of a word, to its left or right, that are no part of it."""
    boxes, height = strokes.level, word.height
    middle = (boxes[:, 1] + boxes[:, 3] - 1) / 2
    gap = np.maximum(word.box[0] - boxes[:, 2], boxes[:, 0] - word.box[2])
    fits = (np.abs(middle - word.middle) <= 0.3 * height + 1) & (gap >= -1) & (gap <= TICK_REACH * height)
    return np.asarray(boxes[fits])
