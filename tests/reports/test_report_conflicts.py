"""Reports that disagree with themselves, and the study label they still give."""

import json

import pytest

from echomine.reports import findings_document


def conflicts(text):
    return [(c["kind"], c["valve"]) for c in findings_document("r", text)["conflicts"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Severe aortic stenosis with peak velocity of 2.7 m/s.", [("grade_against_numbers", "aortic")]),
        ("Moderate aortic stenosis with peak velocity of 3.4 m/s.", []),
        (
            "FINDINGS: Mild mitral regurgitation.\nIMPRESSION: Severe mitral regurgitation.",
            [("grade_against_grade", "mitral")],
        ),
        ("Mild aortic stenosis. No aortic stenosis.", [("present_against_negated", "aortic")]),
        ("Mitral regurgitation. Moderate mitral regurgitation.", []),
        ("Previously mild mitral regurgitation. Moderate mitral regurgitation.", []),
        ("Aortic valve: peak velocity 4.0 m/s, peak gradient 64 mmHg.", []),
        ("Aortic valve: peak velocity 4.0 m/s, peak gradient 30 mmHg.", [("number_against_number", "aortic")]),
        ("Mitral valve: pressure half time 220 ms, valve area 1.0 cm2.", []),
        ("Mitral valve: pressure half time 110 ms, valve area 1.0 cm2.", [("number_against_number", "mitral")]),
        ("TR velocity 3.0 m/s, right atrial pressure 5 mmHg, RVSP 41 mmHg.", []),
        ("TR velocity 3.0 m/s, right atrial pressure 5 mmHg, RVSP 80 mmHg.", [("number_against_number", "tricuspid")]),
        ("TR velocity 3.0 m/s, RVSP 46 mmHg.", []),
    ],
)
def test_conflicts(text, expected):
    assert conflicts(text) == expected


def study(text):
    rows = findings_document("r", text)["study"]
    return {(row["valve"], row["disease"]): (row["severity"], row["assertion"]) for row in rows}


def test_the_impression_rules_over_the_findings():
    text = "FINDINGS: Mild to moderate mitral regurgitation.\nIMPRESSION: Moderate mitral regurgitation."
    assert study(text) == {("mitral", "regurgitation"): ("moderate", "present")}


def test_today_rules_over_the_past():
    text = "INDICATION: Severe aortic stenosis.\nFINDINGS: Moderate aortic stenosis."
    assert study(text) == {("aortic", "stenosis"): ("moderate", "present")}


def test_the_latest_word_rules_and_an_older_study_does_not():
    text = (
        "COMPARISON: The prior echo showed mild aortic stenosis.\nFINDINGS: Severe aortic stenosis. Mild MR.\n"
        "IMPRESSION: Moderate aortic stenosis. Mild MR.\nADDENDUM: On review the mitral regurgitation is moderate."
    )
    assert study(text) == {
        ("aortic", "stenosis"): ("moderate", "present"),
        ("mitral", "regurgitation"): ("moderate", "present"),
    }


def test_a_lesion_of_the_past_alone_stays_historical():
    assert study("History of mitral valve prolapse.") == {("mitral", "prolapse"): ("unspecified", "historical")}


def test_a_document_is_plain_json_with_places_in_the_text():
    text = "1. At least moderate AS.\n2. No more than mild MR. AVA 1.2 cm2."
    document = json.loads(json.dumps(findings_document("r7", text)))
    assert document["id"] == "r7"
    for row in document["findings"] + document["measurements"]:
        assert text[row["start"] : row["end"]] == row["quote"]
    grades = [(row["severity"], row["severity_low"], row["severity_high"]) for row in document["findings"]]
    assert grades == [("moderate", "moderate", "severe"), ("mild", "none", "mild")]


def test_an_empty_report_gives_empty_lists():
    document = findings_document("r", "")
    assert document["findings"] == document["measurements"] == document["conflicts"] == []


def others(text):
    rows = findings_document("r", text)["findings"]
    eight = {"stenosis", "regurgitation", "prolapse", "sclerosis_calcification"} | {
        "thickening",
        "vegetation",
        "prosthesis",
        "normal",
    }
    return [(r["disease"], r["valve"], r["severity"], r["assertion"]) for r in rows if r["disease"] not in eight]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A bicuspid aortic valve.", [("bicuspid", "aortic", "unspecified", "present")]),
        ("The mitral valve is myxomatous.", [("myxomatous", "mitral", "unspecified", "present")]),
        ("Moderate pulmonary hypertension.", [("pulmonary_hypertension", "", "moderate", "present")]),
        (
            "Mild LVH. No pericardial effusion.",
            [("lv_hypertrophy", "", "mild", "present"), ("pericardial_effusion", "", "none", "negated")],
        ),
        ("Diastolic dysfunction grade 2.", [("diastolic_dysfunction", "", "moderate", "present")]),
        ("INDICATION: Rule out thrombus.", [("thrombus", "", "unspecified", "hypothetical")]),
    ],
)
def test_findings_beside_the_valve_diseases(text, expected):
    assert others(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Moderate eccentric mitral regurgitation.", ("eccentric", "", "native")),
        ("Mild aortic insufficiency, unchanged.", ("", "unchanged", "native")),
        ("Bioprosthetic mitral valve. New paravalvular regurgitation.", ("paravalvular", "new", "prosthetic")),
        ("Severe tricuspid regurgitation.", ("", "", "native")),
    ],
)
def test_jet_trend_and_kind_of_valve(text, expected):
    row = findings_document("r", text)["findings"][-1]
    assert (row["jet"], row["trend"], row["valve_kind"]) == expected


def test_an_attribute_belongs_to_the_nearest_lesion():
    rows = findings_document("r", "Central mitral regurgitation and eccentric aortic regurgitation.")["findings"]
    assert [(row["valve"], row["jet"]) for row in rows] == [("mitral", "central"), ("aortic", "eccentric")]


@pytest.mark.parametrize(("atrial", "expected"), [("RAP 5 mmHg, ", "gives 41 mmHg"), ("", "gives 36 to 56 mmHg")])
def test_a_known_atrial_pressure_gives_one_expected_pressure(atrial, expected):
    document = findings_document("a", f"TR velocity 3.0 m/s, {atrial}RVSP 80 mmHg.")
    assert document["conflicts"][0]["message"].endswith(expected)
