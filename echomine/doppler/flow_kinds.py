"""Which flow it is, by direction, speed, duration and shape, as seen from the apex.

Each kind is a small table of what is typical of it; how well a flow fits is the sum of the squared distances in
standard deviations. The tables hold for any vendor: they speak of physiology, not of pictures.

References:
    Weissler et al., Circulation 1968;37:149 (ejection time); Baumgartner et al. 2009 and 2017; Zoghbi et al. 2017.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from echomine.domain.vocabulary import Disease, DopplerMode, Valve
from echomine.doppler.flows import Flow
from echomine.doppler.medians import median

STENOTIC_OUTFLOW_MPS = 2.55
"""Below this speed, 2.5 when rounded to a tenth, an outflow is not that of a stenosis (EACVI/ASE 2017)."""
STENOTIC_HALF_TIME_MS = 90.0
STENOTIC_INFLOW_MPS = 1.4
"""An inflow is stenotic when its half-time or its speed lies above these."""


class FlowName(StrEnum):
    """What a flow is called."""

    OUTFLOW = "outflow"
    INFLOW = "inflow"
    AORTIC_STENOSIS = "aortic_stenosis"
    AORTIC_REGURGITATION = "aortic_regurgitation"
    MITRAL_STENOSIS = "mitral_stenosis"
    MITRAL_REGURGITATION = "mitral_regurgitation"
    TRICUSPID_STENOSIS = "tricuspid_stenosis"
    TRICUSPID_REGURGITATION = "tricuspid_regurgitation"
    PULMONIC_STENOSIS = "pulmonic_stenosis"
    PULMONIC_REGURGITATION = "pulmonic_regurgitation"


class _Kind(StrEnum):
    """What the tables tell apart; left and right only where the speed tells them."""

    EJECTION = "ejection"
    MITRAL_JET = "mitral jet"
    TRICUSPID_JET = "tricuspid jet"
    FILLING = "filling"
    AORTIC_JET = "aortic jet"
    PULMONIC_JET = "pulmonic jet"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecognisedFlow:
    """A flow with its name.

    Attributes:
        name: The best fitting one.
        probability: Of its kind among those of the same direction, 0..1.
        valve: The valve, where the name says it.
        disease: Stenosis or regurgitation, where the name says it.
    """

    name: FlowName
    probability: float
    valve: Valve | None
    disease: Disease | None


_AWAY: dict[_Kind, dict[str, tuple[float, float]]] = {
    _Kind.EJECTION: {"log_vmax": (0.8, 0.55), "excess_s": (0.02, 0.04), "peak_place": (0.34, 0.08)},
    _Kind.MITRAL_JET: {"log_vmax": (1.63, 0.13), "excess_s": (0.12, 0.06), "peak_place": (0.43, 0.11)},
    _Kind.TRICUSPID_JET: {"log_vmax": (1.05, 0.22), "excess_s": (0.11, 0.06), "peak_place": (0.43, 0.11)},
}
_TOWARD: dict[_Kind, dict[str, tuple[float, float]]] = {
    _Kind.FILLING: {"log_vmax": (0.0, 0.5), "waves": (1.75, 0.4), "peak_place": (0.25, 0.14)},
    _Kind.AORTIC_JET: {"log_vmax": (1.42, 0.15), "waves": (1.0, 0.25), "peak_place": (0.12, 0.08)},
    _Kind.PULMONIC_JET: {"log_vmax": (0.6, 0.22), "waves": (1.0, 0.25), "peak_place": (0.12, 0.08)},
}
_PRIOR = {
    _Kind.EJECTION: 0.5,
    _Kind.MITRAL_JET: 0.3,
    _Kind.TRICUSPID_JET: 0.2,
    _Kind.FILLING: 0.55,
    _Kind.AORTIC_JET: 0.3,
    _Kind.PULMONIC_JET: 0.08,
}
_PULSED = (_Kind.EJECTION, _Kind.FILLING)
_COMPANIONS = {
    _Kind.EJECTION: (_Kind.AORTIC_JET, _Kind.PULMONIC_JET),
    _Kind.MITRAL_JET: (_Kind.FILLING,),
    _Kind.TRICUSPID_JET: (_Kind.FILLING,),
    _Kind.FILLING: (_Kind.MITRAL_JET, _Kind.TRICUSPID_JET),
    _Kind.AORTIC_JET: (_Kind.EJECTION,),
    _Kind.PULMONIC_JET: (_Kind.EJECTION,),
}
_VALVE_WEIGHT = 4.0
"""How far a valve named by another source speaks for its kinds; a shape that contradicts it wins."""
_COMPANY = 1.0
"""How far the flow on the other side of the same valve speaks for a kind."""


def recognise(flows: Sequence[Flow], mode: DopplerMode, valve: Valve | None = None) -> tuple[RecognisedFlow, ...]:
    """The name of each flow of a display, in their order.

    Args:
        flows: Flows with at least one beat each.
        mode: CW or PW; a pulsed display is not read for regurgitation.
        valve: The valve, where something else than the shape tells it.
    """
    alone = [_fits(flow, mode, valve) for flow in flows]
    return tuple(
        _named(flow, _in_company(fits, [other for other in alone if other is not fits]), valve)
        for flow, fits in zip(flows, alone, strict=True)
    )


def _fits(flow: Flow, mode: DopplerMode, valve: Valve | None) -> dict[_Kind, float]:
    """Log of prior times likelihood of each kind of the flow's direction, up to a constant."""
    seen = _features(flow)
    table = _AWAY if flow.toward is False else _TOWARD
    return {
        kind: math.log(_PRIOR[kind]) + _likelihood(seen, typical) + _VALVE_WEIGHT * (valve in _VALVES[kind])
        for kind, typical in table.items()
        if mode is not DopplerMode.PW or kind in _PULSED
    }


