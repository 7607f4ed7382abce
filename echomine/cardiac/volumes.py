"""Volumes, ejection fraction and mass from masks that cover the whole ventricle, slice by slice."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import MeasurementError
from echomine.domain.structures import ShortAxis

MYOCARDIUM_G_PER_ML = 1.05
"""Density of the myocardium, as guidelines of echocardiography and magnetic resonance take it."""

FEWEST_SLICES = 3
UL_PER_ML = 1000.0


class Flag(StrEnum):
    """Doubts about a value, a closed list; :data:`FLAG_SENTENCES` says what each means."""

    ABSENT_LV = "absent_lv"
    ABSENT_RV = "absent_rv"
    ABSENT_MYOCARDIUM = "absent_myocardium"
    ABSENT_LA = "absent_la"
    SAME_INSTANT = "same_instant"
    INSTANTS_SWAPPED = "instants_swapped"
    CUT_AT_BORDER = "cut_at_border"
    SEVERAL_PIECES = "several_pieces"
    FORESHORTENED = "foreshortened"
    SINGLE_PLANE = "single_plane"
    INVALID_ANATOMY = "invalid_anatomy"
    INVENTED_MASK = "invented_mask"
    CONTRAST = "contrast"
    METAL = "metal"
    THICK_SLICES = "thick_slices"
    SYNTHETIC_TRAINING = "synthetic_training"
    SYNTHETIC_MOTION = "synthetic_motion"


FLAG_SENTENCES: dict[Flag, str] = {
    Flag.ABSENT_LV: "the mask shows no left ventricle",
    Flag.ABSENT_RV: "the mask shows no right ventricle",
    Flag.ABSENT_MYOCARDIUM: "the mask shows no myocardium",
    Flag.ABSENT_LA: "the mask shows no left atrium, so the base was found from the ventricle's shape",
    Flag.SAME_INSTANT: "one instant only, or the same mask at both: no ejection can be seen",
    Flag.INSTANTS_SWAPPED: "the ventricle is larger at end systole than at end diastole: the instants may be swapped",
    Flag.CUT_AT_BORDER: "the ventricle reaches the border of the image, so volumes are too small",
    Flag.SEVERAL_PIECES: "the ventricle is in several pieces; the largest was measured",
    Flag.FORESHORTENED: "the two views differ by more than 10 % in length: one may be foreshortened",
    Flag.SINGLE_PLANE: "one view measured: the ventricle is taken as round about its axis",
    Flag.INVALID_ANATOMY: "the mask has violations of anatomy",
    Flag.INVENTED_MASK: "a mask or a slice could not be mended: a round ventricle in its place, or none, was measured",
    Flag.CONTRAST: "the blood is as dense as with contrast medium: no calcium score holds",
    Flag.METAL: "metal in the field: streaks may count as calcium",
    Flag.THICK_SLICES: "slices thicker than 3 mm: small calcifications are missed",
    Flag.SYNTHETIC_TRAINING: "networks learnt from synthetic images: how well they read patients is not known",
    Flag.SYNTHETIC_MOTION: "networks learnt from clips made between two real pictures: recorded ones may be read worse",
}


NO_PAIR = frozenset({Flag.SAME_INSTANT, Flag.INSTANTS_SWAPPED})
"""With one of them the volumes are not those of end diastole and end systole."""

_ABSENT = {
    Flag.ABSENT_LV: ShortAxis.LV,
    Flag.ABSENT_RV: ShortAxis.RV,
    Flag.ABSENT_MYOCARDIUM: ShortAxis.MYOCARDIUM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CineVolumes:
    """What two short-axis masks say; None where a structure is absent or nothing can be computed.

    Attributes:
        lv_edv_ml, lv_esv_ml, rv_edv_ml, rv_esv_ml: Volumes at end diastole and end systole.
        lv_ef_pct, rv_ef_pct: Ejection fractions.
        lv_stroke_ml: Stroke volume of the left ventricle.
        lv_mass_g: Mass of the myocardium at end diastole.
        flags: Doubts.
    """

    lv_edv_ml: float | None
    lv_esv_ml: float | None
    lv_ef_pct: float | None
    lv_stroke_ml: float | None
    rv_edv_ml: float | None
    rv_esv_ml: float | None
    rv_ef_pct: float | None
    lv_mass_g: float | None
    flags: tuple[Flag, ...] = ()


def checked_spacing_mm(spacing_mm: Sequence[float], *, dimensions: int) -> tuple[float, ...]:
    """The spacing, once it is one positive number of millimetres per axis.

    Raises:
        MeasurementError: If it is not; a missing spacing is never taken as 1 mm.
    """
    values = tuple(float(value) for value in spacing_mm)
    if len(values) != dimensions or not all(math.isfinite(value) and value > 0 for value in values):
        raise MeasurementError(
            f"a spacing is {dimensions} positive millimetres, got {values}; take the image with its own header"
        )
    return values


def structure_volume_ml(mask: NDArray[Any], label: int, spacing_mm: Sequence[float]) -> float:
    """Volume of one class by counting voxels; 0 for an absent one.

    Args:
        mask: (Z, Y, X) class numbers.
        label: The class.
        spacing_mm: Of z, y, x.

    Raises:
        MeasurementError: If the mask is no volume or the spacing is not positive.
    """
    if np.ndim(mask) != 3:
        raise MeasurementError(f"a volume needs a mask of three dimensions, got {np.ndim(mask)}")
    voxel_ul = math.prod(checked_spacing_mm(spacing_mm, dimensions=3))
    return int(np.count_nonzero(np.asarray(mask) == label)) * voxel_ul / UL_PER_ML


def ejection_fraction_pct(edv_ml: float, esv_ml: float) -> float:
    """(EDV - ESV) / EDV in percent; negative where the volumes are swapped.

    Raises:
        MeasurementError: If the end-diastolic volume is not positive, or a volume is negative or no number.
    """
    if not (math.isfinite(edv_ml) and math.isfinite(esv_ml) and edv_ml > 0 and esv_ml >= 0):
        raise MeasurementError(f"an ejection fraction needs volumes above 0, got {edv_ml} and {esv_ml} ml")
    return 100.0 * (edv_ml - esv_ml) / edv_ml


def myocardial_mass_g(volume_ml: float) -> float:
    """Mass of a volume of myocardium, at 1.05 g/ml."""
    return MYOCARDIUM_G_PER_ML * volume_ml


def cine_volumes(diastole: NDArray[Any], systole: NDArray[Any], spacing_mm: Sequence[float]) -> CineVolumes:
    """Volumes, ejection fractions and mass from the masks of two instants.

    Args:
        diastole: (Z, Y, X) classes of :class:`ShortAxis` at end diastole.
        systole: The same at end systole.
        spacing_mm: Of z, y, x.

    Raises:
        MeasurementError: If the masks differ in size, have fewer than three slices, or the spacing is bad.
    """
    _check_pair(diastole, systole)
    ed, es = (_volumes(mask, spacing_mm) for mask in (diastole, systole))
    lv, rv = (_ejection(ed[label], es[label]) for label in (ShortAxis.LV, ShortAxis.RV))
    muscle_ml = ed[ShortAxis.MYOCARDIUM]
    return CineVolumes(
        lv_edv_ml=ed[ShortAxis.LV],
        lv_esv_ml=es[ShortAxis.LV],
        lv_ef_pct=lv,
        lv_stroke_ml=None if lv is None else (ed[ShortAxis.LV] or 0.0) - (es[ShortAxis.LV] or 0.0),
        rv_edv_ml=ed[ShortAxis.RV],
        rv_esv_ml=es[ShortAxis.RV],
        rv_ef_pct=rv,
        lv_mass_g=None if muscle_ml is None else myocardial_mass_g(muscle_ml),
        flags=_flags(diastole, systole, ed, es),
    )


def _check_pair(diastole: NDArray[Any], systole: NDArray[Any]) -> None:
    if np.shape(diastole) != np.shape(systole):
        raise MeasurementError(
            f"the masks of both instants need one size, got {np.shape(diastole)} and {np.shape(systole)}"
        )
    if np.ndim(diastole) != 3 or len(diastole) < FEWEST_SLICES:
        raise MeasurementError(
            f"ventricular volumes need {FEWEST_SLICES} or more slices, got a mask of shape {np.shape(diastole)}"
        )


def _volumes(mask: NDArray[Any], spacing_mm: Sequence[float]) -> dict[ShortAxis, float | None]:
    structures = (ShortAxis.RV, ShortAxis.MYOCARDIUM, ShortAxis.LV)
    return {label: structure_volume_ml(mask, label, spacing_mm) or None for label in structures}


def _ejection(edv_ml: float | None, esv_ml: float | None) -> float | None:
    return None if edv_ml is None or esv_ml is None else ejection_fraction_pct(edv_ml, esv_ml)


def mask_flags(mask: NDArray[Any]) -> tuple[Flag, ...]:
    """Doubts about the mask (Z, Y, X) of one instant: structures that are absent, or that the border cuts."""
    shown = set(np.unique(mask).tolist())
    absent = [flag for flag, label in _ABSENT.items() if int(label) not in shown]
    return (*absent, *((Flag.CUT_AT_BORDER,) if touches_border(mask) else ()))


def _flags(
    diastole: NDArray[Any],
    systole: NDArray[Any],
    ed: dict[ShortAxis, float | None],
    es: dict[ShortAxis, float | None],
) -> tuple[Flag, ...]:
    of_either = {*mask_flags(diastole), *mask_flags(systole)}
    found = [flag for flag in _ABSENT if flag in of_either]
    if np.array_equal(diastole, systole):
        found.append(Flag.SAME_INSTANT)
    if Flag.ABSENT_LV not in found and (es[ShortAxis.LV] or 0.0) > (ed[ShortAxis.LV] or 0.0):
        found.append(Flag.INSTANTS_SWAPPED)
    return (*found, *((Flag.CUT_AT_BORDER,) if Flag.CUT_AT_BORDER in of_either else ()))


def touches_border(mask: NDArray[Any]) -> bool:
    """Whether any structure reaches the border of the last two axes."""
    edges = (mask[..., 0, :], mask[..., -1, :], mask[..., :, 0], mask[..., :, -1])
    return any(bool(np.any(edge)) for edge in edges)
