"""Batches of rows for trainings of fixed length."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from echomine.learning.training import Batch


class RowBatches(ABC):
    """Every row about once an epoch, in a new order; what a batch holds is said by :meth:`batch`.

    Args:
        rows: How many there are.
        batch_size: Rows of a batch; those that fill none are left out of the epoch, unless there is no full one.
    """

    def __init__(self, rows: int, batch_size: int) -> None:
        self.rows, self.batch_size = rows, batch_size

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, at least 1."""
        return max(1, self.rows // self.batch_size)

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch, their rows drawn without return."""
        order = torch.randperm(self.rows, generator=generator)
        for step in range(self.steps_per_epoch):
            yield self.batch(order[step * self.batch_size : (step + 1) * self.batch_size], generator)

    def validation(self) -> Iterator[Batch]:
        """Nothing: the length of the training is fixed, so that no patient is used to choose it."""
        return iter(())

    @abstractmethod
    def batch(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """The batch of some rows, changed at random with the generator."""
