"""ResNet-18, 34, 50, 101 and 152, torchvision's.

References:
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torchvision.models
from torch import nn

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, Task

_BASIC = ("resnet18", "resnet34")
_BOTTLENECK = ("resnet50", "resnet101", "resnet152")
_STRIDE = "A bottleneck halves the picture in its 3 x 3 convolution, not in the first 1 x 1 (known as v1.5)."


@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetConfig:
    """Settings of a residual network.

    Attributes:
        zero_init_residual: Whether each residual branch starts at nothing.
    """

    zero_init_residual: bool = False


def _build(name: str, config: ResNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    network: nn.Module = torchvision.models.get_model(
        name, weights=None, num_classes=classes, zero_init_residual=config.zero_init_residual
    )
    replace_first_convolution(network, in_channels)
    return network


def _entry(name: str, *deviations: str) -> NetworkEntry:
    return NetworkEntry(
        task=Task.CLASSIFICATION,
        year=2015,
        paper="He et al., Deep Residual Learning for Image Recognition, CVPR 2016",
        source="torchvision",
        build=partial(_build, name),
        config=ResNetConfig,
        deepest="layer4",
        least_side=32,
        deviations=deviations,
    )


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {name: _entry(name) for name in _BASIC} | {name: _entry(name, _STRIDE) for name in _BOTTLENECK}
)
"""Name -> network."""
