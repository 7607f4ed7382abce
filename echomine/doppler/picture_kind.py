"""What a picture without tags plainly is not: an empty screen, a photograph, a picture of colour Doppler."""

import cv2
import numpy as np

from echomine.doppler.display import Pixels
from echomine.doppler.region import Box

FLAT_LEVELS = 3.0
"""Standard deviation of levels below which nothing is drawn."""
LIT_LEVEL = 48
COLOURED_LEVELS = 60
"""Levels between the strongest and the weakest channel from which a pixel is coloured."""
COLOURED_SHARE = 0.15
"""Share of the lit pixels of a display that overlays may colour."""
SECOND_HUE_SHARE = 0.15
"""Share of coloured pixels that are of another hue than the commonest: one hue is a colour map, several are a scene."""
HUE_REACH = 25
BAR_LEVELS, BAR_SHARE = 60, 0.015
"""A bar of colours has this share of pixels of either hue beside its numbers, so many levels apart."""


def no_display_because(pixels: Pixels) -> str:
    """Why a picture on which no axis was read cannot be a spectral display; ``""`` when it may be one.

    Args:
        pixels: (H, W) or (H, W, 3), 0..255.
    """
    step = max(1, max(pixels.shape[:2]) // 800)
    sample = np.ascontiguousarray(pixels[::step, ::step])
    if float(sample.std()) < FLAT_LEVELS:
        return "nothing is drawn on it"
    if sample.ndim == 3 and _several_hues(sample):
        return "it is coloured in several hues and has no velocity axis: a photograph or colour Doppler"
    return ""


def _several_hues(pixels: Pixels) -> bool:
    strongest = pixels.max(axis=2).astype(np.int16)
    lit = strongest > LIT_LEVEL
    coloured = lit & (strongest - pixels.min(axis=2) > COLOURED_LEVELS)
    if coloured.sum() < COLOURED_SHARE * max(int(lit.sum()), 1):
        return False
    hue = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV))[..., 0][coloured].astype(np.int64)
    counts = np.bincount(hue, minlength=180)
    around = np.convolve(np.concatenate((counts[-HUE_REACH:], counts, counts[:HUE_REACH])), np.ones(2 * HUE_REACH + 1))
    return bool(around[2 * HUE_REACH : 2 * HUE_REACH + 180].max() < (1 - SECOND_HUE_SHARE) * len(hue))


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
