"""Tables of the heart around the valves and of stages, against the printed cut-offs."""

import pytest

from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Measurement
from echomine.domain.vocabulary import Valve
from echomine.reports import findings_document
from echomine.reports.grading import grade_measurements
from echomine.reports.heart_grading import grade_heart, heart_tables

TRICUSPID = Valve.TRICUSPID


def number(name, value, unit, valve=None):
    return Measurement(name=name, value=value, unit=unit, valve=valve)


def graded(*numbers, **told):
    return {grade.kind: grade.grade for grade in grade_heart(numbers, **told)}


@pytest.mark.parametrize(
    ("velocity", "signs", "expected"),
    [
        (2.8, (), "low"),
        (2.9, (), "intermediate"),
        (3.4, (), "intermediate"),
        (3.5, (), "high"),
        (2.7, ("rv_dilation",), "intermediate"),
        (3.6, ("rv_dilation",), "high"),
    ],
)
def test_probability_of_pulmonary_hypertension(velocity, signs, expected):
    found = graded(number("vmax", velocity, "m/s", TRICUSPID), signs=signs)
    assert found == {"pulmonary_hypertension_probability": expected}


def test_a_velocity_at_another_valve_says_nothing_of_the_pulmonary_pressure():
    assert graded(number("vmax", 4.5, "m/s", Valve.AORTIC)) == {}


@pytest.mark.parametrize(
    ("name", "value", "unit", "sex", "kind", "expected"),
    [
        ("lvef", 53, "%", "male", "lv_systolic_dysfunction", "normal"),
        ("lvef", 53, "%", "female", "lv_systolic_dysfunction", "mild"),
        ("lvef", 53, "%", "", "lv_systolic_dysfunction", "normal or mild"),
        ("lvef", 40, "%", "", "lv_systolic_dysfunction", "moderate"),
        ("lvef", 29, "%", "", "lv_systolic_dysfunction", "severe"),
        ("lvidd", 5.9, "cm", "male", "lv_dilation", "mild"),
        ("lavi", 34, "mL/m2", "", "la_dilation", "normal"),
        ("lavi", 48.5, "mL/m2", "", "la_dilation", "severe"),
        ("lv_mass_index", 122, "g/m2", "female", "lv_hypertrophy", "severe"),
        ("tapse", 1.6, "cm", "", "rv_systolic_dysfunction", "mild..severe"),
    ],
)
def test_chambers(name, value, unit, sex, kind, expected):
    assert graded(number(name, value, unit), sex=sex) == {kind: expected}


@pytest.mark.parametrize(
    ("e_a", "e_mps", "e_e_prime", "velocity", "lavi", "expected"),
    [
        (0.7, 0.4, 9, 2.4, 30, "normal"),
        (2.2, 0.9, 16, 3.1, 40, "grade III"),
        (1.2, 0.8, 16, 3.1, 30, "grade II"),
        (0.7, 0.45, 16, 3.1, 30, "grade I"),
    ],
)
def test_diastole_with_a_normal_ejection_fraction(e_a, e_mps, e_e_prime, velocity, lavi, expected):
    found = graded(
        number("lvef", 60, "%"),
        number("e_a", e_a, ""),
        number("e_velocity", e_mps, "m/s", Valve.MITRAL),
        number("e_e_prime", e_e_prime, ""),
        number("vmax", velocity, "m/s", TRICUSPID),
        number("lavi", lavi, "mL/m2"),
    )
    assert found["diastolic_dysfunction"] == expected


def test_two_criteria_are_too_few():
    found = graded(number("lvef", 60, "%"), number("e_e_prime", 16, ""), number("lavi", 40, "mL/m2"))
    assert "diastolic_dysfunction" not in found


@pytest.mark.parametrize(
    ("numbers", "stage"),
    [
        ({"ava": 0.8, "mean_gradient": 28, "lvef": 35}, "D2"),
        ({"ava": 0.8, "mean_gradient": 28, "lvef": 60, "svi": 30}, "D3"),
        ({"ava": 0.8, "mean_gradient": 28, "lvef": 60, "svi": 40}, ""),
        ({"ava": 0.8, "mean_gradient": 28, "lvef": 35, "vmax": 4.1}, ""),
        ({"ava": 1.2, "mean_gradient": 28, "lvef": 35}, ""),
    ],
)
def test_low_flow_aortic_stenosis(numbers, stage):
    units = {"ava": "cm2", "mean_gradient": "mmHg", "lvef": "%", "svi": "mL/m2", "vmax": "m/s"}
    found = graded(*(number(name, value, units[name]) for name, value in numbers.items()))
    assert found.get("aortic stenosis stage", "").partition(" ")[0] == stage


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("vmax", 2.9, "m/s", ("none", "none")),
        ("vmax", 4.2, "m/s", ("moderate", "severe")),
        ("mean_gradient", 25, "mmHg", ("mild", "mild")),
        ("ava", 0.7, "cm2", ("moderate", "severe")),
    ],
)
def test_a_prosthesis_is_graded_by_varc(name, value, unit, expected):
    (grade,) = grade_measurements([number(name, value, unit, Valve.AORTIC)], prosthetic={Valve.AORTIC})
    assert grade.guideline == "VARC-2"
    assert (grade.severity.low.word, grade.severity.high.word) == expected


def test_a_report_tells_the_sex_the_signs_and_the_prosthesis():
    text = (
        "This 70-year-old woman has a bioprosthetic aortic valve with a mean gradient of 25 mmHg. LVEF 53%. "
        "TR velocity 2.6 m/s. Dilated right ventricle."
    )
    document = findings_document("r", text)
    assert {(row["kind"], row["grade"]) for row in document["heart"]} == {
        ("lv_systolic_dysfunction", "mild"),
        ("pulmonary_hypertension_probability", "intermediate"),
    }
    assert [row["guideline"] for row in document["grades"]] == ["VARC-2"]


def test_a_bad_table_is_named():
    text = 'guideline = "X"\n[[heart]]\nkind = "k"\nmeasure = "m"\nunit = "%"\ngrades = [{ grade = "mild", under = 3 }]'
    with pytest.raises(ConfigurationError, match=r"x.toml.*under"):
        heart_tables({"x.toml": text})
