"""What comes before the regions: a network that gives one map or a pyramid, made for any number of channels."""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from math import gcd
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection.backbone_utils import mobilenet_backbone, resnet_fpn_backbone
from torchvision.models.vgg import make_layers
from torchvision.ops import FeaturePyramidNetwork, FrozenBatchNorm2d, MultiScaleRoIAlign, roi_pool
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.classification.vgg import STAGES, vgg_layers
from echomine.models.detection.config import Backbone, DetectorConfig, Normalisation

STRIDE_OF_VGG16 = 16
POOLED = 7
"""Bins a side that a region is pooled to."""
_GROUPS = 32
_ALL_LAYERS = MappingProxyType({"resnet": 5, "mobilenet": 6})
_MEANS = MappingProxyType({1: (0.449,), 3: (0.485, 0.456, 0.406)})
_DEVIATIONS = MappingProxyType({1: (0.226,), 3: (0.229, 0.224, 0.225)})


def group_norm(channels: int) -> nn.Module:
    """Group normalisation of 32 groups, or as many as divide the channels."""
    return nn.GroupNorm(gcd(_GROUPS, channels), channels)


_NORMS: MappingProxyType[Normalisation, Callable[..., nn.Module]] = MappingProxyType(
    {
        Normalisation.BATCH: nn.BatchNorm2d,
        Normalisation.FROZEN: FrozenBatchNorm2d,
        Normalisation.GROUP: group_norm,
    }
)


class Vgg16Maps(nn.Module):
    """The convolutions of VGG-16 without the last maximum: one map of stride 16, named "0".

    Attributes:
        out_channels: Channels of the map.
    """

    def __init__(self, in_channels: int) -> None:
        super().__init__()
        self.body = make_layers(vgg_layers(STAGES["vgg16"], 64)[:-1])
        replace_first_convolution(self.body, in_channels)
        self.out_channels = 512
        self.body.apply(_initialise)

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """(N, C, H, W) -> {"0": (N, 512, H // 16, W // 16)}."""
        return OrderedDict({"0": self.body(images)})


def _initialise(part: nn.Module) -> None:
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
        if part.bias is not None:
            nn.init.zeros_(part.bias)


def make_backbone(config: DetectorConfig, *, in_channels: int) -> nn.Module:
    """The backbone of a detector, all of it learnt."""
    if config.backbone is Backbone.VGG16:
        return Vgg16Maps(in_channels)
    norm = _NORMS[config.norm]
    name = config.backbone.removesuffix("_fpn")
    build: Callable[..., nn.Module] = (
        partial(mobilenet_backbone, fpn=True, trainable_layers=_ALL_LAYERS["mobilenet"])
        if config.backbone is Backbone.MOBILENET_FPN
        else partial(resnet_fpn_backbone, trainable_layers=_ALL_LAYERS["resnet"])
    )
    network = build(backbone_name=name, weights=None, norm_layer=norm)
    if config.pyramid != network.out_channels:
        _set_pyramid(network, config.pyramid)
    replace_first_convolution(network, in_channels)
    return network


def _set_pyramid(network: Any, channels: int) -> None:  # noqa: ANN401 - torchvision's BackboneWithFPN
    """Give torchvision's backbone a pyramid of other than its 256 channels."""
    before = [block[0].in_channels for block in network.fpn.inner_blocks]
    network.fpn = FeaturePyramidNetwork(before, channels, extra_blocks=LastLevelMaxPool())
    network.out_channels = channels


def picture_statistics(in_channels: int) -> dict[str, tuple[float, ...]]:
    """Mean and deviation that pictures are normalised by: ImageNet's, of its grey for one channel."""
    return {
        "image_mean": _MEANS.get(in_channels, (0.5,) * in_channels),
        "image_std": _DEVIATIONS.get(in_channels, (0.25,) * in_channels),
    }


class RoiMaximum(nn.Module):
    """RoI pooling of the papers of 2015 on the one map of VGG-16: maxima over 7 x 7 bins."""

    def forward(self, maps: dict[str, Tensor], boxes: list[Tensor], _: list[tuple[int, int]]) -> Tensor:
        """Maps by name, boxes (M, 4) of each picture -> (sum of M, C, 7, 7)."""
        pooled: Tensor = roi_pool(maps["0"], boxes, POOLED, 1 / STRIDE_OF_VGG16)
        return pooled


class Vgg16Head(nn.Module):
    """The two dense layers of VGG-16 on a pooled region."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc6 = nn.Linear(channels * POOLED**2, hidden)
        self.fc7 = nn.Linear(hidden, hidden)
        self.dropout = nn.Dropout(0.5)

    def forward(self, pooled: Tensor) -> Tensor:
        """(M, C, 7, 7) -> (M, hidden)."""
        first = self.dropout(torch.relu(self.fc6(pooled.flatten(1))))
        second: Tensor = self.dropout(torch.relu(self.fc7(first)))
        return second


def region_parts(config: DetectorConfig, *, channels: int, classes: int) -> dict[str, Any]:
    """Pooling, head and predictor of boxes, as torchvision's detectors take them."""
    from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead

    hidden = config.hidden_units
    one_map = config.backbone is Backbone.VGG16
    return {
        "box_roi_pool": RoiMaximum() if one_map else pyramid_pool(POOLED),
        "box_head": Vgg16Head(channels, hidden) if one_map else TwoMLPHead(channels * POOLED**2, hidden),
        "box_predictor": FastRCNNPredictor(hidden, classes),
    }


def pyramid_pool(size: int) -> nn.Module:
    """RoI align on the level of a pyramid that suits a region's size: (size, size) bins."""
    pool: nn.Module = MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=size, sampling_ratio=2)
    return pool
