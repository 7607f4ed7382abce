"""What is measured on a display that lies on a physical grid, as a fixed row of numbers for each side."""

from collections.abc import Callable, Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Calibration
from echomine.doppler.display import PhysicalGrid, Pixels, SpectralDisplay
from echomine.doppler.envelope import Side, SideEnvelope
from echomine.doppler.flow_kinds import FlowName, RecognisedFlow
from echomine.doppler.flows import Flow
from echomine.doppler.overlays import overlay_mask
from echomine.doppler.reading import read_display

_LEAST_ROWS, _LEAST_COLUMNS = 24, 40
_SLOWEST_MPS, _LEAST_GRADIENT_MMHG, _LEAST_VTI_CM, _LEAST_LEVEL = 0.05, 0.05, 0.5, 1.0

Value = Callable[[Flow], float | None]

FLOW_NUMBERS: MappingProxyType[str, Value] = MappingProxyType(
    {
        "vmax": lambda flow: _log(flow.mean_vmax_mps, _SLOWEST_MPS),
        "mean_gradient": lambda flow: _log(flow.mean_gradient_mmhg, _LEAST_GRADIENT_MMHG),
        "vti": lambda flow: _log(flow.vti_cm, _LEAST_VTI_CM),
        "pht": lambda flow: _log(flow.fall_ms, 1.0),
        "duration": lambda flow: float(np.log(_duration_ms(flow))),
        "acceleration": lambda flow: float(np.mean([b.acceleration_ms / max(b.duration_ms, 1) for b in flow.trusted])),
        "share_of_cycle": lambda flow: _duration_ms(flow) / 1000 / flow.interval_s if flow.interval_s else None,
        "waves": lambda flow: float(flow.waves_per_beat),
        "fullness": lambda flow: _fullness(flow),  # noqa: PLW0108 - it is defined below
        "strength": lambda flow: float(np.log(max(flow.strength, 1.0))),
    }
)
"""Name to value, logarithms where ratios matter; m/s, mmHg, cm, ms. None where a flow does not have it."""

LEVEL = "level"
RECOGNISED: MappingProxyType[str, tuple[FlowName, ...]] = MappingProxyType(
    {
        "ejection": (FlowName.OUTFLOW, FlowName.AORTIC_STENOSIS, FlowName.PULMONIC_STENOSIS),
        "filling": (FlowName.INFLOW, FlowName.MITRAL_STENOSIS, FlowName.TRICUSPID_STENOSIS),
        "aortic_jet": (FlowName.AORTIC_REGURGITATION,),
        "mitral_jet": (FlowName.MITRAL_REGURGITATION,),
        "tricuspid_jet": (FlowName.TRICUSPID_REGURGITATION,),
        "pulmonic_jet": (FlowName.PULMONIC_REGURGITATION,),
    }
)
"""What physiology takes a flow for: the number is its probability, 0 for another kind and without a flow."""

SIDES = (Side.ABOVE, Side.BELOW)
NUMBERS: tuple[tuple[Side, str], ...] = tuple(
    (side, name) for side in SIDES for name in (*FLOW_NUMBERS, LEVEL, *RECOGNISED)
)
"""What each number of :func:`display_numbers` is; above the baseline is towards the probe, on a grid."""


def display_numbers(pixels: Pixels, grid: PhysicalGrid) -> NDArray[np.float32]:
    """(len(NUMBERS),) numbers of a display on a grid; NaN where there is nothing to measure.

    Args:
        pixels: (rows, columns) of the grid, 0 outside the display.
        grid: The grid.
    """
    found = np.full(len(NUMBERS), np.nan, dtype=np.float32)
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    if rows.size < _LEAST_ROWS or columns.size < _LEAST_COLUMNS:
        return found
    crop = np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, : columns[-1] + 1])
    baseline_y = grid.highest_mps / grid.mps_per_row - 0.5 - rows[0]
    scale = Calibration(mps_per_px=grid.mps_per_row, baseline_y=float(baseline_y), s_per_px=grid.s_per_column)
    display = SpectralDisplay(pixels=crop, calibration=scale)
    reading = read_display(display, overlay=overlay_mask(crop, baseline_y=float(baseline_y)))
    values = dict.fromkeys(((side, name) for side in SIDES for name in RECOGNISED), 0.0)
    values |= {(envelope.side, LEVEL): _level(envelope) for envelope in reading.envelopes}
    for flow, recognised in zip(reading.flows, reading.names, strict=False):
        values |= {(flow.side, name): value for name, value in _flow_values(flow, recognised)}
    for place, key in enumerate(NUMBERS):
        found[place] = values.get(key, np.nan)
    return found


def _flow_values(flow: Flow, recognised: RecognisedFlow) -> Iterator[tuple[str, float]]:
    """The numbers of one flow by name, without those that it does not have."""
    for name, value_of in FLOW_NUMBERS.items():
        value = value_of(flow)
        if value is not None:
            yield name, value
    for name, kinds in RECOGNISED.items():
        yield name, recognised.probability if recognised.name in kinds else 0.0


def _log(value: float | None, least: float) -> float | None:
    return None if value is None else float(np.log(max(value, least)))


def _duration_ms(flow: Flow) -> float:
    return max(float(np.mean([beat.duration_ms for beat in flow.trusted])), 1.0)


def _fullness(flow: Flow) -> float | None:
    """Mean velocity as a share of the peak: a triangle has one half."""
    if not flow.vti_cm or not flow.mean_vmax_mps:
        return None
    return flow.vti_cm / 100 / (_duration_ms(flow) / 1000) / flow.mean_vmax_mps


def _level(envelope: SideEnvelope) -> float:
    """Logarithm of the level of the flow where its edge is high."""
    high = envelope.edge_px > 0.5 * np.quantile(envelope.edge_px, 0.95)
    level = float(np.median(envelope.level[high])) if high.any() else 0.0
    return float(np.log(max(level, _LEAST_LEVEL)))
