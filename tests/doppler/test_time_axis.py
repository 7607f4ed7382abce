"""Seconds told from ticks that were drawn by hand."""

import numpy as np
import pytest

from echomine.doppler.axis import AxisProblemCode, ReadText, TimeSource
from echomine.doppler.heart_rate import rate_of
from echomine.doppler.marks import Marks, Sheet, Strokes, Word
from echomine.doppler.time_axis import find_time_scale

BOX = (50, 100, 850, 400)
NONE = np.zeros((0, 4), dtype=np.int32)


class Printed:
    """A reader that finds the same print in every word."""

    def __init__(self, text):
        self.text = text

    def read_words(self, crops):
        return [ReadText(self.text, 1.0) for _ in crops]


def scale_of(lengths, step_px, *, beat_px=None, rate="", level=255, dim=None, every_second=90):
    """The time scale of a display with ticks of those lengths below it, bars for beats, and a heart rate printed."""
    grey = np.zeros((440, 900), dtype=np.uint8)
    for place, length in enumerate(lengths):
        light = level if dim is None or place % 2 == 0 else dim
        grey[402 : 402 + length, 60 + place * step_px : 62 + place * step_px] = light
    for number, start in enumerate(range(70, 840, beat_px or 1000)):
        light = every_second if number % 2 else 90
        grey[250:350, start : start + beat_px // 3 if beat_px else start] = light
    box = (700, 425, 760, 436)
    words = (Word(box, box),) if rate else ()
    return find_time_scale(Sheet(grey, 1.0), Marks(words, Strokes(NONE, NONE)), BOX, Printed(rate))


def test_five_ticks_a_second_are_not_ten_though_long_ones_differ_by_a_row():
    found = scale_of([12, 3, 3, 3, 3, 11, 3, 3, 3, 3, 12, 3, 3, 3], 56)
    assert found.source is TimeSource.TICKS
    assert found.s_per_px == pytest.approx(1 / (5 * 56), rel=0.01)


LOST = [12, 3, 3, 3, 3, 0, 3, 3, 3, 3, 12, 3, 3, 3]
"""Fifths of which a long one is lost, as in the light of a flow."""
CUT = [12, 3, 3, 3, 3, 6, 3, 3, 3, 3, 12, 3, 3, 3]
"""Fifths of which a long one is cut short, or tenths of which those at half seconds are longer."""


@pytest.mark.parametrize("lengths", [LOST, CUT])
def test_fifths_that_look_like_tenths_are_no_scale_by_themselves(lengths):
    found = scale_of(lengths, 56)
    assert found.s_per_px is None
    assert {problem.code for problem in found.problems} == {AxisProblemCode.TIME_UNKNOWN}


@pytest.mark.parametrize(("rate", "ticks"), [("75bpm", 5), ("HR: 150", 10)])
def test_the_heart_rate_tells_fifths_from_tenths(rate, ticks):
    found = scale_of(LOST, 56, beat_px=224, rate=rate)  # a beat of 4 ticks: .8 s or .4 s
    assert found.s_per_px == pytest.approx(1 / (ticks * 56), rel=0.01)
    assert {problem.code for problem in found.problems} == {AxisProblemCode.TIME_ASSUMED}


@pytest.mark.parametrize(("every_second", "known"), [(90, True), (40, False)])
def test_beats_that_take_turns_tell_no_time(every_second, known):
    found = scale_of([], 56, beat_px=90, rate="75bpm", every_second=every_second)
    assert found.s_per_px == (pytest.approx(0.8 / 90, rel=0.02) if known else None)


def test_long_ticks_at_half_seconds_are_not_taken_for_seconds():
    found = scale_of([14, 3, 3, 3, 3, 10] + [3, 3, 3, 3, 14, 3, 3, 3, 3, 10] * 2, 32)
    assert found.s_per_px in (None, pytest.approx(1 / (10 * 32), rel=0.01))


def test_every_second_tick_that_is_too_dim_is_looked_for():
    found = scale_of([12, 3, 3, 3, 3] * 4 + [12], 36, dim=90)
    assert found.s_per_px in (None, pytest.approx(1 / (5 * 36), rel=0.01))


@pytest.mark.parametrize(("rate", "doubted"), [("75bpm", True), ("150bpm", False), ("", False)])
def test_beats_at_an_unusual_rate_are_compared_with_the_printed_one(rate, doubted):
    found = scale_of([12, 3, 3, 3, 3] * 2 + [12, 3, 3], 56, beat_px=112, rate=rate)  # a beat of .4 s by the ticks
    assert found.source is TimeSource.TICKS
    assert [problem.code for problem in found.problems] == [AxisProblemCode.TIME_DOUBTFUL] * doubted


@pytest.mark.parametrize(
    ("text", "rate"),
    [("76bpm", 76), ("HR: 62 bpm", 62), ("HR 102", 102), ("FC=58/min", 58), ("1.8MHz", None), ("999bpm", None)],
)
def test_heart_rates_as_they_are_printed(text, rate):
    assert rate_of(text) == rate


def test_ten_ticks_a_second_with_longer_fifths():
    found = scale_of([12, 3, 5, 3, 5, 3, 5, 3, 5, 3] * 2 + [12], 38)
    assert found.s_per_px == pytest.approx(1 / (10 * 38), rel=0.01)


@pytest.mark.parametrize("lengths", [[3, 3, 3, 3, 12, 3, 3, 3, 3], [4] * 14])
def test_without_two_long_ticks_nothing_says_what_a_second_is(lengths):
    found = scale_of(lengths, 56)
    assert found.s_per_px is None
    assert {problem.code for problem in found.problems} == {AxisProblemCode.TIME_UNKNOWN}
