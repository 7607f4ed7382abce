"""Training of the networks of ``cardiac mr`` and ``cardiac echo`` on a folder of images with masks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.metrics.structures import dice_by_label
from echomine.pipeline.cardiac_models import APICAL_ECHO, CINE_MR, CINE_MR_3D
from echomine.pipeline.labelled_scans import labelled_scans, patient_folds, patient_of
from echomine.pipeline.progress import SILENT, Progress, steps_of

if TYPE_CHECKING:
    from echomine.learning.cine_mr import CineTraining, LabelledVolume
    from echomine.models.segmentation.isensee import IsenseeUNet

ECHO_EPOCHS = 160
"""Two pictures a patient make short epochs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTrainingRequest:
    """What is asked.

    Attributes:
        kind: ``cine_mr``, ``cine_mr_3d`` or ``apical_echo``.
        data: Folder of ``NAME.nii.gz`` beside ``NAME_gt.nii.gz``; the patient is NAME up to the first ``_``.
        folds: Networks; each leaves out one part of the patients, and is judged on it.
        epochs: Passes over the slices or volumes; None for the usual number of the kind.
        base: Filters of the first level; None for the small form, 16, and 8 for volumes.
        window, pixel_mm: Side of the windows in pixels, and of a pixel; None for the small form.
    """

    kind: str
    data: Path
    folds: int = 5
    epochs: int | None = None
    base: int | None = None
    window: int | None = None
    pixel_mm: float | None = None


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
    from echomine.learning.checkpoints import CheckpointFile
    from echomine.learning.cine_mr import train_cine_network

    volumes = labelled_scans(request.kind, request.data)
    folds = patient_folds([one.name for one in volumes], request.folds)
    config = asked_settings(request)
    networks, scores, unfinished = [], [], []
    for fold, left_out in enumerate(folds):
        known = [one for one in volumes if patient_of(one.name) not in left_out]
        rows = len(known) if config.dimensions == 3 else sum(len(one.image) for one in known)
        steps = config.epochs * max(1, rows // config.batch_size)
        with progress.stage(f"network {fold + 1} of {request.folds}", steps) as advance:
            saved = CheckpointFile(
                workspace / "training" / request.kind / f"network{fold}.safetensors",
                _fingerprint(known, config, seed + fold),
                is_kept=True,
            )
            unfinished.append(saved)
            network, _ = train_cine_network(
                known, config, seed=seed + fold, checkpoint=saved, on_progress=steps_of(advance)
            )
        networks.append(network)
        scores += [_dice(network, one, config) for one in volumes if patient_of(one.name) in left_out]
    dice = {label: float(np.nanmean([score[label] for score in scores])) for label in scores[0]}
    files = ensemble_files(networks, config.preparation, mirrors=config.augmentation.mirrors)
    written = Workspace.artifacts_of(workspace).write(
        request.kind,
        files,
        config={"training": asdict(config), "folds": request.folds, "patients": sum(map(len, folds))},
        seeds={"seed": seed},
        metrics={"dice_left_out": {str(label): value for label, value in dice.items()}, "volumes": len(scores)},
    )
    for saved in unfinished:
        saved.delete()
    return TrainedSlices(generation=written.generation_id, dice=dice, volumes=len(scores))


def asked_settings(request: SliceTrainingRequest) -> "CineTraining":
    """The usual settings of the kind, changed where the request says so."""
    config = slice_settings(request.kind)
    if request.epochs is not None:
        config = replace(config, epochs=request.epochs)
    if request.base is not None:
        config = replace(config, base=request.base)
    if request.window is not None:
        config = replace(config, augmentation=replace(config.augmentation, window=request.window))
    if request.pixel_mm is not None:
        config = replace(config, preparation=replace(config.preparation, in_plane_mm=request.pixel_mm))
    return config


def slice_settings(kind: str) -> "CineTraining":
    """The form of a kind that two cores can train.

    Raises:
        UsageError: If there is no such kind.
    """
    from echomine.learning.cine_mr import CineTraining
    from echomine.learning.slice_augmentation import SliceAugmentation
    from echomine.models.segmentation.cine_preparation import CinePreparation

    if kind == CINE_MR:
        return CineTraining()
    if kind == CINE_MR_3D:
        return CineTraining(dimensions=3, base=8, batch_size=2, preparation=CinePreparation(between_mm=10.0))
    if kind == APICAL_ECHO:
        plan = SliceAugmentation(degrees=20, log_scale=0.2, mirrors=False, jitter_px=8, anywhere=0)
        return CineTraining(epochs=ECHO_EPOCHS, augmentation=plan)
    raise UsageError(f"nothing is called {kind!r}, there are {CINE_MR}, {CINE_MR_3D} and {APICAL_ECHO}")


def _fingerprint(volumes: "Sequence[LabelledVolume]", config: "CineTraining", seed: int) -> str:
    """Changes with anything that the weights depend on."""
    digest = sha256(f"{config} {seed}".encode())
    for one in volumes:
        digest.update(one.name.encode() + one.image.tobytes() + one.mask.tobytes())
    return digest.hexdigest()


def _dice(network: "IsenseeUNet", one: "LabelledVolume", config: "CineTraining") -> dict[int, float]:
    from echomine.cardiac.cine_segmentation import segment_cine

    mirrors = config.augmentation.mirrors
    mask = segment_cine([network], one.image, one.spacing_mm, config.preparation, mirrors=mirrors, turned=mirrors)
    return dice_by_label(one.mask, mask, (1, 2, 3))
