"""Calcium in computed tomography: candidates, Agatston score, volume, mass, risk.

References:
    Agatston et al., J Am Coll Cardiol 1990;15:827-832. Lessmann et al., IEEE Trans Med Imaging 2018;37:615-625.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.errors import ConfigurationError, MeasurementError
from echomine.domain.heart_choices import AgatstonConvention

THRESHOLD_HU = 130.0
SMALLEST_LESION_MM3 = 1.5
DENSITY_STEPS_HU = (130.0, 200.0, 300.0, 400.0)
"""Maximum from which a lesion's area counts 1, 2, 3, 4 times."""
REFERENCE_THICKNESS_MM = 3.0
TOUCHING_3D = np.ones((3, 3, 3), dtype=bool)
TOUCHING_2D = np.ones((3, 3), dtype=bool)


class CalciumSite(IntEnum):
    """Where a calcification lies; the numbers are those of a calcium mask."""

    BACKGROUND = 0
    LAD = 1
    LCX = 2
    RCA = 3
    AORTA = 4
    AORTIC_VALVE = 5
    MITRAL_VALVE = 6


CORONARIES = (CalciumSite.LAD, CalciumSite.LCX, CalciumSite.RCA)
"""The sites that make up the coronary score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A piece of tissue as dense as calcium.

    Attributes:
        number: Its value in the array of :func:`candidates`.
        volume_mm3: Its size.
        maximum_hu, mean_hu: Its density.
        centre: z, y, x in voxels.
    """

    number: int
    volume_mm3: float
    maximum_hu: float
    mean_hu: float
    centre: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumScores:
    """Scores of one site or of several.

    Attributes:
        agatston: In the convention asked for.
        volume_mm3: Voxels times voxel volume, not interpolated.
        mass_mg: Mean density times volume times the calibration.
        lesions: Pieces, 26-connected.
    """

    agatston: float
    volume_mm3: float
    mass_mg: float
    lesions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MassCalibration:
    """Milligrams of calcium hydroxyapatite in a cubic millimetre, for one Hounsfield unit.

    A scanner has its own factor, measured with a phantom; the default is an assumption for 120 kV.
    """

    mg_per_mm3_hu: float = 0.0008

    def __post_init__(self) -> None:
        if not 0 < self.mg_per_mm3_hu < 0.01:
            raise ConfigurationError(
                f"a mass calibration is above 0 and below 0.01 mg/mm3/HU, got {self.mg_per_mm3_hu}"
            )


def candidates(
    values_hu: NDArray[Any], spacing_mm: Sequence[float], *, smallest_mm3: float = SMALLEST_LESION_MM3
) -> tuple[NDArray[np.int32], tuple[Candidate, ...]]:
    """Everything at or above 130 HU that hangs together and is large enough.

    Args:
        values_hu: (Z, Y, X) in Hounsfield units.
        spacing_mm: Of z, y, x.
        smallest_mm3: Pieces below it are dropped.

    Returns:
        (Z, Y, X) numbers 1..N of the pieces, 0 elsewhere, and the N pieces.

    Raises:
        MeasurementError: If the image is no volume or the spacing is bad.
    """
    voxel_mm3 = _voxel_mm3(values_hu, spacing_mm)
    pieces, _ = ndimage.label(np.asarray(values_hu) >= THRESHOLD_HU, structure=TOUCHING_3D)
    sizes = np.bincount(pieces.ravel())
    kept = (sizes * voxel_mm3 >= smallest_mm3 - 1e-9) & (np.arange(len(sizes)) > 0)
    renumbered = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    numbered: NDArray[np.int32] = renumbered[pieces]
    return numbered, _described(values_hu, numbered, voxel_mm3)


def agatston(
    values_hu: NDArray[Any],
    calcium: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    *,
    convention: AgatstonConvention = AgatstonConvention.SCALED,
) -> float:
    """Agatston score: per slice and lesion, the area in mm2 times the weight of its maximum.

    Args:
        values_hu: (Z, Y, X) in Hounsfield units.
        calcium: (Z, Y, X) of bool, what counts; voxels below 130 HU in it do not.
        spacing_mm: Of z, y, x.
        convention: What the distance of slices does.

    Raises:
        MeasurementError: If sizes or spacing are bad.
    """
    thickness, row_mm, column_mm = checked_spacing_mm(spacing_mm, dimensions=3)
    _check_sizes(values_hu, calcium)
    dense = np.asarray(calcium, dtype=bool) & (np.asarray(values_hu) >= THRESHOLD_HU)
    total = sum(_slice_score(values_hu[at], dense[at]) for at in np.flatnonzero(dense.any(axis=(1, 2))))
    share = thickness / REFERENCE_THICKNESS_MM if convention is AgatstonConvention.SCALED else 1.0
    return total * row_mm * column_mm * share


