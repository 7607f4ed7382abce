"""SegNet: VGG-16's convolutions mirrored, unpooling by the encoder's pooling indices.

References:
    Badrinarayanan, Kendall, Cipolla, SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
    Segmentation, TPAMI 2017;39:2481-2495.
"""

from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn

from echomine.models.entries import NetworkEntry, PublishedForm, Task
from echomine.models.segmentation.unpooling import unpool
from echomine.models.setting_checks import check_counts

_DEPTHS = (2, 2, 3, 3, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SegNetConfig:
    """Settings of SegNet.

    Attributes:
        width: Channels of the first stage; they double up to eight times that.
        batch_norm: Whether each convolution but the last is normalised, as in the paper.
    """

    width: int = 64
    batch_norm: bool = True

    def __post_init__(self) -> None:
        check_counts(width=self.width)


class SegNet(nn.Module):
    """Thirteen convolutions down, thirteen up."""

    def __init__(self, config: SegNetConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        widths = [config.width * min(2**stage, 8) for stage in range(len(_DEPTHS))]
        before = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            nn.Sequential(*_convolutions(first, [width] * depth, batch_norm=config.batch_norm))
            for first, width, depth in zip(before, widths, _DEPTHS, strict=True)
        )
        self.pool = nn.MaxPool2d(2, return_indices=True)
        last = [widths[0], *widths[:-1]]
        self.decoder = nn.ModuleList(
            nn.Sequential(*_convolutions(width, [width] * (depth - 1) + [out], batch_norm=config.batch_norm))
            for width, out, depth in list(zip(widths, last, _DEPTHS, strict=True))[:0:-1]
        )
        self.decoder.append(
            nn.Sequential(
                *_convolutions(widths[0], [widths[0]], batch_norm=config.batch_norm),
                nn.Conv2d(widths[0], classes, 3, padding=1),
            )
        )
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes, H, W) of images (N, in_channels, H, W)."""
        maps, pooled = images, []
        for stage in self.encoder:
            maps = stage(maps)
            size = maps.shape
            maps, places = self.pool(maps)
            pooled.append((places, size))
        for stage, (places, size) in zip(self.decoder, reversed(pooled), strict=True):
            maps = stage(unpool(maps, places, size))
        return maps


def _convolutions(before: int, after: list[int], *, batch_norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for width in after:
        layers.append(nn.Conv2d(before, width, 3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
        before = width
    return layers


def _initialise(part: nn.Module) -> None:
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if part.bias is not None:
            nn.init.zeros_(part.bias)


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "segnet": NetworkEntry(
            task=Task.SEGMENTATION,
            year=2015,
            paper="Badrinarayanan, Kendall, Cipolla, SegNet: A Deep Convolutional Encoder-Decoder Architecture for "
            "Image Segmentation, TPAMI 2017",
            source="echomine",
            build=SegNet,
            config=SegNetConfig,
            published=PublishedForm(classes=11, picture=(360, 480)),
            deepest="encoder.4",
            least_side=32,
        )
    }
)
"""Name -> network."""
