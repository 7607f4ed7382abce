"""Each finding can say which rule made it."""

import pytest

from echomine.domain.records import Finding
from echomine.reports import explain_findings, extract_findings


def reasons(text):
    return [(e.finding.valve.value, e.valve, e.grade, e.assertion) for e in explain_findings(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mild mitral regurgitation.", ("mitral", "the noun phrase before it", "the noun phrase before it", "stated")),
        ("No AS.", ("aortic", "the word holds its valve", "no grade written", "the cue 'No'")),
        (
            "Regurgitation of the aortic valve is mild.",
            ("aortic", "a preposition after it", "the words after it", "stated"),
        ),
        (
            "The aortic valve is severely stenotic.",
            ("aortic", "the subject of the sentence", "the noun phrase before it", "stated"),
        ),
        ("MR: moderate.", ("mitral", "the word holds its valve", "the words after it", "stated")),
        (
            "INDICATION: Mitral stenosis.",
            ("mitral", "the noun phrase before it", "no grade written", "the section 'INDICATION'"),
        ),
        (
            "The mitral valve is competent.",
            ("mitral", "what is called normal or competent", "no grade written", "what the words 'competent' imply"),
        ),
    ],
)
def test_reasons(text, expected):
    assert reasons(text) == [expected]


def test_a_subject_is_carried_and_a_grade_shared():
    assert reasons("Mitral valve: thickened. Mild regurgitation.")[1][1] == "the subject of an earlier sentence"
    assert reasons("Mild MR and TR.")[1][2] == "the list it stands in"


def test_explanations_are_of_the_findings():
    text = "Severe AS, s/p AVR. No MR. Trace TR."
    explained = explain_findings(text)
    assert tuple(e.finding for e in explained if isinstance(e.finding, Finding)) == extract_findings(text)
    assert reasons(text)[0][3] == "a replacement of the valve"


def test_findings_beside_the_valve_diseases_are_explained():
    bicuspid, hypertrophy, shunt = explain_findings("Bicuspid aortic valve. Mild LVH. No ASD.")
    assert (bicuspid.finding.kind, bicuspid.finding.valve) == ("bicuspid", "aortic")
    assert (hypertrophy.valve, hypertrophy.grade) == ("of no valve", "the noun phrase before it")
    assert shunt.assertion == "the cue 'No'"
