"""What views, reports and measurements say together, on reports written for it."""

import numpy as np
import pytest

from echomine.domain.records import Paragraph, Report, View
from echomine.domain.vocabulary import Disease, DopplerMode, FlowKind, Severity, Valve
from echomine.doppler.display_numbers import NUMBERS
from echomine.doppler.envelope import Side
from echomine.pipeline.viewed_statements import Evidence, candidates_of, statements_of
from echomine.reports import valve_paragraphs

VMAX = {"Mild": 2.7, "Moderate": 3.4, "Severe": 4.6}


def paragraph(number: int, grade: str, vmax_mps: float) -> Paragraph:
    text = f"FINDINGS:\n\n{grade} aortic stenosis, peak velocity {vmax_mps:.2f} m/s. No aortic regurgitation."
    return valve_paragraphs(Report(report_id=f"R{number}", text=text))[0]


@pytest.fixture(scope="module")
def paragraphs() -> list[Paragraph]:
    rng = np.random.default_rng(0)
    return [
        paragraph(number, grade, vmax * float(np.exp(rng.normal(0, 0.03))))
        for number, (grade, vmax) in enumerate(list(VMAX.items()) * 8)
    ]


def vectors(paragraphs: list[Paragraph]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {one.paragraph_id: rng.normal(size=6).astype(np.float32) for one in paragraphs}


def measured(vmax_mps: float) -> np.ndarray:
    numbers = np.full(len(NUMBERS), np.nan, dtype=np.float32)
    numbers[NUMBERS.index((Side.BELOW, "vmax"))] = np.log(vmax_mps)
    return numbers


def test_statements_are_the_grades_that_reports_give(paragraphs: list[Paragraph]) -> None:
    found = statements_of(paragraphs, vectors(paragraphs))
    assert [(one.valve, one.grade(Disease.STENOSIS), one.count) for one in found] == [
        (Valve.AORTIC, Severity.MILD, 8),
        (Valve.AORTIC, Severity.MODERATE, 8),
        (Valve.AORTIC, Severity.SEVERE, 8),
    ]
    assert all(one.grade(Disease.REGURGITATION) is Severity.NONE for one in found)
    assert all(np.isclose(np.linalg.norm(one.vector), 1) for one in found)


@pytest.mark.parametrize(("vmax_mps", "best"), [(2.65, 0), (3.5, 1), (4.8, 2)])
def test_a_measured_velocity_tells_the_grade(paragraphs: list[Paragraph], vmax_mps: float, best: int) -> None:
    evidence = Evidence.of(paragraphs, [], np.zeros((0, len(NUMBERS)), np.float32))
    statements = statements_of(paragraphs, vectors(paragraphs))
    likely = evidence.likelihoods(Valve.AORTIC, measured(vmax_mps), statements)
    assert int(likely.argmax()) == best
    assert likely.max() > -0.5
    assert not evidence.likelihoods(Valve.AORTIC, measured(float("nan")), statements).any()


def test_pairs_tell_the_bias_of_what_is_measured(paragraphs: list[Paragraph]) -> None:
    stated = [float(one.text.split("velocity ")[1].split(" ")[0]) for one in paragraphs]
    numbers = np.stack([measured(1.2 * value) for value in stated])
    evidence = Evidence.of(paragraphs, paragraphs, numbers)
    bias, spread = evidence.errors["vmax"]
    assert bias == pytest.approx(np.log(1.2), abs=0.01)
    assert spread < 0.05


def test_views_allow_what_agrees_with_them(paragraphs: list[Paragraph]) -> None:
    statements = statements_of(paragraphs, vectors(paragraphs))
    evidence = Evidence.of(paragraphs, [], np.zeros((0, len(NUMBERS)), np.float32))

    def allowed(valve: Valve, flow: FlowKind, mode: DopplerMode = DopplerMode.CW) -> list[int]:
        view = View(image_id="1", valve=valve, flow=flow)
        found, kept = candidates_of([view], [mode], measured(3.0)[None], statements, evidence)
        return found.allowed.sum(axis=1).tolist() if len(kept) else []

    assert allowed(Valve.AORTIC, FlowKind.STENOSIS) == [3]
    assert allowed(Valve.AORTIC, FlowKind.MIXED) == []
    assert allowed(Valve.AORTIC, FlowKind.MIXED, DopplerMode.PW) == [3]
    assert allowed(Valve.AORTIC, FlowKind.NORMAL) == []
    assert allowed(Valve.MITRAL, FlowKind.STENOSIS) == []
