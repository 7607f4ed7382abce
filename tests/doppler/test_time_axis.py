"""Seconds told from ticks that were drawn by hand."""

import numpy as np
import pytest

from echomine.archive.text_recognition import OnnxTextReader
from echomine.doppler.axis import AxisProblemCode, TimeSource
from echomine.doppler.marks import Marks, Sheet, Strokes
from echomine.doppler.time_axis import find_time_scale

BOX = (50, 100, 850, 400)
NONE = np.zeros((0, 4), dtype=np.int32)


def scale_of(lengths, step_px):
    """The time scale of a black display with ticks of those lengths below it."""
    grey = np.zeros((440, 900), dtype=np.uint8)
    for place, length in enumerate(lengths):
        grey[402 : 402 + length, 60 + place * step_px : 62 + place * step_px] = 255
    return find_time_scale(Sheet(grey, 1.0), Marks((), Strokes(NONE, NONE)), BOX, OnnxTextReader())


def test_five_ticks_a_second_are_not_ten_though_long_ones_differ_by_a_row():
    found = scale_of([12, 3, 3, 3, 3, 11, 3, 3, 3, 3, 12, 3, 3, 3], 56)
    assert found.source is TimeSource.TICKS
    assert found.s_per_px == pytest.approx(1 / (5 * 56), rel=0.01)


def test_ten_ticks_a_second_with_longer_fifths():
    found = scale_of([12, 3, 5, 3, 5, 3, 5, 3, 5, 3] * 2 + [12], 38)
    assert found.s_per_px == pytest.approx(1 / (10 * 38), rel=0.01)


@pytest.mark.parametrize("lengths", [[3, 3, 3, 3, 12, 3, 3, 3, 3], [4] * 14])
def test_without_two_long_ticks_nothing_says_what_a_second_is(lengths):
    found = scale_of(lengths, 56)
    assert found.s_per_px is None
    assert {problem.code for problem in found.problems} == {AxisProblemCode.TIME_UNKNOWN}
