"""Whatever apical mask goes in, what comes out has none of the 12 violations.

A valid mask comes back unchanged. Another is repaired by construction, in several ways that change more and more:
holes and islands; the wall kept off the atrium; a wall built anew about the ventricle; structures left out. Every
candidate is checked, and the valid one that overlaps most with the input is taken; where none is, a round ventricle
with its wall in the same place, and an empty mask, which is valid, is what is left. Painchaud et al. warp by an
autoencoder here, which needs more traced masks than there are to learn from (26 patients); the criteria and the promise
are theirs.

References:
    Painchaud et al., IEEE Trans Med Imaging 2020;39:3703-3713.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.cardiac.anatomical_guarantee import Remedy, ValidSlice
from echomine.cardiac.apical_anatomy import apical_violations
from echomine.cardiac.shape_measures import CORNERS_TOUCH, Region, area_mm2, beside_largest, enclosed
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.structures import Apical

GOOD_OVERLAP = 0.9
"""A repair that overlaps so much is taken without looking at others."""
WALL_SHARES = (0.16, 0.22, 0.3)
"""Thickness of a wall built anew, of the square root of the ventricle's area; walls of CAMUS lie about the second."""

Plane = NDArray[np.uint8]


def valid_apical(mask: NDArray[Any], spacing_mm: Sequence[float]) -> ValidSlice:
    """A mask (Y, X) without violations, as near to the given one as was found.

    Args:
        mask: Classes of :class:`Apical`; other numbers count as background.
        spacing_mm: Of y and x.

    Raises:
        MeasurementError: If it is no plane or the spacing is bad.
    """
    spacing = checked_spacing_mm(spacing_mm, dimensions=2)
    known = np.where(np.isin(mask, [int(label) for label in Apical]), mask, 0).astype(np.uint8)
    if not apical_violations(known, spacing):
        return ValidSlice(mask=known, remedy=Remedy.NONE)
    best, best_overlap = ValidSlice(mask=np.zeros_like(known), remedy=Remedy.EMPTIED), 0.0
    for remedy, candidates in ((Remedy.REPAIRED, _repairs(known, spacing)), (Remedy.REPLACED, _rounds(known, spacing))):
        for candidate in candidates:
            shared = apical_overlap(candidate, known)
            if shared > best_overlap and not apical_violations(candidate, spacing):
                best, best_overlap = ValidSlice(mask=candidate, remedy=remedy), shared
            if best_overlap >= GOOD_OVERLAP:
                return best
        if best_overlap > 0:
            break
    return best


def apical_overlap(one: Plane, other: Plane) -> float:
    """Mean Dice coefficient over the structures that either mask shows; 1 where both are empty."""
    scores = []
    for label in (Apical.LV, Apical.MYOCARDIUM, Apical.LA):
        total = np.count_nonzero(one == label) + np.count_nonzero(other == label)
        if total:
            scores.append(2 * np.count_nonzero((one == label) & (other == label)) / total)
    return float(np.mean(scores)) if scores else 1.0


def _repairs(mask: Plane, spacing: tuple[float, ...]) -> Iterator[Plane]:
    lv, muscle, la = (mask == label for label in (Apical.LV, Apical.MYOCARDIUM, Apical.LA))
    lv = _solid(lv)
    la = _solid(la & ~lv)
    lv, la = _joined(lv, la, muscle)
    for wall in (muscle, _thickened(lv, muscle, spacing), *_walls(lv, la, spacing)):
        whole = _whole_wall(wall, lv, la)
        for kept_off in (0, 1, 3):
            near = ndimage.binary_dilation(la, CORNERS_TOUCH, iterations=kept_off) if kept_off else np.zeros_like(la)
            yield _assembled(lv, _whole_wall(whole & ~near, lv, la), la)
        yield _assembled(lv, whole, np.zeros_like(la))
    nothing = np.zeros_like(la)
    yield _assembled(nothing, nothing, la)
    yield _assembled(nothing, _solid(muscle), nothing)


