"""Training of the networks that ``cardiac echo`` sees whole clips with, from those of single frames."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.workspace import Workspace
from echomine.domain.errors import ItemError, MeasurementError, Reason, UsageError
from echomine.metrics.structures import dice_by_label
from echomine.pipeline.cardiac_models import APICAL_CLIPS, APICAL_ECHO, load_ensemble
from echomine.pipeline.labelled_scans import labelled_scans, patient_folds, patient_of
from echomine.pipeline.progress import SILENT, Progress, steps_of
from echomine.synthetic.echo_clips import EchoClip, clip_between

if TYPE_CHECKING:
    from echomine.learning.echo_clips import ClipTraining
    from echomine.models.segmentation.cine_preparation import CinePreparation
    from echomine.models.segmentation.clip_unet import ClipUNet
    from echomine.models.segmentation.isensee import IsenseeUNet

ENDS = ("_ED", "_ES")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTrainingRequest:
    """What is asked.

    Attributes:
        data: Folder of ``NAME_ED.nii.gz`` and ``NAME_ES.nii.gz`` beside their ``_gt``, the one that the networks of
            frames learnt from: each network of clips leaves out the patients that its start had left out.
        generation: The networks of frames to start from; ``""`` for the current ones.
        epochs: Of both stages together, two in five of them the first; None for the usual number.
    """

    data: Path
    generation: str = ""
    epochs: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedClips:
    """A new generation and how it did on the patients each network had left out.

    Attributes:
        generation: Its identifier.
        dice: Mean Dice by class number over the labelled frames.
        frame_dice: The same of the networks of frames it started from.
        roughness: Mean second difference of the volume curves over that of the networks of frames; None where none of
            the clips shows a ventricle in every frame.
        clips: How many.
    """

    generation: str
    dice: dict[int, float]
    frame_dice: dict[int, float]
    roughness: float | None
    clips: int


def train_clips(
    request: ClipTrainingRequest, workspace: Path, *, seed: int, progress: Progress = SILENT
) -> TrainedClips:
    """Trains one network for each of the generation it starts from, and writes a generation.

    Raises:
        UsageError: If the folder holds no pairs of end diastole and end systole.
        ArtifactError: If there are no networks of frames.
        ItemError: If a file cannot be used.
    """
    from echomine.cardiac.ensemble import ensemble_files
    from echomine.learning.checkpoints import CheckpointFile
    from echomine.learning.echo_clips import train_clip_network

    start = load_ensemble(workspace, APICAL_ECHO, request.generation)
    clips = labelled_clips(request.data, start.preparation, seed=seed)
    folds = patient_folds([clip.name for clip in clips], len(start.networks))
    config = _settings(request.epochs)
    networks, judged, saved = [], [], []
    for fold, (frame_network, left_out) in enumerate(zip(start.networks, folds, strict=True)):
        known = [clip for clip in clips if patient_of(clip.name) not in left_out]
        steps = (config.appearance_epochs + config.shape_epochs) * max(1, len(known) // config.batch_size)
        names = [clip.name for clip in known]
        stages = [
            CheckpointFile(
                workspace / "training" / APICAL_CLIPS / f"network{fold}_stage{stage}.safetensors",
                f"{config} {seed + fold} {start.generation} {names}",
                is_kept=True,
            )
            for stage in (1, 2)
        ]
        saved += stages
        with progress.stage(f"network {fold + 1} of {len(folds)}", steps) as advance:
            network = train_clip_network(
                known,
                frame_network,
                config,
                seed=seed + fold,
                checkpoints=(stages[0], stages[1]),
                on_progress=steps_of(advance),
            )
        networks.append(network)
        judged += [
            (clip, *both_masks(frame_network, network, clip, start.preparation))
            for clip in clips
            if patient_of(clip.name) in left_out
        ]
    result = _figures(judged)
    written = Workspace.artifacts_of(workspace).write(
        APICAL_CLIPS,
        ensemble_files(networks, start.preparation, mirrors=start.mirrors, frame_networks=start.networks),
        config={"training": asdict(config), "folds": len(folds), "patients": sum(map(len, folds))},
        parents={APICAL_ECHO: start.generation},
        seeds={"seed": seed},
        metrics={**result, "clips": len(judged)},
    )
    for one in saved:
        one.delete()
    return TrainedClips(generation=written.generation_id, clips=len(judged), **result)


def labelled_clips(folder: Path, preparation: "CinePreparation", *, seed: int) -> list[EchoClip]:
    """A clip of each pair of a folder, at the networks' pixel side.

    Raises:
        UsageError: If there are no pairs.
        ItemError: If the masks of a pair do not show a ventricle that touches an atrium.
    """
    from echomine.models.segmentation.cine_preparation import prepared_mask, prepared_volume

    scans = {scan.name: scan for scan in labelled_scans(APICAL_ECHO, folder)}
    names = sorted(name.removesuffix(ENDS[0]) for name in scans if name.endswith(ENDS[0]))
    pairs = [name for name in names if name + ENDS[1] in scans]
    if not pairs:
        raise UsageError(f"{folder} holds no NAME_ED.nii.gz with a NAME_ES.nii.gz, which clips are made between")
    clips = []
    for at, name in enumerate(pairs):
        ends = [
            (
                prepared_volume(scan.image, scan.spacing_mm, preparation)[0],
                prepared_mask(scan.mask, scan.spacing_mm, preparation, classes=4)[0],
            )
            for scan in (scans[name + end] for end in ENDS)
        ]
        try:
            images, masks = clip_between(ends[0], ends[1], np.random.default_rng([seed, at]))
        except MeasurementError as error:
            raise ItemError(Reason.WRONG_SHAPE, f"{name}: {error}") from error
        clips.append(EchoClip(name=name, images=images, masks=masks, pixel_mm=preparation.in_plane_mm))
    return clips


def both_masks(
    frame_network: "IsenseeUNet", clip_network: "ClipUNet", clip: EchoClip, preparation: "CinePreparation"
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Masks (T, Y, X) of a clip: frame by frame, and by both networks together."""
    from echomine.cardiac.cine_segmentation import segment_cine
    from echomine.cardiac.clip_segmentation import segment_clip

    spacing = (clip.pixel_mm, clip.pixel_mm)
    frames = [
        segment_cine([frame_network], image[None], (1.0, *spacing), preparation, mirrors=False, turned=False)[0]
        for image in clip.images
    ]
    whole = segment_clip([clip_network], clip.images, spacing, preparation, frame_networks=[frame_network])
    return np.stack(frames), whole


