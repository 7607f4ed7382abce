"""The smallest change that makes a short-axis slice valid, by construction of wall, cavity and right ventricle."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.cardiac.shape_measures import (
    CORNERS_TOUCH,
    Region,
    beside_largest,
    concavity_mm,
    convex,
    enclosed,
    gap_mm,
)
from echomine.cardiac.short_axis_anatomy import SHORT_AXIS_LIMITS, ShortAxisCriterion
from echomine.domain.structures import ShortAxis

LARGEST_BRIDGE_MM = 12.0
"""A right ventricle farther from the wall is not pulled to it: something else is wrong."""


def repaired_slice(mask: NDArray[Any], spacing_mm: Sequence[float]) -> NDArray[np.uint8]:
    """A slice (Y, X) with one filled wall, the cavity inside it, and the right ventricle on it.

    Most slices come out valid; the caller checks. What is left without a wall keeps only what can stand alone.
    """
    lv, rv, muscle = (np.asarray(mask) == label for label in (ShortAxis.LV, ShortAxis.RV, ShortAxis.MYOCARDIUM))
    wall = _wall(lv, muscle, spacing_mm)
    cavity = _cavity(lv, muscle, wall, spacing_mm)
    right = _right_ventricle(rv, wall, spacing_mm)
    fixed = np.zeros(lv.shape, dtype=np.uint8)
    fixed[right], fixed[wall], fixed[cavity] = ShortAxis.RV, ShortAxis.MYOCARDIUM, ShortAxis.LV
    return fixed


def _solid(region: Region) -> Region:
    """The largest piece without its holes."""
    piece = region & ~beside_largest(region)
    return piece | enclosed(piece)


def _wall(lv: Region, muscle: Region, spacing_mm: Sequence[float]) -> Region:
    """Everything within the epicardium: convex where the limit asks for it, 4-connected, closed about the cavity."""
    if not muscle.any():
        return np.zeros_like(lv)
    wall = _solid(lv | muscle)
    bare = lv & wall & ~ndimage.binary_erosion(wall)
    if np.count_nonzero(bare):
        wall = _solid(wall | ndimage.binary_dilation(bare, CORNERS_TOUCH))
    if concavity_mm(wall, spacing_mm) > SHORT_AXIS_LIMITS[ShortAxisCriterion.CONCAVITY_MYO].value:
        wall = convex(_solid(_smooth(wall)))
    return wall


def _cavity(lv: Region, muscle: Region, wall: Region, spacing_mm: Sequence[float]) -> Region:
    inside = ndimage.binary_erosion(wall)
    cavity = lv if (lv & inside).any() else enclosed(muscle)
    cavity = _solid(cavity & inside)
    if concavity_mm(cavity, spacing_mm) > SHORT_AXIS_LIMITS[ShortAxisCriterion.CONCAVITY_LV].value:
        cavity = _solid(convex(cavity) & inside)
    return cavity


def _right_ventricle(rv: Region, wall: Region, spacing_mm: Sequence[float]) -> Region:
    right = _solid(rv & ~wall)
    if not right.any() or not wall.any():
        return right
    apart = gap_mm(right, wall, spacing_mm)
    if apart > LARGEST_BRIDGE_MM:
        return np.zeros_like(right)
    if apart > 0:
        right = _solid((right | _bridge(right, wall, apart, spacing_mm)) & ~wall)
    if concavity_mm(right, spacing_mm) > SHORT_AXIS_LIMITS[ShortAxisCriterion.CONCAVITY_RV].value:
        right = _solid(convex(right) & ~wall)
    return _solid((right | enclosed(right | wall)) & ~wall)


def _bridge(right: Region, wall: Region, apart_mm: float, spacing_mm: Sequence[float]) -> Region:
    """What lies between two regions: near to both."""
    from_right = ndimage.distance_transform_edt(~right, sampling=spacing_mm)
    from_wall = ndimage.distance_transform_edt(~wall, sampling=spacing_mm)
    reach: Region = from_right + from_wall <= apart_mm + 1.5 * math.hypot(*spacing_mm)
    return reach


def _smooth(region: Region) -> Region:
    """Thin spurs taken off, unless nothing would be left."""
    opened = ndimage.binary_opening(region, CORNERS_TOUCH, iterations=2)
    return opened if opened.any() else region
