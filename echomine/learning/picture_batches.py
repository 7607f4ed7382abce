"""Batches of placed, augmented pictures with their targets, for every task."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from echomine.domain.errors import ItemError, Reason
from echomine.learning.picture_augmentation import Augmenter, PictureAugmentation
from echomine.learning.placement import InputConfig, Placement, network_picture, with_axis
from echomine.learning.samples import Sample
from echomine.learning.training import Batch
from echomine.metrics.boxes import PictureObjects
from echomine.models.detection.fast_rcnn import PROPOSALS, propose
from echomine.models.detection.selective_search import SelectiveSearchConfig
from echomine.models.entries import Task

_LEAST_BOX_SIDE_PX = 1.0


@dataclass(frozen=True, slots=True)
class PlacedPicture:
    """A sample as the network sees it, before augmentation.

    Attributes:
        image: (C, H, W) float16 in 0..1.
        target: () class number, (H, W) class numbers, or boxes, labels and masks by name.
    """

    image: Tensor
    target: Any


def place(sample: Sample, config: InputConfig) -> PlacedPicture:
    """A sample on the input of a network.

    Raises:
        ItemError: If its channels or its missing spacing do not fit the input, or it has no target.
    """
    where = Placement.of(sample, config)
    image = network_picture(sample, config).half()
    target = sample.target
    if isinstance(target, PictureObjects):
        return PlacedPicture(image, _placed_objects(target, where))
    if isinstance(target, np.ndarray):
        return PlacedPicture(image, where.labels(torch.from_numpy(np.ascontiguousarray(target))))
    if target is None:
        raise ItemError(Reason.BAD_TARGET, f"{sample.name} has no label: give it one or leave it out of the training")
    return PlacedPicture(image, torch.tensor(target))


def with_proposals(picture: PlacedPicture, search: SelectiveSearchConfig, config: InputConfig) -> PlacedPicture:
    """The picture with the regions that a network without a proposal network is to look at, found once for all."""
    boxes = propose(with_axis(picture.image.float(), config), search)
    return PlacedPicture(picture.image, picture.target | {PROPOSALS: boxes.float()})


def _placed_objects(objects: PictureObjects, where: Placement) -> dict[str, Tensor]:
    boxes = where.boxes(torch.from_numpy(objects.boxes.astype(np.float32)).reshape(-1, 4))
    rows, columns = where.canvas
    boxes = torch.minimum(boxes.clamp(min=0), torch.tensor([columns, rows, columns, rows], dtype=torch.float32))
    kept = ((boxes[:, 2:] - boxes[:, :2]) > _LEAST_BOX_SIDE_PX).all(dim=1)
    placed = {"boxes": boxes[kept], "labels": torch.from_numpy(objects.classes)[kept]}
    if objects.masks:
        masks = [where.labels(torch.from_numpy(mask.astype(np.uint8))) for mask in objects.masks]
        placed["masks"] = torch.stack(masks)[kept]
    return placed


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureBatches:
    """Batches of placed pictures.

    Attributes:
        task: Tells the form of a batch.
        training, validation_set: The pictures.
        config: The network's input.
        augmentation: What is changed at random in training.
        batch_size: Pictures of one step.
        repeats: Showings of a picture in one epoch: few pictures make epochs too short to be worth an end.
    """

    task: Task
    training: Sequence[PlacedPicture]
    validation_set: Sequence[PlacedPicture]
    config: InputConfig
    augmentation: PictureAugmentation
    batch_size: int
    repeats: int = 1

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch; a last one that is not full is left out unless it is the only one."""
        return max(1, self.repeats * len(self.training) // self.batch_size)

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch."""
        augmenter = Augmenter(self.augmentation, self.config.size)
        augmenter.seed(generator)
        order = torch.cat([torch.randperm(len(self.training), generator=generator) for _ in range(self.repeats)])
        for step in range(self.steps_per_epoch):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size].tolist()
            yield self._batch([self._changed(self.training[row], augmenter) for row in chosen])

    def validation(self) -> Iterator[Batch]:
        """The held-back pictures as they are."""
        for start in range(0, len(self.validation_set), self.batch_size):
            rows = self.validation_set[start : start + self.batch_size]
            yield self._batch([(row.image.float(), row.target) for row in rows])

    def _changed(self, picture: PlacedPicture, augmenter: Augmenter) -> tuple[Tensor, Any]:
        image = picture.image.float()
        if self.task is Task.SEGMENTATION:
            return augmenter.picture_and_labels(image, picture.target)
        if self.task.finds_boxes:
            return augmenter.greys(image), picture.target
        return augmenter.picture(image), picture.target

    def _batch(self, rows: Sequence[tuple[Tensor, Any]]) -> Batch:
        images = [with_axis(image, self.config) for image, _ in rows]
        targets = [target for _, target in rows]
        if self.task.finds_boxes:
            return images, targets
        return torch.stack(images), torch.stack(targets)
