"""The velocity axis of a picture: which column of numbers it is, its unit, and its scale refined by the tick marks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import numpy as np
from numpy.typing import NDArray

from echomine.doppler.axis import (
    LARGEST_DISAGREEMENT,
    AxisProblem,
    AxisProblemCode,
    AxisTick,
    ReadText,
    TextReader,
)
from echomine.doppler.axis_columns import WIDEST_WORD, Column, axis_columns, strokes_beside
from echomine.doppler.axis_numbers import (
    FEWEST_NUMBERS,
    AxisNumber,
    AxisUnit,
    NumberLine,
    line_through,
    number_of,
    unit_of,
)
from echomine.doppler.marks import STROKE_THICKEST_PX, Marks, Sheet, Strokes, Word, completed, crop_of
from echomine.doppler.picture_kind import is_colour_bar
from echomine.doppler.region import Box

PROBE_WORDS, FIRST_WORDS, MEANINGFUL = 4, 6, 2
"""Words of a column that are read first, then, and how many of the first must be numbers or a unit to go on."""
TICK_TOLERANCE_PX = 1.2
LARGEST_TICK_DISAGREEMENT = 0.02
"""Share by which the scales through numbers and through ticks may differ."""
M_PER_S = {AxisUnit.CM_PER_S: 0.01, AxisUnit.M_PER_S: 1.0}
SURELY_CM_PER_S, SURELY_M_PER_S = 30.0, 8.0
"""Largest numbers from which on, and up to which, an axis without a unit has but one."""
MOST_UNITS = 4
FEWEST_BEYOND = 2
"""Numbers above or below those of a scale that, with a unit, are of another display."""
OTHER_COLUMNS = 2
"""Columns of print that are read for more axes once one is found."""
LEAST_PROMISE, NARROWEST_NUMBER, SAME_PRINT, FARTHER_THAN_LINES = 4.0, 0.5, (0.6, 1.6), 2.5
"""What they look like: promise, widths in heights, height of print beside that of the axis, lines in heights."""
SPEEDS_MPS = (0.06, 12.0)
"""The largest velocity of an axis lies between these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VelocityAxis:
    """A velocity axis as read, in pixels of the sheet.

    Attributes:
        mps_per_px: Signed step of one row upwards.
        zero_row: Row of zero velocity.
        ticks: Numbers and marks it rests on.
        confidence: 0..1.
        box: Around numbers and ticks.
        print_px: Height of its print.
        tick_marks: How many tick marks beside numbers agree.
        goes_on: Whether more numbers and a unit stand above or below, of a display with another scale.
        problems: What had to be assumed.
    """

    mps_per_px: float
    zero_row: float
    ticks: tuple[AxisTick, ...]
    confidence: float
    box: Box
    print_px: float
    tick_marks: int = 0
    goes_on: bool = False
    problems: tuple[AxisProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class _ReadColumn:
    column: Column
    numbers: tuple[AxisNumber, ...]
    units: tuple[tuple[AxisUnit, Word], ...]
    scores: tuple[float, ...]


def find_velocity_axis(
    sheet: Sheet, marks: Marks, reader: TextReader, *, columns: int
) -> VelocityAxis | tuple[AxisProblem, ...]:
    """The velocity axis of a sheet, or why there is none to trust; that many columns of print are read."""
    problems: list[AxisProblem] = []
    for column in axis_columns(marks)[:columns]:
        try:
            return _axis_of(sheet, marks, column, reader)
        except _RefusedError as refused:
            problems.append(refused.problem)
    none = AxisProblem(AxisProblemCode.NO_NUMBERS, "no column of numbers was found in the picture")
    return tuple(problems) or (none,)


class _RefusedError(Exception):
    """A column is no velocity axis, or none to trust."""

    def __init__(self, code: AxisProblemCode, message: str) -> None:
        super().__init__(message)
        self.problem = AxisProblem(code, message)


def _axis_of(sheet: Sheet, marks: Marks, column: Column, reader: TextReader) -> VelocityAxis:
    read = _read_column(sheet, column, reader)
    line = line_through(read.numbers, tolerance_px=max(1.5, 0.15 * column.height))
    if line is None or len(line.fitting) < FEWEST_NUMBERS or len({n.magnitude for n in line.fitting} - {0.0}) < 2:
        raise _RefusedError(AxisProblemCode.FEW_NUMBERS, "a column of print holds fewer than three numbers of a scale")
    if 2 * len(_strangers(line)) >= _support(read, line) - 1:
        raise _RefusedError(AxisProblemCode.NUMBERS_DISAGREE, "the numbers of the axis do not lie on one scale")
    unit, problem = _unit(sheet, marks, read, line, reader)
    axis = _checked(sheet, marks, read, line, unit)
    if _support(read, line) == FEWEST_NUMBERS and not (axis.tick_marks or read.units):
        raise _RefusedError(AxisProblemCode.FEW_NUMBERS, "only three numbers fit, with neither ticks nor a unit beside")
    if sheet.colour is not None and is_colour_bar(sheet.colour, axis.box, reach=round(2.5 * axis.print_px)):
        raise _RefusedError(AxisProblemCode.COLOUR_BAR, "the numbers belong to the bar of colours of colour Doppler")
    problems = tuple(filter(None, (problem, None if line.signed else _SIGN_ASSUMED)))
    return replace(axis, problems=problems, confidence=axis.confidence * 0.8 ** len(problems))


_SIGN_ASSUMED = AxisProblem(
    AxisProblemCode.SIGN_ASSUMED,
    "no signs tell, or none that can be believed, which side of the axis is negative: positive velocities are taken to "
    "point up",
)


def other_axes(sheet: Sheet, marks: Marks, axis: VelocityAxis, reader: TextReader) -> list[VelocityAxis]:
    """Axes beside the one found that show another scale, or another zero: those of more displays."""
    x0, y0, x1, y1 = axis.box
    reach = axis.print_px
    left = [
        word
        for word in marks.words
        if word.box[2] < x0 - reach or word.box[0] > x1 + reach or not y0 - reach <= word.middle <= y1 + reach
    ]
    found = []
    likely = [column for column in axis_columns(Marks(tuple(left), marks.strokes)) if _may_be_axis(column, axis)]
    for column in likely[:OTHER_COLUMNS]:
        try:
            other = _axis_of(sheet, marks, column, reader)
        except _RefusedError:
            continue
        if not _same_scale(axis, other):
            found.append(other)
    return found


def _may_be_axis(column: Column, axis: VelocityAxis) -> bool:
    """Whether a column is worth reading: print like that of the axis, well apart, and no speckle."""
    if len(column.words) < FEWEST_NUMBERS or column.promise < LEAST_PROMISE:
        return False
    slim = median((word.body[2] - word.body[0]) / word.height for word in column.words) < NARROWEST_NUMBER
    alike = SAME_PRINT[0] <= column.height / axis.print_px <= SAME_PRINT[1]
    apart = median(below.middle - above.middle for above, below in pairwise(column.words))
    return alike and apart >= FARTHER_THAN_LINES * column.height and not slim


def _same_scale(axis: VelocityAxis, other: VelocityAxis) -> bool:
    """Whether one display has both, as where the numbers are printed on either side of it."""
    ratio = abs(other.mps_per_px / axis.mps_per_px)
    return abs(ratio - 1) <= LARGEST_DISAGREEMENT and abs(other.zero_row - axis.zero_row) <= axis.print_px


def _support(read: _ReadColumn, line: NumberLine) -> int:
    """Numbers that fit, and a unit that stands at their zero as on the screens of many makers."""
    at_zero = any(abs(word.middle - line.zero_row) <= 0.35 * read.column.height for _, word in read.units)
    return len(line.fitting) + at_zero


def _strangers(line: NumberLine) -> list[AxisNumber]:
    """Numbers among those of the axis that do not fit; above and below it others may stand."""
    rows = [number.row for number in line.fitting]
    return [number for number in line.others if min(rows) < number.row < max(rows)]


def _read_column(sheet: Sheet, column: Column, reader: TextReader) -> _ReadColumn:
    whole = {word.body: word for word in (completed(sheet, word) for word in column.words)}
    words = [word for word in whole.values() if not _at_edge(word, sheet)]
    texts: dict[Word, ReadText] = {}
    for count in (PROBE_WORDS, FIRST_WORDS, len(words)):
        next_words = [word for word in _spread(words, count) if word not in texts]
        if next_words and not _settled(texts):
            texts |= dict(zip(next_words, reader.read([crop_of(sheet, word) for word in next_words]), strict=True))
        if sum(_means_something(word, text) for word, text in texts.items()) < MEANINGFUL:
            break
    numbers = [number for word, text in texts.items() if (number := number_of(word, text.text, text.score))]
    if _ticks_read_as_signs(numbers, [text.text for text in texts.values()]):
        numbers = [replace(number, sign=-1 if number.text.startswith("--") else 0) for number in numbers]
    units = [(unit, word) for word, text in texts.items() if (unit := unit_of(text.text))]
    return _ReadColumn(
        column,
        tuple(numbers),
        tuple(units),
        tuple(text.score for text in texts.values()),
    )


def _ticks_read_as_signs(numbers: Sequence[AxisNumber], texts: Sequence[str]) -> bool:
    """Whether zero, or the unit, seems to have a minus sign: then it is a tick mark, at the others too."""
    return any(number.magnitude == 0 and number.sign < 0 for number in numbers) or any(
        unit_of(text) and text.strip()[:1] in "-–—−" for text in texts
    )


def _at_edge(word: Word, sheet: Sheet) -> bool:
    """Print cut by the edge of the picture lacks digits, which nothing shows."""
    x0, y0, x1, y1 = word.box
    return x0 <= 1 or y0 <= 1 or x1 >= sheet.columns - 1 or y1 >= sheet.rows - 1


def _spread(words: Sequence[Word], count: int) -> list[Word]:
    if len(words) <= count:
        return list(words)
    return [words[place] for place in np.unique(np.linspace(0, len(words) - 1, count).round().astype(int))]


def _means_something(word: Word, text: ReadText) -> bool:
    return number_of(word, text.text, text.score) is not None or unit_of(text.text) is not None


def _settled(texts: dict[Word, ReadText]) -> bool:
    numbers = [number_of(word, text.text, text.score) for word, text in texts.items()]
    return sum(number is not None for number in numbers) >= 4 and any(unit_of(text.text) for text in texts.values())


def _unit(
    sheet: Sheet, marks: Marks, read: _ReadColumn, line: NumberLine, reader: TextReader
) -> tuple[AxisUnit, AxisProblem | None]:
    """The unit printed in the column or above or below it; else the only one possible, with a problem."""
    inside = {unit for unit, _ in read.units}
    seen = inside or set(_units_around(sheet, marks, read.column, reader))
    if AxisUnit.FREQUENCY in seen:
        raise _RefusedError(AxisProblemCode.FREQUENCY_SCALE, "the axis counts kHz, not velocity")
    if len(seen) > 1:
        raise _RefusedError(AxisProblemCode.UNIT_UNKNOWN, "two units stand at the axis")
    likely = _only_unit(line)
    if seen and (inside or likely in (None, *seen)):
        return seen.pop(), None
    if seen or likely is None:
        raise _RefusedError(AxisProblemCode.UNIT_UNKNOWN, "no unit was read, or one that does not fit the numbers")
    return likely, AxisProblem(AxisProblemCode.UNIT_ASSUMED, f"no unit was read; the numbers can only be {likely}")


def _units_around(sheet: Sheet, marks: Marks, column: Column, reader: TextReader) -> list[AxisUnit]:
    """Units printed above or below the column."""
    x0, y0, x1, y1 = column.box
    height = column.height
    reach = max(4 * height, 2.2 * float(np.median(np.diff([word.middle for word in column.words]))))
    near = [
        word
        for word in marks.words
        if word not in column.words
        and not _at_edge(word, sheet)
        and 0.6 * height <= word.height <= 1.6 * height
        and 1.2 * word.height <= word.body[2] - word.body[0] <= WIDEST_WORD * word.height
        and min(word.body[2], x1) - max(word.body[0], x0) >= 0.3 * height
        and y0 - reach <= word.middle <= y1 + reach
    ]
    texts = reader.read([crop_of(sheet, word) for word in near[:MOST_UNITS]]) if near else []
    return [unit for text in texts if (unit := unit_of(text.text))]


def _only_unit(line: NumberLine) -> AxisUnit | None:
    """The only unit that the numbers can have.

    A scale of depths, and a picture that stands on its head, show no signs: nothing is assumed for them.
    """
    largest = max(number.magnitude for number in line.fitting)
    if not any(number.sign for number in line.fitting):
        return None
    if largest >= SURELY_CM_PER_S:
        return AxisUnit.CM_PER_S
    return AxisUnit.M_PER_S if largest <= SURELY_M_PER_S else None


def _checked(sheet: Sheet, marks: Marks, read: _ReadColumn, line: NumberLine, unit: AxisUnit) -> VelocityAxis:
    largest = max(number.magnitude for number in line.fitting) * M_PER_S[unit]
    if not SPEEDS_MPS[0] <= largest <= SPEEDS_MPS[1]:
        raise _RefusedError(AxisProblemCode.IMPLAUSIBLE, "the numbers of the axis are no velocities of blood or tissue")
    ticks, tick_box = _ticks_of(sheet, marks.strokes, read, line)
    refined = _through_ticks(line, ticks)
    if refined is None:
        raise _RefusedError(AxisProblemCode.TICKS_DISAGREE, "the tick marks do not lie where the numbers say")
    step, zero_row = refined
    units = _units_at(read, line)
    boxes = [number.word.box for number in line.fitting] + units
    corners = np.array(boxes + ([tick_box] if tick_box else []))
    return VelocityAxis(
        mps_per_px=step * M_PER_S[unit],
        zero_row=zero_row,
        ticks=_axis_ticks(line, zero_row - line.zero_row, M_PER_S[unit]),
        confidence=_confidence(read, line, len(ticks)),
        box=(*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist()),
        print_px=read.column.height,
        tick_marks=len(ticks),
        goes_on=len(units) < len(read.units) and len(line.others) - len(_strangers(line)) >= FEWEST_BEYOND,
    )


def _units_at(read: _ReadColumn, line: NumberLine) -> list[Box]:
    """Boxes of the units at the numbers that fit: those farther off than another number would be are of other axes."""
    rows = sorted(number.row for number in line.fitting)
    reach = (rows[-1] - rows[0]) / (len(rows) - 1) + 2 * read.column.height
    return [word.box for _, word in read.units if rows[0] - reach <= word.middle <= rows[-1] + reach]


def _axis_ticks(line: NumberLine, offset: float, factor: float) -> tuple[AxisTick, ...]:
    """The numbers that the scale rests on, moved from their print to where they count."""
    return tuple(
        AxisTick(number.row + offset, math.copysign(number.magnitude, line.value(number.row)) * factor, number.text)
        for number in sorted(line.fitting, key=lambda number: number.row)
    )


def _confidence(read: _ReadColumn, line: NumberLine, ticks: int) -> float:
    """More agreeing numbers, ticks beside them and a unit raise it; strangers and wrong signs lower it."""
    score = 0.45 + 0.08 * min(len(line.fitting) - FEWEST_NUMBERS, 4)
    score += 0.12 * (ticks >= FEWEST_NUMBERS) + 0.1 * bool(read.units)
    score -= 0.08 * len(_strangers(line)) + 0.04 * line.wrong_signs
    return float(np.clip(score, 0.05, 0.99)) * float(np.mean(read.scores))


@dataclass(frozen=True, slots=True)
class _Tick:
    """A tick mark beside a word of known value."""

    value: float
    print_row: float
    row: float


def _ticks_of(sheet: Sheet, strokes: Strokes, read: _ReadColumn, line: NumberLine) -> tuple[list[_Tick], Box | None]:
    """The tick marks beside numbers, and beside a unit that stands at zero; and the box they stand in."""
    height = read.column.height
    marked = [(number.word, math.copysign(number.magnitude, line.value(number.row))) for number in line.fitting]
    marked += [(word, 0.0) for _, word in read.units if abs(word.middle - line.zero_row) <= 0.4 * height]
    span = _tick_span([strokes_beside(word, strokes) for word, _ in marked])
    if span is None:
        return [], None
    rows = _stroke_rows(sheet, span)
    ticks = []
    for word, value in marked:
        off = np.abs(rows - word.middle)
        if len(rows) and off.min() <= 0.35 * word.height + 1:
            ticks.append(_Tick(value, word.middle, float(rows[off.argmin()])))
    tops = [tick.row for tick in ticks] or [0.0]
    return ticks, (span[0], int(min(tops)) - 3, span[1], int(max(tops)) + 4)


def _tick_span(beside: Sequence[NDArray[np.int32]]) -> tuple[int, int] | None:
    """Columns from where to where the strokes reach that most words have beside them."""
    boxes = [(place, box) for place, group in enumerate(beside) for box in group]
    if not boxes:
        return None
    edges = np.array([(box[0], box[2]) for _, box in boxes])
    shared = [np.abs(edges[:, end] - edge[end]) <= 1.5 for edge in edges for end in (0, 1)]
    best = max(shared, key=lambda members: len({boxes[place][0] for place in np.flatnonzero(members)}))
    if len({boxes[place][0] for place in np.flatnonzero(best)}) < 2:
        return None
    return int(np.median(edges[best, 0])), int(np.median(edges[best, 1]))


def _stroke_rows(sheet: Sheet, span: tuple[int, int]) -> NDArray[np.float64]:
    """Rows of the strokes within columns, to a part of a pixel: the centres of their light."""
    light = sheet.grey[:, span[0] : span[1]].astype(np.float64).mean(axis=1)
    light -= np.percentile(light, 20)
    bright_rows = light > 0.4 * np.percentile(light, 99.5)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bright_rows, [False]))))
    centres = []
    for first, last in edges.reshape(-1, 2):
        if last - first <= 2 * STROKE_THICKEST_PX:
            window = slice(max(first - 1, 0), last + 1)
            weight = np.clip(light[window], 0, None)
            centres.append(float((weight * np.arange(window.start, window.start + len(weight))).sum() / weight.sum()))
    return np.array(centres)


def _through_ticks(line: NumberLine, ticks: Sequence[_Tick]) -> tuple[float, float] | None:
    """Step and zero row by the ticks; where there are only two, the numbers moved by what these lie off.

    None when ticks and numbers disagree.
    """
    if len(ticks) < FEWEST_NUMBERS:
        offset = float(np.mean([tick.row - tick.print_row for tick in ticks])) if len(ticks) > 1 else 0.0
        return line.step, line.zero_row + offset
    rows, values = np.array([tick.row for tick in ticks]), np.array([tick.value for tick in ticks])
    slope, at_zero = np.polyfit(rows, values, 1)
    off = np.abs(rows + (at_zero - values) / slope)
    if len(ticks) > FEWEST_NUMBERS and float(off.max()) > TICK_TOLERANCE_PX:
        worst = int(off.argmax())
        return _through_ticks(line, [tick for place, tick in enumerate(ticks) if place != worst])
    agree = abs(-slope / line.step - 1) <= LARGEST_TICK_DISAGREEMENT and float(off.max()) <= TICK_TOLERANCE_PX
    return (-float(slope), -float(at_zero / slope)) if agree else None