def calcium_scores(
    values_hu: NDArray[Any],
    calcium: NDArray[np.bool_],
    spacing_mm: Sequence[float],
    *,
    convention: AgatstonConvention = AgatstonConvention.SCALED,
    calibration: MassCalibration | None = None,
) -> CalciumScores:
    """All scores of one mask; zeros where it is empty.

    Raises:
        MeasurementError: If sizes or spacing are bad.
    """
    score = agatston(values_hu, calcium, spacing_mm, convention=convention)
    voxel_mm3 = _voxel_mm3(values_hu, spacing_mm)
    dense = np.asarray(calcium, dtype=bool) & (np.asarray(values_hu) >= THRESHOLD_HU)
    factor = (calibration or MassCalibration()).mg_per_mm3_hu
    return CalciumScores(
        agatston=score,
        volume_mm3=int(np.count_nonzero(dense)) * voxel_mm3,
        mass_mg=factor * voxel_mm3 * float(np.asarray(values_hu, dtype=float)[dense].sum()),
        lesions=int(ndimage.label(dense, structure=TOUCHING_3D)[1]),
    )


def scores_by_site(
    values_hu: NDArray[Any],
    mask: NDArray[Any],
    spacing_mm: Sequence[float],
    *,
    convention: AgatstonConvention = AgatstonConvention.SCALED,
    calibration: MassCalibration | None = None,
) -> dict[str, CalciumScores]:
    """Scores of every site of a mask of :class:`CalciumSite`, and of the three coronaries under ``coronary``.

    Raises:
        MeasurementError: If the mask holds another number, or sizes or spacing are bad.
    """
    unknown = sorted(set(np.unique(mask).tolist()) - {int(site) for site in CalciumSite})
    if unknown:
        raise MeasurementError(f"a calcium mask holds 0..6, got {unknown}; see CalciumSite for what they mean")

    def scored(sites: Iterable[CalciumSite]) -> CalciumScores:
        chosen = np.isin(mask, [int(site) for site in sites])
        return calcium_scores(values_hu, chosen, spacing_mm, convention=convention, calibration=calibration)

    sites: Mapping[str, tuple[CalciumSite, ...]] = {
        "coronary": CORONARIES,
        **{site.name.lower(): (site,) for site in CalciumSite if site is not CalciumSite.BACKGROUND},
    }
    return {name: scored(chosen) for name, chosen in sites.items()}


def _slice_score(values_hu: NDArray[Any], dense: NDArray[np.bool_]) -> float:
    """Weighted pixels of one slice."""
    pieces, count = ndimage.label(dense, structure=TOUCHING_2D)
    numbers = np.arange(1, count + 1)
    maxima = np.asarray(ndimage.maximum(values_hu, pieces, numbers))
    pixels = np.bincount(pieces.ravel(), minlength=count + 1)[1:]
    return float(np.dot(pixels, np.searchsorted(DENSITY_STEPS_HU, maxima, side="right")))


def _described(values_hu: NDArray[Any], numbered: NDArray[np.int32], voxel_mm3: float) -> tuple[Candidate, ...]:
    found = []
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        inside = numbered[box] == number
        values = np.asarray(values_hu)[box][inside]
        places = np.argwhere(inside).mean(axis=0) + [side.start for side in box]
        found.append(
            Candidate(
                number=number,
                volume_mm3=len(values) * voxel_mm3,
                maximum_hu=float(values.max()),
                mean_hu=float(values.mean()),
                centre=(float(places[0]), float(places[1]), float(places[2])),
            )
        )
    return tuple(found)


def _voxel_mm3(values_hu: NDArray[Any], spacing_mm: Sequence[float]) -> float:
    if np.ndim(values_hu) != 3:
        raise MeasurementError(f"calcium is scored in a volume, got {np.ndim(values_hu)} dimensions")
    return math.prod(checked_spacing_mm(spacing_mm, dimensions=3))


def _check_sizes(values_hu: NDArray[Any], mask: NDArray[Any]) -> None:
    if np.ndim(values_hu) != 3 or np.shape(values_hu) != np.shape(mask):
        raise MeasurementError(
            f"image and mask need one size in three dimensions, got {np.shape(values_hu)} and {np.shape(mask)}"
        )
