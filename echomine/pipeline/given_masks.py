"""Masks that a person gives beside a scan: read as they are, and refused where they do not fit it."""

from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.nifti_files import NiftiImage, check_same_grid, read_nifti
from echomine.domain.errors import ItemError, Reason


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
