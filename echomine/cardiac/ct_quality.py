"""Whether a CT can be scored: Hounsfield units, contrast medium, metal, slice thickness."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.cardiac.volumes import FEWEST_SLICES, Flag, checked_spacing_mm
from echomine.domain.errors import ItemError, Reason

AIR_BELOW_HU = -400.0
FEWEST_AIR_SHARE = 0.01
METAL_HU = 2500.0
FEWEST_METAL_MM3 = 5.0
CONTRAST_HU = (150.0, 900.0)
CONTRAST_RADIUS_MM = 14.0
"""A ball of that radius fits into an opacified chamber or aorta; bone that dense is thinner."""
LARGEST_SPACING_MM = 3.05
_COARSE_MM = 3.0


def check_scorable(values_hu: NDArray[Any], spacing_mm: Sequence[float]) -> None:
    """Refuses what is no chest CT in Hounsfield units.

    Args:
        values_hu: (Z, Y, X).
        spacing_mm: Of z, y, x.

    Raises:
        ItemError: If it is no volume, has fewer than three slices, or shows no air where a chest has lungs.
        MeasurementError: If the spacing is bad.
    """
    checked_spacing_mm(spacing_mm, dimensions=3)
    if np.ndim(values_hu) != 3 or len(values_hu) < FEWEST_SLICES:
        raise ItemError(
            Reason.WRONG_SHAPE,
            f"a calcium score needs a volume of {FEWEST_SLICES} or more slices, got {np.shape(values_hu)}",
        )
    if float(np.mean(np.asarray(values_hu) < AIR_BELOW_HU)) < FEWEST_AIR_SHARE:
        raise ItemError(
            Reason.NOT_HOUNSFIELD,
            f"less than 1 % of it lies below {AIR_BELOW_HU:.0f} HU, so these are no Hounsfield units of a chest; "
            "apply the rescale slope and intercept first",
        )


def ct_flags(values_hu: NDArray[Any], spacing_mm: Sequence[float]) -> tuple[Flag, ...]:
    """Doubts about a score: contrast medium, metal, thick slices."""
    spacing = checked_spacing_mm(spacing_mm, dimensions=3)
    metal_mm3 = float(np.count_nonzero(np.asarray(values_hu) >= METAL_HU)) * float(np.prod(spacing))
    found = (
        (Flag.CONTRAST, _has_contrast(values_hu, spacing)),
        (Flag.METAL, metal_mm3 >= FEWEST_METAL_MM3),
        (Flag.THICK_SLICES, spacing[0] > LARGEST_SPACING_MM),
    )
    return tuple(flag for flag, holds in found if holds)


def _has_contrast(values_hu: NDArray[Any], spacing: tuple[float, ...]) -> bool:
    steps = tuple(max(1, round(_COARSE_MM / mm)) for mm in spacing)
    coarse = np.asarray(values_hu)[:: steps[0], :: steps[1], :: steps[2]]
    smooth = ndimage.median_filter(coarse.astype(np.float32), size=3)
    bright = (smooth >= CONTRAST_HU[0]) & (smooth <= CONTRAST_HU[1])
    padded = np.pad(bright, 1)
    sampling = [step * mm for step, mm in zip(steps, spacing, strict=True)]
    return bool(ndimage.distance_transform_edt(padded, sampling=sampling).max() > CONTRAST_RADIUS_MM)
