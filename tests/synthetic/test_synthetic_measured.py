"""What a perfect reader would measure, against values by hand."""

import numpy as np
import pytest

from echomine.domain.vocabulary import Valve
from echomine.synthetic.beats import beat_at, ejection_mean_gradient_mmhg
from echomine.synthetic.flows import Scene
from echomine.synthetic.measured import forward_truth, jet_truth
from echomine.synthetic.physics import ForwardFlow, RegurgitantJet, ValveState


def scene(seconds: float = 3.3) -> Scene:
    times = np.arange(0, seconds, 0.001)
    beats = tuple(beat_at(start, 1.0) for start in (-1.0, 0.0, 1.0, 2.0, 3.0))
    return Scene(times_s=times, beats=beats, heart_rate_bpm=60, swing=np.ones_like(times), fibrillates=False)


def aortic(jet: RegurgitantJet | None = None) -> ValveState:
    flow = ForwardFlow(vmax_mps=4.0, peak_fraction=0.4)
    return ValveState(valve=Valve.AORTIC, stenosis_latent=6.0, regurgitation_latent=0.0, forward=flow, jet=jet)


def test_an_ejection_of_four_metres_a_second() -> None:
    truth = forward_truth(aortic(), scene())
    assert truth is not None
    assert truth.beats == 3
    assert truth.vmax_mps == pytest.approx(4.0, rel=1e-3)
    assert truth.mean_gradient_mmhg == pytest.approx(ejection_mean_gradient_mmhg(4.0, 0.4), rel=0.01)
    assert 64 * 0.45 < truth.mean_gradient_mmhg < 64 * 0.75  # clinical rule: about 0.6 of the peak gradient
    assert truth.pht_ms is None


def test_a_diastolic_jet_falls_in_a_straight_line() -> None:
    jet = RegurgitantJet(vmax_mps=4.0, density_db=-5, half_time_ms=400)
    truth = jet_truth(Valve.AORTIC, jet, scene())
    assert truth is not None
    assert (truth.pht_ms, truth.vmax_mps) == (400, pytest.approx(4.0, abs=0.05))
    # 45 ms rise, then the line falls 0.293 of 4 m/s in 400 ms until the next ejection, 0.63 s after the start
    lasts = 1.05 - (0.055 + 0.413 - 0.096 + 0.005)
    by_hand = 100 * 4.0 * (0.045 * 2 / np.pi + (lasts - 0.045) * (1 - 0.293 * (lasts - 0.045) / 0.4 / 2))
    assert truth.vti_cm == pytest.approx(by_hand, rel=0.03)


def test_no_complete_beat_is_no_truth() -> None:
    assert forward_truth(aortic(), scene(seconds=0.2)) is None
