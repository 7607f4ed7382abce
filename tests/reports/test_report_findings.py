"""Golden sentences: what plain and coordinated sentences say, by valve, disease, severity and assertion."""

import pytest

from echomine.reports import extract_findings


def read(text):
    return {(f.valve.value, f.disease.value, f.severity.high.word, f.assertion.value) for f in extract_findings(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Aortic valve: trileaflet. Mild sclerosis, no stenosis. Trace insufficiency.",
            {
                ("aortic", "sclerosis_calcification", "mild", "present"),
                ("aortic", "stenosis", "none", "negated"),
                ("aortic", "regurgitation", "trace", "present"),
            },
        ),
        (
            "Mild aortic and moderate mitral regurgitation.",
            {("aortic", "regurgitation", "mild", "present"), ("mitral", "regurgitation", "moderate", "present")},
        ),
        (
            "Mild MR and TR.",
            {("mitral", "regurgitation", "mild", "present"), ("tricuspid", "regurgitation", "mild", "present")},
        ),
        (
            "No significant AR. Pulmonic valve shows moderate PI.",
            {("aortic", "regurgitation", "none", "negated"), ("pulmonic", "regurgitation", "moderate", "present")},
        ),
    ],
)
def test_constructions(text, expected):
    assert read(text) == expected


def test_quotes_are_the_characters_of_their_spans():
    text = "1. Severe AS.\n2. Moderate mitral regurgitation."
    for finding in extract_findings(text):
        assert finding.quote == text[finding.span.start : finding.span.end]
    assert len(extract_findings(text)) == 2


def test_an_empty_text_says_nothing():
    assert extract_findings("") == ()
