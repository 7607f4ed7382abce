"""Beats of one flow with what is measured on each: waves grouped by cycle, in velocities where there is a scale."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import MeasurementError
from echomine.domain.records import Calibration
from echomine.doppler.beats import Floats, Wave
from echomine.doppler.envelope import Side, SideEnvelope
from echomine.doppler.haemodynamics import Decay, decay_of, mean_gradient_mmhg, vti_cm

LONGEST_DIASTASIS_S = 0.35
"""An atrial wave follows an early one within this time; the next early wave comes after systole, which is longer."""
FEWEST_SYSTOLES, LONGEST_PAUSE_S = 2, 0.5
"""Where this many systoles are seen on the other side, waves with none between them belong to one diastole."""
WIDEST_ATRIAL_WAVE_S = 0.24
DIASTASIS_SHARE = 0.7
"""The pause within a diastole is shorter than this part of the one across systole."""
LEAST_FALL = 0.12
"""A decay that falls by less than this part of the peak is too short to give a half-time."""
EARLY_WAVE = 0.7
"""An early wave of this part of an atrial one that is higher is the one whose decay is read."""
DECAY_START = 0.97
DECAY_END = 0.3
"""A decay is read from where the velocity leaves its peak down to this part of it."""
CLOSING_S = 0.035
"""The end of a decay, where the valve closes, is left out."""
LONGEST_HALF_TIME_MS = 1500.0
"""A half-time longer than this is a plateau, not a decay."""
RISE_AGAIN = 0.06
"""A decay ends where the velocity rises again by this part of the peak: the atrial contraction."""
FAINT_LEVEL, CLEAR_LEVEL = 22.0, 70.0
"""Grey levels over the background below which an edge is doubtful, above which it is clear."""
FAINT_SHARE = 0.35
"""A beat fainter than this part of the strongest one is doubtful."""
FAINT_CONTRAST, CLEAR_CONTRAST = 2.5, 6.0
"""The same, in spreads of the background."""
LOW_STANDING, CLEAR_STANDING = 2.0, 3.0
"""The same for the height of a flow over that of the slow signals around it."""
ROUGH = 0.04


class Confidence(IntEnum):
    """How far a beat can be trusted."""

    LOW = 0
    MEDIUM = 1
    HIGH = 2

    @property
    def word(self) -> str:
        """The word used in files."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowBeat:
    """One beat of a flow; places are pixels of the display, values are None where the scale is unknown.

    Attributes:
        x_start, x_end: Columns where the flow leaves and reaches the baseline.
        x_peak, y_peak: Its peak.
        duration_ms: Time from start to end: the ejection time of an outflow.
        acceleration_ms: Time from the start to the peak.
        vmax_mps: Peak speed, without sign.
        mean_gradient_mmhg: Time mean of 4 v^2.
        vti_cm: Velocity-time integral.
        pht_ms: Pressure half-time of its decay; None where it has no straight one.
        deceleration_mps2: Slope of that decay.
        confidence: By level, roughness and border.
        clipped: Whether the peak lies beyond the display.
        outline: (N, 2) column and row of the envelope, from baseline to baseline.
    """

    x_start: float
    x_end: float
    x_peak: float
    y_peak: float
    duration_ms: float
    acceleration_ms: float
    vmax_mps: float | None
    mean_gradient_mmhg: float | None
    vti_cm: float | None
    pht_ms: float | None
    deceleration_mps2: float | None
    confidence: Confidence
    clipped: bool
    outline: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """Times and heights of a beat from baseline to baseline."""

    steps: Floats
    heights_px: Floats


def group_by_cycle(
    waves: Sequence[Wave], step_s: float, systoles: Sequence[float] = ()
) -> tuple[tuple[Wave, ...], ...]:
    """The waves of each cycle of an inflow: its early and its atrial wave belong together, other waves stand alone.

    Where systoles are seen on the other side, two waves belong together when none lies between them. Else when the
    pause between them is short, the second is narrow, and the pauses around them are clearly longer.

    Args:
        waves: Waves of one side in the order of time.
        step_s: Time of one step, s.
        systoles: Steps at which the other side's flow peaks.
    """
    pauses = [(after.start - before.end) * step_s for before, after in itertools.pairwise(waves)]
    groups: list[tuple[Wave, ...]] = []
    for number, wave in enumerate(waves):
        alone = bool(groups) and len(groups[-1]) == 1
        if alone and _same_diastole(waves, pauses, number, step_s, systoles):
            groups[-1] = (groups[-1][0], wave)
        else:
            groups.append((wave,))
    return tuple(groups)


def _same_diastole(
    waves: Sequence[Wave], pauses: Sequence[float], number: int, step_s: float, systoles: Sequence[float]
) -> bool:
    """Whether a wave belongs to the diastole of the one before it."""
    if len(systoles) < FEWEST_SYSTOLES:
        return _is_atrial(waves, pauses, number, step_s)
    parted = any(waves[number - 1].peak < systole < waves[number].peak for systole in systoles)
    narrow = (waves[number].core[1] - waves[number].core[0]) * step_s <= WIDEST_ATRIAL_WAVE_S
    return narrow and not parted and pauses[number - 1] <= LONGEST_PAUSE_S


def _is_atrial(waves: Sequence[Wave], pauses: Sequence[float], number: int, step_s: float) -> bool:
    pause = pauses[number - 1]
    beside = [pauses[place] for place in (number - 2, number) if 0 <= place < len(pauses)]
    wave = waves[number]
    narrow = (wave.core[1] - wave.core[0]) * step_s <= WIDEST_ATRIAL_WAVE_S
    shorter = bool(beside) and pause <= DIASTASIS_SHARE * min(beside)
    return narrow and shorter and pause <= LONGEST_DIASTASIS_S


