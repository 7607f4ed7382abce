"""Numbers of an axis: what print means, and the one scale that most of it agrees with. Rows and values by hand."""

import numpy as np
import pytest

from echomine.doppler.axis_numbers import AxisUnit, NumberLine, is_axis_print, line_through, number_of, unit_of
from echomine.doppler.marks import Sheet, Word, completed


def word(row, *, dotted=False):
    return Word((100, row - 5, 130, row + 6), (100, row - 5, 130, row + 6), dotted)


def number(row, text, **options):
    found = number_of(word(row, **options), text, 1.0)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "magnitude", "sign"),
    [("-100", 100, -1), ("−1.5", 1.5, -1), ("+20", 20, 1), ("0,8", 0.8, 0), (".5", 0.5, 0), ("--40", 40, -1)],
)
def test_numbers_as_makers_print_them(text, magnitude, sign):
    found = number(50, text)
    assert (found.magnitude, found.sign) == (magnitude, sign)


@pytest.mark.parametrize("text", ["", "-", "1.8MHz", "76bpm", "08", "12345", "1.2.3", "50%", "12/03", "1-2"])
def test_what_is_no_number_of_an_axis(text):
    assert number_of(word(50), text, 1.0) is None


def test_doubtful_recognition_is_none():
    assert number_of(word(50), "100", 0.3) is None


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("cm/s", AxisUnit.CM_PER_S),
        ("[m/s]", AxisUnit.M_PER_S),
        ("kHz", AxisUnit.FREQUENCY),
        ("100cm/s", AxisUnit.CM_PER_S),
    ],
)
def test_units(text, unit):
    assert unit_of(text) is unit


@pytest.mark.parametrize("text", ["100mm/s", "225Hz", "1.8MHz", "cm", "ms", ""])
def test_what_is_no_unit_of_velocity(text):
    assert unit_of(text) is None


def test_a_misread_number_is_left_out():
    numbers = [number(100, "100"), number(200, "0"), number(300, "-100"), number(400, "-260"), number(500, "-300")]
    line = line_through(numbers, tolerance_px=2)
    assert line.step == pytest.approx(1.0)
    assert line.zero_row == pytest.approx(200)
    assert [other.text for other in line.others] == ["-260"]


def test_a_tick_read_as_a_minus_does_not_turn_the_scale():
    numbers = [number(100, "-100"), number(200, "0"), number(300, "--100"), number(400, "--200")]
    line = line_through(numbers, tolerance_px=2)
    assert line.step == pytest.approx(1.0)
    assert line.wrong_signs == 1


def line_of(*texts: str) -> NumberLine:
    """Through numbers that stand below each other, 100 rows apart, their digits beginning in one column."""
    return line_through([number(100 * row, text) for row, text in enumerate(texts)], tolerance_px=2)


def printed(row, text, *, ends_at=None):
    """A number as it is printed, digits 8 and signs 6 columns wide; begun in one column, or ended in one."""
    digits = text.lstrip("-")
    x0 = 100 + 6 * (len(text) - len(digits)) if ends_at is None else ends_at - 8 * len(digits)
    body = (x0, row - 5, x0 + 8 * len(digits), row + 6)
    found = number_of(Word(body, body), text, 1.0)
    assert found is not None
    return found


@pytest.mark.parametrize("texts", [("-200", "-100", "0", "100"), ("-200", "-100", "0"), ("-300", "200", "-100", "0")])
@pytest.mark.parametrize("ends_at", [None, 160])
def test_an_inverted_display_stays_inverted(texts, ends_at):
    numbers = [printed(100 * row, text, ends_at=ends_at) for row, text in enumerate(texts)]
    line = line_through(numbers, tolerance_px=2)
    assert line.step == pytest.approx(-1.0)
    assert line.signed


@pytest.mark.parametrize("texts", [("-200", "-100", "0", "100"), ("-300", "-200", "-100", "0"), ("-200", "-100", "0")])
def test_minus_signs_that_leave_the_digits_where_they_are_may_be_tick_marks(texts):
    line = line_of(*texts, "100")
    assert line.step == pytest.approx(1.0)
    assert not line.signed


@pytest.mark.parametrize("texts", [("200", "100", "0", "-100"), ("200", "100", "0", "-100", "200"), ("-100", "-200")])
def test_signs_that_nothing_speaks_against_are_believed(texts):
    line = line_of(*texts)
    assert line.step == pytest.approx(1.0)
    assert line.signed


@pytest.mark.parametrize(
    "texts",
    [
        ("-200", "-100", "0", "-100"),  # tick marks read as signs above, and one sign or one more tick mark below
        ("-400", "-300", "-200", "100", "0", "-100"),
        ("-200", "100", "0", "100", "200"),  # one tick mark among unsigned numbers
        ("400", "-300", "200", "100", "0"),
        ("-100", "0", "100", "200"),
    ],
)
def test_weak_signs_do_not_turn_a_display_on_its_head(texts):
    line = line_of(*texts)
    assert line.step == pytest.approx(1.0)
    assert not line.signed


def test_numbers_without_signs_mean_the_usual_display():
    line = line_through([number(100, "1.0"), number(200, "0"), number(300, "1.0"), number(400, "2.0")], tolerance_px=2)
    assert line.step == pytest.approx(0.01)
    assert line.value(400) == pytest.approx(-2.0)


def test_a_decimal_point_that_was_seen_but_not_read_makes_no_scale():
    numbers = [number(row, text, dotted=True) for row, text in ((100, "10"), (200, "20"), (300, "30"))]
    assert line_through(numbers, tolerance_px=2) is None


def test_a_digit_that_was_seen_but_not_read_makes_no_scale():
    words = [Word((100, row - 5, 130, row + 6), (100, row - 5, 130, row + 6), glyphs=3) for row in (100, 200, 300)]
    numbers = [number_of(word, text, 1.0) for word, text in zip(words, ("10", "20", "30"), strict=True)]
    assert line_through(numbers, tolerance_px=2) is None


@pytest.mark.parametrize(("left", "doubtful"), [(None, False), (60, True), (40, False)])
def test_a_digit_far_before_the_point_is_seen(left, doubtful):
    grey = np.zeros((60, 120), dtype=np.uint8)
    grey[20:31, 76:83] = 220  # the digit that was found: 11 rows
    if left is not None:
        grey[20:31, left : left + 7] = 200  # another, 9 columns before it, or out of reach
    two = completed(Sheet(grey, 1.0), Word((76, 20, 83, 31), (76, 20, 83, 31)))
    found = number_of(two, "2", 1.0)
    assert found is not None
    assert found.doubtful is doubtful


def test_one_number_makes_no_scale():
    assert line_through([number(100, "100")], tolerance_px=2) is None
    assert line_through([], tolerance_px=2) is None


def test_axis_print_is_numbers_and_units_and_nothing_else():
    assert is_axis_print("-1.5", 0.9)
    assert is_axis_print("cm/s", 0.9)
    assert not is_axis_print("76bpm", 0.9)
    assert not is_axis_print("12.5 mm", 0.9)


def test_a_plus_sign_is_no_digit_and_a_tick_before_it_no_minus() -> None:
    wide = Word(box=(0, 0, 40, 10), body=(0, 0, 40, 10), glyphs=4)
    read = number_of(wide, "+350", 1.0)
    assert read is not None
    assert (read.magnitude, read.sign, read.doubtful) == (350.0, 1, False)
    ticked = number_of(wide, "-+350", 1.0)
    assert ticked is not None
    assert ticked.sign == 1
