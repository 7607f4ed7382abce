"""Ultrasound regions of an image: choosing the spectral one, reading its scale, blanking the rest.

References:
    DICOM PS3.3 C.8.5.5, US Region Calibration Module.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import Calibration, UltrasoundRegion
from echomine.domain.vocabulary import CalibrationSource, DopplerMode

Box: TypeAlias = tuple[int, int, int, int]
"""x0, y0, x1, y1 in pixels of the image, the last ones excluded."""

SPECTRAL_FORMAT = 3
MODES: dict[int, DopplerMode] = {3: DopplerMode.PW, 4: DopplerMode.CW}
UNITS_SECONDS, UNITS_HERTZ, UNITS_CM_PER_S = 4, 5, 7
FREQUENCY_SCALE_FLAG = 0b100

SMALLEST_SIDE_PX = 32
"""A display with fewer rows or columns inside the image cannot be read."""
SMALLEST_SHARE = 0.25
"""Share of the region's declared area that must lie inside the image."""
STEP_RANGE_MPS = (1e-5, 0.5)
STEP_RANGE_S = (1e-5, 0.5)
"""Steps of one pixel outside these ranges are no scale of a Doppler display: it spans 0.1 to 20 m/s, 0.1 to 60 s."""
FARTHEST_BASELINE_HEIGHTS = 4.0
"""The baseline may lie outside the display, but not farther than this many heights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenRegion:
    """The spectral region of an image.

    Attributes:
        region: The item as read.
        box: The part of it inside the image.
        clipped: Whether the item reached beyond the image.
    """

    region: UltrasoundRegion
    box: Box
    clipped: bool = False


def is_spectral(region: UltrasoundRegion) -> bool:
    """Whether an item describes a PW or CW spectral display, calibrated or not."""
    return region.spatial_format == SPECTRAL_FORMAT and region.data_type in MODES


def has_velocity_units(region: UltrasoundRegion) -> bool:
    """Whether the axes are seconds and cm/s, and not frequency."""
    units = (region.units_x, region.units_y) == (UNITS_SECONDS, UNITS_CM_PER_S)
    return units and not region.flags & FREQUENCY_SCALE_FLAG


def has_frequency_scale(region: UltrasoundRegion) -> bool:
    """Whether the item says that its axis counts frequency shifts, whose velocity nothing states."""
    return bool(region.flags & FREQUENCY_SCALE_FLAG) or region.units_y == UNITS_HERTZ


def mode_of(region: UltrasoundRegion) -> DopplerMode:
    """CW or PW by the region's data type; unknown for any other."""
    return MODES.get(region.data_type, DopplerMode.UNKNOWN)


def box_inside(region: UltrasoundRegion, *, rows: int, columns: int) -> Box | None:
    """The part of a region inside an image of that size; None when nothing is."""
    x0, y0 = max(region.min_x0, 0), max(region.min_y0, 0)
    x1, y1 = min(region.max_x1 + 1, columns), min(region.max_y1 + 1, rows)
    return (x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def choose_spectral_region(regions: Sequence[UltrasoundRegion], *, rows: int, columns: int) -> ChosenRegion:
    """The spectral region of an image: one with a velocity scale before one without, then the largest.

    A region that reaches beyond the image is clipped when a quarter of it and 32 x 32 pixels remain.

    Args:
        regions: Items of SequenceOfUltrasoundRegions in any order.
        rows: Height of the image in pixels.
        columns: Width of the image in pixels.

    Raises:
        ItemError: ``no_spectral_region`` when no item is spectral, ``bad_region`` when none of them lies in the image.
    """
    spectral = [region for region in regions if is_spectral(region)]
    if not spectral:
        raise ItemError(Reason.NO_SPECTRAL_REGION, _without_display(len(regions)))
    chosen = [found for region in spectral if (found := _inside(region, rows=rows, columns=columns))]
    if not chosen:
        raise ItemError(
            Reason.BAD_REGION,
            f"less than {SMALLEST_SIDE_PX} x {SMALLEST_SIDE_PX} pixels or a quarter of its spectral region lies within "
            f"the {columns} x {rows} image; export the image again",
        )
    return max(chosen, key=lambda found: (has_velocity_units(found.region), _area(found.box)))


def _without_display(regions: int) -> str:
    if not regions:
        return "it states no ultrasound regions, so nothing says where its display lies; export it with its regions"
    return f"none of its ultrasound regions ({regions}) is a spectral display; only spectral Doppler is mined"


def _inside(region: UltrasoundRegion, *, rows: int, columns: int) -> ChosenRegion | None:
    box = box_inside(region, rows=rows, columns=columns)
    if box is None or min(box[2] - box[0], box[3] - box[1]) < SMALLEST_SIDE_PX:
        return None
    declared = (region.max_x1 + 1 - region.min_x0) * (region.max_y1 + 1 - region.min_y0)
    if _area(box) < SMALLEST_SHARE * declared:
        return None
    return ChosenRegion(region=region, box=box, clipped=_area(box) < declared)


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def calibration_of(region: UltrasoundRegion, box: Box) -> Calibration | None:
    """Scale of the display cropped to ``box``; None when the region states no velocity scale that can hold.

    The sign of PhysicalDeltaY is kept: a negative one is the usual display with positive velocities up. A missing
    reference value is 0 (the reference pixel is then the baseline); a missing reference pixel leaves the baseline
    unknown, hence None. None also for frequency scales, other units, and steps or baselines that are absurd.
    """
    if not has_velocity_units(region) or region.reference_y0 is None:
        return None
    step_mps = -region.delta_y / 100
    if not (_within(abs(step_mps), STEP_RANGE_MPS) and _within(region.delta_x, STEP_RANGE_S)):
        return None
    reference_value = region.reference_value_y or 0.0
    baseline_y = region.min_y0 + region.reference_y0 - reference_value / region.delta_y - box[1]
    height = box[3] - box[1]
    if not _within(baseline_y / height, (-FARTHEST_BASELINE_HEIGHTS, 1 + FARTHEST_BASELINE_HEIGHTS)):
        return None
    return Calibration(
        mps_per_px=step_mps,
        baseline_y=baseline_y,
        s_per_px=region.delta_x,
        source=CalibrationSource.DICOM,
    )


def _within(value: float, limits: tuple[float, float]) -> bool:
    return math.isfinite(value) and limits[0] <= value <= limits[1]


def blank_outside(pixels: NDArray[np.uint8], boxes: Iterable[Box]) -> NDArray[np.uint8]:
    """A copy of a picture with everything outside the boxes set to 0.

    Args:
        pixels: (H, W) or (H, W, 3) picture.
        boxes: Boxes inside the picture; none give an all black picture.
    """
    blanked = np.zeros_like(pixels)
    for x0, y0, x1, y1 in boxes:
        blanked[y0:y1, x0:x1] = pixels[y0:y1, x0:x1]
    return blanked
