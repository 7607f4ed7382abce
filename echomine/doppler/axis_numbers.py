"""Numbers printed along a velocity axis, and the one straight scale most of them agree on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import combinations

import numpy as np

from echomine.doppler.marks import Word

LEAST_SCORE = 0.8
"""Print recognised with less is not taken for a number."""
FEWEST_NUMBERS = 3
"""Two numbers lie on a line whatever they say; three can disagree."""
FEWEST_INVERTED, INVERTED_SHARE = 2, 2 / 3
"""Numbers above zero that must be negative, and their share, for positive velocities to point down."""
SIGN_WIDTH = 0.25
"""Heights by which a minus sign moves the digits of a number where the numbers of an axis begin in one column."""
_NUMBER = re.compile(r"^(?P<sign>[-+]*)(?P<number>(?:0|[1-9]\d{0,3})(?:\.\d{1,2})?|\.\d{1,2})$")
_DASHES = str.maketrans({"–": "-", "—": "-", "−": "-", ",": ".", "·": ".", "[": "", "]": "", "(": "", ")": "", " ": ""})


class AxisUnit(StrEnum):
    """What the numbers count."""

    CM_PER_S = "cm/s"
    M_PER_S = "m/s"
    FREQUENCY = "kHz"


@dataclass(frozen=True, slots=True)
class AxisNumber:
    """One number of an axis as recognised.

    Attributes:
        row: Row of its middle.
        magnitude: Without its sign.
        sign: -1 for a minus sign, 0 for none, +1 for a plus sign.
        word: Where it stands.
        text: As recognised.
        doubtful: A decimal point or more digits are seen than were read.
    """

    row: float
    magnitude: float
    sign: int
    word: Word
    text: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class NumberLine:
    """A scale through numbers: row ``y`` stands for ``(zero_row - y) * step``.

    Attributes:
        step: Signed value of one row upwards, in the unit of the print.
        zero_row: Row of zero.
        fitting: Numbers that agree with it.
        others: Numbers that do not.
        wrong_signs: How many fitting numbers have another sign than they show.
    """

    step: float
    zero_row: float
    fitting: tuple[AxisNumber, ...]
    others: tuple[AxisNumber, ...]
    wrong_signs: int = field(default=0)

    def value(self, row: float) -> float:
        """What a row stands for."""
        return (self.zero_row - row) * self.step

    @property
    def signed(self) -> bool:
        """Whether the signs that were read can be believed: else up may be down.

        More must agree than speak against it, and minus signs on both sides of zero cannot all be any. That positive
        velocities point down is rare, and a tick mark before some numbers soon says so: most numbers above zero must.
        """
        shown = sum(number.sign != 0 and number.magnitude > 0 for number in self.fitting)
        believed = shown > 2 * self.wrong_signs and not self.minus_on_both_sides
        return believed and (self.step > 0 or self._is_surely_inverted)

    @property
    def minus_on_both_sides(self) -> bool:
        """Whether numbers above and below zero seem negative: some of those signs are tick marks, and any may be."""
        sides = {self.value(number.row) > 0 for number in self.fitting if number.sign < 0 and number.magnitude > 0}
        return len(sides) > 1

    @property
    def _is_surely_inverted(self) -> bool:
        above = [number for number in self.fitting if number.magnitude > 0 and number.row < self.zero_row]
        minus = sum(number.sign < 0 for number in above)
        many = minus >= FEWEST_INVERTED and minus >= INVERTED_SHARE * len(above)
        return not self.wrong_signs and many and self._signs_take_room

    @property
    def _signs_take_room(self) -> bool:
        """Whether the digits of numbers with a minus are set as such numbers are.

        In a column of numbers that begin below each other a sign moves the digits; in one of numbers that end below
        each other they begin where their number of digits says. A tick mark leaves them where those without one are.
        """
        minus = [number.word.body for number in self.fitting if number.sign < 0 and number.magnitude > 0]
        plain = [number.word.body for number in self.fitting if number.sign >= 0]
        if not (minus and plain):
            return False
        height = float(np.median([body[3] - body[1] for body in minus]))
        starts, ends = ([body[end] for body in minus + plain] for end in (0, 2))
        moved = float(np.median([body[0] for body in minus]) - np.median([body[0] for body in plain]))
        ended = float(np.ptp(ends)) <= SIGN_WIDTH * height < float(np.ptp(starts))
        return moved >= SIGN_WIDTH * height or ended

    def turned(self) -> "NumberLine":
        """The same scale with positive velocities on the other side."""
        shown = sum(number.sign != 0 and number.magnitude > 0 for number in self.fitting)
        return replace(self, step=-self.step, wrong_signs=shown - self.wrong_signs)


def number_of(word: Word, text: str, score: float) -> AxisNumber | None:
    """The number a word states; None for anything else."""
    match = _NUMBER.match(_without_unit(text.translate(_DASHES)))
    if match is None or score < LEAST_SCORE:
        return None
    digits, sign = match["number"], match["sign"]
    return AxisNumber(
        row=word.middle,
        magnitude=float(digits),
        sign=-1 if sign.endswith("-") else int(sign.endswith("+")),  # a tick mark may stand before the sign
        word=word,
        text=("" if sign.endswith("+") else "-" * min(sign.count("-"), 2)) + digits,
        doubtful=(word.dotted and "." not in digits) or word.glyphs > len(digits.replace(".", "")) + sign.count("+"),
    )


def _without_unit(text: str) -> str:
    return re.sub(r"(cm/s|m/s)$", "", text)


def unit_of(text: str) -> AxisUnit | None:
    """The unit a piece of print states; millimetres a second are a sweep speed, no velocity."""
    plain = text.translate(_DASHES)
    if re.search(r"mm/?s", plain):
        return None
    if re.fullmatch(r"[kK]?[hH][zZ]", plain):
        return AxisUnit.FREQUENCY
    if re.search(r"cm/?[s5]|cm/", plain):
        return AxisUnit.CM_PER_S
    return AxisUnit.M_PER_S if re.search(r"m/[s5]", plain) else None


def is_axis_print(text: str, score: float) -> bool:
    """Whether a piece of print is a number of an axis, or a unit, and nothing else."""
    plain = text.translate(_DASHES)
    return score >= LEAST_SCORE and bool(_NUMBER.match(plain) or re.fullmatch(r"-*(cm/s|m/s)", plain))


def line_through(numbers: Sequence[AxisNumber], *, tolerance_px: float) -> NumberLine | None:
    """The scale that most numbers agree with, tried through every pair of them with every sign.

    Signs are the weakest part of the print (a tick mark looks like a minus), so they only decide between lines that
    the magnitudes leave open.

    Args:
        numbers: As recognised, in any order.
        tolerance_px: Rows that a number may lie off.

    Returns:
        The scale, refined by least squares; None when no two numbers differ.
    """
    sure = [number for number in numbers if not number.doubtful]
    lines = [
        line
        for first, second in combinations(sure, 2)
        for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1))
        if (line := _through(first, second, signs, sure, tolerance_px))
    ]
    if not lines:
        return None
    line = _refined(max(lines, key=_support), numbers)
    return line if line.step > 0 or line.signed else line.turned()


def _support(line: NumberLine) -> tuple[float, bool]:
    """Where no sign speaks against it, the usual display with positive velocities up is meant."""
    return len(line.fitting) - 0.2 * line.wrong_signs, line.step > 0


def _through(
    first: AxisNumber, second: AxisNumber, signs: tuple[int, int], numbers: Sequence[AxisNumber], tolerance_px: float
) -> NumberLine | None:
    values = first.magnitude * signs[0], second.magnitude * signs[1]
    if abs(first.row - second.row) < 2 * tolerance_px or values[0] == values[1]:
        return None
    step = -(values[1] - values[0]) / (second.row - first.row)
    return _line(step, first.row + values[0] / step, numbers, tolerance_px)


def _line(step: float, zero_row: float, numbers: Sequence[AxisNumber], tolerance_px: float) -> NumberLine:
    off = [abs(abs((zero_row - number.row) * step) - number.magnitude) / abs(step) for number in numbers]
    fitting = [number for number, rows in zip(numbers, off, strict=True) if rows <= tolerance_px]
    wrong = [number for number in fitting if _wrong_sign(number, (zero_row - number.row) * step)]
    return NumberLine(step, zero_row, tuple(fitting), tuple(n for n in numbers if n not in fitting), len(wrong))


def _wrong_sign(number: AxisNumber, value: float) -> bool:
    return number.magnitude > 0 and number.sign * value < 0  # a number without a sign may have lost it


def _refined(line: NumberLine, numbers: Sequence[AxisNumber]) -> NumberLine:
    rows = np.array([number.row for number in line.fitting])
    values = np.array([np.copysign(number.magnitude, line.value(number.row)) for number in line.fitting])
    slope, at_zero = np.polyfit(rows, values, 1)
    others = tuple(number for number in numbers if number not in line.fitting)
    return NumberLine(-float(slope), -float(at_zero / slope), line.fitting, others, line.wrong_signs)
