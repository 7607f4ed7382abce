"""Measurements read from sentences of our own: name, value, unit and valve."""

import pytest

from echomine.reports import extract_measurements


def read(text):
    return [(m.name, round(m.value, 3), m.unit, m.valve.value if m.valve else "") for m in extract_measurements(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Peak velocity across the aortic valve is 4.2 m/s.", [("vmax", 4.2, "m/s", "aortic")]),
        ("Peak aortic valve velocity of 420 cm/sec.", [("vmax", 4.2, "m/s", "aortic")]),
        ("The mean gradient across the mitral valve was 8 mm Hg.", [("mean_gradient", 8, "mmHg", "mitral")]),
        (
            "Severe aortic stenosis, peak gradient of 81 mmHg, mean gradient 45 mmHg and valve area of 0.7 sq. cm.",
            [
                ("peak_gradient", 81, "mmHg", "aortic"),
                ("mean_gradient", 45, "mmHg", "aortic"),
                ("ava", 0.7, "cm2", "aortic"),
            ],
        ),
        ("AVA 0.9 cm2, AVAi 0.45 cm2/m2.", [("ava", 0.9, "cm2", "aortic"), ("avai", 0.45, "cm2/m2", "aortic")]),
        ("Mitral valve area by pressure half time is 1.4 cm squared.", [("mva", 1.4, "cm2", "mitral")]),
        ("Ejection fraction is 55-60%.", [("lvef", 57.5, "%", "")]),
        ("LVEF 50 to 55 percent.", [("lvef", 52.5, "%", "")]),
        ("LVEF of 60% to 65%.", [("lvef", 62.5, "%", "")]),
        (
            "TR jet velocity 2.9 m/s with RVSP of 44 mmHg.",
            [("vmax", 2.9, "m/s", "tricuspid"), ("rvsp", 44, "mmHg", "")],
        ),
        ("EROA 35 mm2, regurgitant volume 52 mL.", [("eroa", 0.35, "cm2", ""), ("rvol", 52, "mL", "")]),
        ("Mitral regurgitation with an EROA of 0.41 cm2.", [("eroa", 0.41, "cm2", "mitral")]),
        ("Septum 12 mm, posterior wall 1.1 cm.", [("ivsd", 1.2, "cm", ""), ("pwd", 1.1, "cm", "")]),
        ("Wall thickness: 1.3 cm (0.7-1.1 cm).", [("wall_thickness", 1.3, "cm", "")]),
        ("Velocidade: peak velocity 2,8 m/s across the pulmonic valve.", [("vmax", 2.8, "m/s", "pulmonic")]),
        ("Deceleration time of 0.21 seconds.", [("dt", 210, "ms", "")]),
        ("A 0.6 x 0.8 cm vegetation on 3/4/2009. Ejection fraction 240%.", []),
        ("The posterior wall is 11.", [("pwd", 1.1, "cm", "")]),
        (
            "EROA of .3 cm2, valve area is .8 square centimeters.",
            [("eroa", 0.3, "cm2", ""), ("valve_area", 0.8, "cm2", "")],
        ),
        ("Aortic regurgitation peak velocity 4.1 m/s.", [("regurgitant_velocity", 4.1, "m/s", "aortic")]),
        (
            "AR Vmax 4.2 m/s. MR peak gradient 90 mmHg.",
            [("regurgitant_velocity", 4.2, "m/s", "aortic"), ("regurgitant_gradient", 90, "mmHg", "mitral")],
        ),
        ("Tricuspid valve regurgitant peak velocity 2.8 m/s.", [("vmax", 2.8, "m/s", "tricuspid")]),
        ("", []),
    ],
)
def test_measurements(text, expected):
    assert read(text) == expected


def test_spans_hold_name_and_number():
    text = "The aortic valve is calcified.\nPeak velocity is 3.4 m/s."
    (measurement,) = extract_measurements(text)
    assert measurement.span.of(text) == "Peak velocity is 3.4 m/s"
    assert measurement.valve == "aortic"


def test_a_valve_is_not_taken_over_from_a_vessel():
    text = "The aortic valve is normal. Peak gradient of 29 mmHg in the left pulmonary artery."
    assert read(text) == [("peak_gradient", 29, "mmHg", "")]


@pytest.mark.parametrize(
    "text",
    [
        "The cannula in the ascending aorta was tied with 4-0 Prolene.",
        "Systolic gradient of 12/6.",
        "A left ventricular end-systolic of 51.",
    ],
)
def test_numbers_that_are_no_measurement(text):
    assert read(text) == []


def test_volumes_are_not_diameters():
    assert read("End-diastolic volume of 115, end-systolic volume of 51 mL.") == [
        ("edv", 115, "mL", ""),
        ("esv", 51, "mL", ""),
    ]
