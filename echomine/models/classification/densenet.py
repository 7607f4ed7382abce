"""DenseNet-121, 161, 169 and 201, torchvision's.

References:
    Huang et al., Densely Connected Convolutional Networks, CVPR 2017.
"""

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torchvision.models
from torch import nn

from echomine.domain.errors import ConfigurationError
from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, Task
from echomine.models.setting_checks import check_shares

_LEAST_GROWTH = 4

_FORMS: MappingProxyType[str, tuple[int, tuple[int, int, int, int], int]] = MappingProxyType(
    {
        "densenet121": (32, (6, 12, 24, 16), 64),
        "densenet161": (48, (6, 12, 36, 24), 96),
        "densenet169": (32, (6, 12, 32, 32), 64),
        "densenet201": (32, (6, 12, 48, 32), 64),
    }
)
"""Name -> maps that a layer adds, layers of the four blocks, maps of the first convolution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseNetConfig:
    """Settings of a densely connected network.

    Attributes:
        growth: Maps that each layer adds, at least 4, half as many as the first convolution has; 0 takes the
            network's own.
        dropout: Share of each layer's new maps left out in training.
        memory_efficient: Whether maps are computed again in the backward pass instead of kept.
    """

    growth: int = 0
    dropout: float = 0.0
    memory_efficient: bool = False

    def __post_init__(self) -> None:
        check_shares(dropout=self.dropout)
        if self.growth and self.growth < _LEAST_GROWTH:
            raise ConfigurationError(
                f"growth is a whole number from {_LEAST_GROWTH} on, or 0 for the network's own, got {self.growth!r}"
            )


def _build(name: str, config: DenseNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    growth, blocks, first = _FORMS[name]
    network: nn.Module = torchvision.models.DenseNet(
        growth_rate=config.growth or growth,
        block_config=blocks,
        num_init_features=2 * config.growth or first,
        num_classes=classes,
        drop_rate=config.dropout,
        memory_efficient=config.memory_efficient,
    )
    replace_first_convolution(network, in_channels)
    return network


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        name: NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2016,
            paper="Huang et al., Densely Connected Convolutional Networks, CVPR 2017",
            source="torchvision",
            build=partial(_build, name),
            config=DenseNetConfig,
            deepest="features",
            least_side=32,
        )
        for name in _FORMS
    }
)
"""Name -> network."""
