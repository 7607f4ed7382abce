"""A training run as Lightning wants it: module, data module, callbacks."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import lightning.pytorch as lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.utils.data import DataLoader

from echomine.domain.errors import UsageError
from echomine.learning.checkpoints import Checkpoint, CheckpointFile
from echomine.learning.training_task import (
    LOSS,
    Batch,
    BatchSource,
    Figures,
    ProgressCallback,
    Scorer,
    TrainingPlan,
    TrainingTask,
)


class LightningTask(lightning.LightningModule):
    """A network, its task, its optimiser, and what a resume needs.

    Attributes:
        epochs_done: Those before a resume included.
        best_epoch, best_figure: Of the monitored figure.
        history: Figures of each epoch.
    """

    def __init__(
        self,
        network: nn.Module,
        source: BatchSource,
        task: TrainingTask,
        plan: TrainingPlan,
        *,
        seed: int,
        saved: Checkpoint | None,
    ) -> None:
        super().__init__()
        self.network = network
        self.source = source
        self.task = task
        self.plan = plan
        self.seed = seed
        self.saved = saved
        self.first_epoch = saved.epochs if saved else 0
        self.epochs_done = self.first_epoch
        self.best_epoch = saved.best_epoch if saved else 0
        self.best_figure = saved.best_figure if saved else None
        self.best_weights = saved.best_weights if saved else {}
        self.history: list[Figures] = list(saved.history) if saved else []
        self.scorer: Scorer = task.scorer()
        self.losses: list[Tensor] = []
        if saved:
            network.load_state_dict(saved.weights)

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the monitored figure has not become better for too long."""
        waited = self.epochs_done - self.best_epoch
        return self.best_figure is not None and 0 < self.plan.patience <= waited

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one device in one epoch."""
        return max(1, self.source.steps_per_epoch // self.plan.devices)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Loss of one batch."""
        loss = self.task.loss(self.network, batch)
        self.losses.append(loss.detach())
        return loss

    def validation_step(self, batch: Batch, _index: int) -> None:
        """Judge one batch."""
        self.scorer.add(self.network, batch)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own union
        """AdamW with a warm-up and a cosine."""
        optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=self.plan.learning_rate, weight_decay=self.plan.weight_decay
        )
        if self.saved:
            optimiser.load_state_dict({**optimiser.state_dict(), "state": self.saved.optimiser})
        steps, first = self.steps_per_epoch, self.first_epoch * self.steps_per_epoch
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: _rate(step + first, self.plan.epochs * steps)
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def finish_epoch(self) -> None:
        """Note the figures of the epoch, and its weights if they are the best so far.

        Raises:
            UsageError: If the loss is no number.
        """
        self.epochs_done += 1
        loss = float(torch.stack(self.losses).float().mean())
        self.losses.clear()
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss of epoch {self.epochs_done} is {loss}: lower the learning rate, or set gradient_clip to 1"
            )
        judged = self.scorer.figures()
        self.scorer = self.task.scorer()
        self.history.append({LOSS: loss} | {f"validation_{name}": value for name, value in judged.items()})
        figure = judged.get(self.task.monitor)
        if not judged or (figure is not None and self.task.goal.is_better(figure, self.best_figure)):
            self.best_figure, self.best_epoch = figure, self.epochs_done
            self.best_weights = copied_state(self.network)

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


def copied_state(network: nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers, copied to the CPU."""
    return {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}


class EpochData(lightning.LightningDataModule):
    """The batches of a source, as Lightning wants them."""

    def __init__(self, run: LightningTask) -> None:
        super().__init__()
        self.run = run

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training batches, those of this device."""
        return DataLoader(_Epochs(self.run), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Validation batches, the same on every device."""
        return DataLoader(_Validation(self.run), batch_size=None)


class _Epochs(torch.utils.data.IterableDataset[Batch]):
    """Training batches: each pass over it is the task's next epoch."""

    def __init__(self, run: LightningTask) -> None:
        self.run = run

    def __len__(self) -> int:
        return self.run.steps_per_epoch

    def __iter__(self) -> Iterator[Batch]:
        seed = (self.run.seed * 1_000_003 + self.run.epochs_done) % 2**63
        torch.manual_seed(seed)  # dropout draws from the global generator, restored after the run
        batches = self.run.source.epoch(torch.Generator().manual_seed(seed))
        devices, own = self.run.plan.devices, self.run.global_rank
        return islice(islice(batches, own % devices, None, devices), self.run.steps_per_epoch)


class _Validation(torch.utils.data.IterableDataset[Batch]):
    def __init__(self, run: LightningTask) -> None:
        self.run = run

    def __iter__(self) -> Iterator[Batch]:
        return self.run.source.validation()


class EpochEnd(Callback):
    """Notes each epoch, writes checkpoint and log, stops when patience is over."""

    def __init__(self, checkpoint: CheckpointFile | None) -> None:
        self.checkpoint = checkpoint

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Called by Lightning after the validation of the epoch."""
        assert isinstance(pl_module, LightningTask)
        pl_module.finish_epoch()
        trainer.should_stop = trainer.should_stop or pl_module.is_out_of_patience
        for logger in trainer.loggers:
            logger.log_metrics(dict(pl_module.history[-1]), step=pl_module.epochs_done)
        if self.checkpoint is not None and trainer.is_global_zero:
            self.checkpoint.write(
                Checkpoint(
                    epochs=pl_module.epochs_done,
                    best_epoch=pl_module.best_epoch,
                    best_figure=pl_module.best_figure,
                    history=tuple(pl_module.history),
                    weights=copied_state(pl_module.network),
                    best_weights=pl_module.best_weights,
                    optimiser=pl_module.optimiser_state(),
                )
            )


class Progress(Callback):
    """Tells of each step."""

    def __init__(self, on_progress: ProgressCallback) -> None:
        self.on_progress = on_progress
        self.done = 0

    def on_train_batch_end(
        self, _trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_rest: object
    ) -> None:
        """Called by Lightning after each step."""
        assert isinstance(pl_module, LightningTask)
        total = pl_module.steps_per_epoch * pl_module.plan.epochs
        self.done = max(self.done, pl_module.first_epoch * pl_module.steps_per_epoch) + 1
        self.on_progress(self.done, total)
