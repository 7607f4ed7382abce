"""Training of the clip network (CLAS, Wei 2020) on clips of which the first and the last frame are labelled."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.clip_losses import motion_loss, segmentation_loss, shape_loss
from echomine.learning.row_batches import RowBatches
from echomine.learning.slice_augmentation import SliceAugmentation, random_windows
from echomine.learning.training import Batch, ProgressCallback, TrainingPlan, fit, steps_after
from echomine.models.segmentation.clip_unet import ClipUNet
from echomine.models.segmentation.isensee import IsenseeUNet
from echomine.synthetic.echo_clips import EchoClip

_PACKED = 4
"""Both labels of a pixel travel through one nearest-neighbour sampling as diastole + 4 systole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipTraining:
    """Settings of the two stages.

    Attributes:
        appearance_epochs: Of the first stage: segmentation of labelled frames, motion of all.
        shape_epochs: Of the second, in which masks and motion also have to agree.
        learning_rate, batch_size: Of AdamW with a cosine, in each stage.
        augmentation: How clips are changed, all frames of one alike.
        precision: ``32``, ``bf16`` or ``auto``.
    """

    appearance_epochs: int = 4
    shape_epochs: int = 6
    learning_rate: float = 1e-3
    batch_size: int = 2
    augmentation: SliceAugmentation = field(
        default_factory=lambda: SliceAugmentation(
            window=96, degrees=15, log_scale=0.15, mirrors=False, jitter_px=5, anywhere=0
        )
    )
    precision: str = "auto"

    def __post_init__(self) -> None:
        if min(self.appearance_epochs, self.shape_epochs, self.batch_size) < 1:
            raise ConfigurationError(f"both stages need an epoch and a batch needs a clip, got {self}")


class ClipSource(RowBatches):
    """Clips as batches of changed windows: images (N, T, H, W), labels of the first and of the last frame."""

    def __init__(self, clips: Sequence[EchoClip], config: ClipTraining) -> None:
        if not clips:
            raise UsageError("there is nothing to train on: no clip was given")
        self.config = config
        self.images = [torch.from_numpy(clip.images)[None] for clip in clips]
        packed = [clip.masks[0].astype(np.int64) + _PACKED * clip.masks[-1].astype(np.int64) for clip in clips]
        self.labels = [torch.from_numpy(one)[None] for one in packed]
        self.centres = torch.stack([(label[0] > 0).nonzero().float().mean(dim=0) for label in self.labels])
        super().__init__(len(self.images), config.batch_size)

    def batch(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Images and both labels of the windows, each clip changed in its own way."""
        images, labels = (
            torch.cat(one) for one in zip(*[self._window(at, generator) for at in rows.tolist()], strict=True)
        )
        return images, labels % _PACKED, labels // _PACKED

    def _window(self, at: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        centre = self.centres[at : at + 1]
        return random_windows(self.images[at], self.labels[at], centre, self.config.augmentation, generator)


def train_clip_network(
    clips: Sequence[EchoClip],
    start: IsenseeUNet,
    config: ClipTraining,
    *,
    seed: int,
    checkpoints: tuple[CheckpointFile, CheckpointFile] | None = None,
    on_progress: ProgressCallback | None = None,
) -> ClipUNet:
    """A clip network, from a trained network of single frames, in two stages.

    Args:
        clips: Their first and last masks are learnt from; those between are not looked at.
        start: Network of frames, trained on the same patients.
        config: Settings.
        seed: Fixes order and augmentation.
        checkpoints: A file for each stage.
        on_progress: Told after each step of both stages together.

    Raises:
        UsageError: If there are no clips.
    """
    torch.manual_seed(seed)
    network, source = ClipUNet.from_frames(start), ClipSource(clips, config)
    epochs = (config.appearance_epochs, config.shape_epochs)
    total = sum(epochs) * source.steps_per_epoch
    for stage, loss in enumerate((_appearance, _appearance_and_shape)):
        before = sum(epochs[:stage]) * source.steps_per_epoch
        plan = TrainingPlan(
            epochs=epochs[stage], learning_rate=config.learning_rate, precision=config.precision, gradient_clip=5.0
        )
        fit(
            network,
            source,
            loss,
            plan,
            seed=seed + stage,
            checkpoint=checkpoints[stage] if checkpoints else None,
            on_progress=steps_after(before, total, on_progress),
        )
    return network


def _appearance(network: nn.Module, batch: Batch) -> Tensor:
    images, diastole, systole = batch
    logits, motion = network(images)
    return segmentation_loss(logits, diastole, systole) + motion_loss(images, motion)


def _appearance_and_shape(network: nn.Module, batch: Batch) -> Tensor:
    images, diastole, systole = batch
    logits, motion = network(images)
    return (
        segmentation_loss(logits, diastole, systole)
        + motion_loss(images, motion)
        + shape_loss(logits, motion, diastole, systole)
    )
