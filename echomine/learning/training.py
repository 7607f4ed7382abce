"""One quiet, seeded, resumable way to train a network, on top of Lightning.

The order of the images, the augmentation and the dropout of epoch ``e`` depend on the seed and on ``e`` alone, so
a run that was killed and resumed ends with the weights of one that was not.
"""

import logging
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from echomine.domain.errors import ConfigurationError
from echomine.learning.checkpoints import Checkpoint, CheckpointFile
from echomine.learning.precision import lightning_precision

ProgressCallback: TypeAlias = Callable[[int, int], None]
"""Told (steps done, steps in all)."""

Batch: TypeAlias = tuple[Tensor, ...]

BatchLoss: TypeAlias = Callable[[nn.Module, Batch], Tensor]
"""(network, batch) -> scalar loss."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """How long and how fast to learn.

    Attributes:
        epochs: Passes at most.
        learning_rate: Peak of AdamW's rate; it rises over the first tenth and falls to zero as a cosine.
        weight_decay: AdamW's decay.
        patience: Epochs without a better validation loss before it stops; 0 never stops early.
        precision: ``auto``, ``32`` or ``bf16``; auto takes bf16 where the processor has it.
        accelerator: Lightning's word: ``auto``, ``cpu``, ``gpu``.
    """

    epochs: int
    learning_rate: float
    weight_decay: float = 0.01
    patience: int = 0
    precision: str = "32"
    accelerator: str = "cpu"

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.learning_rate <= 0 or self.weight_decay < 0 or self.patience < 0:
            raise ConfigurationError(f"training needs epochs >= 1 and a rate > 0, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """What a training run did.

    Attributes:
        epochs: Epochs run in all, those before a resume included.
        best_epoch: Epoch whose weights the network has now, counted from 1.
        validation_loss: Loss on what was held back, at that epoch; None without validation.
    """

    epochs: int
    best_epoch: int
    validation_loss: float | None


def fit(  # noqa: PLR0913 - the whole of a training run in one place
    network: nn.Module,
    source: BatchSource,
    loss: BatchLoss,
    plan: TrainingPlan,
    *,
    seed: int,
    checkpoint: CheckpointFile | None = None,
    on_progress: ProgressCallback | None = None,
) -> TrainingSummary:
    """Train a network in place; it ends in evaluation mode, on the CPU, with the weights of the best epoch.

    Args:
        network: Any module that ``loss`` can call.
        source: Its batches.
        loss: Scalar loss of a batch.
        plan: Length, rate, precision.
        seed: Fixes order, augmentation and dropout; the same seed on the same machine gives the same weights.
        checkpoint: File to save each epoch to and to resume from; it is deleted at the end.
        on_progress: Told after each step.

    Returns:
        What was done.
    """
    saved = checkpoint.read() if checkpoint else None
    task = _Task(network, source, loss, plan, seed=seed, saved=saved)
    callbacks: list[Callback] = [_EpochEnd(checkpoint)]
    if on_progress is not None:
        callbacks.append(_Progress(on_progress))
    if task.first_epoch < plan.epochs and not task.is_out_of_patience:
        _run_lightning(task, plan, callbacks)
    network.cpu().eval()
    task.load_best()
    if checkpoint is not None:
        checkpoint.delete()
    return TrainingSummary(
        epochs=task.epochs_done, best_epoch=task.best_epoch, validation_loss=task.best_validation_loss
    )


def _run_lightning(task: "_Task", plan: TrainingPlan, callbacks: list[Callback]) -> None:
    with _silence(), tempfile.TemporaryDirectory() as scratch, torch.random.fork_rng():
        trainer = lightning.Trainer(
            accelerator=plan.accelerator,
            devices=1,
            precision=lightning_precision(plan.precision, plan.accelerator),  # type: ignore[arg-type]
            max_epochs=plan.epochs - task.first_epoch,
            callbacks=callbacks,
            default_root_dir=scratch,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=0,
        )
        trainer.fit(task, datamodule=_Data(task))


class _Task(lightning.LightningModule):
    """A network, its loss, its optimiser, and what a resume needs."""

    def __init__(
        self,
        network: nn.Module,
        source: BatchSource,
        loss: BatchLoss,
        plan: TrainingPlan,
        *,
        seed: int,
        saved: Checkpoint | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.source = source
        self.loss = loss
        self.plan = plan
        self.seed = seed
        self.saved = saved
        self.first_epoch = saved.epochs if saved else 0
        self.epochs_done = self.first_epoch
        self.best_epoch = saved.best_epoch if saved else 0
        self.best_validation_loss = saved.best_loss if saved else None
        self.best_weights = saved.best_weights if saved else {}
        self.validation_losses: list[tuple[float, int]] = []
        if saved:
            network.load_state_dict(saved.weights)

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the validation loss has not become better for too long."""
        waited = self.epochs_done - self.best_epoch
        return self.best_validation_loss is not None and 0 < self.plan.patience <= waited

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        return self.loss(self.network, batch)

    def validation_step(self, batch: Batch, _index: int) -> None:
        self.validation_losses.append((float(self.loss(self.network, batch)), len(batch[0])))

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own union
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=self.plan.learning_rate, weight_decay=self.plan.weight_decay
        )
        if self.saved:
            optimiser.load_state_dict({**optimiser.state_dict(), "state": self.saved.optimiser})
        steps, first = self.source.steps_per_epoch, self.first_epoch * self.source.steps_per_epoch
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: _rate(step + first, self.plan.epochs * steps)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def finish_epoch(self) -> None:
        """Note the epoch, and its weights if they are the best so far."""
        self.epochs_done += 1
        rows = sum(count for _, count in self.validation_losses)
        loss = sum(value * count for value, count in self.validation_losses) / rows if rows else None
        self.validation_losses.clear()
        if loss is None or self.best_validation_loss is None or loss < self.best_validation_loss:
            self.best_validation_loss, self.best_epoch = loss, self.epochs_done
            self.best_weights = _copy(self.network)

    def load_best(self) -> None:
        """Go back to the best epoch's weights."""
        if self.best_weights:
            self.network.load_state_dict(self.best_weights)

    def optimiser_state(self) -> dict[int, dict[str, Tensor]]:
        """State of AdamW by parameter number."""
        optimiser = self.optimizers()
        state: dict[int, dict[str, Tensor]] = optimiser.state_dict()["state"]  # type: ignore[union-attr]
        return state


