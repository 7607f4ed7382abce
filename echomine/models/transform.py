"""The shallow network from image features into text space, and its losses.

Moradi et al. (MICCAI 2016) keep it shallow because pairs of image and report are few; so do we.
"""

from collections.abc import Callable
from enum import StrEnum
from types import MappingProxyType
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TransformNetwork(nn.Module):
    """Feature -> hidden -> text space, beside a fixed linear map, rows of length 1.

    The linear map is zero until :meth:`start_from` gives it one; the network then learns what the map misses.

    Args:
        feature_width: Length d of an image feature.
        hidden: Width of the hidden layer; 256 to 512 as published.
        text_width: Length m of a paragraph vector.
        dropout: Share of hidden units, and of input features, dropped in training.
    """

    def __init__(self, *, feature_width: int, hidden: int, text_width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.linear = nn.Linear(feature_width, text_width).requires_grad_(requires_grad=False)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.layers = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(feature_width, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, text_width),
        )

    def start_from(self, weights: Tensor, intercept: Tensor) -> None:
        """Begin at a linear map (d, m) with an intercept (m,)."""
        last = self.layers[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            self.linear.weight.copy_(weights.T)
            self.linear.bias.copy_(intercept)
            last.weight.zero_()
            last.bias.zero_()

    def forward(self, features: Tensor) -> Tensor:
        """Unit rows (N, m) of features (N, d)."""
        return F.normalize(self.linear(features) + self.layers(features), dim=1)


class TransformLoss(StrEnum):
    """What the transform network is trained to make small."""

    MSE = "mse"
    COSINE = "cosine"
    RANKING = "ranking"
    INFO_NCE = "info_nce"


LossFunction: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Unit predictions (N, m), unit targets (N, m) -> scalar."""

RANKING_MARGIN = 0.2
TEMPERATURE = 0.1


def mean_squared_error(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean over rows of the squared distance; for unit rows twice the cosine loss."""
    return (predicted - targets).square().sum(dim=1).mean()


def cosine_loss(predicted: Tensor, targets: Tensor) -> Tensor:
    """Mean over rows of 1 - cosine."""
    return (1 - F.cosine_similarity(predicted, targets, dim=1)).mean()


def ranking_loss(predicted: Tensor, targets: Tensor) -> Tensor:
    """Margin ranking: the own target should be nearer than every different one by :data:`RANKING_MARGIN`.

    Mean over the pairs (prediction, other target); 0 for a single row or where all targets are the same.
    """
    similarity = predicted @ targets.T
    violation = (RANKING_MARGIN + similarity - similarity.diagonal()[:, None]).clamp(min=0)
    others = ~_same_targets(targets)
    return (violation * others).sum() / others.sum().clamp(min=1)


def info_nce(predicted: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of finding the own target among those of the batch, at :data:`TEMPERATURE`.

    Equal targets share the mass. The text vectors are frozen, so only the direction image -> text counts.

    References:
        van den Oord et al., Representation Learning with Contrastive Predictive Coding,
        arXiv:1807.03748, eq. 4.
    """
    log_share = F.log_softmax(predicted @ targets.T / TEMPERATURE, dim=1)
    positive = _same_targets(targets).to(log_share.dtype)
    return -(log_share * positive / positive.sum(dim=1, keepdim=True)).sum(dim=1).mean()


def _same_targets(targets: Tensor) -> Tensor:
    return torch.cdist(targets, targets) < 1e-3


LOSSES: MappingProxyType[TransformLoss, LossFunction] = MappingProxyType(
    {
        TransformLoss.MSE: mean_squared_error,
        TransformLoss.COSINE: cosine_loss,
        TransformLoss.RANKING: ranking_loss,
        TransformLoss.INFO_NCE: info_nce,
    }
)
"""Loss by name."""
