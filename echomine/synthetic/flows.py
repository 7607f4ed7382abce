"""The flows that a display catches, one velocity and one level per column of the display."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from echomine.domain.vocabulary import DopplerMode, Valve
from echomine.synthetic.beats import (
    Beat,
    Times,
    diastolic_jet_shape,
    ejection_shape,
    inflow_peak_mps,
    inflow_shape,
    systolic_jet_shape,
)
from echomine.synthetic.physics import SEMILUNAR, ForwardFlow, RegurgitantJet, ValveState

Columns: TypeAlias = npt.NDArray[np.float64]

SILENT_DB = -99.0
_BLANKET_SHARE = 0.6
RIGHT_HEART = (Valve.TRICUSPID, Valve.PULMONIC)


class Profile(StrEnum):
    """How a flow fills the velocities between zero and its envelope."""

    FILLED = "filled"
    BAND = "band"
    HAZE = "haze"
    BLANKET = "blanket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One flow on a display.

    Attributes:
        velocity_mps: (W,) signed envelope, positive towards the probe; 0 where there is no flow.
        level_db: (W,) level relative to the forward flow; ``SILENT_DB`` where there is no flow.
        profile: How the velocities below the envelope are filled.
        slope_db: How much fainter a filled flow is at its envelope than at the baseline.
        is_wanted: Whether it is a flow through the valve aimed at, not a mirror image, neighbour, clutter or click.
    """

    velocity_mps: Columns
    level_db: Columns
    profile: Profile
    slope_db: int = 4
    is_wanted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What the probe sees while the sweep runs.

    Attributes:
        times_s: (W,) time of each column.
        beats: The beats that cover it.
        heart_rate_bpm: Mean rate.
        swing: (W,) factor of the velocities with respiration, around 1.
        fibrillates: Whether A waves are missing.
    """

    times_s: Times
    beats: tuple[Beat, ...]
    heart_rate_bpm: float
    swing: Columns
    fibrillates: bool


def forward_sign(valve: Valve) -> int:
    """+1 where forward flow runs towards the probe (inflows, apical window), -1 where it runs away."""
    return -1 if valve in SEMILUNAR else 1


def forward_velocity(state: ValveState, scene: Scene) -> Columns:
    """(W,) signed envelope of the flow through the open valve, in m/s."""
    flow = state.forward
    sign = forward_sign(state.valve)
    if state.valve in SEMILUNAR:
        shape = _over_beats(
            scene, lambda beat: ejection_shape(scene.times_s, beat, flow.peak_fraction), by_strength=True
        )
        return sign * flow.vmax_mps * shape * scene.swing
    ratio = 0.0 if scene.fibrillates else flow.atrial_ratio
    peak = inflow_peak_mps(flow.mean_gradient_mmhg, flow.half_time_ms, ratio, scene.heart_rate_bpm)
    shape = _over_beats(scene, lambda beat: inflow_shape(scene.times_s, beat, flow.half_time_ms, ratio))
    return sign * peak * shape * scene.swing


def forward_peak_mps(flow: ForwardFlow, heart_rate_bpm: float, *, fibrillates: bool) -> float:
    """Peak forward velocity, in m/s, of an ejection or of an inflow."""
    if flow.vmax_mps:
        return flow.vmax_mps
    ratio = 0.0 if fibrillates else flow.atrial_ratio
    peak = inflow_peak_mps(flow.mean_gradient_mmhg, flow.half_time_ms, ratio, heart_rate_bpm)
    return peak * max(1.0, ratio)


def jet_velocity(valve: Valve, jet: RegurgitantJet, scene: Scene) -> Columns:
    """(W,) signed envelope of the regurgitation, in m/s."""

    def shape_of(beat: Beat) -> Columns:
        if valve in SEMILUNAR:
            return diastolic_jet_shape(scene.times_s, beat, jet.half_time_ms, jet.duration_fraction)
        return systolic_jet_shape(scene.times_s, beat, jet.triangularity, jet.duration_fraction)

    shape = _over_beats(scene, shape_of)
    return -forward_sign(valve) * jet.vmax_mps * shape * (0.5 + 0.5 * scene.swing)


def display_components(
    state: ValveState, scene: Scene, mode: DopplerMode, rng: np.random.Generator, *, contaminated: bool
) -> tuple[Component, ...]:
    """Everything that a display through this valve shows, from the strongest to the faintest."""
    forward, ripple = forward_velocity(state, scene), _ripple(scene, rng)
    flows = _pulsed(forward, ripple) if mode is DopplerMode.PW else _continuous(state, scene, ripple, rng)
    mirror = _component(-rng.uniform(0.4, 0.9) * forward, ripple - rng.uniform(13, 26), Profile.FILLED)
    neighbour = _neighbour(state.valve, scene, ripple, rng)
    reach_mps = rng.uniform(0.25, 0.7) if mode is DopplerMode.CW else rng.uniform(0.1, 0.3)
    return (
        *(replace(flow, is_wanted=True) for flow in flows),
        mirror,
        *((neighbour,) if contaminated else ()),
        *_clutter(scene, float(reach_mps), rng),
        *_clicks(scene, state.valve, rng),
    )


def _pulsed(forward: Columns, ripple: Columns) -> tuple[Component, ...]:
    return (_component(forward, ripple, Profile.BAND),)


def _continuous(state: ValveState, scene: Scene, ripple: Columns, rng: np.random.Generator) -> tuple[Component, ...]:
    """Forward flow, the slower flow before the valve, and the regurgitation if there is any."""
    slope_db = int(rng.integers(4, 14))
    forward = forward_velocity(state, scene)
    flows = (_component(forward, ripple, Profile.FILLED, slope_db), _inner_flow(forward, ripple, rng))
    if state.jet is None:
        return flows
    level = ripple + state.jet.density_db + rng.normal(0, 0.7)
    return (
        *flows,
        _component(jet_velocity(state.valve, state.jet, scene), level, Profile.FILLED, slope_db),
    )


def _over_beats(scene: Scene, shape_of: Callable[[Beat], Columns], *, by_strength: bool = False) -> Columns:
    total = np.zeros_like(scene.times_s)
    mean_rr = 60.0 / scene.heart_rate_bpm
    previous_rr = mean_rr
    for beat in scene.beats:
        strength = float(np.clip(1.0 + 0.35 * (previous_rr / mean_rr - 1.0), 0.75, 1.0)) if by_strength else 1.0
        np.maximum(total, strength * shape_of(beat), out=total)
        previous_rr = beat.rr_s
    return total


def _component(velocity: Columns, level_db: Columns, profile: Profile, slope_db: int = 4) -> Component:
    silent = np.abs(velocity) < 0.04
    return Component(
        velocity_mps=np.where(silent, 0.0, velocity),
        level_db=np.where(silent, SILENT_DB, level_db),
        profile=profile,
        slope_db=slope_db,
    )


def _ripple(scene: Scene, rng: np.random.Generator) -> Columns:
    """Slow drift of the level, as the probe and the chest move."""
    phase, period = rng.uniform(0, 2 * np.pi), rng.uniform(2.0, 5.0)
    return rng.uniform(0.2, 1.4) * np.sin(2 * np.pi * scene.times_s / period + phase)


def _inner_flow(forward: Columns, ripple: Columns, rng: np.random.Generator) -> Component:
    """The slower, denser flow before the valve, inside the envelope."""
    reach = float(np.max(np.abs(forward), initial=0.0))
    part = min(rng.uniform(0.6, 1.0) / max(reach, 1e-6), 0.85)
    return _component(part * forward, ripple + rng.uniform(0.5, 3.0), Profile.FILLED)


def _neighbour(valve: Valve, scene: Scene, ripple: Columns, rng: np.random.Generator) -> Component:
    """Normal flow of the valve beside it: the inflow in an outflow display and the other way round."""
    if valve in SEMILUNAR:
        flow = inflow_shape
        shape = _over_beats(scene, lambda beat: flow(scene.times_s, beat, 60.0, 0.7))
        velocity = rng.uniform(0.5, 0.9) * shape
    else:
        shape = _over_beats(scene, lambda beat: ejection_shape(scene.times_s, beat, 0.35))
        velocity = -rng.uniform(0.7, 1.2) * shape
    return _component(velocity, ripple - rng.uniform(3, 11), Profile.FILLED)


def _clutter(scene: Scene, reach_mps: float, rng: np.random.Generator) -> tuple[Component, Component]:
    """Slow tissue and blood around the baseline, both ways: a faint haze, or the bright blanket of most real strips."""
    blanket = rng.random() < _BLANKET_SHARE
    profile = Profile.BLANKET if blanket else Profile.HAZE
    offset_db = rng.uniform(-7, 6) if blanket else -rng.uniform(3, 10)
    sides = []
    for sign in (1, -1):
        knots = rng.uniform(0.4, 1.0, size=max(4, int(scene.times_s[-1] * rng.uniform(5, 14))))
        places = np.linspace(0, scene.times_s[-1], knots.size)
        waves = np.interp(scene.times_s, places, knots)
        level = 5.0 * waves + offset_db
        sides.append(_component(sign * reach_mps * rng.uniform(0.7, 1.0) * waves, level, profile))
    return sides[0], sides[1]


def _clicks(scene: Scene, valve: Valve, rng: np.random.Generator) -> tuple[Component, Component]:
    """Bright lines where the valve opens and closes."""
    velocity = np.zeros_like(scene.times_s)
    width_s, tallest_mps = rng.uniform(0.003, 0.010), rng.uniform(0.8, 2.4)
    for beat in scene.beats:
        for moment in beat.ejection_s if valve in SEMILUNAR else beat.inflow_s:
            near = np.abs(scene.times_s - moment - rng.normal(0, 0.004)) < width_s
            velocity = np.where(near, rng.uniform(0.3, 1.0) * tallest_mps, velocity)
    level = np.full_like(velocity, rng.uniform(-7, 4))
    return _component(velocity, level, Profile.HAZE), _component(-0.8 * velocity, level, Profile.HAZE)
