"""The grades of the physics against the guideline tables."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.vocabulary import Disease, Severity, Valve
from echomine.synthetic.physics import SEMILUNAR, ValveState, grade_of, valve_state

LATENTS = np.linspace(0.0, 6.99, 400)


def state(valve: Valve, stenosis: float = 0.5, regurgitation: float = 0.5) -> ValveState:
    return valve_state(valve, stenosis, regurgitation, np.random.default_rng(0))


@pytest.mark.parametrize("latent", LATENTS[::20])
def test_aortic_stenosis_follows_the_2017_velocity_bands(latent: float) -> None:
    vmax, grade = state(Valve.AORTIC, stenosis=latent).forward.vmax_mps, grade_of(latent)
    assert (vmax >= 4.0) == (grade is Severity.SEVERE)
    assert (vmax >= 2.5) == (grade >= Severity.MILD)
    if grade is Severity.MODERATE:
        assert 3.0 <= vmax < 4.0
    if grade is Severity.MILD:
        assert 2.5 <= vmax < 3.0


@pytest.mark.parametrize("latent", LATENTS[::20])
def test_mitral_stenosis_follows_gradient_and_area(latent: float) -> None:
    flow, grade = state(Valve.MITRAL, stenosis=latent).forward, grade_of(latent)
    area_cm2 = 220.0 / flow.half_time_ms
    if grade is Severity.SEVERE:
        assert flow.mean_gradient_mmhg > 10
        assert area_cm2 < 1.0
    if grade is Severity.MODERATE:
        assert 5 <= flow.mean_gradient_mmhg <= 10
        assert 1.0 <= area_cm2 <= 1.5
    if grade is Severity.MILD:
        assert flow.mean_gradient_mmhg < 5
        assert area_cm2 > 1.5


def test_the_other_cut_offs_of_the_guidelines() -> None:
    assert state(Valve.TRICUSPID, stenosis=6.0).forward.mean_gradient_mmhg >= 5
    assert state(Valve.TRICUSPID, stenosis=6.0).forward.half_time_ms >= 190
    assert state(Valve.PULMONIC, stenosis=6.0).forward.vmax_mps >= 4
    assert state(Valve.PULMONIC, stenosis=2.99).forward.vmax_mps < 3.06
    assert state(Valve.PULMONIC, regurgitation=6.01).jet.half_time_ms < 100
    assert state(Valve.AORTIC, regurgitation=6.01).jet.half_time_ms < 200
    assert state(Valve.AORTIC, regurgitation=2.9).jet.half_time_ms > 500


@given(st.sampled_from(list(Valve)), st.floats(1.0, 6.9), st.floats(0.05, 0.9))
def test_a_graver_leak_is_denser_and_never_slower(valve: Valve, latent: float, step: float) -> None:
    milder, graver = (state(valve, regurgitation=level).jet for level in (latent, min(latent + step, 6.99)))
    assert graver.density_db > milder.density_db
    assert graver.half_time_ms <= milder.half_time_ms
    assert graver.triangularity >= milder.triangularity
    assert graver.vmax_mps == milder.vmax_mps, "the jet's velocity comes from the pressures"


def test_no_leak_has_no_jet_and_a_trace_has_one() -> None:
    for valve in Valve:
        assert state(valve, regurgitation=0.9).jet is None
        assert state(valve, regurgitation=1.1).jet is not None


def test_grades_and_latents() -> None:
    assert [grade_of(level + 0.5) for level in range(7)] == [grade for grade in Severity if grade >= 0]
    assert grade_of(-1.0) is Severity.NONE
    assert grade_of(9.0) is Severity.SEVERE
    entry = state(Valve.MITRAL, stenosis=4.2, regurgitation=2.7)
    assert entry.grade(Disease.STENOSIS) is Severity.MODERATE
    assert entry.grade(Disease.REGURGITATION) is Severity.MILD


def test_diastolic_jets_have_a_half_time_and_systolic_ones_a_shape() -> None:
    for valve in Valve:
        jet = state(valve, regurgitation=6.5).jet
        assert (jet.half_time_ms > 0) == (valve in SEMILUNAR)
        assert (jet.triangularity > 0) == (valve not in SEMILUNAR)


@pytest.mark.parametrize(
    ("slowest", "fastest", "mean", "deviation"),
    [(2.0, 3.0, 0.22, 0.05), (3.0, 4.0, 0.29, 0.07), (4.0, 5.4, 0.37, 0.06)],
    ids=["mild", "moderate", "severe"],
)
def test_an_aortic_jet_peaks_as_early_as_those_of_262_patients(
    slowest: float, fastest: float, mean: float, deviation: float
) -> None:
    """Acceleration over ejection time, mean and standard deviation by Gamaza-Chulian et al. 2017."""
    rng = np.random.default_rng(0)
    flows = [valve_state(Valve.AORTIC, rng.uniform(1.0, 7.0), 0.5, rng).forward for _ in range(3000)]
    peaks = [flow.peak_fraction for flow in flows if slowest <= flow.vmax_mps < fastest]
    assert np.mean(peaks) == pytest.approx(mean, abs=0.03)
    assert np.std(peaks) == pytest.approx(deviation, abs=0.02)
