"""ResNet-18, 34, 50, 101 and 152, torchvision's.

References:
    He et al., Deep Residual Learning for Image Recognition, CVPR 2016.
"""

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torchvision.models
from torch import nn

from echomine.domain.errors import ConfigurationError
from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, Task
from echomine.models.setting_checks import check_counts

_WIDTH = 64
_BASIC = ("resnet18", "resnet34")
_BOTTLENECK = ("resnet50", "resnet101", "resnet152")
_STRIDE = "A bottleneck halves the picture in its 3 x 3 convolution, not in the first 1 x 1 (known as v1.5)."


@dataclass(frozen=True, slots=True, kw_only=True)
class ResNetConfig:
    """Settings of a residual network.

    Attributes:
        width: Channels of the 3 x 3 convolutions of the first stage, doubled from stage to stage. Other than the
            paper's 64 (128 is known as Wide ResNet) only where blocks are bottlenecks: 50, 101 and 152.
        zero_init_residual: Whether each residual branch starts at nothing.
    """

    width: int = _WIDTH
    zero_init_residual: bool = False

    def __post_init__(self) -> None:
        check_counts(width=self.width)


def _build(name: str, config: ResNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    if name in _BASIC and config.width != _WIDTH:
        raise ConfigurationError(
            f"{name} has blocks of {_WIDTH} channels alone, got width {config.width}: take {', '.join(_BOTTLENECK)}"
        )
    network: nn.Module = torchvision.models.get_model(
        name,
        weights=None,
        num_classes=classes,
        width_per_group=config.width,
        zero_init_residual=config.zero_init_residual,
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
