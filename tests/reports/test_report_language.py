"""Hundreds of statements as they are written, each with all that it says."""

from pathlib import Path

import pytest

from echomine.reports import assertion_of, extract_findings
from echomine.reports.document import written_grade

LINES = (Path(__file__).parent / "golden" / "echo_language.txt").read_text(encoding="utf-8").splitlines()
CASES = [line for line in LINES if line and not line.startswith("#")]
VALVES = {"A": "aortic", "M": "mitral", "T": "tricuspid", "P": "pulmonic"}
DISEASES = {
    "reg": "regurgitation",
    "sten": "stenosis",
    "prol": "prolapse",
    "calc": "sclerosis_calcification",
    "thick": "thickening",
    "veg": "vegetation",
    "pros": "prosthesis",
    "norm": "normal",
}
ASSERTIONS = {"neg": "negated", "hist": "historical", "possible": "possible", "family": "family"}
ASIDE = {"hypothetical", "not_assessed"}


def expected(says):
    """The statements of a line; what is planned or could not be judged is no statement."""
    told = set()
    for part in filter(str.split, says.split(";")):
        valve, disease, *rest = part.split()
        if {"hypo", "na"}.intersection(rest):
            continue
        assertion = next((ASSERTIONS[word] for word in rest if word in ASSERTIONS), "present")
        grade = next((word for word in rest if word not in ASSERTIONS), "-").replace("-", "unspecified")
        if assertion == "negated" or disease == "norm":
            grade = "none"
        told.add((VALVES[valve], DISEASES[disease], grade, assertion))
    return told


def said(text):
    found = {(f.valve, f.disease, written_grade(f.severity).word, f.assertion) for f in extract_findings(text)}
    return {tuple(map(str, row)) for row in found if str(row[3]) not in ASIDE}


@pytest.mark.parametrize("first", range(0, len(CASES), 25))
def test_statements(first):
    wrong = {}
    for case in CASES[first : first + 25]:
        text, _, says = case.rpartition("=>")
        found = said(text.strip().replace(" | ", "\n"))
        if found != expected(says):
            wrong[text] = found ^ expected(says)
    assert not wrong


ASSERTED = (Path(__file__).parent / "golden" / "assertions.txt").read_text(encoding="utf-8").splitlines()[1:]


def test_assertions_of_concepts_of_any_field():
    rows = [line.split(" | ") for line in ASSERTED]
    wrong = [row for row in rows if assertion_of(row[0], row[1]) != row[2]]
    assert len(rows) > 200
    assert not wrong
