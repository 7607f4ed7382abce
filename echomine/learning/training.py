"""One quiet, seeded, resumable way to train a network, on top of Lightning.

The order of the images, the augmentation and the dropout of epoch ``e`` depend on the seed and on ``e`` alone, so
a run that was killed and resumed ends with the weights of one that was not.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from echomine.domain.errors import UsageError
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.precision import lightning_precision
from echomine.learning.training_task import (
    LOSS,
    Batch,
    BatchLoss,
    BatchSource,
    Figures,
    Goal,
    LossTask,
    ProgressCallback,
    Scorer,
    TrainingPlan,
    TrainingSummary,
    TrainingTask,
    steps_after,
)

__all__ = [
    "LOSS",
    "Batch",
    "BatchLoss",
    "BatchSource",
    "Figures",
    "Goal",
    "LossTask",
    "ProgressCallback",
    "Scorer",
    "TrainingPlan",
    "TrainingSummary",
    "TrainingTask",
    "fit",
    "silence",
    "steps_after",
]


def fit(  # noqa: PLR0913 - the whole of a training run in one place
    network: nn.Module,
    source: BatchSource,
    task: TrainingTask | BatchLoss,
    plan: TrainingPlan,
    *,
    seed: int,
    checkpoint: CheckpointFile | None = None,
    log_dir: Path | None = None,
    on_progress: ProgressCallback | None = None,
    afterwards: Callable[[], None] | None = None,
) -> TrainingSummary:
    """Train a network in place; it ends in evaluation mode, on the CPU, with the weights of the best epoch.

    With several devices Lightning starts the program once more for each; only the first goes on after the training.

    Args:
        network: Any module that the task can call.
        source: Its batches.
        task: Loss and figures, or a loss alone.
        plan: Length, rate, precision, devices.
        seed: Fixes order, augmentation and dropout; the same seed on the same machine gives the same weights.
        checkpoint: File to save each epoch to and to resume from; it is deleted at the end unless it is to be kept.
        log_dir: Folder for TensorBoard; None writes no log.
        on_progress: Told after each step.
        afterwards: What is still to be learnt once the weights are the best ones; the checkpoint stays until it is.

    Returns:
        What was done.

    Raises:
        UsageError: If the accelerator is not there, or the loss is no number.
    """
    from echomine.learning.lightning_run import EpochEnd, LightningTask, Progress

    saved = checkpoint.read() if checkpoint else None
    whole = LossTask(task) if callable(task) else task
    run = LightningTask(network, source, whole, plan, seed=seed, saved=saved)
    callbacks: list[Any] = [EpochEnd(checkpoint)]
    if on_progress is not None:
        callbacks.append(Progress(on_progress))
    if run.first_epoch < plan.epochs and not run.is_out_of_patience:
        _run_lightning(run, plan, callbacks, log_dir)
    network.cpu().eval()
    run.load_best()
    if afterwards is not None:
        afterwards()
    if checkpoint is not None and not checkpoint.is_kept:
        checkpoint.delete()
    return TrainingSummary(
        epochs=run.epochs_done,
        best_epoch=run.best_epoch,
        validation_figure=run.best_figure,
        history=tuple(run.history),
    )


def _run_lightning(run: Any, plan: TrainingPlan, callbacks: list[Any], log_dir: Path | None) -> None:  # noqa: ANN401
    import lightning.pytorch as lightning
    from lightning.fabric.utilities.exceptions import MisconfigurationException

    from echomine.learning.lightning_run import EpochData

    with silence(), tempfile.TemporaryDirectory() as scratch, torch.random.fork_rng():
        try:
            trainer = lightning.Trainer(
                accelerator=plan.accelerator,
                devices=plan.devices,
                strategy=plan.strategy,
                precision=lightning_precision(plan.precision, plan.accelerator),  # type: ignore[arg-type]
                max_epochs=plan.epochs - run.first_epoch,
                gradient_clip_val=plan.gradient_clip or None,
                callbacks=callbacks,
                default_root_dir=scratch,
                logger=_tensorboard(log_dir),
                log_every_n_steps=1,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                reload_dataloaders_every_n_epochs=0,
                use_distributed_sampler=False,
            )
        except (ValueError, MisconfigurationException) as error:
            raise UsageError(
                f"training cannot run on accelerator {plan.accelerator!r} with {plan.devices} device(s) and strategy "
                f"{plan.strategy!r}: {str(error).splitlines()[0]}"
            ) from error
        trainer.fit(run, datamodule=EpochData(run))
    if not trainer.is_global_zero:
        raise SystemExit(0)  # a helper process of a run on several devices: the first one goes on alone


def _tensorboard(log_dir: Path | None) -> Any:  # noqa: ANN401 - Lightning takes a logger or False
    if log_dir is None:
        return False
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(save_dir=log_dir, name="", version="")


@contextmanager
def silence() -> Iterator[None]:
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
