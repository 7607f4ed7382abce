"""Scans with masks to learn the networks of ``cardiac`` from, split by patient."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echomine.archive.nifti_files import SUFFIXES, read_nifti
from echomine.archive.volume_geometry import plane_placement, stack_placement
from echomine.domain.errors import UsageError
from echomine.domain.structures import Apical, ShortAxis
from echomine.pipeline.cardiac_models import CINE_MR, CINE_MR_3D
from echomine.pipeline.given_masks import read_given_mask

if TYPE_CHECKING:
    from echomine.learning.cine_mr import LabelledVolume

MASK_MARK = "_gt"


def labelled_scans(kind: str, folder: Path) -> "list[LabelledVolume]":
    """Every ``NAME.nii.gz`` of a folder with its ``NAME_gt.nii.gz``, in canonical order, sorted by name.

    Args:
        kind: ``cine_mr`` or ``cine_mr_3d`` for volumes; anything else for planes, which become volumes of one slice.
        folder: Where they lie.

    Raises:
        UsageError: If there are none.
        ItemError: If a file cannot be used, or an image and its mask differ in size.
    """
    from echomine.learning.cine_mr import LabelledVolume

    found = []
    has_slices = kind in (CINE_MR, CINE_MR_3D)
    dimensions = (3,) if has_slices else (2,)
    for path in sorted(folder.glob(f"*{MASK_MARK}.nii*")):
        name = next(path.name.removesuffix(MASK_MARK + suffix) for suffix in SUFFIXES if path.name.endswith(suffix))
        image = read_nifti(path.with_name(path.name.replace(MASK_MARK, "", 1)), dimensions=dimensions)
        mask = read_given_mask(path, image, ShortAxis if has_slices else Apical)
        place = stack_placement if has_slices else plane_placement
        placement = place(image.affine, image.spacing_mm)
        values, classes = placement.canonical(image.values), placement.canonical(mask)
        spacing: Any = placement.spacing_mm
        if values.ndim == 2:
            values, classes, spacing = values[None], classes[None], (1.0, *spacing)
        found.append(LabelledVolume(name=name, image=values, mask=classes, spacing_mm=spacing))
    if not found:
        raise UsageError(f"{folder} holds no NAME{MASK_MARK}.nii.gz beside NAME.nii.gz to learn from")
    return found


def patient_of(name: str) -> str:
    """The patient of a scan: its name up to the first ``_``."""
    return name.split("_", maxsplit=1)[0]


def patient_folds(names: Sequence[str], folds: int) -> list[frozenset[str]]:
    """The patients that each network leaves out.

    Raises:
        UsageError: If there are fewer patients than folds, or fewer than two folds.
    """
    patients = sorted({patient_of(name) for name in names})
    if not 2 <= folds <= len(patients):
        raise UsageError(f"{folds} folds need as many patients with masks, there are {len(patients)}")
    return [frozenset(patients[fold::folds]) for fold in range(folds)]
