"""The transform: image features into text space, learnt on few pairs of image and paragraph."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.learning.holdout import held_back
from echomine.learning.training import Batch, BatchLoss, ProgressCallback, TrainingPlan, fit
from echomine.learning.vectors import Standardiser, VectorBatches
from echomine.models.transform import LOSSES, TransformLoss, TransformNetwork
from echomine.models.weights import tensors_from_bytes

_CONFIG, _WEIGHTS = "transform.json", "transform.safetensors"
_SEED_STEP = 7919
_TINY = 1e-9

_Linear = tuple[NDArray[np.float32], NDArray[np.float32]]


class FeatureTransform(Protocol):
    """What maps image features into text space."""

    def map(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit rows (N, m) of features (N, d)."""
        ...

    def to_files(self) -> dict[str, bytes]:
        """What a loader needs, by file name."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformConfig:
    """Settings of the transform network.

    Attributes:
        loss: ``mse``, ``cosine``, ``ranking`` or ``info_nce``.
        hidden: Width of the hidden layer.
        dropout: Share of inputs and hidden units dropped in training.
        noise: Standard deviation of what is added to the standardised features in training.
        members: Networks whose answers are averaged; each has its own start and its own validation patients.
        ridge: Strength of the ridge regression it starts from and adds to, as a share of the mean squared length of
            a feature; 0 starts from nothing.
        epochs, passes: Epochs at most, and passes over the pairs in each.
        patience: Epochs without better validation before it stops.
        validation_share: Share of the patients held back for early stopping, other ones for each member.
    """

    loss: str = TransformLoss.COSINE.value
    hidden: int = 256
    dropout: float = 0.3
    noise: float = 0.1
    members: int = 2
    ridge: float = 0.03
    epochs: int = 5
    passes: int = 2
    batch_size: int = 64
    learning_rate: float = 1e-4
    weight_decay: float = 0.05
    patience: int = 0
    validation_share: float = 0.0

    def __post_init__(self) -> None:
        TransformLoss(self.loss)
        if min(self.hidden, self.members, self.passes, self.batch_size) < 1 or not 0 <= self.dropout < 1:
            raise ConfigurationError(f"a transform needs positive sizes and a dropout in 0..1 without 1, got {self}")


@dataclass(frozen=True, slots=True)
class Transform:
    """A trained transform network, or the average of a few.

    Attributes:
        config: Its settings.
        standardiser: Applied to the features first.
        networks: The members.
    """

    config: TransformConfig
    standardiser: Standardiser
    networks: tuple[TransformNetwork, ...]

    @property
    def feature_width(self) -> int:
        """Length d of the features it takes."""
        return len(self.standardiser.mean)

    @property
    def text_width(self) -> int:
        """Length m of its answers."""
        return int(self.networks[0].state_dict()["layers.4.bias"].shape[0])

    def map(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit rows (N, m) of features (N, d); none give (0, m).

        Raises:
            ConfigurationError: If the features are of another width.
        """
        check_width(features, self.feature_width)
        standard = self.standardiser(torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32)))
        with torch.inference_mode():
            answers = torch.stack([network(standard) for network in self.networks]).mean(dim=0)
        return unit_rows(answers.numpy())

    def to_files(self) -> dict[str, bytes]:
        """Settings and weights, by file name."""
        tensors = {"mean": self.standardiser.mean, "scale": self.standardiser.scale}
        for number, network in enumerate(self.networks):
            tensors |= {f"{number}/{name}": value for name, value in network.state_dict().items()}
        config = json.dumps(config_to_dict(self.config), indent=1, sort_keys=True)
        return {_CONFIG: config.encode(), _WEIGHTS: bytes(save(tensors))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "Transform":
        """The transform saved by :meth:`to_files`.

        Raises:
            ArtifactError: If a file is missing or does not fit.
        """
        try:
            config = config_from(TransformConfig, json.loads(files[_CONFIG]))
            tensors = tensors_from_bytes(files[_WEIGHTS])
            standardiser = Standardiser(tensors["mean"], tensors["scale"])
            networks = tuple(_loaded(config, tensors, number) for number in range(config.members))
        except (KeyError, ValueError, RuntimeError, ConfigurationError) as error:
            raise ArtifactError(f"this is no transform ({error}); learn it again") from error
        return cls(config, standardiser, networks)


def _loaded(config: TransformConfig, tensors: Mapping[str, Tensor], number: int) -> TransformNetwork:
    prefix = f"{number}/"
    own = {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    network = _network(config, int(tensors["mean"].shape[0]), int(own["layers.4.bias"].shape[0]))
    network.load_state_dict(own)
    return network


def _network(config: TransformConfig, feature_width: int, text_width: int) -> TransformNetwork:
    network = TransformNetwork(
        feature_width=feature_width, hidden=config.hidden, text_width=text_width, dropout=config.dropout
    )
    return network.eval()


def train_transform(  # noqa: PLR0913 - what a training run is made of
    features: NDArray[np.float32],
    targets: NDArray[np.float32],
    groups: Sequence[str],
    config: TransformConfig,
    *,
    seed: int,
    weights: NDArray[np.float32] | None = None,
    on_progress: ProgressCallback | None = None,
) -> Transform:
    """A transform learnt on pairs.

    Args:
        features: (N, d) of the images; augmented copies of an image are rows of their own.
        targets: (N, m) vectors of their paragraphs.
        groups: N patients.
        config: Settings.
        seed: Fixes everything.
        weights: (N,) weight of each row, > 0; None weighs all alike.
        on_progress: Told (steps done, steps in all) over all members.

    Returns:
        The transform.

    Raises:
        ConfigurationError: If counts disagree or there is nothing to learn from.
    """
    check_pairs(features, targets, groups)
    inputs = torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
    standardiser = Standardiser.common(inputs)
    goal = torch.from_numpy(unit_rows(targets))
    networks: list[TransformNetwork] = []
    linear: _Linear | None = None
    for member in range(config.members):
        member_seed = seed + _SEED_STEP * member
        batches = VectorBatches(
            features=standardiser(inputs),
            targets=goal,
            held_back=torch.from_numpy(held_back(groups, config.validation_share, member_seed)),
            batch_size=config.batch_size,
            passes=config.passes,
            noise=config.noise,
            weights=None if weights is None else torch.from_numpy(np.asarray(weights, dtype=np.float32)),
        )
        progress = _over_members(on_progress, member, config.members)
        if config.ridge > 0 and (linear is None or batches.held_back.any()):
            linear = _linear(batches, config.ridge)
        networks.append(_train_member(batches, config, linear, seed=member_seed, on_progress=progress))
    return Transform(config, standardiser, tuple(networks))


def _linear(batches: VectorBatches, strength: float) -> _Linear:
    """The ridge regression that a member starts from, learnt on what is not held back."""
    learnt = ~batches.held_back
    weights = None if batches.weights is None else batches.weights[learnt].numpy()
    return ridge_weights(batches.features[learnt].numpy(), batches.targets[learnt].numpy(), strength, weights)


def _train_member(
    batches: VectorBatches,
    config: TransformConfig,
    linear: _Linear | None,
    *,
    seed: int,
    on_progress: ProgressCallback | None,
) -> TransformNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = _network(config, batches.features.shape[1], batches.targets.shape[1])
    if linear is not None:
        network.start_from(*(torch.from_numpy(part) for part in linear))
    plan = TrainingPlan(
        epochs=config.epochs,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        patience=config.patience,
    )
    fit(network, batches, _loss(TransformLoss(config.loss)), plan, seed=seed, on_progress=on_progress)
    return network


def _loss(name: TransformLoss) -> BatchLoss:
    between = LOSSES[name]

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        features, targets = batch
        return between(network(features), targets)

    return loss


def _over_members(on_progress: ProgressCallback | None, member: int, members: int) -> ProgressCallback | None:
    if on_progress is None:
        return None
    return lambda done, total: on_progress(member * total + done, members * total)


def ridge_weights(
    standard: NDArray[np.float32],
    targets: NDArray[np.float32],
    strength: float,
    weights: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (d, m) and intercept (m,) of the ridge regression on standardised features.

    Solved in the space of the rows, which are few.

    Args:
        standard: (N, d).
        targets: (N, m).
        strength: Penalty, as a share of the mean squared length of a row.
        weights: (N,) weight of each row; None weighs all alike.
    """
    rows = standard.astype(np.float64)
    share = np.ones(len(rows)) if weights is None else weights.astype(np.float64)
    intercept = np.average(targets, axis=0, weights=share)
    gram = rows @ rows.T
    gram.flat[:: len(rows) + 1] += strength * np.mean(np.diag(gram)) / share + _TINY
    solved = rows.T @ np.linalg.solve(gram, (targets - intercept).astype(np.float64))
    return solved.astype(np.float32), intercept.astype(np.float32)


def check_pairs(features: NDArray[np.float32], targets: NDArray[np.float32], groups: Sequence[str]) -> None:
    """Pass pairs that a transform can be learnt on.

    Raises:
        ConfigurationError: If counts disagree, there is no pair, or a number is not finite.
    """
    counts = {len(features), len(targets), len(groups)}
    if len(counts) != 1 or len(features) == 0 or features.ndim != 2 or targets.ndim != 2:
        raise ConfigurationError(
            "a transform needs as many features (N, d) as targets (N, m) and patients, N >= 1; got "
            f"{features.shape}, {targets.shape} and {len(groups)}"
        )
    if not (np.isfinite(features).all() and np.isfinite(targets).all()):
        raise ConfigurationError("a feature or target is not finite: look for images or texts without content")


def check_width(features: NDArray[np.float32], width: int) -> None:
    """Pass features of the wanted width.

    Raises:
        ConfigurationError: If they have another.
    """
    if features.ndim != 2 or features.shape[1] != width:
        raise ConfigurationError(f"this transform takes features (N, {width}), got {features.shape}")


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (N, m) of length 1; a row of zeros stays one."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(length > 0, length, 1), dtype=np.float32)
