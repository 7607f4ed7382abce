"""A small network for spectral displays, of our own: it keeps the rows, because a row is a velocity.

Networks for photographs end in an average over the whole picture and forget where a bright pixel lay; here height
is velocity and hence severity. This one averages and takes the maximum over *time* only, and keeps
:data:`ROW_BINS` rows.
"""

import itertools
from types import MappingProxyType

import torch
from torch import Tensor, nn

from echomine.models.entries import NetworkEntry, NoSettings, PublishedForm, Task

ROW_BINS = 12
"""Rows of the last feature map that stay apart."""

FEATURE_WIDTH = 256
"""Length of the penultimate feature."""

_STAGES = (16, 32, 64, 96)


class SpectralNet(nn.Module):
    """Four stages of convolutions, pooling over time, one hidden layer, one linear layer.

    Args:
        classes: Outputs.
        in_channels: Channels of the pictures.
    """

    def __init__(self, *, classes: int, in_channels: int) -> None:
        super().__init__()
        stages: list[nn.Module] = [_convolution(in_channels, _STAGES[0], kernel=5, stride=2)]
        for before, after in itertools.pairwise(_STAGES):
            stages += [_convolution(before, after, kernel=3, stride=2), _Residual(after)]
        self.stages = nn.Sequential(*stages)
        self.rows = nn.AdaptiveAvgPool2d((ROW_BINS, None))
        self.hidden = nn.Sequential(
            nn.Linear(2 * _STAGES[-1] * ROW_BINS, FEATURE_WIDTH), nn.LayerNorm(FEATURE_WIDTH), nn.GELU()
        )
        self.fc = nn.Linear(FEATURE_WIDTH, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, in_channels, H, W)."""
        maps = self.rows(self.stages(images))
        over_time = torch.cat([maps.mean(dim=3), maps.amax(dim=3)], dim=1)
        logits: Tensor = self.fc(self.hidden(over_time.flatten(1)))
        return logits


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inner = _convolution(channels, channels, kernel=3, stride=1)

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = maps + self.inner(maps)
        return out


def _convolution(before: int, after: int, *, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )


def _build(_: NoSettings, *, classes: int, in_channels: int) -> nn.Module:
    return SpectralNet(classes=classes, in_channels=in_channels)


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "spectral_net": NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2026,
            paper="echomine's own",
            source="echomine",
            build=_build,
            published=PublishedForm(in_channels=1, picture=(96, 96)),
            deepest="stages",
            least_side=16,
        )
    }
)
"""Name -> network."""