def measure_beat(
    group: Sequence[Wave],
    envelope: SideEnvelope,
    baseline_y: float,
    calibration: Calibration | None,
    strongest_level: float,
) -> FlowBeat:
    """What one beat measures.

    Args:
        group: The waves of the beat.
        envelope: The envelope they were found on.
        baseline_y: Row of the baseline.
        calibration: Scale; None gives places and times alone.
        strongest_level: Level of the strongest beat of the flow, in grey levels.
    """
    course = _course(group)
    highest = max(group, key=lambda wave: wave.height_px)
    times = course.steps * envelope.step_s
    sign = -1.0 if envelope.side is Side.ABOVE else 1.0
    velocity = course.heights_px * abs(calibration.mps_per_px) if calibration else None
    decay = _decay(course, highest, envelope.step_s) if _decays(envelope, calibration) else None
    return FlowBeat(
        x_start=envelope.column(group[0].start),
        x_end=envelope.column(group[-1].end),
        x_peak=envelope.column(highest.peak),
        y_peak=baseline_y + sign * highest.height_px,
        duration_ms=1000.0 * float(times[-1] - times[0]),
        acceleration_ms=1000.0 * (highest.peak - group[0].start) * envelope.step_s,
        vmax_mps=highest.height_px * abs(calibration.mps_per_px) if calibration else None,
        mean_gradient_mmhg=mean_gradient_mmhg(velocity, times) if velocity is not None else None,
        vti_cm=vti_cm(velocity, times) if velocity is not None else None,
        pht_ms=_half_time(decay, float(times[_early_peak(course, highest)])) if decay else None,
        deceleration_mps2=-decay.slope * abs(calibration.mps_per_px) if decay and calibration else None,
        confidence=_confidence(highest, envelope.noise, strongest_level),
        clipped=any(wave.clipped for wave in group),
        outline=np.column_stack([envelope.x0 + course.steps * envelope.step_px, baseline_y + sign * course.heights_px]),
    )


def _decays(envelope: SideEnvelope, calibration: Calibration | None) -> bool:
    """Whether the flow runs towards the probe: the flows of diastole do, and theirs is the decay that is read."""
    return calibration is None or (envelope.side is Side.ABOVE) == (calibration.mps_per_px > 0)


def _course(group: Sequence[Wave]) -> _Course:
    """The waves of a beat one after another; between them the velocity runs as traced."""
    steps: list[NDArray[np.float64]] = []
    heights: list[NDArray[np.float64]] = []
    for wave in group:
        first = np.ceil(wave.start)
        inner = np.arange(first, first + wave.profile_px.size)
        steps += [np.array([wave.start]), inner, np.array([wave.end])]
        heights += [np.zeros(1), wave.profile_px, np.zeros(1)]
    return _Course(steps=np.concatenate(steps), heights_px=np.concatenate(heights))


def _decay(course: _Course, wave: Wave, step_s: float) -> Decay | None:
    """The line, in rows a second, through the stretch from the peak on along which the velocity falls steadily."""
    along = _falling(course, wave, step_s)
    try:
        return decay_of(course.heights_px[along], course.steps[along] * step_s)
    except MeasurementError:
        return None


def _early_peak(course: _Course, wave: Wave) -> int:
    """Place of the peak whose decay is read: an early wave before the highest, where it is nearly as high."""
    highest = int(np.argmin(np.abs(course.steps - wave.peak)))
    before = np.maximum.accumulate(course.heights_px[:highest])
    fallen = course.heights_px[:highest] < before - LEAST_FALL * wave.height_px
    fallen &= before >= EARLY_WAVE * wave.height_px
    return int(course.heights_px[: int(fallen.argmax())].argmax()) if fallen.any() else highest


def _falling(course: _Course, wave: Wave, step_s: float) -> slice:
    """The stretch of a beat from its peak on along which the velocity falls steadily."""
    heights = course.heights_px
    peak = _early_peak(course, wave)
    after = heights[peak:]
    low = np.flatnonzero(after < DECAY_END * wave.height_px)
    rising = np.flatnonzero(after > np.minimum.accumulate(after) + RISE_AGAIN * wave.height_px)
    closing = int(np.searchsorted(course.steps[peak:], wave.end - CLOSING_S / step_s))
    stop = min(after.size, closing, *(int(found[0]) for found in (low, rising) if found.size))
    if rising.size and int(rising[0]) == stop:
        stop = int(np.argmin(after[: stop + 1])) + 1
    leave = int(np.argmax(after[:stop] < DECAY_START * after[0])) if stop else 0
    if stop <= leave or after[leave] - after[stop - 1] < LEAST_FALL * wave.height_px:
        return slice(0)
    return slice(peak + leave, peak + max(stop, leave))


def _half_time(decay: Decay, peak_s: float) -> float | None:
    try:
        value = decay.half_time_ms(peak_s=peak_s)
    except MeasurementError:
        return None
    return value if value <= LONGEST_HALF_TIME_MS else None


def _confidence(wave: Wave, noise: float, strongest_level: float) -> Confidence:
    """By level, contrast to the background, height over the slow signals, and how ragged the edge is."""
    contrast, stands_out = wave.level / max(noise, 1.0), wave.height_px / max(wave.floor_px, 1.0)
    faint = wave.level < max(FAINT_LEVEL, FAINT_SHARE * strongest_level) or contrast < FAINT_CONTRAST
    if wave.clipped or faint or stands_out < LOW_STANDING or wave.roughness > 2 * ROUGH:
        return Confidence.LOW
    clear = wave.level >= CLEAR_LEVEL and contrast >= CLEAR_CONTRAST and stands_out >= CLEAR_STANDING
    return Confidence.HIGH if clear and wave.roughness <= ROUGH else Confidence.MEDIUM
