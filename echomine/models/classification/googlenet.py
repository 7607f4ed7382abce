"""GoogLeNet (Inception v1), torchvision's.

References:
    Szegedy et al., Going Deeper with Convolutions, CVPR 2015.
"""

from dataclasses import dataclass
from types import MappingProxyType

import torchvision.models
from torch import nn

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, Task
from echomine.models.setting_checks import check_shares


@dataclass(frozen=True, slots=True, kw_only=True)
class GoogLeNetConfig:
    """Settings of GoogLeNet.

    Attributes:
        auxiliary: Whether the two auxiliary classifiers are there; in training the network then gives
            torchvision's named triple of logits instead of one tensor.
        dropout: Share of features left out in training before the last layer.
    """

    auxiliary: bool = False
    dropout: float = 0.2

    def __post_init__(self) -> None:
        check_shares(dropout=self.dropout)


def _build(config: GoogLeNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    network: nn.Module = torchvision.models.googlenet(
        weights=None, num_classes=classes, aux_logits=config.auxiliary, dropout=config.dropout, init_weights=True
    )
    replace_first_convolution(network, in_channels)
    return network


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "googlenet": NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2014,
            paper="Szegedy et al., Going Deeper with Convolutions, CVPR 2015",
            source="torchvision",
            build=_build,
            config=GoogLeNetConfig,
            deepest="inception5b",
            least_side=32,
            deviations=(
                "The branch that is 5 x 5 in the paper is 3 x 3, so 6,624,904 parameters instead of 6,998,552.",
                "Batch normalisation after each convolution; the auxiliary classifiers are left out unless asked for.",
            ),
        )
    }
)
"""Name -> network."""
