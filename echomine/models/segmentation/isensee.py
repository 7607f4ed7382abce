"""The 2D and 3D U-Nets of Isensee et al. for cine MR, with deep supervision.

Five levels of two 3x3 convolutions, batch normalisation and leaky ReLU; the maps of the second and third decoder level
are summed, upsampled, into the output. At the paper's widths they have 17,656,956 (2D, base 48) and 15,538,678 (3D,
base 26) learnt parameters for one channel and four classes.

References:
    Isensee et al., Automatic Cardiac Disease Assessment on cine-MRI via Time-Series Segmentation and Domain Specific
    Features, STACOM 2017, LNCS 10663:120-129.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError

LEVELS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class IsenseeConfig:
    """Size of the network.

    Attributes:
        dimensions: 2 for slices, 3 for volumes, which are pooled in plane only.
        base: Filters of the first level; they double four times. 48 and 26 in the paper.
        in_channels: Channels of the image.
        classes: Background included.
        dropout: Share of the deepest map dropped in training; 0.3 in the paper.
    """

    dimensions: int = 2
    base: int = 48
    in_channels: int = 1
    classes: int = 4
    dropout: float = 0.3

    def __post_init__(self) -> None:
        if self.dimensions not in (2, 3) or min(self.base, self.in_channels, self.classes) < 1:
            raise ConfigurationError(f"the U-Net works in 2 or 3 dimensions on 1 or more channels, got {self}")
        if not 0 <= self.dropout < 1:
            raise ConfigurationError(f"dropout lies in 0..1, got {self.dropout}")


PAPER_2D = IsenseeConfig(dimensions=2, base=48)
PAPER_3D = IsenseeConfig(dimensions=3, base=26)


class IsenseeUNet(nn.Module):
    """(N, C, H, W) or (N, C, D, H, W) -> logits (N, classes, ...) of the same size; H and W multiples of 16.

    Args:
        config: Widths and dimensions.
    """

    def __init__(self, config: IsenseeConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.base * 2**level for level in range(LEVELS)]
        self.encoder = nn.ModuleList(
            _two_convolutions(config, inside, outside)
            for inside, outside in zip([config.in_channels, *widths], widths, strict=False)
        )
        self.decoder = nn.ModuleList(
            _two_convolutions(config, deeper + width, width)
            for deeper, width in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.heads = nn.ModuleList(_convolution(config, width, config.classes, 1) for width in widths[2::-1])
        self.dropout = nn.Dropout(config.dropout)
        self._scale = (2.0, 2.0) if config.dimensions == 2 else (1.0, 2.0, 2.0)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of the classes at every pixel."""
        skips: list[Tensor] = []
        here = images
        for level, block in enumerate(self.encoder):
            here = block(self._pool(here) if level else here)
            skips.append(here)
        here = self.exchanged(0, self.dropout(skips.pop()))
        logits: Tensor | None = None
        for level, block in enumerate(self.decoder):
            here = self.exchanged(level + 1, block(torch.cat([self._up(here), skips.pop()], dim=1)))
            if level:
                head = self.heads[level - 1](here)
                logits = head if logits is None else self._up(logits) + head
        assert logits is not None
        return logits

    def exchanged(self, level: int, here: Tensor) -> Tensor:  # noqa: ARG002 - for networks of several frames
        """The deepest map (level 0) or one of the decoder (1 to 4), after frames told each other what they see."""
        return here

    def _pool(self, image: Tensor) -> Tensor:
        return F.max_pool2d(image, 2) if self.config.dimensions == 2 else F.max_pool3d(image, (1, 2, 2))

    def _up(self, image: Tensor) -> Tensor:
        return F.interpolate(image, scale_factor=self._scale, mode="nearest")


def _convolution(config: IsenseeConfig, inside: int, outside: int, size: int, *, bias: bool = True) -> nn.Module:
    kind: type[nn.Module] = nn.Conv2d if config.dimensions == 2 else nn.Conv3d
    return kind(inside, outside, size, padding=size // 2, bias=bias)


def _two_convolutions(config: IsenseeConfig, inside: int, outside: int) -> nn.Sequential:
    norm: type[nn.Module] = nn.BatchNorm2d if config.dimensions == 2 else nn.BatchNorm3d
    layers: list[nn.Module] = []
    for first in (inside, outside):
        layers += [_convolution(config, first, outside, 3, bias=False), norm(outside), nn.LeakyReLU(0.01)]
    return nn.Sequential(*layers)
