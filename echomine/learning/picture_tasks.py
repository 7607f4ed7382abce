"""The tasks of image networks: the loss of a step, and the figures of a validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError
from echomine.learning.picture_losses import LogitLoss, LossConfig, make_loss
from echomine.learning.training import LOSS, Batch, Goal, Scorer, TrainingTask
from echomine.metrics.boxes import PictureObjects, detection_scores
from echomine.metrics.classes import class_scores
from echomine.metrics.structures import dice
from echomine.models.entries import Task

_MONITORS: Mapping[Task, tuple[str, ...]] = MappingProxyType(
    {
        Task.CLASSIFICATION: (LOSS, "accuracy", "balanced_accuracy", "auroc"),
        Task.SEGMENTATION: ("dice", LOSS),
        Task.DETECTION: ("map50", "map"),
        Task.INSTANCE_SEGMENTATION: ("map50", "map"),
    }
)
"""Figures that can choose the best epoch of a task, its own first; all but the loss should become large."""


def make_task(task: Task, classes: Sequence[str], loss: LossConfig, monitor: str = "") -> TrainingTask:
    """The training task of a network.

    Args:
        task: What the network answers.
        classes: Names of the classes, without the background.
        loss: Settings of the loss; a detector's own are fixed.
        monitor: Figure that chooses the best epoch; empty takes the task's own.

    Raises:
        ConfigurationError: If the loss or the figure does not fit the task.
    """
    chosen, goal = _monitor(task, monitor)
    if task.finds_boxes:
        return DetectionTask(tuple(classes), chosen, goal)
    if task is Task.SEGMENTATION:
        return SegmentationTask(make_loss(loss, task, len(classes) + 1), tuple(classes), chosen, goal)
    return ClassificationTask(make_loss(loss, task, len(classes)), chosen, goal)


def _monitor(task: Task, monitor: str) -> tuple[str, Goal]:
    known = _MONITORS[task]
    chosen = monitor or known[0]
    if chosen not in known:
        raise ConfigurationError(
            f"the best epoch of {task.value.replace('_', ' ')} is chosen by one of {', '.join(known)}, got {chosen!r}: "
            "set training.monitor"
        )
    return chosen, Goal.SMALL if chosen == LOSS else Goal.LARGE


@dataclass(frozen=True, slots=True)
class ClassificationTask:
    """Logits (N, K) against class numbers (N,)."""

    logit_loss: LogitLoss
    monitor: str
    goal: Goal

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Loss of a batch."""
        images, classes = batch
        return self.logit_loss(network(images), classes)

    def scorer(self) -> Scorer:
        """Collects probabilities."""
        return _ClassScorer(self.logit_loss)


@dataclass(slots=True)
class _ClassScorer:
    logit_loss: LogitLoss
    losses: list[float] = field(default_factory=list)
    probabilities: list[Tensor] = field(default_factory=list)
    classes: list[Tensor] = field(default_factory=list)

    def add(self, network: nn.Module, batch: Batch) -> None:
        images, classes = batch
        logits = network(images).float()
        self.losses.append(float(self.logit_loss(logits, classes)) * len(classes))
        self.probabilities.append(logits.softmax(dim=1).cpu())
        self.classes.append(classes.cpu())

    def figures(self) -> dict[str, float]:
        if not self.classes:
            return {}
        truth, given = torch.cat(self.classes).numpy(), torch.cat(self.probabilities).double().numpy()
        loss = sum(self.losses) / len(truth)
        if not np.isfinite(given).all():
            return {LOSS: float("nan")}
        scores = class_scores(truth, given)
        return {
            LOSS: loss,
            "accuracy": scores.accuracy,
            "balanced_accuracy": scores.balanced_accuracy,
            "auroc": scores.auroc,
        }


@dataclass(frozen=True, slots=True)
class SegmentationTask:
    """Logits (N, 1 + K, H, W) against class numbers (N, H, W)."""

    logit_loss: LogitLoss
    classes: tuple[str, ...]
    monitor: str
    goal: Goal

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Loss of a batch; where the logits are smaller than the picture, of its middle."""
        images, labels = batch
        logits = network(images)
        return self.logit_loss(logits, middle_like(labels, logits))

    def scorer(self) -> Scorer:
        """Collects Dice by picture and class."""
        return _MaskScorer(self.logit_loss, self.classes)


@dataclass(slots=True)
class _MaskScorer:
    logit_loss: LogitLoss
    classes: tuple[str, ...]
    losses: list[float] = field(default_factory=list)
    overlaps: list[list[float]] = field(default_factory=list)

    def add(self, network: nn.Module, batch: Batch) -> None:
        images, labels = batch
        logits = network(images).float()
        truth = middle_like(labels, logits)
        self.losses.append(float(self.logit_loss(logits, truth)))
        for drawn, true in zip(logits.argmax(dim=1).cpu().numpy(), truth.cpu().numpy(), strict=True):
            self.overlaps.append([dice(true == at + 1, drawn == at + 1) for at in range(len(self.classes))])

    def figures(self) -> dict[str, float]:
        if not self.overlaps:
            return {}
        table = np.array(self.overlaps)
        known = [column[~np.isnan(column)] for column in table.T]
        each = [float(column.mean()) if column.size else float("nan") for column in known]
        by_class = {f"dice_{name}": value for name, value in zip(self.classes, each, strict=True)}
        mean = float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")
        return {LOSS: float(np.mean(self.losses)), "dice": mean, **by_class}


@dataclass(frozen=True, slots=True)
class DetectionTask:
    """Boxes, and masks for instance segmentation, by torchvision's contract."""

    classes: tuple[str, ...]
    monitor: str
    goal: Goal

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Sum of the detector's losses."""
        images, targets = batch
        losses: dict[str, Tensor] = network(images, targets)
        return torch.stack(list(losses.values())).sum()

    def scorer(self) -> Scorer:
        """Collects detections."""
        return _BoxScorer(self.classes)


@dataclass(slots=True)
class _BoxScorer:
    classes: tuple[str, ...]
    truth: list[PictureObjects] = field(default_factory=list)
    found: list[PictureObjects] = field(default_factory=list)

    def add(self, network: nn.Module, batch: Batch) -> None:
        images, targets = batch
        for image, target, answer in zip(images, targets, network(images), strict=True):
            size = (int(image.shape[-2]), int(image.shape[-1]))
            self.truth.append(as_objects(target, size))
            self.found.append(as_objects(answer, size))

    def figures(self) -> dict[str, float]:
        if not self.truth:
            return {}
        scores = detection_scores(self.truth, self.found, self.classes)
        return {"map": scores.map, "map50": scores.map50}


def as_objects(answer: dict[str, Tensor], size: tuple[int, int]) -> PictureObjects:
    """Boxes of torchvision's dictionary as a record, without masks."""
    return PictureObjects(
        size=size,
        boxes=answer["boxes"].detach().cpu().double().numpy(),
        classes=answer["labels"].cpu().numpy().astype(np.int64),
        scores=answer["scores"].detach().cpu().double().numpy() if "scores" in answer else np.zeros(0),
    )


def middle_like(labels: Tensor, logits: Tensor) -> Tensor:
    """Labels (N, H, W) cut around the middle to the size of the logits."""
    rows, columns = logits.shape[-2:]
    top, left = (labels.shape[-2] - rows) // 2, (labels.shape[-1] - columns) // 2
    return labels[..., top : top + rows, left : left + columns]
