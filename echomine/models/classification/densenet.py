"""DenseNet-121, 161, 169 and 201, torchvision's.

References:
    Huang et al., Densely Connected Convolutional Networks, CVPR 2017.
"""

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torchvision.models
from torch import nn

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, Task

_NAMES = ("densenet121", "densenet161", "densenet169", "densenet201")


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseNetConfig:
    """Settings of a densely connected network.

    Attributes:
        dropout: Share of each layer's new maps left out in training.
        memory_efficient: Whether maps are computed again in the backward pass instead of kept.
    """

    dropout: float = 0.0
    memory_efficient: bool = False


def _build(name: str, config: DenseNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    network: nn.Module = torchvision.models.get_model(
        name,
        weights=None,
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
        for name in _NAMES
    }
)
"""Name -> network."""
