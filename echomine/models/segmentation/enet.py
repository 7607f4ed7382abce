"""ENet: a small network for segmentation in real time.

References:
    Paszke, Chaurasia, Kim, Culurciello, ENet: A Deep Neural Network Architecture for Real-Time Semantic
    Segmentation, arXiv:1606.02147: table 1 and figure 2.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import torch
from torch import Size, Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError
from echomine.models.entries import NetworkEntry, PublishedForm, Task
from echomine.models.segmentation.unpooling import unpool

_SQUEEZE = 4
Activation: TypeAlias = type[nn.PReLU] | type[nn.ReLU]


@dataclass(frozen=True, slots=True, kw_only=True)
class ENetConfig:
    """Settings of ENet.

    Attributes:
        width: Maps of the initial block; 4 and 8 times that deeper.
        early_dropout: Share of maps left out by bottlenecks of stage 1.
        dropout: The same for the later ones.
    """

    width: int = 16
    early_dropout: float = 0.01
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width < 8 or self.width % 4:
            raise ConfigurationError(f"ENet's width is 8 or more, a multiple of 4, got {self.width}")


class ENet(nn.Module):
    """Initial block, a shallow stage, two stages of dilated and asymmetric bottlenecks, a small decoder."""

    def __init__(self, config: ENetConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        first, second, third = config.width, 4 * config.width, 8 * config.width
        self.initial = InitialBlock(in_channels, first)
        self.down1 = DownBottleneck(first, second, config.early_dropout)
        self.stage1 = nn.Sequential(*(Bottleneck(second, [_regular()], config.early_dropout) for _ in range(4)))
        self.down2 = DownBottleneck(second, third, config.dropout)
        self.stage2 = nn.Sequential(*_repeated(third, config.dropout))
        self.stage3 = nn.Sequential(*_repeated(third, config.dropout))
        self.up4 = UpBottleneck(third, second, config.dropout)
        self.stage4 = nn.Sequential(*(Bottleneck(second, [_regular()], config.dropout, nn.ReLU) for _ in range(2)))
        self.up5 = UpBottleneck(second, first, config.dropout)
        self.stage5 = Bottleneck(first, [_regular()], config.dropout, nn.ReLU)
        self.full = nn.ConvTranspose2d(first, classes, 3, stride=2, padding=1, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, in_channels, H, W)."""
        maps = self.initial(images)
        size1 = maps.shape
        maps, places1 = self.down1(maps)
        maps = self.stage1(maps)
        size2 = maps.shape
        maps, places2 = self.down2(maps)
        maps = self.stage3(self.stage2(maps))
        maps = self.stage4(self.up4(maps, places2, size2))
        maps = self.stage5(self.up5(maps, places1, size1))
        logits: Tensor = self.full(maps, output_size=list(images.shape[-2:]))
        return logits


class InitialBlock(nn.Module):
    """A strided convolution beside a maximum of the picture."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        if in_channels >= width:
            raise ConfigurationError(f"ENet's initial block of {width} maps takes fewer channels, got {in_channels}")
        self.convolution = nn.Conv2d(in_channels, width - in_channels, 3, stride=2, padding=1, bias=False)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.finish = nn.Sequential(nn.BatchNorm2d(width), nn.PReLU())

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, width, ceil(H / 2), ceil(W / 2))."""
        maps: Tensor = self.finish(torch.cat([self.convolution(images), self.pool(images)], dim=1))
        return maps


class Bottleneck(nn.Module):
    """A residual branch: 1 x 1 down to a quarter of the maps, convolutions, 1 x 1 up, spatial dropout.

    Args:
        width: Maps in and out.
        convolutions: Settings of the convolutions in the middle, one after the other.
        dropout: Share of maps left out in training.
        activation: PReLU in the encoder, ReLU in the decoder.
    """

    def __init__(
        self, width: int, convolutions: list[dict[str, Any]], dropout: float, activation: Activation = nn.PReLU
    ) -> None:
        super().__init__()
        narrow = width // _SQUEEZE
        middle = [_block(nn.Conv2d(narrow, narrow, bias=False, **one), activation) for one in convolutions]
        self.branch = nn.Sequential(
            _block(nn.Conv2d(width, narrow, 1, bias=False), activation),
            *middle,
            _block(nn.Conv2d(narrow, width, 1, bias=False), activation),
            nn.Dropout2d(dropout),
        )
        self.activation = activation()

    def forward(self, maps: Tensor) -> Tensor:
        """(N, width, H, W) -> the same."""
        out: Tensor = self.activation(maps + self.branch(maps))
        return out


