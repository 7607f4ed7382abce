"""The volume of the left ventricle over the frames of an apical clip."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.cardiac.apical_volumes import FEWEST_PIXELS, apical_profile, single_plane_discs_ml
from echomine.domain.errors import MeasurementError
from echomine.domain.structures import Apical


def volume_curve_ml(masks: NDArray[Any], spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """Volume of each frame by discs of one view, with the length of that frame.

    Args:
        masks: (T, Y, X) classes of :class:`Apical`.
        spacing_mm: Of y and x.

    Returns:
        (T,) ml; NaN where a frame shows no ventricle.
    """
    return np.array([_volume_ml(mask, spacing_mm) for mask in masks])


def mean_second_difference(curve: NDArray[Any]) -> float:
    """Mean of |V(t + 1) - 2 V(t) + V(t - 1)|, in the unit of the curve; small for a smooth one.

    Raises:
        MeasurementError: If there are fewer than three values or one is no number.
    """
    values = np.asarray(curve, dtype=float)
    if values.ndim != 1 or len(values) < 3 or not np.isfinite(values).all():
        raise MeasurementError(f"smoothness needs a curve of three or more numbers, got {values}")
    return float(np.abs(np.diff(values, 2)).mean())


def _volume_ml(mask: NDArray[Any], spacing_mm: Sequence[float]) -> float:
    cavity, atrium = mask == Apical.LV, mask == Apical.LA
    if np.count_nonzero(cavity) < FEWEST_PIXELS:
        return float("nan")
    return single_plane_discs_ml(apical_profile(cavity, spacing_mm, atrium=atrium if atrium.any() else None))
