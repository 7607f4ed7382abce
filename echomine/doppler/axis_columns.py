"""Words that stand below each other as the numbers of an axis do, and the tick marks beside them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

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
        return float(np.median([word.height for word in self.words]))

    @property
    def box(self) -> Box:
        """Around all of its words."""
        boxes = np.array([word.box for word in self.words])
        x0, y0 = boxes[:, :2].min(axis=0).tolist()
        x1, y1 = boxes[:, 2:].max(axis=0).tolist()
        return x0, y0, x1, y1


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
    tall = np.array([word.height for word in words])
    several = [group for group in members if len(group) > 1]
    likely = sorted(several, key=lambda group: (-len(group) * _evenness(tall[list(group)]) ** 2, group))
    seen = [_column([words[place] for place in group], strokes) for group in likely[:MOST_GROUPS]]
    ranked = sorted(seen, key=lambda column: (-column.promise, -len(column.words), column.box))
    return [
        column
        for place, column in enumerate(ranked)
        if not any(set(column.words) <= set(better.words) for better in ranked[max(0, place - 12) : place])
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


def _column(words: list[Word], strokes: Strokes) -> Column:
    words = sorted(words, key=lambda word: word.middle)
    rows = np.array([word.middle for word in words])
    height = float(np.median([word.height for word in words]))
    regular = _regular(rows, height)
    beside = sum(bool(len(strokes_beside(word, strokes))) for word in words)
    even = _evenness(np.array([word.height for word in words]))
    return Column(tuple(words[:MOST_WORDS]), even**2 * (regular + 2.0 * min(beside, max(regular, 0.0))))


def _evenness(heights: NDArray[np.int64]) -> float:
    """Share of words as high as the middle one: print of one axis is, speckle is not."""
    middle = float(np.sort(heights)[len(heights) // 2])
    return float(np.mean(np.abs(heights - middle) <= max(1.0, 0.08 * middle)))


def _regular(rows: NDArray[np.float64], height: float) -> float:
    """How many rows lie at multiples of one distance larger than that of lines of text, less half of those between."""
    best = 0.0
    for first in range(len(rows)):
        for second in range(first + 1, min(first + 4, len(rows))):
            step = rows[second] - rows[first]
            if step > LINE_SPACING * height:
                places = (rows - rows[first]) / step
                on = np.abs(places - np.rint(places)) * step <= 0.3 * height
                taken = set(np.rint(places[on]).tolist())
                between = (rows > rows[on].min()) & (rows < rows[on].max()) & ~on
                best = max(
                    best, len(taken) - 0.5 * float(between.sum()) - 0.25 * (np.ptp(list(taken)) + 1 - len(taken))
                )
    return best


def strokes_beside(word: Word, strokes: Strokes) -> NDArray[np.int32]:
    """(n, 4) lying strokes at half height of a word, to its left or right, that are no part of it."""
    boxes, height = strokes.level, word.height
    middle = (boxes[:, 1] + boxes[:, 3] - 1) / 2
    gap = np.maximum(word.box[0] - boxes[:, 2], boxes[:, 0] - word.box[2])
    fits = (np.abs(middle - word.middle) <= 0.3 * height + 1) & (gap >= -1) & (gap <= TICK_REACH * height)
    return np.asarray(boxes[fits])
