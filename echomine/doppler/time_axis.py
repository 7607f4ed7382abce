"""The time scale of a display: tick marks along its lower or upper edge, else the heart rate and the beat itself."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.doppler.axis import AxisProblem, AxisProblemCode, TextReader, TimeSource
from echomine.doppler.display import Pixels
from echomine.doppler.marks import Marks, Sheet, Word, crop_of, percentiles, pieces_of
from echomine.doppler.region import Box

BAND = (0.12, 0.22)
"""Shares of the height of the display, inside and outside of its edge, within which time ticks stand."""
LEVELS = (0.6, 0.35, 0.2)
"""Brightness of ticks as a share of the brightest level, in the order tried: some are drawn in dark grey."""
WIDEST_TICK_PX, TALLEST_TICK_PX = 5, 40
FEWEST_TICKS = 5
SHORTEST_SPAN = 0.35
"""Share of the width that the ticks cover at least."""
COVERAGE, FIT = 0.75, 0.8
"""Share of places of the comb that are taken, and share of ticks that lie on it."""
SURE_FIT = 0.95
"""Product of the two from which no better comb is looked for."""
PLACE_TOLERANCE_PX = 1.6
TALLER = 1.3
TALLER_THAN_ANY = 1.25
"""A long tick is this many times as long as those between in the middle, and as any of them."""
SECOND_DIVISIONS = (10, 5)
"""Short ticks in one second when long ticks stand at whole seconds: tenths and fifths."""
OTHER_DIVISIONS = (4, 2)
DURATIONS_S = (0.4, 25.0)
"""A display shows between these."""
RATES_BPM = (25.0, 250.0)
PERIOD_MATCH = 0.25
"""Least autocorrelation at the period of the beat."""
MOST_WORDS = 6


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


@dataclass(frozen=True, slots=True)
class _Comb:
    """Ticks at equal distances.

    Attributes:
        step: Columns between neighbours.
        places: (n,) which place of the comb each tick has.
        lengths: (n,) rows of each tick.
        box: Around them.
        quality: How complete it is.
    """

    step: float
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]
    box: Box
    quality: float


def find_time_scale(sheet: Sheet, marks: Marks, box: Box, reader: TextReader) -> TimeScale:
    """The time scale of the display at ``box``.

    Long ticks among ten or five short ones mark seconds on the screens of all makers we know. Ticks of one length, and
    other divisions, are taken for seconds only when the heart rate on the screen and the period of the flow agree.
    """
    comb = _best_comb(sheet, box)
    if comb is not None:
        division = _division(comb)
        scale = 1 / (comb.step * division)
        if division in SECOND_DIVISIONS and _plausible(scale, box):
            return TimeScale(s_per_px=scale, source=TimeSource.TICKS, box=comb.box)
    by_beat = _by_heart_rate(sheet, marks, box, reader)
    if by_beat is None:
        return TimeScale(
            box=comb.box if comb else None,
            problems=(AxisProblem(AxisProblemCode.TIME_UNKNOWN, "no time scale can be read: times are not measured"),),
        )
    assumed = AxisProblem(AxisProblemCode.TIME_ASSUMED, "the time scale was worked out from heart rate and beats")
    if comb is None:
        return TimeScale(s_per_px=by_beat, source=TimeSource.HEART_RATE, problems=(assumed,))
    return _agreed(comb, by_beat, assumed)


def _agreed(comb: _Comb, by_beat: float, assumed: AxisProblem) -> TimeScale:
    """Ticks of unknown distance, given the one that the heart rate calls for."""
    seconds = by_beat * comb.step
    known = min((0.04, 0.1, 0.2, 0.25, 0.5, 1.0), key=lambda step: abs(np.log(seconds / step)))
    if abs(np.log(seconds / known)) > 0.15:
        return TimeScale(s_per_px=by_beat, source=TimeSource.HEART_RATE, box=comb.box, problems=(assumed,))
    return TimeScale(s_per_px=known / comb.step, source=TimeSource.TICKS, box=comb.box, problems=(assumed,))


def _plausible(s_per_px: float, box: Box) -> bool:
    return DURATIONS_S[0] <= s_per_px * (box[2] - box[0]) <= DURATIONS_S[1]


def _best_comb(sheet: Sheet, box: Box) -> _Comb | None:
    inside, outside = (round(share * (box[3] - box[1])) for share in BAND)
    below = (box[3] - inside, min(sheet.rows, box[3] + outside))
    above = (max(0, box[1] - outside), box[1] + inside)
    for level in LEVELS:
        combs = [comb for band in (below, above) if (comb := _comb_in(sheet, band, box, level))]
        if combs:
            return max(combs, key=lambda comb: comb.quality)
    return None


def _comb_in(sheet: Sheet, band: tuple[int, int], box: Box, level: float) -> _Comb | None:
    """The most complete comb of strokes whose lower, or upper, ends lie in one row."""
    cut = sheet.grey[band[0] : band[1]]
    if not cut.size:
        return None
    ground, top = percentiles(cut, 20)[0], percentiles(sheet.grey, 99.9)[0]
    _, mask = cv2.threshold(cut, ground + level * max(top - ground, 40.0), 255, cv2.THRESH_BINARY)
    pieces = pieces_of(mask)[1][1:]
    slim = (pieces[:, 2] <= WIDEST_TICK_PX) & (pieces[:, 3] <= TALLEST_TICK_PX)
    slim &= pieces[:, 4] >= 0.6 * pieces[:, 2] * pieces[:, 3]
    strokes = np.asarray(pieces[slim], dtype=np.int32)
    reach = 0.03 * (box[2] - box[0]) + 3
    strokes = strokes[(strokes[:, 0] >= box[0] - reach) & (strokes[:, 0] <= box[2] + reach)]
    combs = []
    for ends in (strokes[:, 1] + strokes[:, 3], strokes[:, 1]):
        for row in _common(ends):
            group = strokes[np.abs(ends - row) <= 1]
            if comb := _comb_of(group, box, band[0]):
                combs.append(comb)
    return max(combs, key=lambda comb: comb.quality, default=None)


def _common(ends: NDArray[np.int32]) -> list[int]:
    """The rows that most strokes end in."""
    if len(ends) < FEWEST_TICKS:
        return []
    counts = np.convolve(np.bincount(ends), np.ones(3), "same")
    return [int(row) for row in np.argsort(-counts, kind="stable")[:4] if counts[row] >= FEWEST_TICKS]


def _comb_of(strokes: NDArray[np.int32], box: Box, row_offset: int) -> _Comb | None:
    strokes = strokes[np.argsort(strokes[:, 0], kind="stable")]
    middles = strokes[:, 0] + (strokes[:, 2] - 1) / 2
    if len(middles) < FEWEST_TICKS or middles[-1] - middles[0] < SHORTEST_SPAN * (box[2] - box[0]):
        return None
    best: _Comb | None = None
    for step in _steps(middles):
        found = _fitted(middles, step)
        if found is None:
            continue
        step_px, on, places, quality = found
        taken = strokes[on]
        corners = (
            int(taken[:, 0].min()),
            int(taken[:, 1].min()) + row_offset,
            int((taken[:, 0] + taken[:, 2]).max()),
            int((taken[:, 1] + taken[:, 3]).max()) + row_offset,
        )
        comb = _Comb(step_px, places, taken[:, 3].astype(np.int64), corners, quality)
        if best is None or comb.quality > best.quality + 0.05:
            best = comb
    return best


def _steps(middles: NDArray[np.float64]) -> list[float]:
    """Distances that neighbours have, the commonest first."""
    apart = np.diff(middles)
    apart = apart[apart >= 4]
    rounded, counts = np.unique(np.rint(apart), return_counts=True)
    return [float(step) for step in rounded[np.argsort(-counts, kind="stable")][:4]]


def _fitted(
    middles: NDArray[np.float64], step: float
) -> tuple[float, NDArray[np.bool_], NDArray[np.int64], float] | None:
    """The comb of about that step which most ticks lie on: step, which ticks, their places, quality."""
    best: tuple[float, NDArray[np.bool_], NDArray[np.int64], float] | None = None
    for anchor in middles[: max(3, len(middles) // 3)]:
        fitted = _through_places(middles, step, float(anchor))
        if fitted is None:
            continue
        refined, on, places = fitted
        taken = np.unique(places)
        coverage, fit = len(taken) / (np.ptp(taken) + 1), float(on.mean())
        if coverage >= COVERAGE and fit >= FIT and (best is None or coverage * fit * len(taken) > best[3]):
            best = refined, on, places, coverage * fit * len(taken)
            if coverage * fit >= SURE_FIT:
                break
    return best


def _through_places(
    middles: NDArray[np.float64], step: float, first: float
) -> tuple[float, NDArray[np.bool_], NDArray[np.int64]] | None:
    """Least squares through the ticks that lie on the comb, repeated as they become more."""
    places, on = np.zeros(len(middles)), np.zeros(len(middles), dtype=np.bool_)
    for _ in range(4):
        places = np.rint((middles - first) / step)
        on = np.abs(middles - first - places * step) <= PLACE_TOLERANCE_PX
        if on.sum() < FEWEST_TICKS or np.ptp(places[on]) < FEWEST_TICKS - 1:
            return None
        step, first = _straight(places[on], middles[on])
    return step, on, places[on].astype(np.int64)


def _straight(places: NDArray[np.float64], middles: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and value at 0 by least squares; ``polyfit`` takes ten times as long for a dozen points."""
    place, middle = places.mean(), middles.mean()
    slope = float(((places - place) * (middles - middle)).sum() / ((places - place) ** 2).sum())
    return slope, float(middle - slope * place)


