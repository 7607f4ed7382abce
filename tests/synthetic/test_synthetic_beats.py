"""Time courses against the definitions of the quantities that they carry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.synthetic.beats import (
    beat_at,
    beats_over,
    diastolic_jet_shape,
    ejection_mean_gradient_mmhg,
    ejection_shape,
    inflow_peak_mps,
    inflow_shape,
    systolic_jet_shape,
)

BEAT = beat_at(0.0, 1.0)
TIMES = np.arange(0.0, 1.3, 0.0005)


@given(st.floats(0.28, 0.5))
def test_an_ejection_peaks_where_it_should(peak: float) -> None:
    shape = ejection_shape(TIMES, BEAT, peak)
    opening, closing = BEAT.ejection_s
    assert shape.max() == pytest.approx(1.0, abs=1e-3)
    assert TIMES[shape.argmax()] == pytest.approx(opening + peak * (closing - opening), abs=0.002)
    assert shape[(opening > TIMES) | (closing < TIMES)].max() < 1e-6


@pytest.mark.parametrize("half_time_ms", [60.0, 120.0, 250.0, 480.0])
def test_a_regurgitant_gradient_halves_in_its_half_time(half_time_ms: float) -> None:
    shape = diastolic_jet_shape(TIMES, BEAT, half_time_ms, 1.0)
    peak = int(shape.argmax())
    later = np.interp(TIMES[peak] + half_time_ms / 1000, TIMES, shape)
    assert later == pytest.approx(shape[peak] / np.sqrt(2), abs=0.01)


def test_an_inflow_gradient_halves_in_its_half_time() -> None:
    shape = inflow_shape(TIMES, BEAT, 200.0, 0.0)
    peak = int(shape.argmax())
    assert np.interp(TIMES[peak] + 0.2, TIMES, shape) == pytest.approx(2**-0.5, abs=0.01)


@given(st.floats(0.3, 18.0), st.floats(50.0, 350.0), st.floats(0.0, 1.0), st.floats(50.0, 105.0))
def test_an_inflow_has_the_mean_gradient_asked_for(
    gradient: float, half_time_ms: float, ratio: float, rate: float
) -> None:
    peak = inflow_peak_mps(gradient, half_time_ms, ratio, rate)
    beat = beat_at(0.0, 60.0 / rate)
    times = np.linspace(*beat.inflow_s, 2001)
    velocity = peak * inflow_shape(times, beat, half_time_ms, ratio)
    assert np.mean(4 * velocity**2) == pytest.approx(gradient, rel=0.03)


def test_the_mean_gradient_of_a_severe_aortic_jet_is_near_40() -> None:
    assert ejection_mean_gradient_mmhg(4.0, 0.45) == pytest.approx(40, abs=3)


def test_a_severe_systolic_jet_peaks_early() -> None:
    parabola = systolic_jet_shape(TIMES, BEAT, 0.0, 1.0)
    triangle = systolic_jet_shape(TIMES, BEAT, 1.0, 1.0)
    assert TIMES[parabola.argmax()] - TIMES[triangle.argmax()] > 0.07
    assert triangle.sum() < parabola.sum()


def test_the_valves_of_one_side_are_never_open_together() -> None:
    for rate in range(50, 111, 10):
        beat = beat_at(0.0, 60.0 / rate)
        assert beat.ejection_s[1] < beat.inflow_s[0] < beat.inflow_s[1]
        assert beat.inflow_s[1] - beat.rr_s < beat.ejection_s[0]


def test_beats_cover_the_sweep_and_fibrillation_is_uneven() -> None:
    rng = np.random.default_rng(1)
    even = beats_over(30.0, 75.0, rng, fibrillates=False, right_heart=False)
    uneven = beats_over(30.0, 75.0, rng, fibrillates=True, right_heart=False)
    assert even[0].qrs_s < 0
    assert even[-1].qrs_s > 30.0
    assert np.mean([beat.rr_s for beat in even]) == pytest.approx(0.8, rel=0.03)
    assert np.std([beat.rr_s for beat in uneven]) > 3 * np.std([beat.rr_s for beat in even])
