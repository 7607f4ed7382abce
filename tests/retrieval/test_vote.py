import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Finding, Paragraph, Span
from echomine.domain.severity import GRADES, SeverityInterval, is_disease
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.retrieval.vote import Ballot, Reading, VoteConfig, VoteTable, readings_of, vote

ALL = VoteConfig(min_support=0.0)


def finding(disease, low, high=None, assertion=Assertion.PRESENT, valve=Valve.AORTIC):
    severity = SeverityInterval(low, low if high is None else high)
    return Finding(valve=valve, disease=disease, severity=severity, assertion=assertion, span=Span(0, 1), quote="x")


def paragraph(*findings):
    return Paragraph(paragraph_id="r#0", report_id="r", text="x", span=Span(0, 1), findings=findings)


def ballot(score, low, high=None, disease=Disease.STENOSIS, valve=Valve.AORTIC):
    severity = SeverityInterval(low, low if high is None else high)
    return Ballot(score=score, readings=(Reading(valve=valve, disease=disease, severity=severity),))


def test_the_weights_are_a_softmax_of_the_scores():
    config = VoteConfig(temperature=0.1, min_support=0.0)
    (outcome,) = vote([ballot(0.9, Severity.SEVERE), ballot(0.8, Severity.NONE)], config)
    assert outcome.present == pytest.approx(math.e / (math.e + 1))
    assert outcome.expected == pytest.approx(6 * math.e / (math.e + 1))
    assert outcome.top_score == 0.9
    assert outcome.support == pytest.approx(1)


def test_a_silent_paragraph_takes_support_but_not_presence():
    silent = Ballot(score=0.9, readings=())
    (outcome,) = vote([silent, ballot(0.9, Severity.MODERATE)], ALL)
    assert outcome.support == pytest.approx(0.5)
    assert outcome.present == 1
    assert outcome.grade is Severity.MODERATE
    assert vote([silent, silent, silent, ballot(0.9, Severity.MODERATE)], VoteConfig(min_support=0.3)) == ()


def test_none_and_trace_speak_for_absence():
    ballots = [ballot(0.5, Severity.NONE), ballot(0.5, Severity.TRACE), ballot(0.5, Severity.MILD)]
    (outcome,) = vote(ballots, ALL)
    assert outcome.present == pytest.approx(1 / 3)
    assert outcome.grade is Severity.MILD
    (careful,) = vote(ballots, VoteConfig(min_support=0.0, presence=0.5))
    assert careful.assertion is Assertion.NEGATED
    assert careful.grade is Severity.TRACE


def test_an_interval_spreads_its_vote_evenly():
    (outcome,) = vote([ballot(0.5, Severity.TRACE, Severity.MILD)], ALL)
    assert outcome.shares[Severity.TRACE] == outcome.shares[Severity.MILD] == 0.5
    assert outcome.present == 0.5
    assert outcome.is_present


def test_a_lesion_without_a_grade_counts_as_present():
    ungraded = ballot(0.5, Severity.UNSPECIFIED)
    (outcome,) = vote([ungraded], ALL)
    assert outcome.present == 1
    assert outcome.grade is Severity.UNSPECIFIED
    assert math.isnan(outcome.expected)
    mixed = [ungraded, ungraded, ballot(0.5, Severity.NONE), ballot(0.5, Severity.MODERATE)]
    (outcome,) = vote(mixed, ALL)
    assert outcome.present == pytest.approx(0.75)
    assert outcome.expected == pytest.approx(0.75 * 4)


def test_the_grade_is_the_mean_and_never_on_the_other_side():
    grades = [Severity.NONE, Severity.NONE, Severity.MILD, Severity.MODERATE, Severity.SEVERE]
    (outcome,) = vote([ballot(0.5, grade) for grade in grades], ALL)
    assert outcome.is_present
    assert outcome.expected == pytest.approx(12 / 5)
    assert outcome.grade is Severity.MILD
    few = [Severity.MILD, *[Severity.NONE] * 4]
    (outcome,) = vote([ballot(0.5, grade) for grade in few], ALL)
    assert outcome.is_present
    assert outcome.grade is Severity.MILD
    (outcome,) = vote([ballot(0.5, grade) for grade in [*few, Severity.NONE]], ALL)
    assert not outcome.is_present
    assert outcome.grade is Severity.NONE


