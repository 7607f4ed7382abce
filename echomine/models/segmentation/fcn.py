"""Fully convolutional networks: FCN-32s, 16s and 8s on VGG-16, and torchvision's FCN on ResNet-50.

The first three follow the authors' reference networks (voc-fcn32s/16s/8s): the picture is padded by 100, pooling
rounds up, the dense layers are convolutions, upsampling is bilinear with fixed kernels, and the scores are cropped
to the picture, so that any size of picture gives scores of its own size.

References:
    Long, Shelhamer, Darrell, Fully Convolutional Networks for Semantic Segmentation, CVPR 2015;
    Shelhamer, Long, Darrell, TPAMI 2017;39:640-651.
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.segmentation import fcn_resnet50

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.classification.vgg import STAGES
from echomine.models.entries import NetworkEntry, PublishedForm, Task
from echomine.models.setting_checks import check_counts, check_shares

PAPER = "Long, Shelhamer, Darrell, Fully Convolutional Networks for Semantic Segmentation, CVPR 2015"
_BORDER = 100
_POOL4_OFFSET, _POOL3_OFFSET = 5, 9


class FinestStride(IntEnum):
    """Stride of the finest scores that take part."""

    FCN32S = 32
    FCN16S = 16
    FCN8S = 8


_OFFSETS = MappingProxyType({FinestStride.FCN32S: 19, FinestStride.FCN16S: 27, FinestStride.FCN8S: 31})


@dataclass(frozen=True, slots=True, kw_only=True)
class FcnConfig:
    """Settings of an FCN on VGG-16.

    Attributes:
        width: Channels of the first stage.
        hidden: Channels of the two convolutions that were dense layers.
        dropout: Share of their maps left out in training.
    """

    width: int = 64
    hidden: int = 4096
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_counts(width=self.width, hidden=self.hidden)
        check_shares(dropout=self.dropout)


class FixedUpsampling(nn.Module):
    """Bilinear upsampling as a transposed convolution that is not learnt; kernel of twice the factor.

    The kernel is a parameter without gradient, so that it is counted and saved as in the reference networks.
    """

    def __init__(self, classes: int, factor: int) -> None:
        super().__init__()
        self.factor = factor
        self.weight = nn.Parameter(_bilinear(classes, 2 * factor), requires_grad=False)

    def forward(self, scores: Tensor) -> Tensor:
        """(N, K, h, w) -> (N, K, factor (h + 1), factor (w + 1))."""
        return F.conv_transpose2d(scores, self.weight, stride=self.factor)


def _bilinear(classes: int, size: int) -> Tensor:
    """(K, K, size, size): each class onto itself."""
    centre = (size - 1) / 2
    line = 1 - (torch.arange(size, dtype=torch.float64) - centre).abs() / (size // 2)
    kernel = torch.zeros(classes, classes, size, size)
    own = torch.arange(classes)
    kernel[own, own] = torch.outer(line, line).to(kernel.dtype)
    return kernel


class Fcn(nn.Module):
    """VGG-16 as convolutions, with scores of pool4 and pool3 added where asked for."""

    def __init__(self, finest: FinestStride, config: FcnConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        width = config.width
        self.stages = nn.ModuleList(_stages(in_channels, width))
        self.fc6 = nn.Conv2d(8 * width, config.hidden, 7)
        self.fc7 = nn.Conv2d(config.hidden, config.hidden, 1)
        self.dropout = nn.Dropout2d(config.dropout)
        self.score_fc7 = nn.Conv2d(config.hidden, classes, 1)
        self.score_pool4 = nn.Conv2d(8 * width, classes, 1) if finest <= FinestStride.FCN16S else None
        self.score_pool3 = nn.Conv2d(4 * width, classes, 1) if finest <= FinestStride.FCN8S else None
        self.upscore2 = FixedUpsampling(classes, 2) if self.score_pool4 is not None else None
        self.upscore_pool4 = FixedUpsampling(classes, 2) if self.score_pool3 is not None else None
        self.upscore = FixedUpsampling(classes, int(finest))
        self.offset = _OFFSETS[finest]
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes, H, W) of images (N, in_channels, H, W)."""
        maps, pooled = images, []
        for stage in self.stages:
            maps = stage(maps)
            pooled.append(maps)
        maps = self.dropout(F.relu(self.fc6(maps)))
        maps = self.dropout(F.relu(self.fc7(maps)))
        scores = self.score_fc7(maps)
        if self.score_pool4 is not None and self.upscore2 is not None:
            scores = _add(self.upscore2(scores), self.score_pool4(pooled[3]), _POOL4_OFFSET)
        if self.score_pool3 is not None and self.upscore_pool4 is not None:
            scores = _add(self.upscore_pool4(scores), self.score_pool3(pooled[2]), _POOL3_OFFSET)
        return _crop(self.upscore(scores), self.offset, images)


