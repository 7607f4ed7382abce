"""Beats of a flow found on its envelope: without an ECG, and with one where it is known.

A flow stands out of the slow signals at the baseline. The height that parts the two is the one that splits the
envelope best into low and high (Otsu); each stretch above it is a wave, and its flanks are carried on to the baseline
through what the slow signals hide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from echomine.doppler.clicks import CLICK_S, closed, opened
from echomine.doppler.envelope import Side, SideEnvelope
from echomine.doppler.medians import median

Floats: TypeAlias = NDArray[np.float64]

GAP_S = 0.04
"""A gap shorter than this does not part a wave in two."""
SMOOTH_S = 0.01
LEAST_WAVE_S = 0.07
LONGEST_WAVE_S = 1.6
LEAST_CONTRAST = 1.5
"""A wave is at least this many times as high as the signals between the waves."""
FLANK = 0.15
"""Part of the peak below which a flank is not traced but carried on to the baseline, straight."""
FLOOR_CLEARANCE = 1.3
"""The same, as a multiple of the height of the slow signals."""
HIGHEST_FOOT = 0.6
"""A flank is traced down to this part of its peak at least."""
LONGEST_FOOT_S = 0.008
"""A flank is carried on over no longer than this: valves close fast."""
STEEP = 0.3
"""A flank ends where it gets flatter than this part of its steepest stretch: slow signals follow."""
SLOPE_S = 0.015
LONGEST_TAIL_S = 0.05
"""A foot lies no farther than this from where the flow sinks into the slow signals."""
SMEAR_S = 0.004
"""How far flanks are traced outside of the flow: columns averaged over 17 ms, with an edge at a quarter of the level,
show it from (1/2 - 1/4) x 17 ms before its onset to as long after its end."""
RISE_AGAIN = 0.06
"""A decay ends where the flow rises again by this part of the peak: the next wave."""
CUT = 0.5
"""A wave is cut off when it is still at this part of its peak at the border of the display."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """One stretch of flow on one side of the baseline, in steps of its envelope and in rows.

    Attributes:
        side: Side of the baseline.
        start, end: Steps where the flow leaves and reaches the baseline, fractions too.
        core: First and last step, excluded, of the stretch above the parting height.
        peak: Step of the peak.
        height_px: Rows from the baseline to the peak.
        profile_px: (N,) heights at the steps ``ceil(start)`` .. ``floor(end)``, flanks carried on to the baseline.
        floor_px: Typical height of the slow signals between the waves.
        level: Level of the flow over the background at its peak, in grey levels.
        roughness: Spread of the edge around its smooth course, as a part of the height.
        cut_left, cut_right: Whether the wave goes on beyond the display there.
        clipped: Whether it reaches the border of the display, so that its peak is not seen.
    """

    side: Side
    start: float
    end: float
    core: tuple[int, int]
    peak: float
    height_px: float
    profile_px: Floats
    floor_px: float
    level: float
    roughness: float
    cut_left: bool
    cut_right: bool
    clipped: bool

    @property
    def complete(self) -> bool:
        """Whether the whole wave lies within the display."""
        return not (self.cut_left or self.cut_right)


def find_waves(envelope: SideEnvelope, mirrored: NDArray[np.bool_] | None = None) -> tuple[Wave, ...]:
    """The waves of one side, in the order of time; none where the envelope is flat.

    Args:
        envelope: The traced edge.
        mirrored: (T,) steps at which the edge is the mirror of the other side's flow: nothing of this side.
    """
    edge = envelope.edge_px.astype(np.float64)
    if mirrored is not None:
        edge[mirrored] = 0.0
    steady = _opened(edge, envelope.step_s)
    parting = parting_height(steady)
    if parting is None:
        return ()
    smooth = gaussian_filter1d(steady, SMOOTH_S / envelope.step_s, mode="nearest")
    floor = median(steady[steady <= parting])
    stretches = _stretches(smooth > parting, gap=round(GAP_S / envelope.step_s))
    longest, least = LONGEST_WAVE_S / envelope.step_s, LEAST_WAVE_S / envelope.step_s
    kept = [part for part in stretches if part[1] - part[0] <= longest and _half_width(smooth, part) >= least]
    if not any(last - first >= least for first, last in kept):
        return ()
    return tuple(_wave(envelope, smooth, steady, part, floor) for part in kept)


def parting_height(edge: Floats) -> float | None:
    """Height between slow signals and flow; None when there is no flow.

    References:
        Otsu, IEEE Trans Syst Man Cybern 1979;9:62-66.
    """
    ordered = np.sort(edge)
    count = np.arange(1, ordered.size, dtype=np.float64)
    total = np.cumsum(ordered)
    low = total[:-1] / count
    high = (total[-1] - total[:-1]) / (ordered.size - count)
    split = int(np.argmax(count * (ordered.size - count) * (high - low) ** 2))
    if high[split] < LEAST_CONTRAST * max(low[split], 1.0) or high[split] - low[split] < 4.0:
        return None
    return float((low[split] + high[split]) / 2)


def _opened(edge: Floats, step_s: float) -> Floats:
    """The edge without spikes and without gaps too short for a flow."""
    return np.asarray(opened(closed(edge, step_s), step_s), dtype=np.float64)


def _stretches(above: NDArray[np.bool_], *, gap: int) -> list[tuple[int, int]]:
    """First and last step, excluded, of each stretch of True, those parted by a short gap joined."""
    change = np.flatnonzero(np.diff(np.concatenate([[False], above, [False]]).astype(np.int8)))
    joined: list[tuple[int, int]] = []
    for first, last in zip(change[::2].tolist(), change[1::2].tolist(), strict=True):
        if joined and first - joined[-1][1] < gap:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return joined


def _half_width(course: Floats, core: tuple[int, int]) -> int:
    """Steps for which the highest wave of a stretch is over half its height, and the stretch if it lasts longer."""
    first, last = core
    peak = first + int(course[first:last].argmax())
    under = course < 0.5 * course[peak]
    before, after = under[:peak][::-1], under[peak:]
    left = int(before.argmax()) if before.any() else before.size
    right = int(after.argmax()) if after.any() else after.size
    return max(left + right, last - first)


def _wave(envelope: SideEnvelope, smooth: Floats, steady: Floats, core: tuple[int, int], floor: float) -> Wave:
    first, last = core
    peak = first + int(smooth[first:last].argmax())
    height = float(smooth[peak])
    tail = round(LONGEST_TAIL_S / envelope.step_s)
    low = max(FLOOR_CLEARANCE * floor, FLANK * height)
    tail_after = max(tail, _decay_beyond(smooth[peak:], last - peak, low))
    smear = SMEAR_S / envelope.step_s
    before = _foot(steady[max(first - tail, 0) : peak + 1][::-1], floor, envelope.step_s) - smear
    after = _foot(steady[peak : last + tail_after], floor, envelope.step_s) - smear
    start, end = peak - max(before, 1.0), peak + max(after, 1.0)
    steps = np.arange(int(np.ceil(start)), int(np.floor(end)) + 1)
    profile = _profile(_narrowed(smooth, steps, smear), steps, (start, end), low)
    middle = slice(first, last)
    return Wave(
        side=envelope.side,
        start=start,
        end=end,
        core=core,
        peak=float(peak),
        height_px=height,
        profile_px=profile,
        floor_px=floor,
        level=float(envelope.level[peak]),
        roughness=median(np.abs(envelope.edge_px[middle] - smooth[middle])) / max(height, 1.0),
        cut_left=bool(first <= tail and steady[: peak + 1].min() > CUT * height) or _blind(envelope, start),
        cut_right=bool(last + tail >= steady.size and steady[peak:].min() > CUT * height) or _blind(envelope, end),
        clipped=bool(envelope.clipped[middle].sum() * envelope.step_s > CLICK_S),
    )


def _decay_beyond(course: Floats, parting: int, low: float) -> int:
    """Steps for which a flow goes on falling after the parting height: a slow decay ends long after it.

    No longer than the straight line from its peak through that height takes, and no farther than the next wave.

    Args:
        course: Heights from the peak on.
        parting: Step at which it falls below the parting height.
        low: Height of the slow signals, in which the flow ends.
    """
    beyond = course[parting:]
    if not beyond.size:
        return 0
    over = (beyond < low) | (beyond > np.minimum.accumulate(beyond) + RISE_AGAIN * course[0])
    stop = int(over.argmax()) if over.any() else beyond.size
    fallen = float(course[0] - beyond[0])
    straight = parting * max(float(beyond[0]) - low, 0.0) / max(fallen, 1e-6)
    return int(min(stop, straight))


def _blind(envelope: SideEnvelope, place: float) -> bool:
    """Whether print hides the envelope right beside a place."""
    return bool(envelope.blind[max(0, int(place) - 2) : int(place) + 3].any())


def _foot(course: Floats, floor: float, step_s: float) -> float:
    """Steps from the peak to where its flank meets the baseline.

    Args:
        course: Heights from the peak on, in the direction of the flank.
        floor: Height of the slow signals that hide the end of the flank.
        step_s: Time of one step, s.
    """
    height = float(course[0])
    low = max(FLANK * height, min(FLOOR_CLEARANCE * floor, HIGHEST_FOOT * height))
    under = course < low
    bottom = int(under.argmax())
    if under[bottom]:
        exact = bottom - (low - course[bottom]) / max(course[bottom - 1] - course[bottom], 1e-6)
    else:
        bottom = int(course.argmin())
        exact = float(bottom)
    window = max(1, round(SLOPE_S / step_s))
    if course.size <= window:
        return float(exact)
    stretch = max(bottom - window + 1, 1)
    within = course[:stretch] - course[window : window + stretch]
    steepest = float(within.max())
    last = int((within >= STEEP * steepest).nonzero()[0][-1])
    base = min(exact, float(last + window))
    height_there = max(_between(course, base), low)
    reach = height_there * window / max(steepest, 1e-6)
    return float(min(base + min(reach, LONGEST_FOOT_S / step_s), course.size - 1.0))


def _between(course: Floats, place: float) -> float:
    """The course at a place within it, straight between its steps."""
    left = min(int(place), course.size - 1)
    right = min(left + 1, course.size - 1)
    return float(course[left] + (course[right] - course[left]) * (place - left))


def _narrowed(course: Floats, steps: NDArray[np.intp], smear: float) -> Floats:
    """The course at some steps without what averaging over time added to its flanks: the lower of both sides."""
    places = np.arange(course.size)
    before, after = np.interp(steps - smear, places, course), np.interp(steps + smear, places, course)
    return np.asarray(np.minimum(before, after), dtype=np.float64)


def _profile(traced: Floats, steps: NDArray[np.intp], feet: tuple[float, float], low: float) -> Floats:
    """Heights at the steps of a wave: as traced above ``low``, straight to the baseline below."""
    above = traced >= low
    if not above.any():
        return traced
    first, last = int(above.argmax()), above.size - 1 - int(above[::-1].argmax())
    rise = traced[first] / max(steps[first] - feet[0], 1e-9)
    fall = traced[last] / max(feet[1] - steps[last], 1e-9)
    onset, end = (steps[:first] - feet[0]) * rise, (feet[1] - steps[last + 1 :]) * fall
    return np.concatenate((onset, traced[first : last + 1], end))


def same_kind(waves: Sequence[Wave], *, share: float = 0.4) -> tuple[Wave, ...]:
    """The waves that are at least ``share`` times as high as the typical one."""
    if not waves:
        return ()
    typical = median([wave.height_px for wave in waves])
    return tuple(wave for wave in waves if wave.height_px >= share * typical)
