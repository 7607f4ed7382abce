from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.records import Finding, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.reports.tokens import concept_tokens, tokens_of


def finding(disease=Disease.STENOSIS, low=Severity.MODERATE, high=None, assertion=Assertion.PRESENT):
    interval = SeverityInterval(low, low if high is None else high)
    return Finding(
        valve=Valve.AORTIC,
        disease=disease,
        severity=interval,
        assertion=assertion,
        span=Span(0, 1),
        quote="x",
    )


def test_near_velocities_share_a_token_whatever_their_unit():
    assert tokens_of("peak 3.4 m/s") == tokens_of("peak 3.5 m / s") == tokens_of("peak 340 cm/s")
    assert tokens_of("3.4 m/s") == ["mps_3.5"]
    assert tokens_of("4.4 m/s") != tokens_of("3.4 m/s")


def test_units_are_not_mixed():
    assert tokens_of("42 mmHg, 42 mm Hg, 1.0 cm2, 1.0 cm², 55%, 220 ms, 60 mL") == [
        "mmhg_40", "mmhg_40", "cm2_1", "cm2_1", "pct_60", "ms_200", "ml_60",
    ]  # fmt: skip


def test_a_range_gives_both_ends():
    assert tokens_of("3.0-4.0 m/s") == ["mps_3", "mps_4"]


def test_words_abbreviations_and_plus_grades():
    assert tokens_of("Mild-to-moderate AS as before; MR 2+, 1 to 2+ TR.") == [
        "mild", "to", "moderate", "AS", "as", "before", "mr", "2+", "1-2+", "tr",
    ]  # fmt: skip
    assert tokens_of("SEVERE AS") == ["severe", "as"]
    assert tokens_of("") == []
    assert tokens_of("5 mother") == ["num", "mother"]


def test_neighbouring_grades_share_their_ladder():
    moderate = concept_tokens([finding()])
    assert moderate[0] == "aortic|stenosis|moderate"
    assert "aortic|stenosis|>=moderate" in moderate
    assert "aortic|stenosis|>=severe" not in moderate
    severe = set(concept_tokens([finding(low=Severity.SEVERE)]))
    mild = set(concept_tokens([finding(low=Severity.MILD)]))
    assert len(severe & set(moderate)) > len(severe & mild)


def test_absence_normality_and_doubt():
    assert concept_tokens([finding(low=Severity.NONE, assertion=Assertion.NEGATED)]) == ["aortic|stenosis|absent"]
    assert concept_tokens([finding(Disease.NORMAL, Severity.NONE)]) == [
        "aortic|normal",
        "aortic|stenosis|absent",
        "aortic|regurgitation|absent",
    ]
    assert concept_tokens([finding(assertion=Assertion.POSSIBLE)]) == ["aortic|stenosis|possible"]
    assert concept_tokens([finding(low=Severity.UNSPECIFIED)])[0] == "aortic|stenosis|unspecified"
    assert concept_tokens([]) == []


@given(st.text(max_size=200))
def test_no_token_holds_a_blank_or_is_empty(text):
    tokens = tokens_of(text)
    assert tokens == tokens_of(text)
    assert all(token and not any(character.isspace() for character in token) for token in tokens)
