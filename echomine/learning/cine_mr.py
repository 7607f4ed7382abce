"""Training of the 2D and 3D U-Nets on short-axis cine MR (Isensee 2017), in a form that two cores can train."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from monai.losses.dice import DiceCELoss
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.row_batches import RowBatches
from echomine.learning.slice_augmentation import SliceAugmentation, random_windows
from echomine.learning.training import Batch, ProgressCallback, TrainingPlan, TrainingSummary, fit
from echomine.models.segmentation.cine_preparation import (
    CinePreparation,
    Mask,
    Volume,
    prepared_mask,
    prepared_volume,
)
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledVolume:
    """A volume with its mask.

    Attributes:
        name: Of patient and instant.
        image: (Z, Y, X) grey values.
        mask: (Z, Y, X) class numbers.
        spacing_mm: Of z, y, x.
    """

    name: str
    image: Volume
    mask: Mask
    spacing_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CineTraining:
    """Settings of one network of the ensemble.

    Attributes:
        dimensions: 2 for a network of slices, 3 for one of volumes, whose preparation has a slice distance.
        base: Filters of the first level; 48 and 26 in the paper.
        depth: Slices of a window of a network of volumes.
        epochs, learning_rate, batch_size: Of AdamW with a cosine.
        preparation: The pixel side.
        augmentation: How slices are changed.
        precision: ``32``, ``bf16`` or ``auto``.
    """

    dimensions: int = 2
    base: int = 16
    depth: int = 10
    epochs: int = 80
    learning_rate: float = 2e-3
    batch_size: int = 8
    preparation: CinePreparation = field(default_factory=CinePreparation)
    augmentation: SliceAugmentation = field(default_factory=SliceAugmentation)
    precision: str = "auto"

    def __post_init__(self) -> None:
        if self.batch_size < 2:
            raise ConfigurationError(f"batch normalisation needs 2 or more slices a batch, got {self.batch_size}")
        if (self.dimensions == 3) != (self.preparation.between_mm is not None) or self.depth < 1:
            raise ConfigurationError(
                "networks of volumes, and they alone, need a slice distance, and a depth of 1 or more"
            )


class SliceSource(RowBatches):
    """Slices of all volumes on one canvas, as batches of changed windows."""

    def __init__(self, volumes: Sequence[LabelledVolume], config: CineTraining, *, classes: int = 4) -> None:
        if not volumes:
            raise UsageError("there is nothing to train on: no labelled volume was given")
        plan = config.preparation
        images = [prepared_volume(one.image, one.spacing_mm, plan) for one in volumes]
        masks = [prepared_mask(one.mask, one.spacing_mm, plan, classes=classes) for one in volumes]
        self.config = config
        self.images = _on_canvas(images)[:, None]
        self.masks = _on_canvas(masks)
        self.centres = torch.stack([_centre(mask) for mask in self.masks])
        super().__init__(len(self.images), config.batch_size)

    def batch(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Images (N, 1, H, W) and masks (N, H, W), each slice changed in its own way."""
        images, masks = random_windows(
            self.images[rows], self.masks[rows], self.centres[rows], self.config.augmentation, generator
        )
        return images.contiguous(memory_format=torch.channels_last), masks


class VolumeSource(RowBatches):
    """Windows of whole volumes: images (N, 1, D, H, W) and masks (N, D, H, W); all slices of one change alike."""

    def __init__(self, volumes: Sequence[LabelledVolume], config: CineTraining, *, classes: int = 4) -> None:
        if not volumes:
            raise UsageError("there is nothing to train on: no labelled volume was given")
        plan = config.preparation
        self.config = config
        self.images = [torch.from_numpy(prepared_volume(one.image, one.spacing_mm, plan)) for one in volumes]
        masks = [prepared_mask(one.mask, one.spacing_mm, plan, classes=classes) for one in volumes]
        self.masks = [torch.from_numpy(mask) for mask in masks]
        self.centres = torch.stack([_centre(mask.amax(dim=0)) for mask in self.masks])
        super().__init__(len(self.images), config.batch_size)

    def batch(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Images and masks of the windows, each volume changed in its own way."""
        images, masks = (
            torch.cat(one) for one in zip(*[self._window(at, generator) for at in rows.tolist()], strict=True)
        )
        return images[:, None], masks

    def _window(self, at: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        image, mask, depth = self.images[at], self.masks[at], self.config.depth
        free = len(image) - depth
        first = int(torch.randint(abs(free) + 1, (), generator=generator))
        if free >= 0:
            image, mask = image[first : first + depth], mask[first : first + depth]
        else:
            ends = (0, 0, 0, 0, first, -free - first)
            image, mask = F.pad(image, ends, value=float(image.min())), F.pad(mask, ends)
        return random_windows(image[None], mask[None], self.centres[at : at + 1], self.config.augmentation, generator)


def train_cine_network(
    volumes: Sequence[LabelledVolume],
    config: CineTraining,
    *,
    seed: int,
    checkpoint: CheckpointFile | None = None,
    on_progress: ProgressCallback | None = None,
) -> tuple[IsenseeUNet, TrainingSummary]:
    """A network trained on all slices, or on all volumes; the same seed gives the same weights on one machine.

    Raises:
        UsageError: If there are no volumes.
    """
    torch.manual_seed(seed)
    network = IsenseeUNet(IsenseeConfig(dimensions=config.dimensions, base=config.base))
    if config.dimensions == 2:
        network = network.to(memory_format=torch.channels_last)
    plan = TrainingPlan(epochs=config.epochs, learning_rate=config.learning_rate, precision=config.precision)
    source = SliceSource(volumes, config) if config.dimensions == 2 else VolumeSource(volumes, config)
    loss = _loss if config.dimensions == 2 else _entropy
    summary = fit(network, source, loss, plan, seed=seed, checkpoint=checkpoint, on_progress=on_progress)
    return network, summary


_dice_and_entropy = DiceCELoss(to_onehot_y=True, softmax=True, include_background=False, batch=True)


def _loss(network: nn.Module, batch: Batch) -> Tensor:
    images, masks = batch
    loss: Tensor = _dice_and_entropy(network(images).float(), masks[:, None])
    return loss


def _entropy(network: nn.Module, batch: Batch) -> Tensor:
    images, masks = batch
    return F.cross_entropy(network(images).float(), masks)


def _on_canvas(volumes: Sequence[np.ndarray]) -> Tensor:
    """All slices (N, H, W), each volume centred on the smallest canvas that holds all of them."""
    rows, columns = (max(volume.shape[axis] for volume in volumes) for axis in (1, 2))
    placed = []
    for volume in volumes:
        top, left = (rows - volume.shape[1]) // 2, (columns - volume.shape[2]) // 2
        pads = ((0, 0), (top, rows - volume.shape[1] - top), (left, columns - volume.shape[2] - left))
        placed.append(np.pad(volume, pads, mode="constant", constant_values=volume.min()))
    return torch.from_numpy(np.concatenate(placed))


def _centre(mask: Tensor) -> Tensor:
    places = mask.nonzero().float()
    return places.mean(dim=0) if len(places) else torch.full((2,), float("nan"))
