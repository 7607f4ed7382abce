import numpy as np

from echomine.domain.records import Finding, Pair, Paragraph, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, FlowKind, Severity, Valve
from echomine.pipeline.weak_pairs import paragraphs_by_study, propose_pairs, propose_views, revise_pairs


def paragraph(name, valve, disease, severity, *, study="1.2"):
    absent = severity is Severity.NONE
    finding = Finding(
        valve=valve,
        disease=disease,
        severity=SeverityInterval.exactly(severity),
        assertion=Assertion.NEGATED if absent else Assertion.PRESENT,
        span=Span(0, 4),
        quote="text",
    )
    return Paragraph(
        paragraph_id=name, report_id="r", text="text", span=Span(0, 4), findings=(finding,), study_uid=study
    )


AORTIC = paragraph("r#0", Valve.AORTIC, Disease.STENOSIS, Severity.NONE)
MITRAL = paragraph("r#1", Valve.MITRAL, Disease.REGURGITATION, Severity.SEVERE)
ELSEWHERE = paragraph("q#0", Valve.AORTIC, Disease.STENOSIS, Severity.SEVERE, study="9.9")


def test_an_image_is_first_paired_with_the_gravest_lesion_of_its_own_exam():
    studies = paragraphs_by_study([AORTIC, MITRAL, ELSEWHERE])
    pairs = propose_pairs(["a", "b"], ["1.2", "5.5"], studies)
    assert [(pair.image_id, pair.paragraph_id) for pair in pairs] == [("a", "r#1")]


def test_a_revision_takes_the_nearest_paragraph_of_the_exam():
    places = {"a": np.array([1.0, 0.0], dtype=np.float32)}
    vectors = {"r#0": np.array([1.0, 0.0], dtype=np.float32), "r#1": np.array([0.0, 1.0], dtype=np.float32)}
    revised = revise_pairs([Pair(image_id="a", paragraph_id="r#1")], places, {"a": [AORTIC, MITRAL]}, vectors)
    assert revised[0].paragraph_id == "r#0"


def test_views_follow_from_what_the_paragraph_names():
    paragraphs = {one.paragraph_id: one for one in (AORTIC, MITRAL)}
    pairs = [Pair(image_id="a", paragraph_id="r#0"), Pair(image_id="b", paragraph_id="r#1")]
    views = propose_views(pairs, paragraphs)
    assert [(view.image_id, view.valve, view.flow) for view in views] == [
        ("a", Valve.AORTIC, FlowKind.NORMAL),
        ("b", Valve.MITRAL, FlowKind.REGURGITATION),
    ]
