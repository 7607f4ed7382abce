"""The beats of a display as objects: a box and a mask for each, by the shape of its flow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from echomine.synthetic.beats import diastolic_jet_span_s, systolic_jet_span_s
from echomine.synthetic.flows import Columns, Scene, forward_velocity, jet_velocity
from echomine.synthetic.physics import SEMILUNAR, ValveState
from echomine.synthetic.settings import DisplaySettings
from echomine.synthetic.spectrum import Levels

Mask = npt.NDArray[np.bool_]

_LEAST_SHARE = 0.4
"""Share of a beat that must lie on the display to count as one."""

_LEAST_SIDE_PX = 4
_LEAST_HEIGHT_SHARE = 0.06
_CLEAR_DB = 8.0
_EDGE_DB = 3.0
"""Twice the power of what is there without the flow: less drowns in the speckle, which scatters by 4 dB."""

_EDGE_PART = 0.85
"""Where a flow is looked at, as a part of its envelope: just inside the edge that is to be drawn."""

_SEEN_SHARE = 0.75
"""Share of the columns of a beat at half of its peak or more whose edge must be seen; others can be drawn between."""


class FlowShape(StrEnum):
    """What a beat looks like, whatever its velocity scale."""

    EJECTION = "ejection"
    INFLOW = "inflow"
    SYSTOLIC_JET = "systolic_jet"
    DIASTOLIC_JET = "diastolic_jet"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowObject:
    """One beat on a display.

    Attributes:
        shape: Of its flow.
        box: x0, y0, x1, y1 in pixels of the display, the far edges exclusive.
        mask: (H, W) of the display, between baseline and envelope.
    """

    shape: FlowShape
    box: tuple[int, int, int, int]
    mask: Mask


def flow_objects(state: ValveState, scene: Scene, settings: DisplaySettings) -> tuple[FlowObject, ...]:
    """The beats of the forward flow and of the regurgitation of a CW display, in order of time."""
    semilunar = state.valve in SEMILUNAR
    forward = FlowShape.EJECTION if semilunar else FlowShape.INFLOW
    spans = [beat.ejection_s if semilunar else beat.inflow_s for beat in scene.beats]
    found = list(_beats(forward, forward_velocity(state, scene), spans, scene, settings))
    if state.jet is not None:
        jet = FlowShape.DIASTOLIC_JET if semilunar else FlowShape.SYSTOLIC_JET
        span = diastolic_jet_span_s if semilunar else systolic_jet_span_s
        spans = [span(beat, state.jet.duration_fraction) for beat in scene.beats]
        found += _beats(jet, jet_velocity(state.valve, state.jet, scene), spans, scene, settings)
    return tuple(sorted(found, key=lambda one: one.box))


def envelope_mask(state: ValveState, scene: Scene, settings: DisplaySettings) -> Mask:
    """(H, W) everything between baseline and envelope of the flows, parts of beats at the edges of the display too."""
    mask = _under_envelope(forward_velocity(state, scene), settings)
    if state.jet is not None:
        mask |= _under_envelope(jet_velocity(state.valve, state.jet, scene), settings)
    return mask


def is_hard_to_see(
    state: ValveState, settings: DisplaySettings, beats: Sequence[FlowObject], contrast_db: Levels
) -> bool:
    """Whether nobody could outline the flows.

    That is so if a jet is hardly above the noise, a beat is lower than 6 % of the display, or its edge does not stand
    out from what else is there, such as the clutter around the baseline.

    Args:
        state: The valve.
        settings: Of the display.
        beats: On the display.
        contrast_db: (H, W) of :func:`~echomine.synthetic.spectrum.contrast_db`.
    """
    if state.jet is not None and state.jet.density_db < settings.noise_db + _CLEAR_DB:
        return True
    least = _LEAST_HEIGHT_SHARE * settings.layout.height
    if any(beat.box[3] - beat.box[1] < least for beat in beats):
        return True
    return any(_seen_share(beat, settings.baseline_row, contrast_db) < _SEEN_SHARE for beat in beats)


def _seen_share(beat: FlowObject, baseline_row: int, contrast_db: Levels) -> float:
    """Share of the columns at half of the peak or more in which the edge of a beat stands out."""
    columns = np.flatnonzero(beat.mask.any(axis=0))
    heights = beat.mask[:, columns].sum(axis=0) - 1
    high = heights >= 0.5 * heights.max()
    side = -1 if beat.box[1] < baseline_row - (beat.box[3] - 1 - baseline_row) else 1
    rows = baseline_row + side * np.rint(_EDGE_PART * heights[high]).astype(int)
    seen = contrast_db[np.clip(rows, 0, contrast_db.shape[0] - 1), columns[high]] >= _EDGE_DB
    return float(seen.mean())


def _beats(
    shape: FlowShape,
    velocity: Columns,
    spans: list[tuple[float, float]],
    scene: Scene,
    settings: DisplaySettings,
) -> Iterator[FlowObject]:
    times = scene.times_s
    for start, end in spans:
        inside = (times >= start) & (times <= end) & (velocity != 0)
        shown_s = min(end, float(times[-1])) - max(start, 0.0)
        if not inside.any() or shown_s < _LEAST_SHARE * (end - start):
            continue
        mask = _under_envelope(np.where(inside, velocity, 0.0), settings)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if min(rows.size, columns.size) < _LEAST_SIDE_PX:
            continue
        box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        yield FlowObject(shape=shape, box=box, mask=mask)


def _under_envelope(velocity: Columns, settings: DisplaySettings) -> Mask:
    """(H, W) pixels between the baseline and the velocity of each column."""
    rows = np.arange(settings.layout.height)[:, None]
    tips = settings.baseline_row - velocity / settings.mps_per_px
    low, high = np.minimum(tips, settings.baseline_row), np.maximum(tips, settings.baseline_row)
    mask: Mask = (rows >= low[None]) & (rows <= high[None]) & (velocity != 0)[None]
    return mask
