"""The coarse task: which valve and flow a display shows, and beside it the display's own velocity profile."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.vocabulary import FlowKind, Valve
from echomine.learning.augmentation import Augmentation, augment
from echomine.learning.images import network_input
from echomine.learning.profiles import PROFILE_WIDTH, velocity_profile
from echomine.learning.training import Batch, BatchLoss
from echomine.models.features import FeatureNetwork

NO_VIEW = -1
"""Class of an image without a view."""


@dataclass(frozen=True, slots=True)
class CoarseTarget:
    """The hand-made view of an image: the valve aimed at and the flow it shows."""

    valve: Valve
    flow: FlowKind


COARSE_CLASSES: tuple[CoarseTarget, ...] = tuple(CoarseTarget(valve, flow) for valve in Valve for flow in FlowKind)
"""The classes of the coarse task."""


class CoarseNetwork(nn.Module):
    """A feature network with a head for the coarse classes and one for the velocity profile."""

    profile_mean: Tensor
    profile_scale: Tensor

    def __init__(self, features: FeatureNetwork) -> None:
        super().__init__()
        self.features = features
        self.views = nn.Linear(features.width, len(COARSE_CLASSES))
        self.profile = nn.Linear(features.width, PROFILE_WIDTH)
        self.register_buffer("profile_mean", torch.zeros(PROFILE_WIDTH))
        self.register_buffer("profile_scale", torch.ones(PROFILE_WIDTH))

    def standardise(self, images: Tensor) -> None:
        """Take mean and spread of the profiles of training images (N, 1, H, W), so that all weigh alike."""
        profiles = velocity_profile(network_input(images, 1))
        self.profile_mean.copy_(profiles.mean(dim=0))
        self.profile_scale.copy_(profiles.std(dim=0, correction=0).clamp(min=0.02))

    def standard_profile(self, inputs: Tensor) -> Tensor:
        """The profile of network inputs (N, C, H, W), standardised."""
        standard: Tensor = (velocity_profile(inputs) - self.profile_mean) / self.profile_scale
        return standard

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the views, and the standardised profile."""
        features = self.features(inputs)
        return self.views(features), self.profile(features)


def coarse_loss(profile_weight: float) -> BatchLoss:
    """Cross-entropy over the images with a view, plus the weighted squared error of the profile."""

    def loss(network: nn.Module, batch: Batch) -> Tensor:
        assert isinstance(network, CoarseNetwork)
        inputs, targets = batch
        logits, profile = network(inputs)
        seen = targets != NO_VIEW
        classes = F.cross_entropy(logits.float(), targets, ignore_index=NO_VIEW, reduction="sum")
        coarse: Tensor = classes / seen.sum().clamp(min=1)
        if profile_weight == 0:
            return coarse
        return coarse + profile_weight * F.mse_loss(profile.float(), network.standard_profile(inputs))

    return loss


@dataclass(frozen=True, slots=True, kw_only=True)
class CoarseBatches:
    """Batches of images with the class of their view, or :data:`NO_VIEW`.

    Attributes:
        images: (N, 1, H, W) uint8 or float32.
        targets: (N,) class numbers.
        held_back: (N,) True for validation.
        channels: Channels that the network takes.
        batch_size: Images of one step.
        view_repeats: Showings per epoch of an image with a view.
        augmentation: What is changed at random in training.
    """

    images: Tensor
    targets: Tensor
    held_back: Tensor
    channels: int
    batch_size: int
    view_repeats: int
    augmentation: Augmentation

    @property
    def rows(self) -> Tensor:
        """Numbers of the training images, those with a view repeated."""
        training = (~self.held_back).nonzero()[:, 0]
        if self.view_repeats == 1:
            return training
        seen = training[self.targets[training] != NO_VIEW]
        return torch.cat([training, *[seen] * (self.view_repeats - 1)])

    @property
    def steps_per_epoch(self) -> int:
        """Batches of one epoch; a last one that is not full is left out unless it is the only one."""
        return max(1, len(self.rows) // self.batch_size)

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """The batches of one epoch."""
        rows = self.rows[torch.randperm(len(self.rows), generator=generator)]
        for step in range(self.steps_per_epoch):
            chosen = rows[step * self.batch_size : (step + 1) * self.batch_size]
            plain = network_input(self.images[chosen], 1)
            changed = augment(plain, self.augmentation, generator)
            yield network_input(changed, self.channels), self.targets[chosen]

    def validation(self) -> Iterator[Batch]:
        """The held-back images as they are."""
        for chosen in torch.split(self.held_back.nonzero()[:, 0], self.batch_size):
            yield network_input(self.images[chosen], self.channels), self.targets[chosen]