def _rate(step: int, total: int) -> float:
    """Factor on the learning rate: up over the first tenth, then down as a cosine."""
    warm_up = max(1, total // 10)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm_up) / max(1, total - warm_up))))


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


class _Data(lightning.LightningDataModule):
    """The batches of a source, as Lightning wants them."""

    def __init__(self, task: _Task) -> None:
        super().__init__()
        self.task = task

    def train_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(_Epochs(self.task), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        return DataLoader(_Validation(self.task), batch_size=None)


class _Epochs(torch.utils.data.IterableDataset[Batch]):
    """Training batches: each pass over it is the task's next epoch."""

    def __init__(self, task: _Task) -> None:
        self.task = task

    def __len__(self) -> int:
        return self.task.source.steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        seed = (self.task.seed * 1_000_003 + self.task.epochs_done) % 2**63
        torch.manual_seed(seed)  # dropout draws from the global generator, restored after the run
        return self.task.source.epoch(torch.Generator().manual_seed(seed))


class _Validation(torch.utils.data.IterableDataset[Batch]):
    def __init__(self, task: _Task) -> None:
        self.task = task

    def __iter__(self) -> Iterator[Batch]:
        return self.task.source.validation()


class _EpochEnd(Callback):
    """Notes each epoch, writes the checkpoint, stops when patience is over."""

    def __init__(self, checkpoint: CheckpointFile | None) -> None:
        self.checkpoint = checkpoint

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        assert isinstance(pl_module, _Task)
        pl_module.finish_epoch()
        trainer.should_stop = trainer.should_stop or pl_module.is_out_of_patience
        if self.checkpoint is not None:
            self.checkpoint.write(
                Checkpoint(
                    epochs=pl_module.epochs_done,
                    best_epoch=pl_module.best_epoch,
                    best_loss=pl_module.best_validation_loss,
                    weights=_copy(pl_module.network),
                    best_weights=pl_module.best_weights,
                    optimiser=pl_module.optimiser_state(),
                )
            )


class _Progress(Callback):
    def __init__(self, on_progress: ProgressCallback) -> None:
        self.on_progress = on_progress
        self.done = 0

    def on_train_batch_end(
        self, _trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_rest: object
    ) -> None:
        assert isinstance(pl_module, _Task)
        total = pl_module.source.steps_per_epoch * pl_module.plan.epochs
        self.done = max(self.done, pl_module.first_epoch * pl_module.source.steps_per_epoch) + 1
        self.on_progress(self.done, total)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep Lightning's advice and notices off the user's screen."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
