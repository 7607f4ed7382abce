"""The measurements that a perfect reader would take from a scene: the truth of what is measured on its display."""

from collections.abc import Iterable

import numpy as np

from echomine.domain.records import TrueFlow
from echomine.domain.vocabulary import Valve
from echomine.synthetic.beats import BERNOULLI_MMHG_PER_M2S2, diastolic_jet_span_s, systolic_jet_span_s
from echomine.synthetic.flows import Columns, Scene, forward_velocity, jet_velocity
from echomine.synthetic.physics import SEMILUNAR, RegurgitantJet, ValveState

_CM_PER_M = 100.0


def forward_truth(state: ValveState, scene: Scene) -> TrueFlow | None:
    """Truth of the flow through the open valve; None without a complete beat."""
    semilunar = state.valve in SEMILUNAR
    spans = (beat.ejection_s if semilunar else beat.inflow_s for beat in scene.beats)
    return _over_beats(forward_velocity(state, scene), scene, spans, state.forward.half_time_ms)


def jet_truth(valve: Valve, jet: RegurgitantJet, scene: Scene) -> TrueFlow | None:
    """Truth of the flow through the closed valve; None without a complete beat."""
    span = diastolic_jet_span_s if valve in SEMILUNAR else systolic_jet_span_s
    spans = (span(beat, jet.duration_fraction) for beat in scene.beats)
    return _over_beats(jet_velocity(valve, jet, scene), scene, spans, jet.half_time_ms)


def _over_beats(
    velocity: Columns, scene: Scene, spans: Iterable[tuple[float, float]], half_time_ms: float
) -> TrueFlow | None:
    times = scene.times_s
    complete = [(start, end) for start, end in spans if start >= times[0] and end <= times[-1]]
    beats = [np.abs(velocity[(times >= start) & (times <= end)]) for start, end in complete]
    if not beats:
        return None
    peaks = [float(beat.max()) for beat in beats]
    step_s = float(times[1] - times[0])
    return TrueFlow(
        vmax_mps=max(peaks),
        mean_vmax_mps=float(np.mean(peaks)),
        mean_gradient_mmhg=float(np.mean([np.mean(BERNOULLI_MMHG_PER_M2S2 * beat**2) for beat in beats])),
        vti_cm=float(np.mean([beat.sum() * step_s * _CM_PER_M for beat in beats])),
        pht_ms=half_time_ms or None,
        beats=len(beats),
    )
