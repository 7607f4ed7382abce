"""VGG-16 and VGG-19, torchvision's.

The lecture speaks of 17 layers; the paper's forms D and E have 16 and 19 layers with weights.

References:
    Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015.
"""

from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from torch import nn
from torchvision.models import VGG
from torchvision.models.vgg import make_layers

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, Task
from echomine.models.setting_checks import check_counts, check_shares

PAPER = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015"
STAGES = MappingProxyType({"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)})
"""Convolutions of each of the five stages."""

_POOLED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class VggConfig:
    """Settings of a VGG network.

    Attributes:
        width: Channels of the first stage; they double up to eight times that.
        hidden: Units of the two hidden layers.
        dropout: Share of hidden units left out in training.
    """

    width: int = 64
    hidden: int = 4096
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_counts(width=self.width, hidden=self.hidden)
        check_shares(dropout=self.dropout)


def vgg_layers(stages: tuple[int, ...], width: int) -> list[int | str]:
    """The plan of the convolutions as torchvision writes it: channels, and M for a maximum over 2 x 2."""
    plan: list[int | str] = []
    for number, depth in enumerate(stages):
        plan += [width * min(2**number, 8)] * depth + ["M"]
    return plan


def _build(name: str, config: VggConfig, *, classes: int, in_channels: int) -> nn.Module:
    features = make_layers(vgg_layers(STAGES[name], config.width))
    network: nn.Module = VGG(features, num_classes=classes, dropout=config.dropout, init_weights=False)
    network.classifier = nn.Sequential(
        nn.Linear(config.width * 8 * _POOLED**2, config.hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, config.hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(config.dropout),
        nn.Linear(config.hidden, classes),
    )
    replace_first_convolution(network, in_channels)
    network.apply(_initialise)
    return network


def _initialise(part: nn.Module) -> None:
    """Torchvision's, so that nineteen layers train without batch normalisation."""
    if isinstance(part, nn.Conv2d):
        nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(part, nn.Linear):
        nn.init.normal_(part.weight, 0, 0.01)
    if isinstance(part, nn.Conv2d | nn.Linear) and part.bias is not None:
        nn.init.zeros_(part.bias)


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        name: NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2014,
            paper=PAPER,
            source="torchvision",
            build=partial(_build, name),
            config=VggConfig,
            deepest="features",
            least_side=32,
            deviations=("Maps of pictures other than 224 are pooled to 7 x 7.",),
        )
        for name in STAGES
    }
)
"""Name -> network."""
