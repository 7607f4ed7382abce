"""Every golden sentence: one construction or style each, and all that it says."""

import tomllib
from pathlib import Path

import pytest

from echomine.reports import extract_findings

FOLDER = Path(__file__).parent / "golden"
CASES = {
    name: case
    for file in ("constructions.toml", "report_styles.toml")
    for name, case in tomllib.loads((FOLDER / file).read_text(encoding="utf-8")).items()
}
VALVES = {"A": "aortic", "M": "mitral", "T": "tricuspid", "P": "pulmonic"}
ASSERTIONS = {"negated", "possible", "historical", "family", "hypothetical", "not_assessed"}


def expected(line):
    valve, disease, *rest = line.split()
    assertion = next((word for word in rest if word in ASSERTIONS), "present")
    grade = next((word for word in rest if word not in ASSERTIONS), "-")
    if assertion == "negated" or disease == "normal":
        grade = "none"
    low, _, high = grade.replace("-", "unspecified").partition("..")
    return VALVES[valve], disease, low, high or low, assertion


def said(text):
    return {
        (f.valve.value, f.disease.value, f.severity.low.word, f.severity.high.word, f.assertion.value)
        for f in extract_findings(text)
    }


@pytest.mark.parametrize("name", sorted(CASES))
def test_construction(name):
    assert said(CASES[name]["text"]) == {expected(line) for line in CASES[name]["says"]}