def _division(comb: _Comb) -> int:
    """Short ticks in the distance of two long ones; 1 when all are of one length."""
    for division in (*SECOND_DIVISIONS, *OTHER_DIVISIONS):
        for first in range(division):
            long = (comb.places - comb.places.min()) % division == first
            if long.sum() < 2 or long.all():  # a lone long tick says nothing of the distance between two
                continue
            if comb.lengths[long].min() >= TALLER * np.median(comb.lengths[~long]) and (
                comb.lengths[long].min() >= TALLER_THAN_ANY * comb.lengths[~long].max()
            ):
                return division
    return 1


def _by_heart_rate(sheet: Sheet, marks: Marks, box: Box, reader: TextReader) -> float | None:
    """Seconds a column when the screen states a heart rate and the flow repeats itself."""
    rate = _heart_rate(sheet, _words_around(marks, box), reader)
    period = _period_px(sheet.grey[box[1] : box[3], box[0] : box[2]]) if rate else None
    return 60 / (rate * period) if rate and period else None


def _words_around(marks: Marks, box: Box) -> list[Word]:
    height = box[3] - box[1]
    near = [
        word
        for word in marks.words
        if 1.5 * word.height <= word.body[2] - word.body[0] <= 9 * word.height
        and word.height >= 6
        and (word.middle >= box[3] - 0.08 * height or word.body[0] >= box[2] or word.middle <= box[1])
    ]
    return sorted(near, key=lambda word: (word.middle < box[3] - 0.08 * height, -word.box[2]))[:MOST_WORDS]


