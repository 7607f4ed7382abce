"""NIfTI files: read with their geometry, masks written back with the same one."""

import gzip
import io
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import nibabel
import numpy as np
from numpy.typing import NDArray

from echomine.archive.durable_files import write_bytes
from echomine.archive.quiet_reading import QUIET
from echomine.archive.source_images import ReadLimits
from echomine.domain.errors import ItemError, Reason, UsageError

SUFFIXES = (".nii", ".nii.gz")
MILLIMETRES = {"mm": 1.0, "unknown": 1.0, "meter": 1000.0, "micron": 0.001}
LARGEST_VOXELS = 400_000_000
SPACING_TOLERANCE = 0.02
NIFTI_2 = (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")
"""First bytes of the second version: its header has 540 bytes."""
LARGEST_SHIFT_VOXELS = 0.5
"""Farther apart, and the voxels of mask and image no longer pair."""
_HEADER_BYTES = 544
_EXTENSION_BYTES = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class NiftiImage:
    """An image as it is stored.

    Attributes:
        values: (I, J, K, ...) in the order of the file, scaled.
        affine: (4, 4) voxel to world, in millimetres.
        spacing_mm: Of the first three axes, or the first two of a plane.
        header: For writing a mask with the same geometry.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...]
    header: Any


def is_nifti(path: Path) -> bool:
    """Whether the name is that of a NIfTI file."""
    return path.name.lower().endswith(SUFFIXES)


def read_nifti(path: Path, *, dimensions: Sequence[int], limits: ReadLimits | None = None) -> NiftiImage:
    """An image of one of the wanted numbers of dimensions; axes of length 1 at the end do not count.

    Args:
        path: ``.nii`` or ``.nii.gz``.
        dimensions: What is accepted: (3, 4) for volumes and cine stacks, (2, 3) for pictures and clips.
        limits: Of sizes.

    Raises:
        UsageError: If there is no such file.
        ItemError: If it is damaged, too large, of other dimensions, or without a positive spacing, or its header states
            two.
    """
    image, header = _opened(path, limits or ReadLimits())
    shape = _plain_shape(image.shape)
    if len(shape) not in dimensions:
        wanted = " or ".join(str(number) for number in dimensions)
        raise ItemError(Reason.WRONG_SHAPE, f"{path.name} has {len(shape)} dimensions {shape}, wanted are {wanted}")
    spacing = _spacing_mm(header, path, axes=min(3, len(shape), max(2, min(dimensions))))
    try:
        values = np.asarray(image.dataobj, dtype=np.float32).reshape(shape)
    except Exception as error:  # whatever numpy and zlib make of a damaged file
        raise ItemError(Reason.TRUNCATED, f"{path.name} is cut off or damaged; copy it again") from error
    if not np.isfinite(values).all():
        raise ItemError(Reason.UNDECODABLE, f"{path.name} holds values that are no numbers; write the image again")
    affine = _affine_mm(image)
    _check_steps(affine, spacing, path)
    return NiftiImage(values=values, affine=affine, spacing_mm=spacing, header=image.header)


def write_nifti_mask(path: Path, mask: NDArray[np.uint8], like: NiftiImage) -> None:
    """Writes a mask in the order, with the affine and the units of an image.

    Raises:
        WorkspaceError: If the folder cannot be written.
    """
    header = like.header.copy()
    header.set_data_dtype(np.uint8)
    header.set_slope_inter(1, 0)
    header["cal_max"] = header["cal_min"] = 0
    header["descrip"] = b"echomine mask"
    header["db_name"] = header["aux_file"] = b""
    header.extensions.clear()
    written = nibabel.Nifti1Image(mask.astype(np.uint8), None, header)
    written.header.set_sform(like.header.get_sform(), int(like.header["sform_code"]))
    written.header.set_qform(like.header.get_qform(), int(like.header["qform_code"]))
    data = written.to_bytes()
    write_bytes(path, gzip.compress(data, mtime=0) if path.name.lower().endswith(".gz") else data)


def check_same_grid(mask: NiftiImage, image: NiftiImage, path: Path) -> None:
    """Refuses a mask whose voxels are not those of its image: by size, or by where its corners lie.

    The affine holds spacing and place; a header's spacing of slices that a tilted gantry shifted differs between tools.
    Where one of the two files states no place, their spacings alone are compared.

    Args:
        mask: What was read from ``path``.
        image: What it is a mask of.
        path: For messages.

    Raises:
        ItemError: With what differs.
    """
    if mask.values.shape != image.values.shape:
        raise ItemError(
            Reason.WRONG_SHAPE,
            f"{path.name} has shape {mask.values.shape}, its image {image.values.shape}: write it on the image's grid",
        )
    axes = min(3, image.values.ndim)
    ends = itertools.product(*((0.0, size - 1.0) for size in image.values.shape[:axes]))
    corners = np.array([(*end, *([0.0] * (3 - axes)), 1.0) for end in ends])
    apart = np.linalg.norm((corners @ (_place(mask, image) - _place(image, mask)).T)[:, :3], axis=1).max()
    if apart > LARGEST_SHIFT_VOXELS * min(np.linalg.norm(image.affine[:3, :axes], axis=0)):
        raise ItemError(
            Reason.BAD_SPACING,
            f"{path.name} lies on another grid than its image: spacing or affine differ, by {apart:.2f} mm at a "
            "corner; write it on the image's grid",
        )


def _place(one: NiftiImage, other: NiftiImage) -> NDArray[np.float64]:
    """The affine of an image, or its spacing alone where one of two states no place."""
    if all(each.header["qform_code"] or each.header["sform_code"] for each in (one, other)):
        return one.affine
    spacing = [*one.spacing_mm, 1.0, 1.0]
    return np.diag([*spacing[:3], 1.0])


def nifti_of(values: NDArray[Any], affine: NDArray[np.float64], spacing_mm: Sequence[float]) -> NiftiImage:
    """An image that was read from elsewhere (a DICOM series), ready for a mask beside it."""
    image = nibabel.Nifti1Image(values.astype(np.float32), affine)
    image.header.set_xyzt_units("mm")
    return NiftiImage(
        values=values.astype(np.float32), affine=affine, spacing_mm=tuple(spacing_mm), header=image.header
    )


def _opened(path: Path, limits: ReadLimits) -> tuple[Any, Any]:
    """The image, and its header as it stands in the file: nibabel's own turns a spacing of 0 into 1."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name one of its NIfTI files")
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    if not is_nifti(path):
        raise ItemError(Reason.NOT_AN_IMAGE, f"{path.name} is no NIfTI file; .nii and .nii.gz are read")
    if path.stat().st_size > limits.file_bytes:
        raise ItemError(Reason.TOO_LARGE, f"{path.name} is larger than {limits.file_bytes // 1024**2} MB")
    try:
        with QUIET, _stream(path) as stream:
            return _parsed(stream, path)
    except ItemError:
        raise
    except Exception as error:  # a dozen types
        raise ItemError(
            Reason.UNDECODABLE, f"{path.name} cannot be read as NIfTI ({type(error).__name__}); write it again"
        ) from error


def _stream(path: Path) -> BinaryIO | gzip.GzipFile:
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _parsed(stream: BinaryIO | gzip.GzipFile, path: Path) -> tuple[Any, Any]:
    """The header is checked before the rest of a compressed file is inflated."""
    head = stream.read(_HEADER_BYTES)
    second = head[:4] in NIFTI_2
    header = (nibabel.Nifti2Header if second else nibabel.Nifti1Header).from_fileobj(io.BytesIO(head), check=False)
    shape = header.get_data_shape()
    _check_size(shape, path)
    largest = math.prod(shape) * header.get_data_dtype().itemsize + _EXTENSION_BYTES
    image = (nibabel.Nifti2Image if second else nibabel.Nifti1Image).from_bytes(head + stream.read(largest))
    _check_size(image.shape, path)
    return image, header


def _check_size(shape: Sequence[int], path: Path) -> None:
    if not shape or min(shape) < 1 or math.prod(int(side) for side in shape) > LARGEST_VOXELS:
        raise ItemError(
            Reason.TOO_LARGE, f"{path.name} states a size of {tuple(shape)}, which is none or above the limit"
        )


def _plain_shape(shape: Sequence[int]) -> tuple[int, ...]:
    sides = [int(side) for side in shape]
    while len(sides) > 2 and sides[-1] == 1:
        sides.pop()
    return tuple(sides)


def _scale(header: Any) -> float:  # noqa: ANN401
    try:
        return MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
    except KeyError as error:
        raise ItemError(Reason.BAD_SPACING, "its unit of length is unknown; write the image again") from error


def _spacing_mm(header: Any, path: Path, *, axes: int) -> tuple[float, ...]:  # noqa: ANN401
    stated = [float(value) for value in header["pixdim"][1 : 1 + axes]]
    if not all(math.isfinite(value) and value > 0 for value in stated):
        raise ItemError(
            Reason.BAD_SPACING,
            f"{path.name} states a spacing of {tuple(stated)}, wanted are positive millimetres; it is never guessed",
        )
    return tuple(value * _scale(header) for value in stated)


def _check_steps(affine: NDArray[np.float64], spacing_mm: Sequence[float], path: Path) -> None:
    """A header states its spacing twice; slices that are shifted against each other may be stated by their normal."""
    matrix = affine[:3, :3]
    lengths = np.linalg.norm(matrix, axis=0)
    across = np.cross(matrix[:, 0], matrix[:, 1])
    normal_mm = abs(float(across @ matrix[:, 2])) / max(float(np.linalg.norm(across)), 1e-12)
    for axis, stated in enumerate(spacing_mm):
        meant = (lengths[axis], normal_mm) if axis == 2 else (lengths[axis],)
        if not any(math.isclose(stated, one, rel_tol=SPACING_TOLERANCE) for one in meant):
            raise ItemError(
                Reason.BAD_SPACING,
                f"{path.name} states a spacing of {stated:g} mm along axis {axis + 1} and an affine that steps "
                f"{lengths[axis]:g} mm; write the image again with the right one",
            )


def _affine_mm(image: Any) -> NDArray[np.float64]:  # noqa: ANN401
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= _scale(image.header)
    return affine
