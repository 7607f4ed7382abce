"""The image feature: a network trained on the coarse task, valve x flow, and used without its last layer.

Beside the coarse task the network predicts the display's own velocity profile, on all images with or without a
view. Moradi et al. pre-train on the coarse task alone; the profile is ours, and keeps severity visible.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.vocabulary import FlowKind, Valve
from echomine.doppler.display import PhysicalGrid, ScaleGuess
from echomine.learning.augmentation import Augmentation
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.coarse_task import (
    COARSE_CLASSES,
    NO_VIEW,
    CoarseBatches,
    CoarseNetwork,
    CoarseTarget,
    coarse_loss,
)
from echomine.learning.holdout import held_back
from echomine.learning.images import Images, device_of, network_input, to_tensor
from echomine.learning.precision import uses_bf16
from echomine.learning.training import ProgressCallback, TrainingPlan, TrainingSummary, fit
from echomine.models.features import FeatureNetwork
from echomine.models.weights import load_pretrained, load_weights, weights_to_bytes

_CONFIG, _WEIGHTS = "image_feature.json", "image_feature.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFeatureConfig:
    """Settings of the image feature.

    Attributes:
        backbone: A name of ``models.registry.NETWORKS``.
        weights: File of pretrained weights for the backbone, ImageNet's for example, whose fitting tensors are the
            start (see ``models.weights.load_pretrained``); empty for none.
        grid: The window of velocity and time that images are resampled to before they come here.
        epochs: Passes at most.
        patience: Epochs without better validation before it stops; 0 never.
        validation_share: Share of the patients held back for early stopping; 0 holds nothing back.
        view_repeats: How often an image with a view is shown per epoch, for one showing of the others.
        profile_weight: Weight of the velocity profile beside the coarse task; 0 leaves it out.
        with_axis: Whether the velocity of each row is given as a second channel.
        time_shift, gain, noise: Augmentation, see ``learning.augmentation``.
    """

    backbone: str = "spectral_net"
    weights: str = ""
    grid: PhysicalGrid = field(default_factory=lambda: PhysicalGrid(rows=96, columns=96))
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    patience: int = 5
    validation_share: float = 0.1
    view_repeats: int = 2
    profile_weight: float = 1.0
    with_axis: bool = True
    time_shift: float = 0.5
    gain: float = 0.2
    noise: float = 0.02
    precision: str = "auto"
    accelerator: str = "auto"

    def __post_init__(self) -> None:
        if not 0 <= self.validation_share < 1 or self.view_repeats < 1 or self.batch_size < 2:
            raise ConfigurationError(
                f"an image feature needs 0 <= validation_share < 1, view_repeats >= 1 and batch_size >= 2, got {self}"
            )

    @property
    def in_channels(self) -> int:
        """Channels that the network sees."""
        return 2 if self.with_axis else 1

    @property
    def plan(self) -> TrainingPlan:
        """The training plan in it."""
        return TrainingPlan(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            patience=self.patience,
            precision=self.precision,
            accelerator=self.accelerator,
        )


@dataclass(frozen=True, slots=True)
class ImageFeature:
    """A trained network from images on the grid to features.

    Attributes:
        config: Its settings, the grid among them.
        network: (N, in_channels, H, W) -> (N, network.width).
        views: Head for the coarse classes on the network's feature.
        standard: Mean and spread of the network's features on the training images, as running statistics.
        summary: What the training did; None after loading.
    """

    config: ImageFeatureConfig
    network: FeatureNetwork
    views: nn.Linear
    standard: nn.BatchNorm1d
    summary: TrainingSummary | None = None

    @property
    def width(self) -> int:
        """Length d of a feature."""
        return self.network.width * (1 + len(Valve))

    def embed(self, images: Images, batch_size: int = 64) -> NDArray[np.float32]:
        """Features (N, d) of images (N, 1, H, W); no images give (0, d).

        A feature is the network's own, standardised, then once more for each valve, weighted with the probability
        that the display shows it: what a velocity means depends on the valve, and few pairs cannot teach that.

        Raises:
            ConfigurationError: If the images are not of the grid's size.
        """
        if len(images) == 0:
            return np.zeros((0, self.width), dtype=np.float32)
        check_grid(images, self.config.grid)
        device = device_of(self.config.accelerator)
        network = self.network.to(device).to(memory_format=torch.channels_last).eval()
        bf16 = uses_bf16(self.config.precision, device.type)
        parts = []
        for start in range(0, len(images), batch_size):
            batch = network_input(to_tensor(images[start : start + batch_size]), self.config.in_channels)
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                features = network(batch.to(device).contiguous(memory_format=torch.channels_last))
            parts.append(self._by_valve(features.float().cpu()).numpy())
        return np.concatenate(parts)

    def _by_valve(self, features: Tensor) -> Tensor:
        with torch.inference_mode():
            views = self.views(features).softmax(dim=1).unflatten(1, (len(Valve), len(FlowKind)))
            valves, standard = views.sum(dim=2), self.standard(features)
        return torch.cat([standard, (valves[:, :, None] * standard[:, None]).flatten(1)], dim=1)

    def to_files(self) -> dict[str, bytes]:
        """Settings and weights, by file name."""
        config = json.dumps(config_to_dict(self.config), indent=1, sort_keys=True)
        return {_CONFIG: config.encode(), _WEIGHTS: weights_to_bytes(_parts(self.network, self.views, self.standard))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "ImageFeature":
        """The feature saved by :meth:`to_files`.

        Raises:
            ArtifactError: If a file is missing or does not fit.
        """
        try:
            config = image_feature_config(json.loads(files[_CONFIG]))
            weights = files[_WEIGHTS]
        except (KeyError, ValueError, ConfigurationError) as error:
            raise ArtifactError(f"this is no image feature ({error}); learn it again") from error
        network = _backbone(config)
        views, standard = nn.Linear(network.width, len(COARSE_CLASSES)), _blank_standard(network.width)
        load_weights(_parts(network, views, standard), weights)
        return cls(config, network.eval(), views.eval(), standard.eval())


def image_feature_config(values: Mapping[str, object]) -> ImageFeatureConfig:
    """Settings from a plain mapping, the grid as a mapping in it.

    Raises:
        ConfigurationError: If a key or value is none of its settings.
    """
    plain = dict(values)
    grid = plain.pop("grid", None)
    config = config_from(ImageFeatureConfig, plain)
    if not isinstance(grid, Mapping):
        return config
    inner = dict(grid)
    if isinstance(inner.get("guess"), Mapping):
        inner["guess"] = config_from(ScaleGuess, inner["guess"])
    return replace(config, grid=config_from(PhysicalGrid, inner))


def train_image_feature(  # noqa: PLR0913 - what a training run is made of
    images: Images,
    views: Sequence[CoarseTarget | None],
    config: ImageFeatureConfig,
    *,
    seed: int,
    groups: Sequence[str] | None = None,
    pretrained: bytes | None = None,
    checkpoint_dir: Path | None = None,
    on_progress: ProgressCallback | None = None,
) -> ImageFeature:
    """An image feature learnt from the coarse views of some images and the profiles of all.

    Args:
        images: (N, 1, H, W) on ``config.grid``, H and W its rows and columns.
        views: N views; None for an image that nobody looked at.
        config: Settings.
        seed: Fixes everything: on one machine the same seed gives the same weights.
        groups: N patients, so that validation patients are new ones; without it every image is its own.
        pretrained: What ``config.weights`` names, a safetensors file or a ``.pth`` of tensors by name.
        checkpoint_dir: Where an unfinished run is kept, for the same call to take up; emptied at the end.
        on_progress: Told (steps done, steps in all).

    Returns:
        The feature, its network in evaluation mode on the CPU.

    Raises:
        ConfigurationError: If counts disagree, or no image has a view and the profile is switched off.
    """
    _check_counts(images, views, groups, config)
    targets = torch.tensor([NO_VIEW if view is None else COARSE_CLASSES.index(view) for view in views])
    patients = groups if groups is not None else [str(number) for number in range(len(images))]
    source = CoarseBatches(
        images=to_tensor(images),
        targets=targets,
        held_back=torch.from_numpy(held_back(patients, config.validation_share, seed)),
        channels=config.in_channels,
        batch_size=config.batch_size,
        view_repeats=config.view_repeats,
        augmentation=Augmentation(time_shift=config.time_shift, gain=config.gain, noise=config.noise),
    )
    network = _coarse_network(config, seed, pretrained)
    network.standardise(source.images[~source.held_back])
    checkpoint = checkpoint_dir and CheckpointFile(
        checkpoint_dir / "image_feature.resume", _fingerprint(config, seed, source)
    )
    summary = fit(
        network,
        source,
        coarse_loss(config.profile_weight),
        config.plan,
        seed=seed,
        checkpoint=checkpoint or None,
        on_progress=on_progress,
    )
    feature = ImageFeature(config, network.features, network.views, _blank_standard(network.features.width), summary)
    _standardise(feature, source)
    return feature


def _standardise(feature: ImageFeature, source: CoarseBatches) -> None:
    """Set mean and spread to those of the features of the training images."""
    images = source.images[~source.held_back].numpy()
    own = torch.from_numpy(feature.embed(images)[:, : feature.network.width])
    feature.standard.running_mean, feature.standard.running_var = own.mean(dim=0), own.var(dim=0, correction=0)


def _blank_standard(width: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(width, affine=False, eps=1e-6).eval()


def _parts(network: FeatureNetwork, views: nn.Linear, standard: nn.BatchNorm1d) -> nn.ModuleDict:
    return nn.ModuleDict({"features": network, "views": views, "standard": standard})


def _check_counts(
    images: Images,
    views: Sequence[CoarseTarget | None],
    groups: Sequence[str] | None,
    config: ImageFeatureConfig,
) -> None:
    if len(images) < 2 or len(views) != len(images) or (groups is not None and len(groups) != len(images)):
        raise ConfigurationError(
            "an image feature needs 2 or more images, and one view (or None) and one patient for each; got "
            f"{len(images)} images, {len(views)} views, {'no' if groups is None else len(groups)} patients"
        )
    if config.profile_weight == 0 and all(view is None for view in views):
        raise ConfigurationError("no image has a view: give some, or set profile_weight above 0")
    check_grid(images, config.grid)


def check_grid(images: Images, grid: PhysicalGrid) -> None:
    """Pass images of the grid's size.

    Raises:
        ConfigurationError: If they have another.
    """
    if images.ndim != 4 or images.shape[1:] != (1, grid.rows, grid.columns):
        raise ConfigurationError(f"images for this feature are (N, 1, {grid.rows}, {grid.columns}), got {images.shape}")


def _coarse_network(config: ImageFeatureConfig, seed: int, pretrained: bytes | None) -> CoarseNetwork:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        features = _backbone(config)
        if pretrained is not None:
            load_pretrained(features.trunk, pretrained)
        return CoarseNetwork(features).to(memory_format=torch.channels_last)


def _backbone(config: ImageFeatureConfig) -> FeatureNetwork:
    from echomine.models.registry import create_features  # all networks of the registry: seconds to import

    return create_features(config.backbone, in_channels=config.in_channels)


def _fingerprint(config: ImageFeatureConfig, seed: int, source: CoarseBatches) -> str:
    content = hashlib.sha256(repr((config, seed)).encode())
    content.update(source.images.numpy().tobytes())
    content.update(source.targets.numpy().tobytes())
    content.update(source.held_back.numpy().tobytes())
    return content.hexdigest()