_VALVES: dict[_Kind, tuple[Valve, ...]] = {
    _Kind.EJECTION: (Valve.AORTIC, Valve.PULMONIC),
    _Kind.MITRAL_JET: (Valve.MITRAL,),
    _Kind.TRICUSPID_JET: (Valve.TRICUSPID,),
    _Kind.FILLING: (Valve.MITRAL, Valve.TRICUSPID),
    _Kind.AORTIC_JET: (Valve.AORTIC,),
    _Kind.PULMONIC_JET: (Valve.PULMONIC,),
}


def _features(flow: Flow) -> dict[str, float]:
    beats = flow.trusted
    duration_s = median([beat.duration_ms for beat in beats]) / 1000.0
    rate = min(max(60.0 / flow.interval_s, 40.0), 130.0) if flow.interval_s else 75.0
    found = {
        "excess_s": duration_s - (0.413 - 0.0016 * rate),
        "peak_place": median([beat.acceleration_ms / max(beat.duration_ms, 1.0) for beat in beats]),
        "waves": float(flow.waves_per_beat),
    }
    if flow.mean_vmax_mps:
        found["log_vmax"] = math.log(flow.mean_vmax_mps)
    return found


def _likelihood(seen: Mapping[str, float], typical: Mapping[str, tuple[float, float]]) -> float:
    return sum(
        -0.5 * ((seen[name] - mean) / spread) ** 2 - math.log(spread)
        for name, (mean, spread) in typical.items()
        if name in seen
    )


def _in_company(fits: Mapping[_Kind, float], others: Sequence[Mapping[_Kind, float]]) -> dict[_Kind, float]:
    """Probabilities of the kinds, those raised whose companion stands on the other side."""
    beside = {max(other, key=lambda kind: other[kind]) for other in others if other}
    raised = {
        kind: value + _COMPANY * any(companion in beside for companion in _COMPANIONS[kind])
        for kind, value in fits.items()
    }
    top = max(raised.values(), default=0.0)
    weights = {kind: math.exp(value - top) for kind, value in raised.items()}
    total = sum(weights.values())
    return {kind: weight / total for kind, weight in weights.items()}


def _named(flow: Flow, probabilities: Mapping[_Kind, float], valve: Valve | None) -> RecognisedFlow:
    kind = max(probabilities, key=lambda each: probabilities[each])
    name = _name_of(flow, kind, valve)
    said = _MEANING.get(name)
    return RecognisedFlow(
        name=name,
        probability=probabilities[kind],
        valve=said[0] if said else valve,
        disease=said[1] if said else None,
    )


def _name_of(flow: Flow, kind: _Kind, valve: Valve | None) -> FlowName:
    if kind is _Kind.EJECTION:
        stenosis = FlowName.PULMONIC_STENOSIS if valve is Valve.PULMONIC else FlowName.AORTIC_STENOSIS
        return stenosis if (flow.vmax_mps or 0.0) >= STENOTIC_OUTFLOW_MPS else FlowName.OUTFLOW
    if kind is _Kind.FILLING:
        stenosis = FlowName.TRICUSPID_STENOSIS if valve is Valve.TRICUSPID else FlowName.MITRAL_STENOSIS
        stenotic = (flow.pht_ms or 0.0) > STENOTIC_HALF_TIME_MS or (flow.vmax_mps or 0.0) > STENOTIC_INFLOW_MPS
        return stenosis if stenotic else FlowName.INFLOW
    return _JETS[kind]


_JETS = {
    _Kind.MITRAL_JET: FlowName.MITRAL_REGURGITATION,
    _Kind.TRICUSPID_JET: FlowName.TRICUSPID_REGURGITATION,
    _Kind.AORTIC_JET: FlowName.AORTIC_REGURGITATION,
    _Kind.PULMONIC_JET: FlowName.PULMONIC_REGURGITATION,
}
_MEANING = {
    FlowName(f"{valve}_{disease}"): (valve, disease)
    for valve in Valve
    for disease in (Disease.STENOSIS, Disease.REGURGITATION)
}
