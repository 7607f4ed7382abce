"""What a spectral display measures: the flows on both sides of its baseline, their beats and their numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from echomine.domain.errors import MeasurementError
from echomine.domain.records import Calibration
from echomine.domain.vocabulary import DopplerMode, Valve
from echomine.doppler.display import ScaleGuess, SpectralDisplay
from echomine.doppler.envelope import DEFAULT_ENVELOPE, EnvelopeConfig, Mask, SideEnvelope, trace_envelopes
from echomine.doppler.flow_beats import Confidence
from echomine.doppler.flow_kinds import RecognisedFlow, recognise
from echomine.doppler.flows import Flow, find_flows

FASTEST_FLOW_MPS = 8.0
"""No flow of the heart is faster: the scale or the display is not what it seems."""
FASTEST_TISSUE_MPS = 0.5
"""A pulsed display that spans less than this shows the velocity of tissue, not of blood."""


class ProblemCode(StrEnum):
    """What a reader of a measurement must know: a closed list."""

    UNCALIBRATED = "uncalibrated"
    TIME_UNKNOWN = "time_scale_unknown"
    NO_BASELINE = "no_baseline"
    NO_FLOW = "no_flow"
    NO_COMPLETE_BEAT = "no_complete_beat"
    CLIPPED = "velocity_beyond_display"
    ALIASED = "aliased"
    IRREGULAR = "irregular_beats"
    ONE_BEAT = "one_beat"
    FAINT = "faint_envelope"
    TISSUE = "tissue_velocities"
    IMPLAUSIBLE = "implausible_velocity"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that limits a measurement: its code, and a sentence."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayReading:
    """Everything measured on one display.

    Attributes:
        calibration: The scale it rests on; None when unknown.
        flows: The flows, the strongest first.
        names: What each of the flows with a beat is, in their order.
        envelopes: The traced edges, for a picture.
        problems: What limits the measurement.
    """

    calibration: Calibration | None
    flows: tuple[Flow, ...]
    names: tuple[RecognisedFlow, ...]
    envelopes: tuple[SideEnvelope, ...]
    problems: tuple[Problem, ...]

    @property
    def main(self) -> Flow | None:
        """The strongest flow that has a complete beat."""
        return next((flow for flow in self.flows if flow.beats), None)


def read_display(
    display: SpectralDisplay,
    *,
    baseline_y: float | None = None,
    overlay: Mask | None = None,
    valve: Valve | None = None,
    config: EnvelopeConfig = DEFAULT_ENVELOPE,
) -> DisplayReading:
    """The flows of a display and what they measure.

    A display without a scale still gives beats, with places but no velocities, when its baseline is known.

    Args:
        display: The cropped display.
        baseline_y: Row of zero velocity, where the display has no calibration.
        overlay: (H, W) pixels that are no signal.
        valve: The valve, where something else than the picture tells it.
        config: How the envelope is traced.
    """
    scale = display.calibration
    row = scale.baseline_y if scale else baseline_y
    if row is None or not 0 <= row <= display.height:
        problem = Problem(ProblemCode.NO_BASELINE, "the baseline is not in the display, so no flow can be told")
        return DisplayReading(calibration=scale, flows=(), names=(), envelopes=(), problems=(problem,))
    s_per_px = scale.s_per_px if scale else ScaleGuess().width_s / display.width
    try:
        envelopes = trace_envelopes(display.pixels, baseline_y=row, s_per_px=s_per_px, overlay=overlay, config=config)
    except MeasurementError as error:
        return DisplayReading(
            calibration=scale, flows=(), names=(), envelopes=(), problems=(Problem(ProblemCode.NO_FLOW, str(error)),)
        )
    found = find_flows(envelopes, row, scale)
    flows = tuple(flow for flow in found if (flow.vmax_mps or 0.0) <= FASTEST_FLOW_MPS)
    flows = tuple(flow for flow in flows if flow.beats) + tuple(flow for flow in flows if not flow.beats)
    return DisplayReading(
        calibration=scale,
        flows=flows,
        names=recognise([flow for flow in flows if flow.beats], display.mode, valve),
        envelopes=envelopes,
        problems=(*_doubts(len(found) - len(flows)), *_problems(display, flows, envelopes)),
    )


def _doubts(left_out: int) -> tuple[Problem, ...]:
    """The problem of flows faster than the heart makes them, if there were any."""
    said = f"a flow faster than {FASTEST_FLOW_MPS:.0f} m/s is left out: the scale or the display is not what it seems"
    return (Problem(ProblemCode.IMPLAUSIBLE, said),) if left_out else ()


def _problems(display: SpectralDisplay, flows: Sequence[Flow], envelopes: Sequence[SideEnvelope]) -> list[Problem]:
    found: list[Problem] = []
    scale = display.calibration
    if scale is None:
        found.append(Problem(ProblemCode.UNCALIBRATED, "no velocity scale: places are given, velocities are not"))
    elif abs(scale.mps_per_px) * display.height < FASTEST_TISSUE_MPS and display.mode is not DopplerMode.CW:
        found.append(Problem(ProblemCode.TISSUE, "the scale is that of tissue Doppler, which is not graded"))
    main = next((flow for flow in flows if flow.beats), None)
    if not flows:
        found.append(Problem(ProblemCode.NO_FLOW, "no flow stands out of the signals at the baseline"))
    elif main is None:
        found.append(Problem(ProblemCode.NO_COMPLETE_BEAT, "every beat is cut off by the border of the display"))
    else:
        found.extend(_problems_of(main, envelopes))
    return found


def _problems_of(flow: Flow, envelopes: Sequence[SideEnvelope]) -> list[Problem]:
    found: list[Problem] = []
    if any(beat.clipped for beat in flow.beats):
        aliased = _wraps(flow, envelopes)
        code = ProblemCode.ALIASED if aliased else ProblemCode.CLIPPED
        found.append(Problem(code, "the flow goes on beyond the display: its peak is at least what is given"))
    if flow.irregular:
        found.append(Problem(ProblemCode.IRREGULAR, "the beats come unevenly: means over all beats are given"))
    if len(flow.beats) == 1:
        found.append(Problem(ProblemCode.ONE_BEAT, "a single complete beat"))
    if all(beat.confidence is Confidence.LOW for beat in flow.beats):
        found.append(Problem(ProblemCode.FAINT, "the envelope is too faint or rough to be trusted"))
    return found


def _wraps(flow: Flow, envelopes: Sequence[SideEnvelope]) -> bool:
    """Whether the other side shows signal at its border, or up to it, where this flow is clipped."""
    own = next(envelope for envelope in envelopes if envelope.side is flow.side)
    other = next((envelope for envelope in envelopes if envelope.side is not flow.side), None)
    if other is None or not own.clipped.any():
        return False
    return bool(np.mean(other.clipped[own.clipped]) > 0.3)
