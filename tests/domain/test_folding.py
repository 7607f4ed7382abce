from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve


def finding(
    disease=Disease.REGURGITATION,
    severity=Severity.MILD,
    *,
    valve=Valve.MITRAL,
    assertion=Assertion.PRESENT,
    start=0,
):
    return Finding(
        valve=valve,
        disease=disease,
        severity=SeverityInterval.exactly(severity),
        assertion=assertion,
        span=Span(start, start + 5),
        quote="quote",
    )


def test_two_grades_of_one_lesion_become_their_hull_with_the_gravest_quoted():
    folded = fold_findings([finding(start=0), finding(severity=Severity.MODERATE, start=40)])
    assert len(folded) == 1
    assert folded[0].severity == SeverityInterval(Severity.MILD, Severity.MODERATE)
    assert folded[0].span == Span(40, 45)


def test_a_present_lesion_outweighs_its_negation_and_drops_normal():
    folded = fold_findings(
        [
            finding(Disease.NORMAL, Severity.NONE),
            finding(severity=Severity.NONE, assertion=Assertion.NEGATED),
            finding(severity=Severity.SEVERE),
            finding(severity=Severity.MILD, assertion=Assertion.HISTORICAL),
        ]
    )
    assert [(item.disease, item.assertion) for item in folded] == [(Disease.REGURGITATION, Assertion.PRESENT)]
    assert folded[0].severity == SeverityInterval.exactly(Severity.SEVERE)


def test_normal_stays_beside_a_negated_lesion_and_for_other_valves():
    folded = fold_findings(
        [
            finding(Disease.NORMAL, Severity.NONE, valve=Valve.AORTIC),
            finding(Disease.STENOSIS, Severity.NONE, valve=Valve.AORTIC, assertion=Assertion.NEGATED),
            finding(),
        ]
    )
    assert [(item.valve, item.disease) for item in folded] == [
        (Valve.AORTIC, Disease.STENOSIS),
        (Valve.AORTIC, Disease.NORMAL),
        (Valve.MITRAL, Disease.REGURGITATION),
    ]


def test_no_findings_fold_to_none():
    assert fold_findings([]) == ()


random_findings = st.lists(
    st.builds(
        finding,
        st.sampled_from(list(Disease)),
        st.sampled_from(list(Severity)),
        valve=st.sampled_from(list(Valve)),
        assertion=st.sampled_from(list(Assertion)),
        start=st.integers(0, 99),
    ),
    max_size=12,
)


@given(random_findings, st.randoms(use_true_random=False))
def test_folding_ignores_order_and_is_idempotent(findings, shuffler):
    folded = fold_findings(findings)
    shuffled = list(findings)
    shuffler.shuffle(shuffled)
    assert fold_findings(shuffled) == folded
    assert fold_findings(folded) == folded
    pairs = [(item.valve, item.disease) for item in folded]
    assert len(pairs) == len(set(pairs))
