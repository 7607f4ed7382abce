"""What kind of scan a file holds, as far as values and spacing tell: CT, a stack of slices, or a clip in time."""

from pathlib import Path

import numpy as np

from echomine.archive.nifti_files import NiftiImage
from echomine.domain.errors import ItemError, Reason

CT_AIR = -500.0
"""Neither MR nor ultrasound has values below it; CT has them wherever there is air."""
LARGEST_CLIP_STEP = 1.5
"""Frames of a clip are written with a step of 1, or of seconds; slices of a short-axis stack lie 5 to 10 mm apart."""


def check_no_ct(image: NiftiImage, path: Path, *, wanted: str) -> None:
    """Refuses what holds values that only Hounsfield units reach.

    Raises:
        ItemError: If it is CT.
    """
    if float(image.values.min()) < CT_AIR:
        raise ItemError(
            Reason.WRONG_MODALITY, f"{path.name} holds values below {CT_AIR:.0f}, so it is CT and not {wanted}"
        )


def check_clip(image: NiftiImage, path: Path) -> None:
    """Refuses a third axis that steps by millimetres: that is space, not time.

    Raises:
        ItemError: If it is a volume, or CT.
    """
    check_no_ct(image, path, wanted="ultrasound")
    step_mm = float(np.linalg.norm(image.affine[:3, 2]))
    if image.values.ndim == 3 and step_mm > LARGEST_CLIP_STEP:
        raise ItemError(
            Reason.WRONG_MODALITY, f"{path.name} steps {step_mm:.1f} mm along its third axis: a volume, not a clip"
        )


def check_short_axis(image: NiftiImage, path: Path, *, step_mm: float) -> None:
    """Refuses planes that lie too near to each other for slices of a short-axis stack.

    Args:
        image: The scan.
        path: Its file, for the message.
        step_mm: From slice to slice.

    Raises:
        ItemError: If it is a clip or a volume of thin slices, or CT.
    """
    check_no_ct(image, path, wanted="MR")
    if step_mm <= LARGEST_CLIP_STEP:
        raise ItemError(
            Reason.WRONG_MODALITY,
            f"{path.name} steps {step_mm:.2f} mm from plane to plane, so it is a clip, or a volume of thin "
            "slices, which need not lie across the ventricle: resample it to short-axis slices 5 to 10 mm apart, "
            "as networks and criteria of anatomy know them",
        )
