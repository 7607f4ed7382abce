"""Tick marks along the lower or upper edge of a display: a comb of equal distances, and how many are a second."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.doppler.marks import Sheet, percentiles, pieces_of
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
FAINT_TICK = 0.25
"""A tick that was missed has at least this part of the light of the others."""
MISSED_SHARE = 0.6
"""Share of the gaps of a comb that hold a missed tick in their middle where every second tick was missed."""


@dataclass(frozen=True, slots=True)
class Comb:
    """Ticks at equal distances.

    Attributes:
        step: Columns between neighbours.
        first: Column of the tick at place 0.
        places: (n,) which place of the comb each tick has.
        lengths: (n,) rows of each tick.
        box: Around them.
        quality: How complete it is.
    """

    step: float
    first: float
    places: NDArray[np.int64]
    lengths: NDArray[np.int64]
    box: Box
    quality: float


@dataclass(frozen=True, slots=True)
class Seconds:
    """How many ticks make a second.

    Attributes:
        ticks: Short ticks from one long tick to the next; 1 where all are of one length.
        sure: Whether they can only be those of one second.
    """

    ticks: int
    sure: bool


def seconds_of(comb: Comb) -> Seconds:
    """How many ticks of a comb make a second: ten or five, by the long ticks at whole seconds.

    Half of the long ticks may be lost, as those that touch the flow, so that fifths look like tenths; and long ticks
    may stand at half seconds too. Either is doubtful.
    """
    places = comb.places - comb.places.min()
    for ticks in (*SECOND_DIVISIONS, *OTHER_DIVISIONS):
        for first in range(ticks):
            long = places % ticks == first
            if long.sum() < 2 or long.all():  # a lone long tick says nothing of the distance between two
                continue
            if comb.lengths[long].min() >= TALLER * np.median(comb.lengths[~long]) and (
                comb.lengths[long].min() >= TALLER_THAN_ANY * comb.lengths[~long].max()
            ):
                return Seconds(ticks, _sure(comb, places, ticks, first))
    return Seconds(1, sure=False)


def _sure(comb: Comb, places: NDArray[np.int64], ticks: int, first: int) -> bool:
    if ticks not in SECOND_DIVISIONS:
        return False
    lengths = comb.lengths
    if ticks == min(SECOND_DIVISIONS):
        return not _two_lengths(places[places % ticks == first] // ticks, lengths[places % ticks == first])
    half = lengths[places % ticks == (first + ticks // 2) % ticks]
    short = float(np.median(lengths[places % ticks != first]))
    return bool(half.size and half.min() <= 1.2 * short + 1) or (half.size > 1 and np.ptp(half) <= 1)


def _two_lengths(numbers: NDArray[np.int64], lengths: NDArray[np.int64]) -> bool:
    """Whether long ticks take turns with still longer ones: half seconds and seconds."""
    parts = [lengths[numbers % 2 == odd] for odd in range(2)]
    if not all(part.size for part in parts):
        return False
    low, high = sorted(parts, key=lambda part: float(part.mean()))
    return bool(high.min() >= TALLER_THAN_ANY * low.max())


def best_comb(sheet: Sheet, box: Box) -> Comb | None:
    """The most complete comb of ticks at the edges of the display at ``box``; None where there is none.

    Ticks that were found at one level of brightness may be every second one of those that are drawn, as when thin lines
    were scaled down: then those between are looked for at lower levels.
    """
    inside, outside = (round(share * (box[3] - box[1])) for share in BAND)
    below = (box[3] - inside, min(sheet.rows, box[3] + outside))
    above = (max(0, box[1] - outside), box[1] + inside)
    halves: Comb | None = None
    for level in LEVELS:
        combs = [comb for band in (below, above) if (comb := _comb_in(sheet, band, box, level))]
        best = max(combs, key=lambda comb: comb.quality, default=None)
        if best is not None and halves is None and not _every_second_missed(sheet, best):
            return best
        if best is not None and halves is not None and best.step < 0.75 * halves.step:
            return best
        halves = halves or best
    return None


def _every_second_missed(sheet: Sheet, comb: Comb) -> bool:
    """Whether something as thin as a tick stands in the middle of most gaps of a comb."""
    reach = comb.step / 4
    if reach < 2:
        return False
    middles = comb.first + comb.step * np.arange(comb.places.min(), comb.places.max())
    (_, y0, _, y1), short = comb.box, int(comb.lengths.min())
    bands = [
        sheet.grey[rows].astype(np.float32).mean(axis=0) for rows in (slice(y0, y0 + short), slice(y1 - short, y1))
    ]
    light, ticks = max(((band, _standing_out(band, middles, reach)) for band in bands), key=lambda one: one[1].sum())
    between = _standing_out(light, middles + comb.step / 2, reach)
    return bool(np.mean(between > FAINT_TICK * np.median(ticks)) >= MISSED_SHARE)


def _standing_out(light: NDArray[np.float32], columns: NDArray[np.float64], reach: float) -> NDArray[np.float32]:
    """(n,) by how much columns, or those beside them, are brighter than the columns that far off."""

    def at(offset: float) -> NDArray[np.float32]:
        return light[np.clip(np.rint(columns + offset).astype(np.intp), 0, light.size - 1)]

    own = np.maximum.reduce([at(offset) for offset in (-1, 0, 1)])
    return np.asarray(own - np.maximum(at(-reach), at(reach)), dtype=np.float32)


def _comb_in(sheet: Sheet, band: tuple[int, int], box: Box, level: float) -> Comb | None:
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
    groups = {
        tuple(np.flatnonzero(np.abs(ends - row) <= 1).tolist()): None  # in order, each once
        for ends in (strokes[:, 1] + strokes[:, 3], strokes[:, 1])
        for row in _common(ends)
    }
    combs = [comb for group in groups if (comb := _comb_of(strokes[list(group)], box, band[0]))]
    return max(combs, key=lambda comb: comb.quality, default=None)


def _common(ends: NDArray[np.int32]) -> list[int]:
    """The rows that most strokes end in."""
    if len(ends) < FEWEST_TICKS:
        return []
    counts = np.convolve(np.bincount(ends), np.ones(3), "same")
    return [int(row) for row in np.argsort(-counts, kind="stable")[:4] if counts[row] >= FEWEST_TICKS]


def _comb_of(strokes: NDArray[np.int32], box: Box, row_offset: int) -> Comb | None:
    strokes = strokes[np.argsort(strokes[:, 0], kind="stable")]
    middles = strokes[:, 0] + (strokes[:, 2] - 1) / 2
    if len(middles) < FEWEST_TICKS or middles[-1] - middles[0] < SHORTEST_SPAN * (box[2] - box[0]):
        return None
    best: Comb | None = None
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
        start = float((middles[on] - places * step_px).mean())
        comb = Comb(step_px, start, places, taken[:, 3].astype(np.int64), corners, quality)
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
    columns = middles.tolist()
    best: tuple[float, dict[int, int], float] | None = None
    for number in range(max(3, len(columns) // 5 + 1)):  # one of so many lies on a comb that FIT of them lie on
        if best and number in best[1]:  # the same comb again
            continue
        fitted = _through_places(columns, step, columns[number])
        if fitted is None:
            continue
        refined, places = fitted
        taken = set(places.values())
        coverage, fit = len(taken) / (max(taken) - min(taken) + 1), len(places) / len(columns)
        if coverage >= COVERAGE and fit >= FIT and (best is None or coverage * fit * len(taken) > best[2]):
            best = refined, places, coverage * fit * len(taken)
            if coverage * fit >= SURE_FIT:
                break
    if best is None:
        return None
    on = np.zeros(len(columns), dtype=np.bool_)
    on[list(best[1])] = True
    return best[0], on, np.array(list(best[1].values()), dtype=np.int64), best[2]


def _through_places(columns: Sequence[float], step: float, first: float) -> tuple[float, dict[int, int]] | None:
    """Least squares through the ticks that lie on the comb, repeated as they become more: step, place of each of them.

    In plain numbers: arrays of a dozen ticks would take several times as long.
    """
    places: dict[int, int] = {}
    for _ in range(4):
        known = places
        places = {}
        for number, column in enumerate(columns):
            place = round((column - first) / step)
            if abs(column - first - place * step) <= PLACE_TOLERANCE_PX:
                places[number] = place
        if len(places) < FEWEST_TICKS or max(places.values()) - min(places.values()) < FEWEST_TICKS - 1:
            return None
        if places == known:
            break
        step, first = _straight(list(places.values()), [columns[number] for number in places])
    return step, places


def _straight(places: Sequence[int], columns: Sequence[float]) -> tuple[float, float]:
    """Slope and value at 0 by least squares."""
    place, column = sum(places) / len(places), sum(columns) / len(columns)
    spread = sum((one - place) ** 2 for one in places)
    slope = sum((one - place) * (other - column) for one, other in zip(places, columns, strict=True)) / spread
    return slope, column - slope * place
