from dataclasses import replace

import numpy as np

from echomine.domain.records import Finding, Pair, Paragraph, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, FlowKind, Severity, Valve
from echomine.doppler.display_numbers import NUMBERS
from echomine.doppler.envelope import Side
from echomine.pipeline.exam_match import ExamParagraphs, exam_paragraphs
from echomine.pipeline.weak_pairs import paragraphs_by_study, propose_pairs, propose_views, revise_pairs


def paragraph(name, valve, disease, severity, *, study="1.2", text="text"):
    absent = severity is Severity.NONE
    finding = Finding(
        valve=valve,
        disease=disease,
        severity=SeverityInterval.exactly(severity),
        assertion=Assertion.NEGATED if absent else Assertion.PRESENT,
        span=Span(0, 4),
        quote="text",
    )
    return Paragraph(paragraph_id=name, report_id="r", text=text, span=Span(0, 4), findings=(finding,), study_uid=study)


AORTIC = paragraph("r#0", Valve.AORTIC, Disease.STENOSIS, Severity.NONE)
MITRAL = paragraph("r#1", Valve.MITRAL, Disease.REGURGITATION, Severity.SEVERE)
ELSEWHERE = paragraph("q#0", Valve.AORTIC, Disease.STENOSIS, Severity.SEVERE, study="9.9")


def numbers(**values):
    """What is measured on a display: ``below_vmax=2.0`` in the units of the table, logarithms where it has them."""
    row = np.full(len(NUMBERS), np.nan, dtype=np.float32)
    for key, value in values.items():
        side, _, name = key.partition("_")
        row[NUMBERS.index((Side[side.upper()], name))] = value
    return row


def test_exams_are_those_of_paragraphs_that_say_something():
    assert paragraphs_by_study([AORTIC, MITRAL, ELSEWHERE]) == {"1.2": [AORTIC, MITRAL], "9.9": [ELSEWHERE]}


def test_without_a_measurement_the_gravest_lesion_is_proposed_and_never_a_summary_of_valves():
    summary = replace(AORTIC, paragraph_id="r#2", findings=(*AORTIC.findings, *MITRAL.findings))
    exam = exam_paragraphs([AORTIC, MITRAL, summary], None, None)
    assert exam.paragraphs == (AORTIC, MITRAL)
    (pair,) = propose_pairs({"a": exam})
    assert (pair.image_id, pair.paragraph_id) == ("a", "r#1")
    assert 0.5 < pair.weight < 0.9
    assert exam_paragraphs([summary], None, None).paragraphs == (summary,)


def test_a_number_that_report_and_display_share_links_them():
    """The report has 2.4 m/s at the pulmonic valve, 1.2 m/s at the aortic one."""
    aortic = paragraph("r#0", Valve.AORTIC, Disease.STENOSIS, Severity.NONE, text="Aortic valve: vmax 1.2 m/s.")
    pulmonic = paragraph("r#1", Valve.PULMONIC, Disease.STENOSIS, Severity.NONE, text="Pulmonic valve: vmax 2.4 m/s.")
    ejection = {"below_ejection": 0.9}
    fast = exam_paragraphs([aortic, pulmonic], numbers(below_vmax=np.log(2.45), **ejection), None)
    slow = exam_paragraphs([aortic, pulmonic], numbers(below_vmax=np.log(1.15), **ejection), None)
    neither = exam_paragraphs([aortic, pulmonic], numbers(**ejection), None)
    assert fast.likeliest()[0] is pulmonic
    assert slow.likeliest()[0] is aortic
    assert min(fast.likeliest()[1], slow.likeliest()[1]) > 0.9
    assert neither.likeliest()[1] == 0.5


def test_the_kind_of_flow_tells_an_outflow_from_an_inflow_and_a_leak_that_is_denied_tells_nothing():
    leak = paragraph("r#2", Valve.MITRAL, Disease.REGURGITATION, Severity.MILD)
    no_leak = paragraph("r#3", Valve.MITRAL, Disease.REGURGITATION, Severity.NONE)
    jet = numbers(below_mitral_jet=0.9)
    outflow = exam_paragraphs([AORTIC, no_leak], numbers(below_ejection=0.9), None)
    assert outflow.likeliest()[0] is AORTIC
    assert exam_paragraphs([AORTIC, leak], jet, None).likeliest()[1] > 0.75
    assert exam_paragraphs([AORTIC, no_leak], jet, None).likeliest()[1] == 0.5


def test_a_valve_that_somebody_saw_decides():
    assert exam_paragraphs([AORTIC, MITRAL], numbers(above_filling=1.0), Valve.AORTIC).paragraphs == (AORTIC,)
    assert exam_paragraphs([AORTIC, MITRAL], None, Valve.PULMONIC).paragraphs == (AORTIC, MITRAL)


def test_a_revision_takes_the_paragraph_that_is_near_and_fits():
    places = {"a": np.array([1.0, 0.0], dtype=np.float32)}
    vectors = {"r#0": np.array([1.0, 0.0], dtype=np.float32), "r#1": np.array([0.0, 1.0], dtype=np.float32)}
    even = ExamParagraphs(paragraphs=(AORTIC, MITRAL), fit=np.zeros(2))
    (near,) = revise_pairs({"a": even}, places, vectors)
    assert near.paragraph_id == "r#0"
    assert near.weight > 0.99
    (fitting,) = revise_pairs({"a": replace(even, fit=np.array([0.0, 20.0]))}, places, vectors)
    assert fitting.paragraph_id == "r#1"


def test_views_follow_from_what_likely_paragraphs_name():
    paragraphs = {one.paragraph_id: one for one in (AORTIC, MITRAL)}
    pairs = [
        Pair(image_id="a", paragraph_id="r#0", weight=0.9),
        Pair(image_id="b", paragraph_id="r#1", weight=0.6),
        Pair(image_id="c", paragraph_id="r#1", weight=0.4),
    ]
    views = propose_views(pairs, paragraphs)
    assert [(view.image_id, view.valve, view.flow) for view in views] == [
        ("a", Valve.AORTIC, FlowKind.NORMAL),
        ("b", Valve.MITRAL, FlowKind.REGURGITATION),
    ]
