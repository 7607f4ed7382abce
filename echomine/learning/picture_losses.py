"""Losses of classification and segmentation by name, MONAI's and torch's."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError
from echomine.models.entries import Task

LogitLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(logits (N, K, ...), class numbers (N, ...)) -> scalar."""


class LossName(StrEnum):
    """What is made small; a detector has its own losses."""

    CROSS_ENTROPY = "cross_entropy"
    DICE = "dice"
    DICE_CE = "dice_ce"
    FOCAL = "focal"


class DiceOver(StrEnum):
    """What overlap is taken of.

    All pixels of a batch together, or each picture, so that a small structure of one counts as much as a large one of
    another.
    """

    BATCH = "batch"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class LossConfig:
    """Settings of the loss.

    Attributes:
        name: A name of :class:`LossName`; empty takes cross-entropy for classes and Dice + cross-entropy for masks.
        class_weights: One weight a class, the background first where there is one; empty weighs alike.
        label_smoothing: Of the cross-entropy of classification.
        focal_gamma: Exponent of the focal loss.
        dice_over: ``batch`` or ``picture``; see :class:`DiceOver`.
    """

    name: str = ""
    class_weights: tuple[float, ...] = ()
    label_smoothing: float = 0.0
    focal_gamma: float = 2.0
    dice_over: str = DiceOver.BATCH

    def __post_init__(self) -> None:
        if self.name and self.name not in set(LossName):
            raise ConfigurationError(f"a loss is one of {', '.join(LossName)}, got {self.name!r}")
        if min(self.class_weights, default=0) < 0 or not 0 <= self.label_smoothing < 1 or self.focal_gamma < 0:
            raise ConfigurationError(
                "class_weights and focal_gamma are 0 or more and label_smoothing a share below 1, got "
                f"{self.class_weights}, {self.focal_gamma} and {self.label_smoothing}"
            )
        if self.dice_over not in set(DiceOver):
            raise ConfigurationError(f"loss.dice_over is one of {', '.join(DiceOver)}, got {self.dice_over!r}")


def make_loss(config: LossConfig, task: Task, classes: int) -> LogitLoss:
    """The loss of a task.

    Args:
        config: Settings.
        task: Classification or segmentation.
        classes: Channels of the logits.

    Raises:
        ConfigurationError: If weights do not fit the classes, or the loss does not fit the task.
    """
    if config.class_weights and len(config.class_weights) != classes:
        raise ConfigurationError(
            f"{classes} classes need {classes} weights (background included), got {len(config.class_weights)}"
        )
    weights = torch.tensor(config.class_weights) if config.class_weights else None
    if task is Task.CLASSIFICATION:
        return _class_loss(config, weights)
    return _mask_loss(config, weights)


def _class_loss(config: LossConfig, weights: Tensor | None) -> LogitLoss:
    name = LossName(config.name or LossName.CROSS_ENTROPY)
    if name is LossName.CROSS_ENTROPY:
        return lambda logits, classes: F.cross_entropy(
            logits.float(), classes, _on(weights, logits), label_smoothing=config.label_smoothing
        )
    if name is not LossName.FOCAL:
        raise ConfigurationError(f"classes are learnt with cross_entropy or focal, got {name}: Dice is for masks")
    return lambda logits, classes: _focal(logits.float(), classes, config.focal_gamma, weights)


def _focal(logits: Tensor, classes: Tensor, gamma: float, weights: Tensor | None) -> Tensor:
    """Focal loss over classes that exclude each other.

    References:
        Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 4 with the softmax.
    """
    each = F.cross_entropy(logits, classes, _on(weights, logits), reduction="none")
    right = logits.softmax(dim=1).gather(1, classes[:, None])[:, 0]
    return ((1 - right) ** gamma * each).mean()


def _mask_loss(config: LossConfig, weights: Tensor | None) -> LogitLoss:
    from monai.losses import DiceCELoss, DiceLoss, FocalLoss

    name = LossName(config.name or LossName.DICE_CE)
    if name is LossName.CROSS_ENTROPY:
        return lambda logits, labels: F.cross_entropy(logits.float(), labels.long(), _on(weights, logits))
    shared = {"to_onehot_y": True, "include_background": True}
    together = config.dice_over == DiceOver.BATCH
    if name is LossName.FOCAL:
        loss = FocalLoss(use_softmax=True, gamma=config.focal_gamma, weight=weights, **shared)
    elif name is LossName.DICE:
        loss = DiceLoss(softmax=True, batch=together, weight=weights, **shared)
    else:
        loss = DiceCELoss(softmax=True, batch=together, weight=weights, **shared)

    def on_maps(logits: Tensor, labels: Tensor) -> Tensor:
        value: Tensor = loss.to(logits.device)(logits.float(), labels[:, None].long())
        return value

    return on_maps


def _on(weights: Tensor | None, like: Tensor) -> Tensor | None:
    return None if weights is None else weights.to(like.device)