def test_only_the_first_k_vote():
    ballots = [ballot(0.5, Severity.SEVERE), ballot(0.5, Severity.NONE), ballot(0.5, Severity.NONE)]
    (outcome,) = vote(ballots, VoteConfig(k=1))
    assert outcome.grade is Severity.SEVERE


def test_pairs_come_in_the_order_of_the_vocabularies():
    ballots = [
        ballot(0.9, Severity.MILD, disease=Disease.REGURGITATION, valve=Valve.MITRAL),
        ballot(0.9, Severity.MILD, valve=Valve.MITRAL),
        ballot(0.9, Severity.MILD, disease=Disease.PROLAPSE),
    ]
    pairs = [(outcome.valve, outcome.disease) for outcome in vote(ballots, ALL)]
    assert pairs == [
        (Valve.AORTIC, Disease.PROLAPSE),
        (Valve.MITRAL, Disease.STENOSIS),
        (Valve.MITRAL, Disease.REGURGITATION),
    ]
    assert vote([]) == ()


def test_readings_of_normal_negated_and_doubtful_statements():
    none = SeverityInterval.exactly(Severity.NONE)
    normal = paragraph(finding(Disease.NORMAL, Severity.NONE))
    assert {reading.disease for reading in readings_of(normal)} == {Disease.STENOSIS, Disease.REGURGITATION}
    assert all(reading.severity == none for reading in readings_of(normal))
    assert readings_of(normal, normal_is_absent=False) == ()
    negated = paragraph(finding(Disease.STENOSIS, Severity.NONE, assertion=Assertion.NEGATED))
    assert readings_of(negated)[0].severity == none
    doubtful = paragraph(
        finding(Disease.NORMAL, Severity.NONE),
        finding(Disease.STENOSIS, Severity.MILD, assertion=Assertion.POSSIBLE),
    )
    assert [reading.disease for reading in readings_of(doubtful)] == [Disease.REGURGITATION]


intervals = st.tuples(st.sampled_from(GRADES), st.sampled_from(GRADES)).map(
    lambda ends: SeverityInterval(min(ends), max(ends))
)
graded = st.lists(st.tuples(st.floats(-1, 1), intervals), min_size=1, max_size=12)


@given(graded, st.floats(0.01, 2), st.floats(0.05, 0.45))
def test_grade_interval_and_presence_agree(voices, temperature, quantile):
    ballots = [ballot(score, severity.low, severity.high) for score, severity in voices]
    config = VoteConfig(temperature=temperature, quantile=quantile, min_support=0.0)
    (outcome,) = vote(ballots, config)
    assert outcome.severity.grade is outcome.grade
    assert outcome.severity.contains(outcome.grade)
    assert sum(outcome.shares) == pytest.approx(1)
    assert 0 <= outcome.present <= 1
    assert is_disease(outcome.grade) == outcome.is_present


@given(graded, st.integers(1, 12))
def test_the_table_votes_as_the_ballots_do(voices, k):
    ballots = [ballot(score, severity.low, severity.high) for score, severity in voices]
    names = [str(place) for place in range(len(ballots))]
    config = VoteConfig(k=k, min_support=0.0)
    table = VoteTable({name: one.readings for name, one in zip(names, ballots, strict=True)})
    (fast,) = table.vote(names, [one.score for one in ballots], config)
    (plain,) = vote(ballots, config)
    assert fast.present == pytest.approx(plain.present)
    assert fast.expected == pytest.approx(plain.expected)
    assert fast.support == pytest.approx(plain.support)
    assert fast.top_score == plain.top_score


def test_a_table_leaves_out_what_a_display_cannot_show():
    thick = ballot(0.9, Severity.MILD, disease=Disease.THICKENING)
    assert VoteTable({"a": thick.readings}).vote(["a"], [0.9], ALL) == ()
    assert VoteTable({}).vote([], [], ALL) == ()


@given(graded)
def test_the_order_of_the_ballots_does_not_matter(voices):
    ballots = [ballot(score, severity.low, severity.high) for score, severity in voices]
    (one,), (other,) = vote(ballots, ALL), vote(ballots[::-1], ALL)
    assert one.present == pytest.approx(other.present)
    assert one.expected == pytest.approx(other.expected)


@pytest.mark.parametrize("bad", [{"k": 0}, {"temperature": 0}, {"quantile": 0.5}, {"min_support": 2}])
def test_settings_are_checked(bad):
    with pytest.raises(ConfigurationError):
        VoteConfig(**bad)
