"""Direct labels in place of retrieval: softmax heads on the display feature, a baseline."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError
from echomine.domain.severity import GRADES
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, Valve
from echomine.learning.holdout import held_back
from echomine.learning.training import Batch, BatchLoss, TrainingPlan, fit
from echomine.learning.vectors import Standardiser, VectorBatches

LESIONS: tuple[tuple[Valve, Disease], ...] = tuple((valve, disease) for valve in Valve for disease in FLOW_DISEASES)
"""The lesions that a head answers for, in the order of its columns."""

NOT_STATED = -1
"""Grade of a lesion that nothing is known of; it is left out of the loss."""


class GradeHeads(nn.Module):
    """One softmax over the seven grades for each lesion, on a feature."""

    def __init__(self, width: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(width, len(LESIONS) * len(GRADES)))

    def forward(self, features: Tensor) -> Tensor:
        """Logits (N, lesions, grades) of features (N, width)."""
        logits: Tensor = self.layers(features).unflatten(1, (len(LESIONS), len(GRADES)))
        return logits


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectConfig:
    """Settings of the training of heads on features."""

    epochs: int = 20
    passes: int = 10
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    validation_share: float = 0.0
    patience: int = 0


@dataclass(frozen=True, slots=True)
class DirectHeads:
    """Trained heads on standardised features."""

    standardiser: Standardiser
    heads: GradeHeads

    def probabilities(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """(N, lesions, grades): for each lesion of :data:`LESIONS` the probability of the seven grades."""
        with torch.inference_mode():
            logits = self.heads(self.standardiser(torch.from_numpy(np.asarray(features, dtype=np.float32))))
        return np.asarray(logits.softmax(dim=2).numpy())


def train_direct_heads(
    features: NDArray[np.float32],
    grades: NDArray[np.int64],
    groups: Sequence[str],
    config: DirectConfig | None = None,
    *,
    seed: int,
) -> DirectHeads:
    """Softmax heads learnt on features.

    Args:
        features: (N, d).
        grades: (N, lesions) of 0..6 or :data:`NOT_STATED`.
        groups: N patients.
        config: Settings; the defaults if None.
        seed: Fixes everything.

    Raises:
        ConfigurationError: If counts disagree.
    """
    settings = config or DirectConfig()
    _check_grades(features, grades)
    inputs = torch.from_numpy(np.asarray(features, dtype=np.float32))
    standardiser = Standardiser.of(inputs)
    batches = VectorBatches(
        features=standardiser(inputs),
        targets=torch.from_numpy(grades),
        held_back=torch.from_numpy(held_back(groups, settings.validation_share, seed)),
        batch_size=settings.batch_size,
        passes=settings.passes,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        heads = GradeHeads(inputs.shape[1], dropout=settings.dropout)
    fit(heads, batches, grade_loss(), _plan(settings), seed=seed)
    return DirectHeads(standardiser, heads)


def grade_loss() -> BatchLoss:
    """Cross-entropy over the grades that are stated; 0 where none is."""

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        inputs, grades = batch
        logits = network(inputs).float().flatten(0, 1)
        summed = F.cross_entropy(logits, grades.flatten(), ignore_index=NOT_STATED, reduction="sum")
        mean: Tensor = summed / (grades != NOT_STATED).sum().clamp(min=1)
        return mean

    return loss


def _plan(config: DirectConfig) -> TrainingPlan:
    return TrainingPlan(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        patience=config.patience,
    )


def _check_grades(rows: NDArray[np.float32], grades: NDArray[np.int64]) -> None:
    if len(rows) == 0 or grades.shape != (len(rows), len(LESIONS)):
        raise ConfigurationError(
            f"direct training needs grades ({len(rows)}, {len(LESIONS)}), at least one row, got {grades.shape}"
        )