def _heart_rate(sheet: Sheet, words: Sequence[Word], reader: TextReader) -> float | None:
    for text in reader.read([crop_of(sheet, word) for word in words]) if words else []:
        match = re.search(r"(\d{2,3})\s*bpm", text.text.lower().replace(" ", ""))
        if match and RATES_BPM[0] <= float(match[1]) <= RATES_BPM[1]:
            return float(match[1])
    return None


def _period_px(display: Pixels) -> float | None:
    """Columns after which a display repeats itself, by autocorrelation of its column means."""
    light = display.astype(np.float32).mean(axis=0)
    width = len(light)
    if width < 64:
        return None
    light = (
        light
        - np.convolve(np.pad(light, width // 8, mode="edge"), np.ones(width // 4) / (width // 4), "same")[
            width // 8 : width // 8 + width
        ]
    )
    spectrum = np.fft.rfft(light, 2 * width)
    agreement = np.fft.irfft(spectrum * np.conj(spectrum))[:width] / np.arange(width, 0, -1)
    agreement /= max(float(agreement[0]), 1e-9)
    lags = np.arange(max(8, width // 20), int(0.7 * width))
    peaks = lags[(agreement[lags] > agreement[lags - 1]) & (agreement[lags] >= agreement[lags + 1])]
    if not len(peaks) or agreement[peaks].max() < PERIOD_MATCH:
        return None
    strongest = agreement[peaks].max()
    return float(next(lag for lag in peaks if agreement[lag] >= 0.85 * strongest))
