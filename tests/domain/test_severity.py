import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.severity import GRADES, SeverityInterval, is_disease, three_classes
from echomine.domain.vocabulary import Severity

grades = st.sampled_from(GRADES)


@st.composite
def intervals(draw):
    low, high = sorted((draw(grades), draw(grades)))
    return SeverityInterval(low, high)


def test_scale_runs_from_none_zero_to_severe_six():
    words = ["none", "trace", "mild", "mild_moderate", "moderate", "moderate_severe", "severe"]
    assert [grade.word for grade in GRADES] == words
    assert [int(grade) for grade in GRADES] == [0, 1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("grade", list(Severity))
def test_word_round_trip(grade):
    assert Severity.from_word(f" {grade.word.title()} ") is grade


def test_unknown_word_lists_the_known_ones():
    with pytest.raises(ValueError, match="'huge' is no severity, known are .*mild_moderate"):
        Severity.from_word("huge")


def test_interval_refuses_reversed_and_half_specified_ends():
    with pytest.raises(ValueError, match="severe to mild"):
        SeverityInterval(Severity.SEVERE, Severity.MILD)
    with pytest.raises(ValueError, match="unspecified to mild"):
        SeverityInterval(Severity.UNSPECIFIED, Severity.MILD)


def test_grade_of_an_interval_is_the_graver_middle():
    assert SeverityInterval(Severity.MILD, Severity.MODERATE).grade is Severity.MILD_MODERATE
    assert SeverityInterval(Severity.MODERATE, Severity.MODERATE_SEVERE).grade is Severity.MODERATE_SEVERE
    assert SeverityInterval.unspecified().grade is Severity.UNSPECIFIED


@given(intervals(), intervals())
def test_hull_is_the_smallest_that_holds_both(first, second):
    hull = first.hull(second)
    assert hull == second.hull(first)
    inside = {grade for grade in GRADES if hull.contains(grade)}
    assert {first.low, first.high, second.low, second.high} <= inside
    assert min(inside) == min(first.low, second.low)
    assert max(inside) == max(first.high, second.high)


@given(intervals())
def test_unspecified_adds_nothing_to_a_hull(interval):
    assert interval.hull(SeverityInterval.unspecified()) == interval
    assert SeverityInterval.unspecified().hull(interval) == interval


@given(intervals(), intervals())
def test_overlap_means_a_shared_grade(first, second):
    shared = [grade for grade in GRADES if first.contains(grade) and second.contains(grade)]
    assert first.overlaps(second) == bool(shared)


def test_a_half_step_counts_as_either_neighbour():
    assert three_classes(Severity.MILD_MODERATE) == {"mild", "moderate"}
    assert three_classes(Severity.MODERATE_SEVERE) == {"moderate", "severe"}
    assert three_classes(Severity.TRACE) == frozenset()


def test_trace_is_physiologic_and_no_disease():
    assert [grade.word for grade in GRADES if is_disease(grade)] == [
        "mild",
        "mild_moderate",
        "moderate",
        "moderate_severe",
        "severe",
    ]
    assert not is_disease(Severity.UNSPECIFIED)
