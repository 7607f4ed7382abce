"""A series of CT slices in DICOM: put in order, checked, in Hounsfield units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echomine.archive.dicom_images import check_sizes, check_whole, decoded_frame, identity_of, parsed_dicom
from echomine.archive.quiet_reading import QUIET
from echomine.archive.source_images import Identity, ReadLimits
from echomine.domain.errors import ItemError, Reason, UsageError

CT_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.2"})
LARGEST_SLICES = 2000
SPACING_TOLERANCE = 0.05
PARALLEL = 0.999
TILTED = "the gantry was tilted: slices are shifted against each other"
FEWEST_SLICES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class CtSeries:
    """A volume in Hounsfield units.

    Attributes:
        values_hu: (I, J, K): columns, rows, slices, as a NIfTI file of it would store them.
        affine: (4, 4) voxel to NIfTI's world axes, in mm.
        spacing_mm: Of i, j, k; k is the distance of slice centres, not the slice thickness.
        identity: Of the first slice.
        slices: Headers without pixels, in order, for a structured report; never printed.
        notes: What had to be assumed.
    """

    values_hu: NDArray[np.float32]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, float, float]
    identity: Identity
    slices: tuple[Dataset, ...]
    notes: tuple[str, ...] = ()


def read_ct_series(folder: Path, limits: ReadLimits | None = None) -> CtSeries:
    """The CT series in a folder.

    Raises:
        UsageError: If there is no such folder.
        ItemError: If it holds no series or several, another modality, too few slices, slices that are missing or not
            parallel, or stored values without a rescale.
    """
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(files) > LARGEST_SLICES:
        raise ItemError(Reason.TOO_LARGE, f"the folder holds {len(files)} files, at most {LARGEST_SLICES} are read")
    with QUIET:
        headers = [header for path in files if (header := _named_header(path, limits or ReadLimits())) is not None]
        return _assembled(headers, limits or ReadLimits())


def _named_header(path: Path, limits: ReadLimits) -> Dataset | None:
    """What is wrong with one of hundreds of files is said with its name."""
    try:
        return _header(path, limits)
    except ItemError as error:
        raise ItemError(error.reason, f"{path.name} cannot be used: {error}") from error


def _header(path: Path, limits: ReadLimits) -> Dataset | None:
    """The data set of a CT slice; None for localizers and for files that are no DICOM."""
    if path.stat().st_size > limits.file_bytes:
        raise ItemError(Reason.TOO_LARGE, "a slice is larger than the limit")
    data = path.read_bytes()
    if data[128:132] != b"DICM":
        return None
    dataset = parsed_dicom(data)
    if str(dataset.get("SOPClassUID", "")) == "1.2.840.10008.1.3.10":  # a DICOMDIR
        return None
    if "LOCALIZER" in [str(word) for word in dataset.get("ImageType", None) or ()]:
        return None
    check_whole(dataset)
    return dataset


def _assembled(headers: Sequence[Dataset], limits: ReadLimits) -> CtSeries:
    if not headers:
        raise ItemError(Reason.BAD_SERIES, "the folder holds no DICOM slices")
    _check_modality(headers)
    if len(headers) < FEWEST_SLICES:
        raise ItemError(Reason.WRONG_SHAPE, f"a series needs {FEWEST_SLICES} or more slices, got {len(headers)}")
    rows, columns, normal = _axes(headers)
    ordered = sorted(headers, key=lambda header: float(_vector(header, "ImagePositionPatient", 3) @ normal))
    positions = np.array([_vector(header, "ImagePositionPatient", 3) for header in ordered])
    step_mm, notes = _step(positions, normal)
    if sum(check_sizes(header, limits) for header in ordered) != len(ordered):
        raise ItemError(Reason.BAD_SERIES, "a file holds several frames; enhanced CT is not read, export single slices")
    row_mm, column_mm = (float(value) for value in _vector(ordered[0], "PixelSpacing", 2))
    if min(row_mm, column_mm) <= 0:
        raise ItemError(
            Reason.BAD_SPACING, f"the pixel spacing is {row_mm} x {column_mm} mm, wanted are positive values"
        )
    values = np.stack([_hounsfield(header, limits) for header in ordered], axis=-1).transpose(1, 0, 2)
    slices = tuple(_without_pixels(header) for header in ordered)
    return CtSeries(
        values_hu=np.ascontiguousarray(values),
        affine=_affine(rows * column_mm, columns * row_mm, positions),
        spacing_mm=(column_mm, row_mm, step_mm),
        identity=identity_of(ordered[0]),
        slices=slices,
        notes=notes,
    )


def _check_modality(headers: Sequence[Dataset]) -> None:
    for header in headers:
        if str(header.get("Modality", "")) != "CT" or str(header.get("SOPClassUID", "")) not in CT_CLASSES:
            raise ItemError(Reason.WRONG_MODALITY, "the folder holds slices of another modality than CT")
        if "PixelData" not in header:
            raise ItemError(Reason.NO_PIXELS, "a slice has no pixels")
    series = {str(header.get("SeriesInstanceUID", "")) for header in headers}
    if len(series) > 1:
        raise ItemError(Reason.BAD_SERIES, f"the folder holds {len(series)} series; give each a folder of its own")
    if len({(int(header.Rows), int(header.Columns)) for header in headers}) > 1:
        raise ItemError(Reason.BAD_SERIES, "the slices differ in size")


def _axes(headers: Sequence[Dataset]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Directions along a row, down a column, and from slice to slice."""
    orientations = np.array([_vector(header, "ImageOrientationPatient", 6) for header in headers])
    along, down = orientations[0, :3], orientations[0, 3:]
    normal = np.cross(along, down)
    if not math.isclose(float(np.linalg.norm(normal)), 1.0, abs_tol=0.01):
        raise ItemError(Reason.BAD_SERIES, "the orientation of a slice is not made of two perpendicular directions")
    if np.abs(orientations - orientations[0]).max() > 1e-3:
        raise ItemError(Reason.BAD_SERIES, "the slices are not parallel")
    return along, down, normal


