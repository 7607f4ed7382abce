"""Heart beats: when the valves open, and the shape of each flow in time."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Times: TypeAlias = npt.NDArray[np.float64]

HALF_TIME_FALL = 1.0 - 2.0**-0.5
"""Part of the velocity lost when the gradient has halved."""

BERNOULLI_MMHG_PER_M2S2 = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One beat; all times in s on the clock of the display.

    Attributes:
        qrs_s: Time of the R wave.
        rr_s: Time to the next R wave.
        ejection_s: Opening and closing of the semilunar valves.
        inflow_s: Opening and closing of the atrioventricular valves; the closing lies in the next beat.
        atrial_s: Middle of the atrial contraction.
    """

    qrs_s: float
    rr_s: float
    ejection_s: tuple[float, float]
    inflow_s: tuple[float, float]
    atrial_s: float


def beat_at(qrs_s: float, rr_s: float, *, right_heart: bool = False) -> Beat:
    """A beat with systolic intervals after Weissler's regression on the heart rate."""
    rate = min(max(60.0 / rr_s, 40.0), 130.0)
    ejection = 0.413 - 0.0016 * rate + (0.02 if right_heart else 0.0)
    opening = qrs_s + 0.055 + (-0.01 if right_heart else 0.0)
    closing = opening + ejection
    return Beat(
        qrs_s=qrs_s,
        rr_s=rr_s,
        ejection_s=(opening, closing),
        inflow_s=(closing + (0.05 if right_heart else 0.075), qrs_s + rr_s + 0.02),
        atrial_s=qrs_s + rr_s - 0.085,
    )


def beats_over(
    duration_s: float, rate_bpm: float, rng: np.random.Generator, *, fibrillates: bool, right_heart: bool
) -> list[Beat]:
    """Beats that cover 0..duration, with one before and one after; uneven in atrial fibrillation."""
    spread = 0.17 if fibrillates else 0.02
    mean_rr = 60.0 / rate_bpm
    start = -float(rng.uniform(0.2, 1.0)) * mean_rr - mean_rr
    beats = []
    while start < duration_s + mean_rr:
        rr = mean_rr * float(np.clip(rng.normal(1.0, spread), 0.6, 1.6))
        beats.append(beat_at(start, rr, right_heart=right_heart))
        start += rr
    return beats


def ejection_shape(times_s: Times, beat: Beat, peak_fraction: float) -> Times:
    """Ejection flow, 0..1, one at ``peak_fraction`` of the ejection; 0 outside it."""
    opening, closing = beat.ejection_s
    place = np.clip((times_s - opening) / (closing - opening), 0.0, 1.0)
    warp = np.log(0.5) / np.log(peak_fraction)
    return np.asarray(np.sin(np.pi * place**warp).clip(0.0) ** 0.62, dtype=np.float64)


def inflow_shape(times_s: Times, beat: Beat, half_time_ms: float, atrial_ratio: float) -> Times:
    """Inflow, E wave of height 1 with the pressure half-time given, then the A wave; 0 outside the inflow."""
    opening, closing = beat.inflow_s
    since = times_s - opening
    rise_s = 0.07
    rising = np.sin(0.5 * np.pi * np.clip(since / rise_s, 0.0, 1.0))
    falling = np.clip(1.0 - HALF_TIME_FALL * (since - rise_s) / (half_time_ms / 1000.0), 0.08, 1.0)
    atrial = atrial_ratio * np.exp(-(((times_s - beat.atrial_s) / 0.05) ** 2))
    closing_down = np.clip((closing - times_s) / 0.035, 0.0, 1.0)
    shape = np.maximum(rising * falling, atrial) * closing_down
    return np.where((since > 0) & (times_s < closing), shape, 0.0)


def systolic_jet_span_s(beat: Beat, part: float) -> tuple[float, float]:
    """Start and end of a jet through a closed atrioventricular valve that lasts a part 0..1 of systole."""
    start = beat.qrs_s + 0.025
    return start, start + part * (beat.inflow_s[0] - 0.01 - start)


def diastolic_jet_span_s(beat: Beat, part: float) -> tuple[float, float]:
    """Start and end of a jet through a closed semilunar valve that lasts a part 0..1 of diastole."""
    start = beat.ejection_s[1] + 0.005
    return start, start + part * (beat.qrs_s + beat.rr_s + 0.05 - start)


def systolic_jet_shape(times_s: Times, beat: Beat, triangularity: float, part: float) -> Times:
    """Jet through a closed atrioventricular valve: a parabola that turns into an early-peaking triangle."""
    start, end = systolic_jet_span_s(beat, part)
    place = np.clip((times_s - start) / (end - start), 0.0, 1.0)
    parabola = 1.0 - np.abs(2.0 * place - 1.0) ** 2.6
    triangle = np.minimum(place / 0.27, (1.0 - place) / 0.73)
    triangle = np.where(place < 0.27, np.sin(0.5 * np.pi * place / 0.27), triangle)
    shape = (1.0 - triangularity) * parabola + triangularity * triangle
    return np.where((times_s > start) & (times_s < end), shape / max(float(shape.max()), 1e-6), 0.0)


def diastolic_jet_shape(times_s: Times, beat: Beat, half_time_ms: float, part: float) -> Times:
    """Jet through a closed semilunar valve: a steep rise, then a linear fall with the half-time given."""
    start, end = diastolic_jet_span_s(beat, part)
    rise_s = 0.045
    since = times_s - start
    rising = np.sin(0.5 * np.pi * np.clip(since / rise_s, 0.0, 1.0))
    falling = np.clip(1.0 - HALF_TIME_FALL * (since - rise_s) / (half_time_ms / 1000.0), 0.0, 1.0)
    closing_down = np.clip((end - times_s) / 0.03, 0.0, 1.0)
    return np.where((since > 0) & (times_s < end), rising * falling * closing_down, 0.0)


def ejection_mean_gradient_mmhg(vmax_mps: float, peak_fraction: float) -> float:
    """Mean gradient over an ejection with that peak velocity."""
    beat = beat_at(0.0, 1.0)
    shape = ejection_shape(np.linspace(*beat.ejection_s, 200), beat, peak_fraction)
    return float(np.mean(BERNOULLI_MMHG_PER_M2S2 * (vmax_mps * shape) ** 2))


def inflow_peak_mps(mean_gradient_mmhg: float, half_time_ms: float, atrial_ratio: float, rate_bpm: float) -> float:
    """Peak velocity of an inflow whose mean gradient over the inflow is the one given, at that heart rate."""
    beat = beat_at(0.0, 60.0 / rate_bpm)
    times = np.linspace(*beat.inflow_s, 200)
    shape = inflow_shape(times, beat, half_time_ms, atrial_ratio)
    return float(np.sqrt(mean_gradient_mmhg / (BERNOULLI_MMHG_PER_M2S2 * np.mean(shape**2))))
