"""What a training run is made of: batches, a task with its loss and figures, a plan, a summary."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError
from echomine.learning.precision import PRECISIONS

ProgressCallback: TypeAlias = Callable[[int, int], None]
"""Told (steps done, steps in all)."""

Batch: TypeAlias = tuple[Any, ...]
"""Inputs, then targets: tensors, or lists of one entry a picture."""

BatchLoss: TypeAlias = Callable[[nn.Module, Batch], Tensor]
"""(network, batch) -> scalar loss."""

Figures: TypeAlias = Mapping[str, float]
"""Name -> value of one epoch: ``loss`` of training, others with the prefix ``validation_``."""

LOSS = "loss"


def steps_after(before: int, total: int, on_progress: ProgressCallback | None) -> ProgressCallback | None:
    """Counts the steps of one stage of a training after those of the stages before it.

    Args:
        before: Steps of the stages before.
        total: Steps of all stages.
        on_progress: Told of the whole; None is told nothing.
    """
    if on_progress is None:
        return None
    return lambda done, _: on_progress(before + done, total)


class BatchSource(Protocol):
    """Where the batches come from."""

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """The training batches of one epoch, shuffled and augmented with the generator."""
        ...

    def validation(self) -> Iterator[Batch]:
        """The validation batches, always the same; none where nothing is held back."""
        ...

    @property
    def steps_per_epoch(self) -> int:
        """Training batches of one epoch, at least 1."""
        ...


class Goal(StrEnum):
    """Whether a figure should become small or large."""

    SMALL = "small"
    LARGE = "large"

    def is_better(self, new: float, old: float | None) -> bool:
        """Whether ``new`` beats ``old``; any number beats none, and NaN beats nothing."""
        if old is None or math.isnan(new):
            return not math.isnan(new)
        return new < old if self is Goal.SMALL else new > old


class Scorer(Protocol):
    """Collects what the figures of one validation need."""

    def add(self, network: nn.Module, batch: Batch) -> None:
        """Judge the network, in evaluation mode, on one batch."""
        ...

    def figures(self) -> dict[str, float]:
        """The figures of all batches; none without batches."""
        ...


class TrainingTask(Protocol):
    """What is to be learnt: the loss of a step, and the figures that tell how far it is."""

    @property
    def monitor(self) -> str:
        """Name of the figure that chooses the best epoch."""
        ...

    @property
    def goal(self) -> Goal:
        """What that figure should become."""
        ...

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Scalar loss of a training batch."""
        ...

    def scorer(self) -> Scorer:
        """A fresh collector."""
        ...


@dataclass(frozen=True, slots=True)
class LossTask:
    """A task whose only figure is its loss."""

    batch_loss: BatchLoss
    monitor: str = LOSS
    goal: Goal = Goal.SMALL

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """Loss of a batch."""
        return self.batch_loss(network, batch)

    def scorer(self) -> Scorer:
        """Collects the mean loss over rows."""
        return LossScorer(self.batch_loss)


class LossScorer:
    """Mean loss over rows."""

    def __init__(self, batch_loss: BatchLoss) -> None:
        self._batch_loss = batch_loss
        self._losses: list[tuple[float, int]] = []

    def add(self, network: nn.Module, batch: Batch) -> None:
        """Note the loss of one batch."""
        self._losses.append((float(self._batch_loss(network, batch)), len(batch[0])))

    def figures(self) -> dict[str, float]:
        """The mean."""
        rows = sum(count for _, count in self._losses)
        return {LOSS: sum(value * count for value, count in self._losses) / rows} if rows else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long and how fast to learn.

    Attributes:
        epochs: Passes at most.
        learning_rate: Peak of AdamW's rate; it rises over the first tenth and falls to zero as a cosine.
        weight_decay: AdamW's decay.
        patience: Epochs without a better validation figure before it stops; 0 never stops early.
        precision: ``auto``, ``32``, ``bf16``, or ``16`` on a GPU; auto takes bf16 where the processor has it.
        accelerator: Lightning's word: ``auto``, ``cpu``, ``gpu``.
        devices: GPUs or processes; with several each takes its share of the batches of an epoch.
        strategy: Lightning's word for how they work together: ``auto``, ``ddp``.
        gradient_clip: Largest norm of a gradient; 0 leaves them.
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 0.01
    patience: int = 0
    precision: str = "32"
    accelerator: str = "cpu"
    devices: int = 1
    strategy: str = "auto"
    gradient_clip: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.learning_rate <= 0 or min(self.weight_decay, self.patience, self.gradient_clip) < 0:
            raise ConfigurationError(
                "training needs epochs of 1 or more, a learning_rate above 0, and weight_decay, patience and "
                f"gradient_clip of 0 or more, got {self.epochs}, {self.learning_rate}, {self.weight_decay}, "
                f"{self.patience} and {self.gradient_clip}"
            )
        if self.precision not in PRECISIONS:
            raise ConfigurationError(f"a precision is one of {', '.join(PRECISIONS)}, got {self.precision!r}")
        if self.devices < 1:
            raise ConfigurationError(f"training needs 1 or more devices, got {self.devices}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """What a training run did.

    Attributes:
        epochs: Epochs run in all, those before a resume included.
        best_epoch: Epoch whose weights the network has now, counted from 1.
        validation_figure: The monitored figure on what was held back, at that epoch; None without validation.
        history: Figures of each epoch.
    """

    epochs: int
    best_epoch: int
    validation_figure: float | None
    history: tuple[Figures, ...] = ()
