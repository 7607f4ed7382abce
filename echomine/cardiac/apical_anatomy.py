"""The 12 anatomical criteria of an apical mask: left ventricle, myocardium, left atrium.

References:
    Painchaud et al., IEEE Trans Med Imaging 2020;39:3703-3713, and their public code, which tests left ventricle with
    myocardium where it says left ventricle with left atrium; here the atrium is tested. The three ratios and the count
    of erosions are not defined there to the last detail: their definitions here are chosen so that the traced masks of
    CAMUS pass the published limits.
"""

import math
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.distance import cdist

from echomine.cardiac.shape_measures import (
    CORNERS_TOUCH,
    Region,
    area_mm2,
    beside_largest,
    enclosed,
    frontier,
    frontier_mm,
    outline_mm,
)
from echomine.cardiac.short_axis_anatomy import Limit, cut_out
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.errors import MeasurementError
from echomine.domain.structures import Apical

SMALLEST_PART_SHARE = 0.02
"""A part of the wall below it does not count as one that split off."""


class ApicalCriterion(StrEnum):
    """What can be wrong with an apical mask."""

    HOLES_LV = "holes_lv"
    HOLES_LA = "holes_la"
    HOLES_EPI = "holes_epi"
    PIECES_LV = "pieces_lv"
    PIECES_MYO = "pieces_myo"
    PIECES_LA = "pieces_la"
    HOLES_LV_MYO = "holes_lv_myo"
    HOLES_LV_LA = "holes_lv_la"
    WIDTH_RATIO = "width_ratio"
    LV_BACKGROUND = "lv_background"
    MYO_LA = "myo_la"
    WALL = "wall"


_AREA = Limit(unit="mm2", value=0.0)
APICAL_LIMITS: dict[ApicalCriterion, Limit] = {
    **{one: _AREA for one in ApicalCriterion if one.startswith(("holes", "pieces"))},
    ApicalCriterion.WIDTH_RATIO: Limit(unit="", value=4.15),
    ApicalCriterion.LV_BACKGROUND: Limit(unit="", value=0.4),
    ApicalCriterion.MYO_LA: Limit(unit="", value=0.11),
    ApicalCriterion.WALL: Limit(unit="", value=0.12, is_lower=True),
}


def apical_measures(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ApicalCriterion, float]:
    """The value of every criterion; an absent structure violates none.

    ``width_ratio`` is the ventricle's mean width (area over its longest chord) over the mean thickness of the wall
    (area over half of its outline). ``lv_background`` and ``myo_la`` are shares of the outlines of ventricle and wall.
    ``wall`` is twice the depth of the erosion that splits the wall, over the square root of the ventricle's area.

    Args:
        mask: (Y, X) classes of :class:`Apical`.
        spacing_mm: Of y and x.

    Raises:
        MeasurementError: If it is no plane, holds another class, or the spacing is bad.
    """
    spacing = checked_spacing_mm(spacing_mm, dimensions=2)
    lv, muscle, la = _structures(cut_out(mask))
    places = _places(lv, muscle, la)
    values = {one: area_mm2(region, spacing) for one, region in places.items()}
    return values | {
        ApicalCriterion.WIDTH_RATIO: _width_ratio(lv, muscle, spacing),
        ApicalCriterion.LV_BACKGROUND: _share(lv, ~(lv | muscle | la), spacing),
        ApicalCriterion.MYO_LA: _share(muscle, la, spacing),
        ApicalCriterion.WALL: _wall(lv, muscle, spacing),
    }


def apical_violations(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ApicalCriterion, float]:
    """The criteria that a mask (Y, X) violates, with their values; empty for a valid one.

    Raises:
        MeasurementError: As :func:`apical_measures`.
    """
    values = apical_measures(mask, spacing_mm)
    return {one: value for one, value in values.items() if APICAL_LIMITS[one].is_violated_by(value)}


def apical_violation_places(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ApicalCriterion, Region]:
    """Where each violation of a mask (Y, X) lies, for pictures: hole, piece, frontier, or where the wall is thin.

    Raises:
        MeasurementError: As :func:`apical_measures`.
    """
    found = apical_violations(mask, spacing_mm)
    lv, muscle, la = _structures(np.pad(mask, 1))  # what lies beyond the border is background
    places = _places(lv, muscle, la) | {
        ApicalCriterion.WIDTH_RATIO: muscle,
        ApicalCriterion.LV_BACKGROUND: frontier(lv, ~(lv | muscle | la)),
        ApicalCriterion.MYO_LA: frontier(muscle, la) | frontier(la, muscle),
        ApicalCriterion.WALL: _thin_part(muscle, spacing_mm),
    }
    return {one: places[one][1:-1, 1:-1] for one in found}