class DownBottleneck(nn.Module):
    """Halves the picture: a maximum beside a branch that begins with a strided 2 x 2 convolution."""

    def __init__(self, before: int, after: int, dropout: float) -> None:
        super().__init__()
        narrow = before // _SQUEEZE
        self.branch = nn.Sequential(
            _block(nn.Conv2d(before, narrow, 2, stride=2, bias=False), nn.PReLU),
            _block(nn.Conv2d(narrow, narrow, 3, padding=1, bias=False), nn.PReLU),
            _block(nn.Conv2d(narrow, after, 1, bias=False), nn.PReLU),
            nn.Dropout2d(dropout),
        )
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.missing = after - before
        self.activation = nn.PReLU()

    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """(N, before, H, W) -> maps (N, after, H // 2, W // 2) and the places of the maxima."""
        pooled, places = self.pool(maps)
        filled = F.pad(pooled, (0, 0, 0, 0, 0, self.missing))
        return self.activation(filled + self.branch(maps)), places


class UpBottleneck(nn.Module):
    """Doubles the picture: unpooling by places beside a branch with a transposed 2 x 2 convolution."""

    def __init__(self, before: int, after: int, dropout: float) -> None:
        super().__init__()
        narrow = before // _SQUEEZE
        self.main = nn.Sequential(nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after))
        self.reduce = _block(nn.Conv2d(before, narrow, 1, bias=False), nn.ReLU)
        self.widen = nn.ConvTranspose2d(narrow, narrow, 2, stride=2, bias=False)
        self.expand = nn.Sequential(
            nn.BatchNorm2d(narrow),
            nn.ReLU(),
            _block(nn.Conv2d(narrow, after, 1, bias=False), nn.ReLU),
            nn.Dropout2d(dropout),
        )

    def forward(self, maps: Tensor, places: Tensor, size: Size) -> Tensor:
        """(N, before, h, w) -> (N, after, H, W) with H, W of ``size``."""
        main = unpool(self.main(maps), places, size)
        doubled = self.widen(self.reduce(maps), output_size=list(size[-2:]))
        return F.relu(main + self.expand(doubled))


def _block(convolution: nn.Module, activation: Activation) -> nn.Sequential:
    width: int = convolution.out_channels  # type: ignore[assignment]
    return nn.Sequential(convolution, nn.BatchNorm2d(width), activation())


def _regular(dilation: int = 1) -> dict[str, Any]:
    return {"kernel_size": 3, "padding": dilation, "dilation": dilation}


def _asymmetric() -> list[dict[str, Any]]:
    return [{"kernel_size": (5, 1), "padding": (2, 0)}, {"kernel_size": (1, 5), "padding": (0, 2)}]


def _repeated(width: int, dropout: float) -> list[nn.Module]:
    """Stage 2 or 3: eight bottlenecks, dilated by 2, 4, 8 and 16."""
    plans = (
        [_regular()], [_regular(2)], _asymmetric(), [_regular(4)],
        [_regular()], [_regular(8)], _asymmetric(), [_regular(16)],
    )  # fmt: skip
    return [Bottleneck(width, plan, dropout) for plan in plans]


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "enet": NetworkEntry(
            task=Task.SEGMENTATION,
            year=2016,
            paper="Paszke, Chaurasia, Kim, Culurciello, ENet: A Deep Neural Network Architecture for Real-Time "
            "Semantic Segmentation, arXiv:1606.02147",
            source="echomine",
            build=ENet,
            config=ENetConfig,
            published=PublishedForm(classes=12, picture=(360, 640)),
            deepest="stage3",
            least_side=8,
            deviations=(
                "One slope a PReLU, not one a map; a branch ends with an activation of its own.",
                "The transposed convolutions of the upsampling bottlenecks are 2 x 2.",
                "No encoder head: encoder and decoder are trained together.",
            ),
        )
    }
)
"""Name -> network."""