def _add(coarse: Tensor, fine: Tensor, offset: int) -> Tensor:
    return coarse + _crop(fine, offset, coarse)


def _crop(maps: Tensor, offset: int, like: Tensor) -> Tensor:
    rows, columns = like.shape[-2:]
    return maps[..., offset : offset + rows, offset : offset + columns]


def _stages(in_channels: int, width: int) -> list[nn.Module]:
    stages: list[nn.Module] = []
    before = in_channels
    for number, depth in enumerate(STAGES["vgg16"]):
        layers: list[nn.Module] = []
        for layer in range(depth):
            after = width * min(2**number, 8)
            border = _BORDER if number == layer == 0 else 1
            layers += [nn.Conv2d(before, after, 3, padding=border), nn.ReLU(inplace=True)]
            before = after
        stages.append(nn.Sequential(*layers, nn.MaxPool2d(2, stride=2, ceil_mode=True)))
    return stages


def _initialise(part: nn.Module) -> None:
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if part.bias is not None:
            nn.init.zeros_(part.bias)


@dataclass(frozen=True, slots=True, kw_only=True)
class FcnResNetConfig:
    """Settings of torchvision's FCN.

    Attributes:
        auxiliary: Whether the head on the third stage is there; it helps no prediction and is only kept for weights
            that have it.
    """

    auxiliary: bool = False


class FcnResNet50(nn.Module):
    """Torchvision's FCN, answering with its scores alone."""

    def __init__(self, config: FcnResNetConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        self.network: nn.Module = fcn_resnet50(
            weights=None, weights_backbone=None, num_classes=classes, aux_loss=config.auxiliary
        )
        replace_first_convolution(self.network, in_channels)

    def forward(self, images: Tensor) -> Tensor:
        """Scores (N, classes, H, W) of images (N, in_channels, H, W)."""
        scores: Tensor = self.network(images)["out"]
        return scores


def _entry(finest: FinestStride) -> NetworkEntry:
    return NetworkEntry(
        task=Task.SEGMENTATION,
        year=2015,
        paper=PAPER,
        source="echomine",
        build=partial(Fcn, finest),
        config=FcnConfig,
        published=PublishedForm(classes=21, picture=(500, 500)),
        deepest="fc7",
        deviations=(
            "Scores start from random kernels, not from zero.",
            "Skips are added as they are, as in the networks trained in stages, without the scales of the "
            "network trained at once.",
        ),
    )


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {f"fcn{int(finest)}s": _entry(finest) for finest in FinestStride}
    | {
        "fcn_resnet50": NetworkEntry(
            task=Task.SEGMENTATION,
            year=2015,
            paper=PAPER,
            source="torchvision",
            build=FcnResNet50,
            config=FcnResNetConfig,
            published=PublishedForm(classes=21, picture=(520, 520)),
            deepest="network.backbone",
            least_side=16,
            deviations=(
                "Another network than the paper's: ResNet-50 with dilation at stride 8, one head, no skips, "
                "bilinear interpolation.",
            ),
        )
    }
)
"""Name -> network."""
