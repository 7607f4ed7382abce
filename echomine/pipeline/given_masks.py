"""Masks that a person gives beside a scan: read as they are, and refused where they do not fit it."""

import itertools
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.nifti_files import NiftiImage, read_nifti
from echomine.domain.errors import ItemError, Reason

LARGEST_SHIFT_VOXELS = 0.5
"""Farther apart, and the voxels of mask and image no longer pair."""


def read_given_mask(path: Path, image: NiftiImage, classes: type[IntEnum]) -> NDArray[np.uint8]:
    """The class numbers of a mask, in the order of its file, which is that of its image.

    Args:
        path: NIfTI file.
        image: What it is a mask of.
        classes: What its numbers mean.

    Raises:
        UsageError: If there is no such file.
        ItemError: If it cannot be read, lies on another grid, or holds a number that is no class.
    """
    mask = read_nifti(path, dimensions=(image.values.ndim,))
    check_same_grid(mask, image, path)
    check_classes(mask.values, classes, path)
    numbers: NDArray[np.uint8] = mask.values.astype(np.uint8)
    return numbers


def check_same_grid(mask: NiftiImage, image: NiftiImage, path: Path) -> None:
    """Refuses a mask whose voxels are not those of its image: by size, or by where its corners lie.

    The affine holds spacing and place; a header's spacing of slices that a tilted gantry shifted differs between tools.

    Raises:
        ItemError: With what differs.
    """
    if mask.values.shape != image.values.shape:
        raise ItemError(
            Reason.WRONG_SHAPE, f"{path.name} has shape {mask.values.shape}, its image {image.values.shape}"
        )
    axes = min(3, image.values.ndim)
    ends = itertools.product(*((0.0, size - 1.0) for size in image.values.shape[:axes]))
    corners = np.array([(*end, *([0.0] * (3 - axes)), 1.0) for end in ends])
    apart = np.linalg.norm((corners @ (mask.affine - image.affine).T)[:, :3], axis=1).max()
    if apart > LARGEST_SHIFT_VOXELS * min(np.linalg.norm(image.affine[:3, :axes], axis=0)):
        raise ItemError(
            Reason.BAD_SPACING,
            f"{path.name} lies on another grid than its image: spacing or affine differ, by {apart:.2f} mm at a corner",
        )


def check_classes(numbers: NDArray[np.float32], classes: type[IntEnum], path: Path) -> None:
    """Refuses a mask that holds another number than those of its classes.

    Raises:
        ItemError: With the numbers.
    """
    known = {int(one) for one in classes}
    unknown = [number for number in np.unique(numbers).tolist() if number not in known]
    if unknown:
        shown = ", ".join(f"{number:g}" for number in unknown[:5])
        words = ", ".join(f"{one.value} {one.name.lower().replace('_', ' ')}" for one in classes if one)
        raise ItemError(
            Reason.WRONG_SHAPE, f"{path.name} holds {shown}, which is no class; there are 0 for nothing, {words}"
        )