def _assembled(lv: Region, muscle: Region, la: Region) -> Plane:
    made = np.zeros(lv.shape, dtype=np.uint8)
    made[muscle], made[la], made[lv] = Apical.MYOCARDIUM, Apical.LA, Apical.LV
    return made


def _solid(region: Region) -> Region:
    """The largest piece without spurs of a pixel's corner and without its holes."""
    piece = region & ~beside_largest(region)
    return piece | enclosed(piece)


def _joined(lv: Region, la: Region, muscle: Region) -> tuple[Region, Region]:
    """What ventricle and atrium enclose between them goes to the atrium, muscle left aside."""
    between = enclosed(lv | la) & ~muscle
    return lv, _solid(la | between) & ~lv


def _whole_wall(muscle: Region, lv: Region, la: Region) -> Region:
    """One piece of wall, with what it encloses and what lies enclosed between it and the ventricle."""
    wall = muscle & ~lv & ~la
    for _ in range(2):
        wall = wall & ~beside_largest(wall)
        wall = (wall | enclosed(wall | lv) | enclosed(wall)) & ~lv & ~la
    return wall


def _thickened(lv: Region, muscle: Region, spacing: tuple[float, ...]) -> Region:
    """The wall where it is, along the ventricle at least as thick as a thin one."""
    if not lv.any() or not muscle.any():
        return muscle
    reach = WALL_SHARES[0] * float(np.sqrt(area_mm2(lv, spacing)))
    near_lv = ndimage.distance_transform_edt(~lv, sampling=spacing) <= reach
    near_wall = ndimage.distance_transform_edt(~muscle, sampling=spacing) <= reach
    thickened: Region = muscle | (near_lv & near_wall & ~lv)
    return thickened


def _walls(lv: Region, la: Region, spacing: tuple[float, ...]) -> Iterator[Region]:
    """Walls about the ventricle on the side away from the atrium, thin to thick, then all round."""
    if not lv.any():
        return
    away = ndimage.distance_transform_edt(~lv, sampling=spacing)
    size_mm = float(np.sqrt(area_mm2(lv, spacing)))
    open_side = _beyond_base(lv, la, spacing) if la.any() else np.zeros_like(lv)
    for share in WALL_SHARES:
        yield (away <= share * size_mm) & ~lv & ~open_side
    yield (away <= WALL_SHARES[1] * size_mm) & ~lv


def _beyond_base(lv: Region, la: Region, spacing: tuple[float, ...]) -> Region:
    """Pixels on the atrium's side of a line across the base, which is square to the line between the centres."""
    centres = [np.argwhere(region).mean(axis=0) * spacing for region in (lv, la)]
    axis = (centres[1] - centres[0]) / max(float(np.linalg.norm(centres[1] - centres[0])), 1e-6)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in lv.shape), indexing="ij"), axis=-1) * np.asarray(spacing)
    along = (grid - centres[0]) @ axis
    beyond: Region = along > float(np.quantile(along[lv], 0.98))
    return beyond


def _rounds(mask: Plane, spacing: tuple[float, ...]) -> Iterator[Plane]:
    """Round ventricles with a wall in the place of the mask."""
    if not mask.any():
        return
    shown = mask == Apical.LV if (mask == Apical.LV).any() else mask > 0
    centre = np.argwhere(shown).mean(axis=0)
    y, x = np.meshgrid(*(np.arange(n) for n in mask.shape), indexing="ij")
    radius = np.hypot((y - centre[0]) * spacing[0], (x - centre[1]) * spacing[1])
    size_mm = float(np.sqrt(area_mm2(mask > 0, spacing) / np.pi))
    for share in (1.0, 0.6, 0.3):
        made = np.zeros_like(mask)
        made[radius <= share * size_mm] = Apical.MYOCARDIUM
        made[radius <= 0.6 * share * size_mm] = Apical.LV
        yield made
