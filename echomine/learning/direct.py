"""Direct labels in place of retrieval: softmax heads on the image feature, and the whole network trained so.

The heads are a baseline; the network, trained on direct labels of the same images, is the ceiling.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError
from echomine.domain.severity import GRADES
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, Valve
from echomine.learning.augmentation import Augmentation
from echomine.learning.coarse_task import CoarseBatches
from echomine.learning.holdout import held_back
from echomine.learning.image_feature import ImageFeature
from echomine.learning.images import Images, network_input, to_tensor
from echomine.learning.training import Batch, BatchLoss, ProgressCallback, TrainingPlan, fit
from echomine.learning.vectors import Standardiser, VectorBatches
from echomine.models.features import FeatureNetwork
from echomine.models.registry import create_features

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
    """Settings of direct training: of heads on features, or of a whole network."""

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


@dataclass(frozen=True, slots=True)
class DirectNetwork:
    """A whole network trained on direct labels.

    Attributes:
        channels: Channels its input has.
        network: Feature network, then heads.
    """

    channels: int
    network: nn.Module

    def probabilities(self, images: Images, batch_size: int = 64) -> NDArray[np.float32]:
        """(N, lesions, grades) of images (N, 1, H, W)."""
        parts = [np.zeros((0, len(LESIONS), len(GRADES)), dtype=np.float32)]
        for start in range(0, len(images), batch_size):
            inputs = network_input(to_tensor(images[start : start + batch_size]), self.channels)
            with torch.inference_mode():
                parts.append(self.network(inputs).softmax(dim=2).numpy())
        return np.concatenate(parts)


def train_direct(  # noqa: PLR0913 - what a training run is made of
    images: Images,
    grades: NDArray[np.int64],
    groups: Sequence[str],
    feature: ImageFeature,
    *,
    seed: int,
    epochs: int,
    keep_weights: bool = True,
    on_progress: ProgressCallback | None = None,
) -> DirectNetwork:
    """The backbone of a feature trained on direct labels of images, from its coarse weights or from the start.

    Args:
        images: (N, 1, H, W) on the feature's grid.
        grades: (N, lesions) of 0..6 or :data:`NOT_STATED`.
        groups: N patients.
        feature: Gives backbone, settings and, if wanted, weights; it is not changed.
        seed: Fixes everything.
        epochs: Passes.
        keep_weights: Whether to begin with the feature's weights.
        on_progress: Told (steps done, steps in all).

    Raises:
        ConfigurationError: If counts disagree.
    """
    _check_grades(images, grades)
    config = feature.config
    network = _direct_network(feature, seed=seed, keep_weights=keep_weights)
    batches = CoarseBatches(
        images=to_tensor(images),
        targets=torch.from_numpy(grades),
        held_back=torch.from_numpy(held_back(groups, 0.0, seed)),
        channels=config.in_channels,
        batch_size=config.batch_size,
        view_repeats=1,
        augmentation=Augmentation(time_shift=config.time_shift, gain=config.gain, noise=config.noise),
    )
    plan = replace(config.plan, epochs=epochs, patience=0)
    fit(network, batches, grade_loss(), plan, seed=seed, on_progress=on_progress)
    return DirectNetwork(config.in_channels, network)


def _direct_network(feature: ImageFeature, *, seed: int, keep_weights: bool) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features: FeatureNetwork = create_features(feature.config.backbone, in_channels=feature.config.in_channels)
        if keep_weights:
            features.load_state_dict(feature.network.state_dict())
        return nn.Sequential(features, GradeHeads(features.width)).to(memory_format=torch.channels_last)


def _plan(config: DirectConfig) -> TrainingPlan:
    return TrainingPlan(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        patience=config.patience,
    )


def _check_grades(rows: NDArray[np.float32] | NDArray[np.uint8], grades: NDArray[np.int64]) -> None:
    if len(rows) == 0 or grades.shape != (len(rows), len(LESIONS)):
        raise ConfigurationError(
            f"direct training needs grades ({len(rows)}, {len(LESIONS)}), at least one row, got {grades.shape}"
        )
