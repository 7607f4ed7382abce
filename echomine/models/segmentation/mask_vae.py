"""A small variational autoencoder of short-axis masks in one frame (Painchaud 2020, in a form that trains in minutes).

As in the paper, the latent space is constrained: a linear layer reads the size of each structure off the latent
vector, so that near vectors stand for hearts of near sizes.
"""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError

FRAME_PX = 64
CLASSES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskVaeConfig:
    """Size of the autoencoder.

    Attributes:
        latent: Length of the latent vector; 32 in the paper.
        base: Filters of the first of four levels.
    """

    latent: int = 32
    base: int = 16

    def __post_init__(self) -> None:
        if min(self.latent, self.base) < 1:
            raise ConfigurationError(f"the autoencoder needs one or more filters and latent values, got {self}")


class MaskVae(nn.Module):
    """(N, 4, 64, 64) one-hot masks -> latent vectors -> logits of the same size."""

    def __init__(self, config: MaskVaeConfig) -> None:
        super().__init__()
        self.config = config
        widths = [CLASSES, config.base, 2 * config.base, 4 * config.base, 4 * config.base]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for inside, outside in pairwise(widths):
            down += [nn.Conv2d(inside, outside, 4, stride=2, padding=1), nn.BatchNorm2d(outside), nn.ELU()]
        for inside, outside in zip(widths[:1:-1], widths[-2:0:-1], strict=True):
            up += [nn.ConvTranspose2d(inside, outside, 4, stride=2, padding=1), nn.BatchNorm2d(outside), nn.ELU()]
        self._deepest = (widths[-1], FRAME_PX // 16, FRAME_PX // 16)
        length = widths[-1] * (FRAME_PX // 16) ** 2
        self.down = nn.Sequential(*down, nn.Flatten())
        self.mean = nn.Linear(length, config.latent)
        self.log_variance = nn.Linear(length, config.latent)
        self.enter = nn.Linear(config.latent, length)
        self.up = nn.Sequential(*up, nn.ConvTranspose2d(widths[1], CLASSES, 4, stride=2, padding=1))
        self.sizes = nn.Linear(config.latent, CLASSES - 1)

    def encode(self, masks: Tensor) -> Tensor:
        """Mean latent vectors (N, latent)."""
        mean: Tensor = self.mean(self.down(masks))
        return mean

    def decode(self, latent: Tensor) -> Tensor:
        """Logits (N, 4, 64, 64)."""
        logits: Tensor = self.up(self.enter(latent).reshape(-1, *self._deepest))
        return logits

    def forward(self, masks: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Logits, mean, log variance and the sizes (N, 3) read off a vector drawn about the mean."""
        features = self.down(masks)
        mean, log_variance = self.mean(features), self.log_variance(features).clamp(-10, 4)
        drawn = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decode(drawn), mean, log_variance, self.sizes(drawn)


def vae_loss(network: nn.Module, masks: Tensor, *, divergence: float = 2e-3, constraint: float = 0.1) -> Tensor:
    """Cross-entropy and Dice of the decoded masks, divergence from the normal law, error of the sizes.

    Args:
        network: A :class:`MaskVae`.
        masks: (N, 4, 64, 64) one-hot.
        divergence: Weight of the Kullback-Leibler term, a pixel's cross-entropy being 1.
        constraint: Weight of the squared error of the structures' shares of the frame, in tenths.
    """
    logits, mean, log_variance, sizes = network(masks)
    entropy = F.cross_entropy(logits, masks.argmax(dim=1))
    shares = logits.softmax(dim=1)
    overlap = (2 * (shares * masks).sum((0, 2, 3)) + 1) / ((shares + masks).sum((0, 2, 3)) + 1)
    distance = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).mean()
    wanted = 10 * masks[:, 1:].mean((2, 3))
    loss: Tensor = entropy + (1 - overlap).mean() + divergence * distance + constraint * F.mse_loss(sizes, wanted)
    return loss
