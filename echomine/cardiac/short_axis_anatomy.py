"""The 16 anatomical criteria of a short-axis mask.

References:
    Painchaud et al., Cardiac Segmentation with Strong Anatomical Guarantees, IEEE Trans Med Imaging 2020;39:3703-3713.
    It counts pixels; here every criterion has a unit, so that one limit holds for every scanner. Concavity is measured
    beyond the depth that a pixel grid makes, or no digitised mask would have a myocardium without any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.cardiac.shape_measures import (
    Region,
    area_mm2,
    beside_largest,
    circularity,
    concavity_mm,
    convex,
    enclosed,
    frontier,
    frontier_mm,
    gap_mm,
    rim,
)
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.errors import MeasurementError
from echomine.domain.structures import ShortAxis


class ShortAxisCriterion(StrEnum):
    """What can be wrong with a slice."""

    HOLES_LV = "holes_lv"
    HOLES_RV = "holes_rv"
    HOLES_MYO = "holes_myo"
    PIECES_LV = "pieces_lv"
    PIECES_RV = "pieces_rv"
    PIECES_MYO = "pieces_myo"
    HOLES_LV_MYO = "holes_lv_myo"
    HOLES_RV_MYO = "holes_rv_myo"
    GAP_RV_MYO = "gap_rv_myo"
    FRONTIER_LV_RV = "frontier_lv_rv"
    FRONTIER_LV_BACKGROUND = "frontier_lv_background"
    CONCAVITY_LV = "concavity_lv"
    CONCAVITY_RV = "concavity_rv"
    CONCAVITY_MYO = "concavity_myo"
    CIRCULARITY_LV = "circularity_lv"
    CIRCULARITY_MYO = "circularity_myo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """When a value of a criterion is a violation.

    Attributes:
        unit: ``mm2``, ``mm`` or ``""`` for a ratio.
        value: The limit, itself allowed.
        is_lower: Whether values below it are violations, instead of those above.
    """

    unit: str
    value: float
    is_lower: bool = False

    def is_violated_by(self, value: float) -> bool:
        """Whether a value is beyond the limit."""
        return value < self.value - 1e-9 if self.is_lower else value > self.value + 1e-9


_AREA, _LENGTH = Limit(unit="mm2", value=0.0), Limit(unit="mm", value=0.0)

SHORT_AXIS_LIMITS: dict[ShortAxisCriterion, Limit] = {
    **{one: _AREA for one in ShortAxisCriterion if one.startswith(("holes", "pieces"))},
    **{one: _LENGTH for one in ShortAxisCriterion if one.startswith(("gap", "frontier"))},
    ShortAxisCriterion.CONCAVITY_LV: Limit(unit="mm", value=4.0),
    ShortAxisCriterion.CONCAVITY_RV: Limit(unit="mm", value=30.0),
    ShortAxisCriterion.CONCAVITY_MYO: Limit(unit="mm", value=0.0),
    ShortAxisCriterion.CIRCULARITY_LV: Limit(unit="", value=0.2, is_lower=True),
    ShortAxisCriterion.CIRCULARITY_MYO: Limit(unit="", value=0.2, is_lower=True),
}


def short_axis_measures(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ShortAxisCriterion, float]:
    """The value of every criterion for one slice; an absent structure violates none.

    Args:
        mask: (Y, X) classes of :class:`ShortAxis`.
        spacing_mm: Of y and x.

    Raises:
        MeasurementError: If it is no plane, holds another class, or the spacing is bad.
    """
    spacing = checked_spacing_mm(spacing_mm, dimensions=2)
    lv, rv, muscle = _structures(cut_out(mask))
    places = _places(lv, rv, muscle)
    wall = lv | muscle | enclosed(lv | muscle)
    values = {one: area_mm2(region, spacing) for one, region in places.items() if one in _AREAS}
    return values | {
        ShortAxisCriterion.GAP_RV_MYO: gap_mm(rv, muscle, spacing),
        ShortAxisCriterion.FRONTIER_LV_RV: frontier_mm(lv, rv, spacing),
        ShortAxisCriterion.FRONTIER_LV_BACKGROUND: frontier_mm(lv, _open_background(lv, rv, muscle), spacing),
        ShortAxisCriterion.CONCAVITY_LV: concavity_mm(lv, spacing),
        ShortAxisCriterion.CONCAVITY_RV: concavity_mm(rv, spacing),
        ShortAxisCriterion.CONCAVITY_MYO: concavity_mm(wall, spacing) if muscle.any() else 0.0,
        ShortAxisCriterion.CIRCULARITY_LV: circularity(lv, spacing),
        ShortAxisCriterion.CIRCULARITY_MYO: circularity(wall, spacing) if muscle.any() else 1.0,
    }


def short_axis_violations(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ShortAxisCriterion, float]:
    """The criteria that a slice (Y, X) violates, with their values; empty for a valid slice.

    Raises:
        MeasurementError: As :func:`short_axis_measures`.
    """
    values = short_axis_measures(mask, spacing_mm)
    return {one: value for one, value in values.items() if SHORT_AXIS_LIMITS[one].is_violated_by(value)}


def volume_violations(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[int, dict[ShortAxisCriterion, float]]:
    """The violations of each slice of a volume (Z, Y, X) that has any.

    Raises:
        MeasurementError: As :func:`short_axis_measures`.
    """
    spacing = checked_spacing_mm(spacing_mm, dimensions=3)
    found = {at: short_axis_violations(plane, spacing[1:]) for at, plane in enumerate(mask) if plane.any()}
    return {at: violations for at, violations in found.items() if violations}


def violation_places(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ShortAxisCriterion, Region]:
    """Where each violation of a slice (Y, X) lies, for pictures: hole, piece, gap, leak or dent.

    Of a structure that is not round the rim is the place.

    Raises:
        MeasurementError: As :func:`short_axis_measures`.
    """
    found = short_axis_violations(mask, spacing_mm)
    lv, rv, muscle = _structures(np.pad(mask, 1))  # what lies beyond the border is background
    wall = lv | muscle | enclosed(lv | muscle)
    places = _places(lv, rv, muscle) | {
        ShortAxisCriterion.GAP_RV_MYO: rv,
        ShortAxisCriterion.FRONTIER_LV_RV: frontier(lv, rv) | frontier(rv, lv),
        ShortAxisCriterion.FRONTIER_LV_BACKGROUND: frontier(lv, _open_background(lv, rv, muscle)),
        ShortAxisCriterion.CONCAVITY_LV: convex(lv) & ~lv,
        ShortAxisCriterion.CONCAVITY_RV: convex(rv) & ~rv,
        ShortAxisCriterion.CONCAVITY_MYO: convex(wall) & ~wall,
        ShortAxisCriterion.CIRCULARITY_LV: rim(lv),
        ShortAxisCriterion.CIRCULARITY_MYO: rim(wall),
    }
    return {one: places[one][1:-1, 1:-1] for one in found}


_AREAS = frozenset(one for one in ShortAxisCriterion if one.startswith(("holes", "pieces")))


def cut_out(mask: NDArray[Any]) -> NDArray[Any]:
    """The part of a plane that holds structures, with a border of background: what is judged does not need more."""
    if np.ndim(mask) != 2:
        return mask
    rows, columns = (np.flatnonzero(np.asarray(mask).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((3, 3), dtype=np.uint8)
    return np.pad(mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 2)


def _structures(mask: NDArray[Any]) -> tuple[Region, Region, Region]:
    if np.ndim(mask) != 2:
        raise MeasurementError(f"anatomy is judged slice by slice, got a mask of {np.ndim(mask)} dimensions")
    unknown = sorted(set(np.unique(mask).tolist()) - {int(label) for label in ShortAxis})
    if unknown:
        raise MeasurementError(f"a short-axis mask holds 0..3, got {unknown}; 1 is RV, 2 myocardium, 3 LV")
    lv, rv, muscle = (np.asarray(mask) == label for label in (ShortAxis.LV, ShortAxis.RV, ShortAxis.MYOCARDIUM))
    return lv, rv, muscle


def _places(lv: Region, rv: Region, muscle: Region) -> dict[ShortAxisCriterion, Region]:
    """Every hole belongs to one criterion: to the smallest set of structures that encloses it."""
    in_lv, in_rv = enclosed(lv), enclosed(rv)
    in_muscle = _without(enclosed(muscle), lv)
    in_both = enclosed(lv | muscle) & ~(in_lv | in_muscle)
    in_all = enclosed(rv | muscle | lv) & ~(in_lv | in_rv | in_muscle | in_both)
    return {
        ShortAxisCriterion.HOLES_LV: in_lv,
        ShortAxisCriterion.HOLES_RV: in_rv,
        ShortAxisCriterion.HOLES_MYO: in_muscle,
        ShortAxisCriterion.PIECES_LV: beside_largest(lv),
        ShortAxisCriterion.PIECES_RV: beside_largest(rv),
        ShortAxisCriterion.PIECES_MYO: beside_largest(muscle),
        ShortAxisCriterion.HOLES_LV_MYO: in_both,
        ShortAxisCriterion.HOLES_RV_MYO: in_all,
    }


def _without(holes: Region, lv: Region) -> Region:
    """The holes of the myocardium but for the cavity: those pieces in which there is no left ventricle."""
    from scipy import ndimage

    pieces, _ = ndimage.label(holes)
    cavity = np.unique(pieces[lv & holes])
    others: Region = holes & ~np.isin(pieces, cavity[cavity > 0])
    return others


def _open_background(lv: Region, rv: Region, muscle: Region) -> Region:
    """Background that is no hole: a hole beside the cavity is counted as a hole, once."""
    background = ~(lv | rv | muscle)
    return background & ~enclosed(lv | muscle)
