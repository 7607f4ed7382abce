"""Guideline tables against the printed cut-offs, edges included."""

import pytest

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.domain.records import Measurement
from echomine.domain.vocabulary import Disease, Valve
from echomine.reports.grading import grade_measurements, guideline_from, guideline_names


def grade(guideline, valve, name, value, unit):
    measurement = Measurement(name=name, value=value, unit=unit, valve=valve)
    return [
        (g.disease, g.severity.low.word, g.severity.high.word)
        for g in grade_measurements([measurement], guidelines=[guideline])
    ]


@pytest.mark.parametrize(
    ("guideline", "name", "value", "unit", "expected"),
    [
        ("EACVI/ASE 2017", "vmax", 2.4, "m/s", ("none", "none")),
        ("EACVI/ASE 2017", "vmax", 2.76, "m/s", ("mild", "mild")),
        ("EACVI/ASE 2017", "vmax", 3.0, "m/s", ("moderate", "moderate")),
        ("EACVI/ASE 2017", "vmax", 4.0, "m/s", ("severe", "severe")),
        ("ACC/AHA 2020", "vmax", 2.4, "m/s", ("mild", "mild")),
        ("EACVI/ASE 2017", "ava", 1.0, "cm2", ("moderate", "moderate")),
        ("ACC/AHA 2020", "ava", 1.0, "cm2", ("severe", "severe")),
        ("EACVI/ASE 2017", "mean_gradient", 40, "mmHg", ("severe", "severe")),
    ],
)
def test_aortic_stenosis(guideline, name, value, unit, expected):
    assert grade(guideline, Valve.AORTIC, name, value, unit) == [(Disease.STENOSIS, *expected)]


@pytest.mark.parametrize(
    ("valve", "name", "value", "unit", "expected"),
    [
        (Valve.MITRAL, "eroa", 0.19, "cm2", ("trace", "mild")),
        (Valve.MITRAL, "eroa", 0.30, "cm2", ("moderate_severe", "moderate_severe")),
        (Valve.MITRAL, "rvol", 60, "mL", ("severe", "severe")),
        (Valve.AORTIC, "pht", 180, "ms", ("severe", "severe")),
        (Valve.AORTIC, "eroa", 0.30, "cm2", ("severe", "severe")),
        (Valve.AORTIC, "vc", 0.6, "cm", ("mild_moderate", "moderate_severe")),
        (Valve.TRICUSPID, "vc", 0.7, "cm", ("severe", "severe")),
    ],
)
def test_regurgitation(valve, name, value, unit, expected):
    assert grade("ASE 2017", valve, name, value, unit) == [(Disease.REGURGITATION, *expected)]


def test_rows_that_agree_narrow_the_grade_and_rows_that_do_not_widen_it():
    area = Measurement(name="ava", value=0.89, unit="cm2", valve=Valve.AORTIC)
    gradient = Measurement(name="mean_gradient", value=33, unit="mmHg", valve=Valve.AORTIC)
    (discordant,) = grade_measurements([area, gradient])
    assert (discordant.severity.low.word, discordant.severity.high.word) == ("moderate", "severe")
    assert [hit.row.measure for hit in discordant.fired] == ["mean_gradient", "ava"]


def test_other_units_and_missing_valves_are_left_aside():
    assert grade("EACVI/ASE 2017", Valve.AORTIC, "vmax", 400, "cm/s") == []
    assert grade("EACVI/ASE 2017", None, "vmax", 4.5, "m/s") == []


def test_an_unknown_guideline_lists_the_known_ones():
    with pytest.raises(UsageError, match="EACVI/ASE 2017"):
        grade_measurements([], guidelines=["ESC 1999"])
    assert "ASE 2017" in guideline_names()


def test_a_bad_row_is_named():
    row = (
        'valve = "aortic"\ndisease = "stenosis"\nmeasure = "v"\nunit = "m/s"\ngrades = [{ grade = "mild", under = 3 }]'
    )
    text = f'guideline = "X"\n[[row]]\n{row}'
    with pytest.raises(ConfigurationError, match="x.toml, row 1.*under"):
        guideline_from("x.toml", text)
