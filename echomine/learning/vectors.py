"""Batches of plain vectors with their targets, for the networks that sit on top of a feature."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from echomine.learning.training import Batch

NARROWEST_SPREAD = 1e-6


@dataclass(frozen=True, slots=True)
class Standardiser:
    """Mean and spread of the features of a training set.

    Attributes:
        mean: (d,).
        scale: (d,), 1 for a feature that never changes.
    """

    mean: Tensor
    scale: Tensor

    @classmethod
    def of(cls, features: Tensor) -> "Standardiser":
        """Those of features (N, d), N >= 1."""
        spread = features.std(dim=0, correction=0)
        return cls(features.mean(dim=0), torch.where(spread > NARROWEST_SPREAD, spread, torch.ones(())))

    @classmethod
    def common(cls, features: Tensor) -> "Standardiser":
        """Mean of features (N, d), N >= 1, and one scale for all: they keep their weights among each other."""
        mean = features.mean(dim=0)
        spread = (features - mean).square().mean().sqrt().clamp(min=NARROWEST_SPREAD)
        return cls(mean, spread.expand(features.shape[1]).clone())

    def __call__(self, features: Tensor) -> Tensor:
        """Standardised features (N, d)."""
        return (features - self.mean) / self.scale


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorBatches:
    """Batches of feature rows and target rows.

    Attributes:
        features: (N, d).
        targets: (N, ...).
        held_back: (N,) True for validation.
        batch_size: Rows of one step.
        passes: Passes over the rows that count as one epoch: few rows make epochs too short to be worth an end.
        noise: Standard deviation of what is added to the features in training.
        weights: (N,) how often a row is drawn, relative to the others; None draws all alike.
    """

    features: Tensor
    targets: Tensor
    held_back: Tensor
    batch_size: int
    passes: int = 1
    noise: float = 0.0
    weights: Tensor | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch."""
        rows = int((~self.held_back).sum())
        return self.passes * max(1, rows // self.batch_size)

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch."""
        rows = (~self.held_back).nonzero()[:, 0]
        for _ in range(self.passes):
            order = rows[self._drawn(rows, generator)]
            for step in range(self.steps_per_epoch // self.passes):
                chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
                features = self.features[chosen]
                yield (
                    features + self.noise * torch.randn(features.shape, generator=generator),
                    self.targets[chosen],
                )

    def _drawn(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        if self.weights is None:
            return torch.randperm(len(rows), generator=generator)
        return torch.multinomial(self.weights[rows], len(rows), replacement=True, generator=generator)

    def validation(self) -> Iterator[Batch]:
        """The held-back rows at once."""
        if self.held_back.any():
            yield self.features[self.held_back], self.targets[self.held_back]
