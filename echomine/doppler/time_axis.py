"""The time scale of a display: tick marks along its lower or upper edge, else the heart rate and the beat itself."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from echomine.doppler.axis import AxisProblem, AxisProblemCode, TextReader, TimeSource
from echomine.doppler.heart_rate import Repetition, printed_rate_bpm, repetition_of
from echomine.doppler.marks import Marks, Sheet
from echomine.doppler.region import Box
from echomine.doppler.time_ticks import Comb, Seconds, best_comb, seconds_of

DURATIONS_S = (0.4, 25.0)
"""A display shows between these."""
USUAL_RATES_BPM = (50.0, 110.0)
"""Ticks by which the beats come at another rate are compared with the rate that is printed."""
SAME_RATE = 0.15
"""Logarithm of the ratio of two rates that are one."""
OTHER_RATE = 0.55
"""The same of two rates between which a factor was lost, of two or more; smaller differences are those of the beats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeScale:
    """Time of one column of the sheet, and how it was found.

    Attributes:
        s_per_px: Time of one column; None when unknown.
        source: Where it comes from.
        box: Around the ticks; None without any.
        problems: What had to be assumed.
    """

    s_per_px: float | None = None
    source: TimeSource = TimeSource.NONE
    box: Box | None = None
    problems: tuple[AxisProblem, ...] = ()


def find_time_scale(sheet: Sheet, marks: Marks, box: Box, reader: TextReader) -> TimeScale:
    """The time scale of the display at ``box``.

    Long ticks among ten or five short ones mark seconds on the screens of all makers we know. Ticks of one length, and
    other divisions, are taken for seconds only when the heart rate on the screen and the period of the flow agree.
    Where long ticks may be lost or mark half seconds, the same must agree. A flow that repeats itself after a half or a
    third of its period too, if less, may have beats that take turns: it tells no time. Where the beats come at an
    unusual rate by sure ticks, a printed rate that differs is told.
    """
    comb = best_comb(sheet, box)
    seconds = seconds_of(comb) if comb else Seconds(1, sure=False)
    repetition = repetition_of(sheet.grey[box[1] : box[3], box[0] : box[2]])
    period = repetition.period_px
    if comb is not None and seconds.sure and _plausible(1 / (comb.step * seconds.ticks), box):
        scale = 1 / (comb.step * seconds.ticks)
        doubted = _is_contradicted(scale, repetition, lambda: printed_rate_bpm(sheet, marks, box, reader))
        return TimeScale(
            s_per_px=scale, source=TimeSource.TICKS, box=comb.box, problems=(_DOUBTFUL,) if doubted else ()
        )
    clear = period is not None and not any(repetition.holds_at(period / beats) for beats in (2, 3))
    rate = printed_rate_bpm(sheet, marks, box, reader) if clear else None
    if rate is None or period is None:
        return TimeScale(box=comb.box if comb else None, problems=(_UNKNOWN,))
    return _by_beat(comb, 60 / (rate * period))


_UNKNOWN = AxisProblem(AxisProblemCode.TIME_UNKNOWN, "no time scale can be read: times are not measured")
_ASSUMED = AxisProblem(AxisProblemCode.TIME_ASSUMED, "the time scale was worked out from heart rate and beats")
_DOUBTFUL = AxisProblem(
    AxisProblemCode.TIME_DOUBTFUL,
    "by the time ticks the beats come at another rate than is printed: times and integrals may be wrong by a factor",
)


def _is_contradicted(s_per_px: float, repetition: Repetition, printed_rate: Callable[[], float | None]) -> bool:
    """Whether the beats come at an unusual rate by the ticks, and at another than the printed one.

    A display may seem to repeat itself every second or third beat only; then it does so after one as well, if less.
    """
    if repetition.period_px is None:
        return False
    rate = 60 / (repetition.period_px * s_per_px)
    if _is_usual(rate) or any(
        _is_usual(beats * rate) and repetition.holds_at(repetition.period_px / beats) for beats in (2, 3)
    ):
        return False
    printed = printed_rate()
    if printed is None or abs(float(np.log(rate / printed))) < OTHER_RATE:
        return False
    return rate > printed or not repetition.holds_at(60 / (printed * s_per_px))


def _is_usual(rate_bpm: float) -> bool:
    return USUAL_RATES_BPM[0] <= rate_bpm <= USUAL_RATES_BPM[1]


def _by_beat(comb: Comb | None, s_per_px: float) -> TimeScale:
    """The scale that heart rate and beat call for, to the distance of ticks that comes close to it."""
    if comb is None:
        return TimeScale(s_per_px=s_per_px, source=TimeSource.HEART_RATE, problems=(_ASSUMED,))
    seconds = s_per_px * comb.step
    known = min((0.04, 0.1, 0.2, 0.25, 0.5, 1.0), key=lambda step: abs(np.log(seconds / step)))
    if abs(np.log(seconds / known)) > SAME_RATE:
        return TimeScale(s_per_px=s_per_px, source=TimeSource.HEART_RATE, box=comb.box, problems=(_ASSUMED,))
    return TimeScale(s_per_px=known / comb.step, source=TimeSource.TICKS, box=comb.box, problems=(_ASSUMED,))


def _plausible(s_per_px: float, box: Box) -> bool:
    return DURATIONS_S[0] <= s_per_px * (box[2] - box[0]) <= DURATIONS_S[1]
