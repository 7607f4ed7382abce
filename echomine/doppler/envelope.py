"""The outer edge of the flow on either side of the baseline of a spectral display.

The edge of a column is where the level, averaged along the edge, falls below a part of the level of the jet over the
background. It is found as the row at which the sum of (level - background - threshold) from the baseline outwards is
largest: gaps by a wall filter, a dense flow inside a fainter one, single bright pixels and lines of interference,
which the background of their row holds, do not stop it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from echomine.domain.errors import ConfigurationError, MeasurementError
from echomine.doppler.display import Pixels, brightness
from echomine.doppler.medians import median, median_level

Floats: TypeAlias = NDArray[np.float32]
Mask: TypeAlias = NDArray[np.bool_]

BRIGHT_GROUND = 140
"""A display whose middle grey level lies above this is printed dark on white."""
LEAST_ROWS = 16
"""A side of the baseline with fewer rows shows no flow."""
_LEAST_COLUMNS = 24
BLINDING_COVER = 0.3
"""Print over this share of a side, beyond what is drawn over all of it, hides the flow."""
FEWEST_KEPT = 0.3
"""A row with less than this share of signal is told from its neighbours."""
_PASSES = 2
_JET_PART = (0.6, 0.9)
NOISE_SAMPLING = 9
PASS_SAMPLING = 3
"""Background, noise and level need only every third step, the noise only every ninth pixel of those."""
_FILL_WIDTHS = (9, 31, 121)
"""Pixels under print are filled from so many columns around, the next where none of them is signal."""
_BEYOND = 1.15
"""Rows farther out than this part of the edge are background."""


class Side(StrEnum):
    """A side of the baseline on the display, whatever direction of flow it stands for."""

    ABOVE = "above"
    BELOW = "below"


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeConfig:
    """How the edge is found.

    Attributes:
        column_s: Time over which columns are averaged first.
        blur_s: Width of a further average over time.
        edge_level: Constant part of the threshold, as a share of the full range of grey levels.
        edge_share: Part of the threshold that grows with the level of the jet.
        noise_spreads: The threshold is never less than this many spreads of the background.
        level_window_s: Time over which the level of a jet is shared by its columns.
        baseline_gap_px: Rows next to the baseline that are left out, each side.
    """

    column_s: float = 0.005
    blur_s: float = 0.012
    edge_level: float = 0.045
    edge_share: float = 0.14
    noise_spreads: float = 2.0
    level_window_s: float = 0.2
    baseline_gap_px: int = 2

    def __post_init__(self) -> None:
        if not (self.column_s > 0 and self.blur_s >= 0 and 0 < self.edge_share < 1 and 0 < self.edge_level < 1):
            raise ConfigurationError(f"an envelope needs positive times and shares within 0..1, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SideEnvelope:
    """The edge of the flow on one side, one value a step of time.

    Attributes:
        side: Which side of the baseline.
        x0: Column of the display in the middle of the first step.
        step_px: Columns a step covers.
        step_s: Time of one step, s.
        edge_px: (T,) distance of the edge from the baseline, in rows; 0 where nothing is seen.
        level: (T,) level of the flow over the background, in grey levels, shared by the columns of a beat.
        own_level: (T,) the same, of each step alone.
        noise: Spread of the background, in grey levels, as averaged here: one standard deviation above its median.
        reach_px: Rows that the display has on this side.
        clipped: (T,) whether the flow goes on to the border of the display.
        blind: (T,) whether print hides so much of the side that nothing can be told there; the edge is 0 then.
    """

    side: Side
    x0: float
    step_px: int
    step_s: float
    edge_px: Floats
    level: Floats
    own_level: Floats
    noise: float
    reach_px: int
    clipped: Mask
    blind: Mask

    def column(self, step: float) -> float:
        """Column of the display at a step, fractions too."""
        return self.x0 + step * self.step_px


DEFAULT_ENVELOPE = EnvelopeConfig()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """(N,) background of the rows, its spread, and (T,) level of the flow over it."""

    background: Floats
    noise: float
    level: Floats


def on_dark(pixels: Pixels) -> Pixels:
    """The display with bright flow on a dark ground: turned over when more than half of it is bright."""
    return 255 - pixels if median_level(pixels[::4, ::4]) > BRIGHT_GROUND else pixels


def trace_envelopes(
    pixels: Pixels,
    *,
    baseline_y: float,
    s_per_px: float,
    overlay: Mask | None = None,
    config: EnvelopeConfig = DEFAULT_ENVELOPE,
) -> tuple[SideEnvelope, ...]:
    """The edges of the flows above and below the baseline; a side with too few rows is left out.

    Args:
        pixels: (H, W) or (H, W, 3) display, 0..255, brighter is more flow.
        baseline_y: Row of zero velocity.
        s_per_px: Time of one column, s.
        overlay: (H, W) pixels that are no flow (text, ECG, calipers); they are filled from beside them.
        config: How the edge is found.

    Raises:
        MeasurementError: If the display has too few columns, or the baseline lies outside of it.
    """
    grey = brightness(pixels)
    if grey.shape[1] < _LEAST_COLUMNS:
        raise MeasurementError(f"an envelope needs {_LEAST_COLUMNS} columns or more, got {grey.shape[1]}")
    if not 0 <= baseline_y <= grey.shape[0]:
        raise MeasurementError(f"the baseline (row {baseline_y:.0f}) lies outside the display of {grey.shape[0]} rows")
    step_px = max(1, round(config.column_s / s_per_px))
    pooled = _pooled(filled(grey, overlay), step_px)
    step_s = step_px * s_per_px
    found = []
    for side in Side:
        rows, offset = _rows_of(pooled, side, baseline_y, config.baseline_gap_px)
        if rows.shape[0] >= LEAST_ROWS:
            envelope = _side_envelope(rows, offset, side, (step_px, step_s), config)
            if overlay is not None:
                envelope = _blinded(envelope, _rows_of(overlay, side, baseline_y, config.baseline_gap_px)[0])
            found.append(envelope)
    return tuple(found)


def _blinded(envelope: SideEnvelope, hidden: Mask) -> SideEnvelope:
    """The envelope without an edge where print hides much more of the side than along the rest of it."""
    steps, step_px = envelope.edge_px.size, envelope.step_px
    count = cv2.reduce(hidden.view(np.uint8), 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0, : steps * step_px]
    cover = count.reshape(steps, step_px).sum(axis=1).astype(np.float32) / np.float32(hidden.shape[0] * step_px)
    blind = cover > np.float32(median(cover)) + np.float32(BLINDING_COVER)
    return replace(envelope, edge_px=np.where(blind, 0, envelope.edge_px).astype(np.float32), blind=blind)


def filled(grey: Pixels, overlay: Mask | None) -> Floats:
    """The grey levels with overlay pixels replaced by the mean of what lies beside them in their row.

    Rows that are drawn over almost as a whole are carried on from the rows above and below.
    """
    out = grey.astype(np.float32)
    if overlay is None or not overlay.any():
        return out
    rows = np.flatnonzero(overlay.any(axis=1))
    hidden = overlay[rows]
    keep = (~hidden).view(np.uint8)
    known = grey[rows] * keep
    light, count = _sums(known, _FILL_WIDTHS[0]), _sums(keep, _FILL_WIDTHS[0])
    for width in _FILL_WIDTHS[1:]:
        bare = np.flatnonzero(count.min(axis=1) == 0)
        if not bare.size:
            break
        missing = count[bare] == 0
        light[bare] = np.where(missing, _sums(known[bare], width), light[bare])
        count[bare] = np.where(missing, _sums(keep[bare], width), count[bare])
    places = np.flatnonzero(hidden)
    across = hidden.shape[1]
    out[rows[places // across], places % across] = light.ravel()[places] / np.maximum(count.ravel()[places], 1)
    return _with_rows_joined(out, rows[keep.mean(axis=1) < FEWEST_KEPT])


def _sums(rows: Pixels, width: int) -> Floats:
    """The sum over ``width`` steps around each, those at the ends repeated: of bytes, which is fast and exact."""
    sums = cv2.boxFilter(rows, cv2.CV_32F, (width, 1), normalize=False, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(sums, dtype=np.float32)


def _along_time(rows: Floats, width: int) -> Floats:
    """The mean over ``width`` steps around each, those at the ends repeated."""
    return np.asarray(cv2.blur(np.ascontiguousarray(rows), (width, 1), borderType=cv2.BORDER_REPLICATE))


def _with_rows_joined(grey: Floats, lost: NDArray[np.intp]) -> Floats:
    """The rows named, straight between the rows above and below; all of them lost changes nothing."""
    good = np.setdiff1d(np.arange(grey.shape[0]), lost)
    if not lost.size or not good.size:
        return grey
    after = np.clip(np.searchsorted(good, lost), 0, good.size - 1)
    before = np.clip(after - 1, 0, good.size - 1)
    span = np.maximum(good[after] - good[before], 1)
    part = np.clip((lost - good[before]) / span, 0.0, 1.0).astype(np.float32)[:, None]
    grey[lost] = (1 - part) * grey[good[before]] + part * grey[good[after]]
    return grey


def _pooled(grey: Floats, step_px: int) -> Floats:
    """(H, T) means over ``step_px`` columns; columns that do not fill a step are left out."""
    if step_px == 1:
        return grey
    steps = grey.shape[1] // step_px
    pooled = grey[:, : steps * step_px].reshape(grey.shape[0], steps, step_px).mean(axis=2)
    return np.asarray(pooled, dtype=np.float32)


def _rows_of(pooled: NDArray[Any], side: Side, baseline_y: float, gap_px: int) -> tuple[NDArray[Any], float]:
    """The rows of a side, the nearest to the baseline first, and the distance of the inner edge of the first one."""
    if side is Side.ABOVE:
        last = int(np.ceil(baseline_y)) - gap_px
        return pooled[: max(last, 0)][::-1], baseline_y - last + 0.5
    first = int(np.floor(baseline_y)) + gap_px + 1
    return pooled[first:], first - 0.5 - baseline_y


def _side_envelope(
    rows: Floats, offset: float, side: Side, step: tuple[int, float], config: EnvelopeConfig
) -> SideEnvelope:
    step_px, step_s = step
    smooth = _along_time(rows, max(1, round(config.blur_s / step_s)))
    ground = _ground(smooth, step_s, config)
    smooth -= ground.background[:, None]
    threshold = _threshold(ground.level, ground.noise, config)
    total = _summed(smooth)
    edge = _outer_edge(total, threshold)
    _, own_level = _jet_level(total, edge, 1.0)
    edge = median_filter(edge, 2 * round(0.01 / step_s) + 1, mode="nearest")
    return SideEnvelope(
        side=side,
        x0=(step_px - 1) / 2,
        step_px=step_px,
        step_s=step_s,
        edge_px=np.where(edge > 0, edge + np.float32(offset), 0).astype(np.float32),
        level=ground.level,
        own_level=own_level,
        noise=ground.noise,
        reach_px=rows.shape[0] + round(offset),
        clipped=edge >= rows.shape[0] - 3,
        blind=np.zeros(edge.size, dtype=bool),
    )


def _ground(smooth: Floats, step_s: float, config: EnvelopeConfig) -> _Ground:
    """Background, noise and level of the flow, found in two passes over every third step."""
    sample = np.ascontiguousarray(smooth[:, ::PASS_SAMPLING])
    window = config.level_window_s / (step_s * PASS_SAMPLING)
    background = _row_quantile(sample[:, ::PASS_SAMPLING], 0.3)
    level, noise = np.full(sample.shape[1], 60.0, dtype=np.float32), 0.0
    for _ in range(_PASSES):
        total = _summed(sample - background[:, None])
        edge = _outer_edge(total, _threshold(level, noise, config))
        level, _ = _jet_level(total, edge, window)
        background, noise = _background(sample, edge, background)
    steps = np.arange(smooth.shape[1], dtype=np.float32)
    full = np.interp(steps, steps[::PASS_SAMPLING], level).astype(np.float32)
    return _Ground(background=background, noise=noise, level=full)


def _threshold(level: Floats, noise: float, config: EnvelopeConfig) -> Floats:
    """(T,) level over the background at which the flow ends."""
    by_level = np.float32(255.0 * config.edge_level) + np.float32(config.edge_share) * level
    return np.asarray(np.maximum(by_level, np.float32(config.noise_spreads * noise)), dtype=np.float32)


def _row_quantile(rows: Floats, share: float) -> Floats:
    """(N,) that quantile of each row, between two values in proportion; a sort of short rows beats a partition."""
    return _quantile_of_sorted(np.sort(rows, axis=1), share)


def _quantile_of_sorted(ordered: Floats, share: float) -> Floats:
    place = share * (ordered.shape[1] - 1)
    low = int(place)
    high = min(low + 1, ordered.shape[1] - 1)
    part = np.float32(place - low)
    return np.asarray(ordered[:, low] + part * (ordered[:, high] - ordered[:, low]), dtype=np.float32)


def _summed(excess: Floats) -> Floats:
    """(N + 1, T) sums of the rows from the baseline outwards, the first row 0.

    Row by row, since numpy's own sum along the first axis goes column by column, five times as slow.
    """
    total = np.empty((excess.shape[0] + 1, excess.shape[1]), dtype=np.float32)
    total[0] = 0
    for row, light in enumerate(excess):
        np.add(total[row], light, out=total[row + 1])
    return total


def _outer_edge(total: Floats, threshold: Floats) -> Floats:
    """(T,) rows within the edge: where the sum of what exceeds the threshold, from the baseline on, is largest."""
    beyond = np.multiply.outer(np.arange(total.shape[0], dtype=np.float32), threshold)
    return np.asarray(np.subtract(total, beyond, out=beyond).argmax(axis=0), dtype=np.float32)


def _jet_level(total: Floats, edge: Floats, window: float) -> tuple[Floats, Floats]:
    """(T,) levels of the jet over the background in the outer part of the velocities: shared, and of each step alone.

    The columns around share it by the fourth power of their edge, so that the peak of a beat speaks for its flanks.
    """
    low = (_JET_PART[0] * edge).astype(np.intp)
    high = np.minimum(np.maximum((_JET_PART[1] * edge).astype(np.intp), low + 1), total.shape[0] - 1)
    columns = np.arange(edge.size)
    level = (total[high, columns] - total[low, columns]) / np.maximum(high - low, 1)
    weight = (edge / max(float(edge.max()), 1.0)) ** 4 + np.float32(1e-6)
    summed, weights = _along_time(np.stack((level * weight, weight)), max(1, round(window)))
    shared = summed / weights
    return np.clip(shared, 0.0, 255.0).astype(np.float32), level.astype(np.float32)


def _background(smooth: Floats, edge: Floats, before: Floats) -> tuple[Floats, float]:
    """(N,) mean level of each row where it lies beyond the edge, and the spread there."""
    beyond = np.arange(smooth.shape[0], dtype=np.float32)[:, None] > (_BEYOND * edge + 6)[None, :]
    count = np.count_nonzero(beyond, axis=1)
    known = count > 0.1 * smooth.shape[1]
    if not known.any():
        return before, 0.0
    mean = (smooth * beyond).sum(axis=1) / np.maximum(count, 1)
    rows = np.arange(smooth.shape[0])
    background = np.interp(rows, rows[known], mean[known]).astype(np.float32)
    places = np.flatnonzero(beyond)[::NOISE_SAMPLING]
    residual = np.sort(smooth.ravel()[places] - background[places // smooth.shape[1]])[None]
    middle, high = (float(_quantile_of_sorted(residual, share)[0]) for share in (0.5, 0.84))
    return background, high - middle