def _step(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> tuple[float, tuple[str, ...]]:
    steps = np.diff(positions, axis=0)
    along = steps @ normal
    step = float(np.median(along))
    if step <= 1e-3:
        raise ItemError(Reason.BAD_SERIES, "two slices lie at one place; the folder may hold several reconstructions")
    if np.abs(along - step).max() > SPACING_TOLERANCE * step:
        raise ItemError(
            Reason.BAD_SERIES, f"slices are missing or unevenly spaced: {along.min():.2f} to {along.max():.2f} mm"
        )
    tilted = float((along / np.linalg.norm(steps, axis=1)).min()) < PARALLEL
    return step, (TILTED,) if tilted else ()


def _hounsfield(header: Dataset, limits: ReadLimits) -> NDArray[np.float32]:
    slope, intercept = header.get("RescaleSlope", None), header.get("RescaleIntercept", None)
    kind = str(header.get("RescaleType", "HU") or "HU").strip().upper()
    if slope is None or intercept is None or float(slope) == 0 or kind not in ("HU", "HU_MOD"):
        raise ItemError(
            Reason.NOT_HOUNSFIELD, "a slice has no rescale to Hounsfield units; take the original reconstruction"
        )
    values: NDArray[np.float32] = decoded_frame(header, limits).astype(np.float32)
    padding = header.get("PixelPaddingValue", None)
    scaled = values * np.float32(slope) + np.float32(intercept)
    if padding is not None:
        scaled[values == float(padding)] = -1024
    above_air: NDArray[np.float32] = np.maximum(scaled, np.float32(-1024))
    return above_air


def _affine(
    along_mm: NDArray[np.float64], down_mm: NDArray[np.float64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """DICOM runs to the left and to the back, NIfTI to the right and to the front."""
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = along_mm, down_mm
    affine[:3, 2] = (positions[-1] - positions[0]) / (len(positions) - 1)
    affine[:3, 3] = positions[0]
    affine[:2] *= -1
    return affine


def _vector(header: Dataset, name: str, length: int) -> NDArray[np.float64]:
    value: Any = header.get(name, None)
    try:
        vector = np.array([float(part) for part in value])
    except (TypeError, ValueError) as error:
        raise ItemError(Reason.BAD_SPACING, f"a slice states no {name}; without it nothing can be measured") from error
    if vector.shape != (length,) or not np.isfinite(vector).all():
        raise ItemError(Reason.BAD_SPACING, f"a slice states a {name} that is not {length} numbers")
    return vector


def _without_pixels(header: Dataset) -> Dataset:
    del header.PixelData
    return header