def _structures(mask: NDArray[Any]) -> tuple[Region, Region, Region]:
    if np.ndim(mask) != 2:
        raise MeasurementError(f"anatomy of an apical view is judged in a plane, got {np.ndim(mask)} dimensions")
    unknown = sorted(set(np.unique(mask).tolist()) - {int(label) for label in Apical})
    if unknown:
        raise MeasurementError(f"an apical mask holds 0..3, got {unknown}; 1 is LV, 2 myocardium, 3 left atrium")
    lv, muscle, la = (np.asarray(mask) == label for label in (Apical.LV, Apical.MYOCARDIUM, Apical.LA))
    return lv, muscle, la


def _places(lv: Region, muscle: Region, la: Region) -> dict[ApicalCriterion, Region]:
    """Every hole belongs to one criterion: to the smallest set of structures that encloses it."""
    in_lv, in_la = enclosed(lv), enclosed(la)
    in_muscle = enclosed(muscle) & ~lv & ~in_lv
    in_both = enclosed(lv | muscle) & ~(in_lv | in_muscle)
    in_chambers = enclosed(lv | la) & ~(in_lv | in_la | muscle)
    return {
        ApicalCriterion.HOLES_LV: in_lv,
        ApicalCriterion.HOLES_LA: in_la,
        ApicalCriterion.HOLES_EPI: in_muscle,
        ApicalCriterion.PIECES_LV: beside_largest(lv),
        ApicalCriterion.PIECES_MYO: beside_largest(muscle),
        ApicalCriterion.PIECES_LA: beside_largest(la),
        ApicalCriterion.HOLES_LV_MYO: in_both,
        ApicalCriterion.HOLES_LV_LA: in_chambers,
    }


def _share(one: Region, other: Region, spacing: tuple[float, ...]) -> float:
    """How much of the outline of a region lies against another."""
    outline = frontier_mm(one, ~one, spacing)
    return frontier_mm(one, other, spacing) / outline if outline else 0.0


def _width_ratio(lv: Region, muscle: Region, spacing: tuple[float, ...]) -> float:
    if not lv.any() or not muscle.any():
        return 0.0
    corners = outline_mm(lv, spacing)
    chord = float(cdist(corners[:: max(1, len(corners) // 64)], corners).max())
    outline = outline_mm(muscle, spacing)
    length = float(np.linalg.norm(np.diff(outline, axis=0), axis=1).sum()) / 2
    return (area_mm2(lv, spacing) / chord) / (area_mm2(muscle, spacing) / length)


def _wall(lv: Region, muscle: Region, spacing: tuple[float, ...]) -> float:
    """An absent ventricle or wall is as good as a thick one."""
    if not lv.any() or not muscle.any():
        return 1.0
    return 2 * _split_depth_mm(muscle, spacing) / math.sqrt(area_mm2(lv, spacing))


def _split_depth_mm(muscle: Region, spacing: Sequence[float]) -> float:
    """The depth of the erosion after which the wall is no longer one piece."""
    depth = ndimage.distance_transform_edt(muscle, sampling=spacing)
    step = min(spacing)
    smallest = SMALLEST_PART_SHARE * float(np.count_nonzero(muscle))
    reached = step
    while _is_whole(depth > reached, smallest):
        reached += step
    return reached


def _thin_part(muscle: Region, spacing: Sequence[float]) -> Region:
    """What the erosion that splits the wall takes away for good."""
    if not muscle.any():
        return muscle
    reached = _split_depth_mm(muscle, spacing)
    core = ndimage.distance_transform_edt(muscle, sampling=spacing) > reached
    if not core.any():
        return muscle
    thin: Region = muscle & (ndimage.distance_transform_edt(~core, sampling=spacing) > reached + max(spacing))
    return thin if thin.any() else muscle


def _is_whole(region: Region, smallest: float) -> bool:
    """Whether one piece is left, small ones aside."""
    pieces, count = ndimage.label(region, structure=CORNERS_TOUCH)
    if count == 0:
        return False
    sizes = np.bincount(pieces.ravel())[1:]
    return int(np.count_nonzero(sizes >= smallest)) == 1