def _settings(epochs: int | None) -> "ClipTraining":
    from echomine.learning.echo_clips import ClipTraining

    if epochs is None:
        return ClipTraining()
    first = max(1, round(0.4 * epochs))
    return ClipTraining(appearance_epochs=first, shape_epochs=max(1, epochs - first))


def _figures(judged: Sequence[tuple[EchoClip, NDArray[np.uint8], NDArray[np.uint8]]]) -> dict[str, Any]:
    from echomine.cardiac.volume_curve import mean_second_difference, volume_curve_ml

    dice: list[dict[int, float]] = []
    frame_dice: list[dict[int, float]] = []
    rough: list[tuple[float, float]] = []
    for clip, frames, whole in judged:
        for found, masks in ((frame_dice, frames), (dice, whole)):
            found += [dice_by_label(clip.masks[at], masks[at], (1, 2, 3)) for at in (0, -1)]
        curves = [volume_curve_ml(masks, (clip.pixel_mm, clip.pixel_mm)) for masks in (whole, frames)]
        if np.isfinite(curves).all():
            rough.append((mean_second_difference(curves[0]), mean_second_difference(curves[1])))
    mine, theirs = (sum(part) for part in zip(*rough, strict=True)) if rough else (0.0, 0.0)
    return {
        "dice": _means(dice),
        "frame_dice": _means(frame_dice),
        "roughness": mine / theirs if theirs else None,
    }


def _means(scores: Sequence[dict[int, float]]) -> dict[int, float]:
    return {label: float(np.nanmean([score[label] for score in scores])) for label in scores[0]}
