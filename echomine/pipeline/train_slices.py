"""Training of the networks of ``cardiac mr`` and ``cardiac echo`` on a folder of images with masks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from echomine.archive.nifti_files import SUFFIXES, read_nifti
from echomine.archive.volume_geometry import plane_placement, stack_placement
from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.pipeline.cardiac_models import APICAL_ECHO, CINE_MR
from echomine.pipeline.progress import SILENT, Progress, steps_of
from echomine.pipeline.quantify_mr import check_same_grid

MASK_MARK = "_gt"


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTrainingRequest:
    """What is asked.

    Attributes:
        kind: ``cine_mr`` or ``apical_echo``.
        data: Folder of ``NAME.nii.gz`` beside ``NAME_gt.nii.gz``; the patient is NAME up to the first ``_``.
        folds: Networks; each leaves out one part of the patients, and is judged on it.
        only: Train these folds only; empty for all.
        epochs, base: Length and width.
    """

    kind: str
    data: Path
    folds: int = 5
    epochs: int = 80
    base: int = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedSlices:
    """A new generation and how well its networks did on the patients each had left out.

    Attributes:
        generation: Its identifier.
        dice: Mean Dice coefficient by class number, 3D, over the volumes left out.
        volumes: How many volumes that is.
    """

    generation: str
    dice: dict[int, float]
    volumes: int


def train_slices(
    request: SliceTrainingRequest, workspace: Path, *, seed: int, progress: Progress = SILENT
) -> TrainedSlices:
    """Trains an ensemble, one network a fold, and writes a generation.

    Raises:
        UsageError: If the folder holds too few patients with masks.
        ItemError: If a file cannot be used.
    """
    from echomine.cardiac.ensemble import ensemble_files
    from echomine.learning.cine_mr import train_cine_network

    volumes = _labelled(request)
    patients = sorted({_patient(one.name) for one in volumes})
    if not 2 <= request.folds <= len(patients):
        raise UsageError(f"{request.folds} folds need as many patients with masks, {request.data} has {len(patients)}")
    config = replace(_settings(request.kind), epochs=request.epochs, base=request.base)
    networks, scores = [], []
    for fold in range(request.folds):
        left_out = set(patients[fold :: request.folds])
        known = [one for one in volumes if _patient(one.name) not in left_out]
        steps = config.epochs * max(1, sum(len(one.image) for one in known) // config.batch_size)
        with progress.stage(f"network {fold + 1} of {request.folds}", steps) as advance:
            network, _ = train_cine_network(known, config, seed=seed + fold, on_progress=steps_of(advance))
        networks.append(network)
        scores += [_dice(network, one, config) for one in volumes if _patient(one.name) in left_out]
    dice = {label: float(np.nanmean([score[label] for score in scores])) for label in scores[0]}
    files = ensemble_files(networks, config.preparation, mirrors=config.augmentation.mirrors)
    written = Workspace.artifacts_of(workspace).write(
        request.kind,
        files,
        config={"training": asdict(config), "folds": request.folds, "patients": len(patients)},
        seeds={"seed": seed},
        metrics={"dice_left_out": {str(label): value for label, value in dice.items()}, "volumes": len(scores)},
    )
    return TrainedSlices(generation=written.generation_id, dice=dice, volumes=len(scores))


def _settings(kind: str) -> Any:  # noqa: ANN401 - torch is imported only when something is trained
    from echomine.learning.cine_mr import CineTraining
    from echomine.learning.slice_augmentation import SliceAugmentation
    from echomine.models.segmentation.cine_preparation import CinePreparation

    if kind == CINE_MR:
        return CineTraining()
    if kind == APICAL_ECHO:
        plan = SliceAugmentation(
            window=160, degrees=20, log_scale=0.2, mirrors=False, jitter_px=10, anywhere=0, bend_px=3
        )
        return CineTraining(preparation=CinePreparation(in_plane_mm=1.2), augmentation=plan)
    raise UsageError(f"nothing is called {kind!r}, there are {CINE_MR} and {APICAL_ECHO}")


def _labelled(request: SliceTrainingRequest) -> Sequence[Any]:
    from echomine.learning.cine_mr import LabelledVolume

    found = []
    dimensions = (3,) if request.kind == CINE_MR else (2,)
    for path in sorted(request.data.glob(f"*{MASK_MARK}.nii*")):
        name = next(path.name.removesuffix(MASK_MARK + suffix) for suffix in SUFFIXES if path.name.endswith(suffix))
        image_path = path.with_name(path.name.replace(MASK_MARK, "", 1))
        image = read_nifti(image_path, dimensions=dimensions)
        mask = read_nifti(path, dimensions=dimensions)
        check_same_grid(mask, image, path)
        place = stack_placement if request.kind == CINE_MR else plane_placement
        placement = place(image.affine, image.spacing_mm)
        values, classes = placement.canonical(image.values), placement.canonical(mask.values).astype(np.uint8)
        spacing: Any = placement.spacing_mm
        if values.ndim == 2:
            values, classes, spacing = values[None], classes[None], (1.0, *spacing)
        found.append(LabelledVolume(name=name, image=values, mask=classes, spacing_mm=spacing))
    if not found:
        raise UsageError(f"{request.data} holds no NAME{MASK_MARK}.nii.gz beside NAME.nii.gz to learn from")
    return found


def _patient(name: str) -> str:
    return name.split("_", maxsplit=1)[0]


def _dice(network: Any, one: Any, config: Any) -> dict[int, float]:  # noqa: ANN401
    from echomine.cardiac.cine_segmentation import segment_cine

    mirrors = config.augmentation.mirrors
    mask = segment_cine([network], one.image, one.spacing_mm, config.preparation, mirrors=mirrors, turned=mirrors)
    scores = {}
    for label in (1, 2, 3):
        total = np.count_nonzero(mask == label) + np.count_nonzero(one.mask == label)
        scores[label] = 2 * np.count_nonzero((mask == label) & (one.mask == label)) / total if total else float("nan")
    return scores
