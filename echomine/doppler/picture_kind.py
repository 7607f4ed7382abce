"""What a picture without tags is when no axis was read on it: an empty screen, a photograph, colour Doppler, tissue.

Only what the picture itself shows is said. Whatever has the drawn baseline of a spectrum is left alone: it may be a
display whose numbers cannot be read.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import Reason
from echomine.doppler.display import Pixels, brightness
from echomine.doppler.display_box import longest_line
from echomine.doppler.heart_rate import repetition_of
from echomine.doppler.marks import LIGHT_PAPER, Sheet, percentiles, sheet_of
from echomine.doppler.region import Box
from echomine.doppler.time_ticks import best_comb

SIDE_PX, FINE_SIDE_PX = 480, 800
"""Longest sides that pictures are shrunk to for their regions, and for their lines."""
LEAST_SIDE_PX = 500
"""A baseline is seen on any picture of so many pixels: only without one is tissue said to be tissue."""
SMALLEST_PRINT_PX = 100
"""Pictures with fewer rows or columns hold no print that can be read."""
FLAT_LEVELS = 3.0
"""Standard deviation of levels below which nothing is drawn."""
GROUND_LEVELS, SMALLEST_GROUND = 20, 0.45
"""A screen has this share of pixels within so many levels of its commonest one."""
DARK_LEVEL = 70
TINT_REACH, TINT_SHARE, FEWEST_TINTED = 5, 0.88, 0.02
"""A tint: this share of what is not grey lies within so many hues, half degrees, of one; fewer pixels are overlays."""
LIT_LEVEL = 48
COLOURED_LEVELS, GREY_LEVELS = 60, 25
"""Levels between the strongest and the weakest channel from which a pixel is coloured, up to which it is grey."""
COLOURED_SHARE = 0.15
"""Share of the lit pixels that overlays, and a flow in a sector, may colour."""
SECOND_HUE_SHARE = 0.15
"""Share of coloured pixels that are of another hue than the commonest: one hue is a colour map, several are a scene."""
HUE_REACH = 25
FLOW_SHARE, GREY_SHARE = 0.012, (0.85, 0.95)
"""Share of the picture that flow in colour covers in one piece; share of grey among all else, with two hues and one."""
EITHER_HUE, LEAST_GREY = 0.1, 0.3
BASELINE_WIDTH, BASELINE_THIN, BASELINE_LEVELS = 0.45, 0.3, 14
"""A drawn baseline crosses this share of the picture, stands out above and below along this part, by so many levels."""
BASELINE_EDGE = 0.06
"""Share of the height at the upper and lower edge where bars of a screen stand."""
CONTENT_LEVELS = 14
FAN_SIZE, FAN_SLOPES, FAN_TOP, FAN_OFF = (0.55, 0.35), (0.15, 1.7), 0.65, 0.032
"""A sector: height and width of the picture, columns a row by which its sides part, width of its top, how straight."""
LAYERS, LAYERED_WIDTH, LONGEST_PERIOD = 3, 0.5, 0.42
"""Bright pieces above each other in most columns, share of the width over which they are, and of a beat in it."""
BAR_LEVELS, BAR_SHARE = 60, 0.015
"""A bar of colours has this share of pixels of either hue beside its numbers, so many levels apart."""


@dataclass(frozen=True, slots=True)
class OtherPicture:
    """Why a picture holds no spectral display.

    Attributes:
        reason: Its code.
        message: What is seen, without any text of the picture.
    """

    reason: Reason
    message: str


def other_picture(pixels: Pixels) -> OtherPicture | None:
    """What a picture on which no axis was read is instead of a spectral display; None when it may be one.

    Args:
        pixels: (H, W) or (H, W, 3), 0..255.
    """
    small = _on_dark(_shrunk(pixels, SIDE_PX))
    if float(small.std()) < FLAT_LEVELS:
        return OtherPicture(Reason.BLANK_PICTURE, "nothing is drawn on it")
    if min(pixels.shape[:2]) < SMALLEST_PRINT_PX:
        said = f"its {pixels.shape[1]} x {pixels.shape[0]} pixels are too few for the numbers of an axis"
        return OtherPicture(Reason.LOW_RESOLUTION, said)
    if _has_baseline(_shrunk(pixels, FINE_SIDE_PX)):
        return None
    sheet = Sheet(brightness(small), 1.0, small if small.ndim == 3 else None)
    kind = _seen(sheet, pixels)
    return OtherPicture(kind, f"{_SHOWN[kind]}, and neither axis nor baseline of a spectrum") if kind else None


_SHOWN = {
    Reason.COLOUR_DOPPLER: "it shows flow in colour over tissue",
    Reason.PHOTOGRAPH: "it is a photograph: many hues, or no even ground as screens have",
    Reason.TWO_DIMENSIONAL: "it shows a sector of tissue",
    Reason.M_MODE: "it shows layers of tissue along time, as M-mode does",
}


def _seen(sheet: Sheet, pixels: Pixels) -> Reason | None:
    """What a picture shows that has no baseline."""
    if sheet.colour is not None and _has_flow_in_colour(sheet.colour):
        return Reason.COLOUR_DOPPLER
    even = _ground_share(sheet.grey) >= SMALLEST_GROUND
    lined = even and max(pixels.shape[:2]) >= LEAST_SIDE_PX
    if (sheet.colour is not None and _several_hues(sheet.colour)) or (not even and _is_scene(sheet)):
        return Reason.PHOTOGRAPH
    if lined and _is_sector(_content(sheet.grey)):
        return Reason.TWO_DIMENSIONAL
    grey = sheet.colour is None or bool(_coloured(sheet.colour)[1].mean() < COLOURED_SHARE)
    return Reason.M_MODE if lined and grey and _is_layered(sheet, pixels) else None


def _shrunk(pixels: Pixels, side: int) -> Pixels:
    scale = side / max(pixels.shape[:2])
    if scale >= 1:
        return np.ascontiguousarray(pixels)
    size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _on_dark(pixels: Pixels) -> Pixels:
    return 255 - pixels if float(np.median(brightness(pixels))) > LIGHT_PAPER else pixels


def _has_baseline(pixels: Pixels) -> bool:
    """Whether a thin level line crosses most of the picture: bars and edges stand out on one side alone."""
    grey = brightness(_on_dark(pixels)).astype(np.int16)
    ground, rows = percentiles(grey.astype(np.uint8), 20)[0], grey.shape[0]
    for row in range(round(BASELINE_EDGE * rows), round((1 - BASELINE_EDGE) * rows)):
        first, last = longest_line(grey[row], ground)
        if last - first < BASELINE_WIDTH * grey.shape[1]:
            continue
        off = np.abs(grey[:, first:last] - np.median(grey[row, first:last])) > BASELINE_LEVELS
        above, below = off[max(0, row - 6) : row - 2], off[row + 3 : row + 7]
        if min(above.all(axis=0).mean(), below.all(axis=0).mean()) >= BASELINE_THIN:
            return True
    return False


def _coloured(pixels: Pixels) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.int16]]:
    """Which pixels are lit, which of them are coloured, and how far apart the channels of each are."""
    strongest = pixels.max(axis=2).astype(np.int16)
    apart = np.asarray(strongest - pixels.min(axis=2), dtype=np.int16)
    lit = strongest > LIT_LEVEL
    return lit, lit & (apart > COLOURED_LEVELS), apart


def _has_flow_in_colour(pixels: Pixels) -> bool:
    """Whether a piece of red and blue, or of one of them, lies among pixels that are all grey."""
    lit, coloured, apart = _coloured(pixels)
    rest = lit & ~coloured
    if not coloured.any() or rest.sum() < LEAST_GREY * lit.sum():
        return False
    hue = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))[..., 0]
    red, blue = coloured & ((hue < 36) | (hue >= 160)), coloured & (hue >= 85) & (hue < 136)
    either = min(red.sum(), blue.sum()) >= EITHER_HUE * coloured.sum()
    grey = float((apart[rest] <= GREY_LEVELS).mean())
    return grey >= GREY_SHARE[0 if either else 1] and _largest_patch(red | blue) >= FLOW_SHARE


def _largest_patch(mask: NDArray[np.bool_]) -> float:
    """Share of the picture that the largest piece covers which is no line and no bar."""
    joined = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((7, 7), np.uint8))
    thick = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    stats = np.asarray(cv2.connectedComponentsWithStats(thick)[2])[1:]
    wide = stats[(stats[:, 2] >= 0.05 * mask.shape[1]) & (stats[:, 3] >= 0.05 * mask.shape[0])]
    return float(wide[:, 4].max(initial=0)) / mask.size


def _ground_share(grey: Pixels) -> float:
    """Share of pixels about as bright as the commonest level."""
    counts = np.bincount(grey.ravel(), minlength=256)
    ground = _commonest(counts)
    return float(counts[max(0, ground - GROUND_LEVELS) : ground + GROUND_LEVELS + 1].sum()) / grey.size


def _is_scene(sheet: Sheet) -> bool:
    """Whether a picture without an even ground has many hues, or hardly anything dark; a noisy display has neither."""
    many = sheet.colour is not None and not _is_tinted(sheet.colour)
    return many or percentiles(sheet.grey, 25)[0] > DARK_LEVEL


def _is_tinted(pixels: Pixels) -> bool:
    """Whether it is grey, or grey in one tint, but for a few pixels."""
    lit, _, apart = _coloured(pixels)
    tinted = lit & (apart > GREY_LEVELS)
    hue = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))[..., 0][tinted].astype(np.int64)
    if hue.size < FEWEST_TINTED * lit.size:
        return True
    counts = np.bincount(hue, minlength=180)
    around = np.convolve(
        np.concatenate((counts[-TINT_REACH:], counts, counts[:TINT_REACH])), np.ones(2 * TINT_REACH + 1)
    )
    return bool(around[2 * TINT_REACH : 2 * TINT_REACH + 180].max() >= TINT_SHARE * hue.size)


def _commonest(counts: NDArray[np.integer]) -> int:
    return int(np.convolve(counts, np.ones(9), "same").argmax())


def _several_hues(pixels: Pixels) -> bool:
    lit, coloured, _ = _coloured(pixels)
    if coloured.sum() < COLOURED_SHARE * max(int(lit.sum()), 1):
        return False
    hue = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))[..., 0][coloured].astype(np.int64)
    counts = np.bincount(hue, minlength=180)
    around = np.convolve(np.concatenate((counts[-HUE_REACH:], counts, counts[:HUE_REACH])), np.ones(2 * HUE_REACH + 1))
    return bool(around[2 * HUE_REACH : 2 * HUE_REACH + 180].max() < (1 - SECOND_HUE_SHARE) * len(hue))


def _content(grey: Pixels) -> NDArray[np.bool_]:
    """(h, w) the largest connected region of what is not ground, gaps and thin lines closed and left out."""
    ground = _commonest(np.bincount(grey.ravel(), minlength=256))
    held = (cv2.absdiff(grey, np.full_like(grey, ground)) > CONTENT_LEVELS).astype(np.uint8)
    joined = cv2.morphologyEx(held, cv2.MORPH_CLOSE, np.ones((13, 13), np.uint8))
    joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    labels, stats = (np.asarray(part) for part in cv2.connectedComponentsWithStats(joined)[1:3])
    if len(stats) < 2:
        return np.zeros(grey.shape, dtype=np.bool_)
    return np.asarray(labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax()))


def _is_sector(content: NDArray[np.bool_]) -> bool:
    """Whether a region fills most of the picture and its straight sides part from the top down."""
    rows, columns = (np.flatnonzero(content.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return False
    part = content[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = part.shape
    if height < FAN_SIZE[0] * content.shape[0] or width < FAN_SIZE[1] * content.shape[1]:
        return False
    sides = np.stack((part.argmax(axis=1), width - 1 - part[:, ::-1].argmax(axis=1))).astype(np.float64)
    along = np.arange(round(0.08 * height), round(0.55 * height))
    (left, left_off), (right, right_off) = (_straight(along, side[along]) for side in sides)
    opens = all(FAN_SLOPES[0] <= slope <= FAN_SLOPES[1] for slope in (-left, right))
    top = float(np.diff(sides, axis=0)[0, : max(1, height // 12)].mean())
    return bool(opens and top <= FAN_TOP * width and max(left_off, right_off) <= FAN_OFF * content.shape[1])


def _straight(rows: NDArray[np.intp], side: NDArray[np.float64]) -> tuple[float, float]:
    """Slope of the line that most of a side lies on, and how far off the side is: print beside it is left out."""
    keep = np.ones(rows.size, dtype=np.bool_)
    slope, off = 0.0, np.zeros(rows.size)
    for _ in range(4):
        slope, start = np.polyfit(rows[keep], side[keep], 1)
        off = np.abs(start + slope * rows - side)
        keep = off <= max(2.5 * float(np.median(off)), 1.5)
    return float(slope), float(np.median(off))


def _is_layered(sheet: Sheet, pixels: Pixels) -> bool:
    """Whether several bright layers lie above each other all along, over ticks of time or repeated by the beat."""
    along = np.asarray(cv2.GaussianBlur(sheet.grey, (0, 0), sigmaX=6, sigmaY=1.5))
    smooth = along.astype(np.int16) - percentiles(sheet.grey, 20)[0]
    bright = smooth > max(20.0, 0.3 * float(np.percentile(smooth, 99.5)))
    starts = (np.diff(bright.astype(np.int8), axis=0, prepend=0) == 1).sum(axis=0)
    columns = np.flatnonzero(starts >= LAYERS)
    if len(columns) < LAYERED_WIDTH * sheet.columns:
        return False
    rows = np.flatnonzero(bright[:, columns[0] : columns[-1] + 1].mean(axis=1) > 0.05)
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    return _has_time_ticks(pixels, box, sheet) or _repeats(sheet.grey[box[1] : box[3], box[0] : box[2]])


def _has_time_ticks(pixels: Pixels, box: Box, sheet: Sheet) -> bool:
    whole = sheet_of(pixels)
    times = whole.columns / sheet.columns
    left, top, right, bottom = (round(side * times) for side in box)
    return best_comb(whole, (left, top, right, bottom)) is not None


def _repeats(display: Pixels) -> bool:
    """Whether the light of several bands of depths repeats itself over time, all after the same columns.

    What is there twice may be two pictures side by side.
    """
    bands = [np.ascontiguousarray(part) for part in np.array_split(display, 12) if part.size]
    found = [period for band in bands if (period := repetition_of(band).period_px) is not None]
    periods = sorted(period for period in found if period <= LONGEST_PERIOD * display.shape[1])
    return any(last <= 1.1 * first for first, last in zip(periods, periods[LAYERS - 1 :], strict=False))


def is_colour_bar(pixels: Pixels, box: Box, *, reach: int) -> bool:
    """Whether numbers stand beside a bar of the colours of colour Doppler: it counts velocities, but of no spectrum.

    Args:
        pixels: (H, W, 3), 0..255.
        box: Around the numbers.
        reach: Columns around them within which the bar stands.
    """
    x0, y0, x1, y1 = box
    cut = pixels[max(0, y0) : y1, max(0, x0 - reach) : x1 + reach].astype(np.int16)
    if not cut.size:
        return False
    red_over_blue = cut[..., 0] - cut[..., 2]
    return bool(min(np.mean(red_over_blue > BAR_LEVELS), np.mean(red_over_blue < -BAR_LEVELS)) > BAR_SHARE)
