"""AlexNet: torchvision's one-tower form, and the two forms of 2012 that the literature counts.

References:
    Krizhevsky, Sutskever, Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012.
    Krizhevsky, One weird trick for parallelizing convolutional neural networks, arXiv:1404.5997 (torchvision's).
"""

from collections import OrderedDict
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torchvision.models
from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError
from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, PublishedForm, Task
from echomine.models.setting_checks import check_counts, check_shares

PAPER = "Krizhevsky, Sutskever, Hinton, ImageNet Classification with Deep Convolutional Neural Networks, NIPS 2012"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlexNetConfig:
    """Settings of torchvision's form.

    Attributes:
        hidden: Units of the two hidden layers.
        dropout: Share of hidden units left out in training.
    """

    hidden: int = 4096
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_counts(hidden=self.hidden)
        check_shares(dropout=self.dropout)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlexNet2012Config:
    """Settings of the form of 2012.

    Attributes:
        groups: 2 for the two towers of the paper (60,965,224 parameters), 1 for connected ones (62,378,344).
        width: Channels of the first convolution; the others scale with it.
        hidden: Units of the two hidden layers.
        dropout: Share of hidden units left out in training.
    """

    groups: int = 2
    width: int = 96
    hidden: int = 4096
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_counts(width=self.width, hidden=self.hidden)
        check_shares(dropout=self.dropout)
        if self.groups not in {1, 2} or self.width % 6:
            raise ConfigurationError(
                f"AlexNet has 1 or 2 groups and a width that 6 divides, got {self.groups} and {self.width}"
            )


class AlexNet2012(nn.Module):
    """Five convolutions, three dense layers, response normalisation after the first two.

    Pictures of 227 give the 6 x 6 maps of the paper (its text says 224, its arithmetic needs 227); others are pooled
    to 6 x 6.
    """

    def __init__(self, config: AlexNet2012Config, *, classes: int, in_channels: int) -> None:
        super().__init__()
        self.features = nn.Sequential(_convolutions(config, in_channels))
        self.to_six = nn.AdaptiveAvgPool2d((6, 6))
        last = config.width * 8 // 3
        self.classifier = nn.Sequential(
            nn.Dropout(config.dropout),
            nn.Linear(last * 36, config.hidden),
            nn.ReLU(inplace=True),
            nn.Dropout(config.dropout),
            nn.Linear(config.hidden, config.hidden),
            nn.ReLU(inplace=True),
            nn.Linear(config.hidden, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes) of images (N, in_channels, H, W)."""
        logits: Tensor = self.classifier(self.to_six(self.features(images)).flatten(1))
        return logits


def _convolutions(config: AlexNet2012Config, in_channels: int) -> "OrderedDict[str, nn.Module]":
    first, groups = config.width, config.groups
    second, third = first * 8 // 3, first * 4
    return OrderedDict(
        conv1=nn.Conv2d(in_channels, first, 11, stride=4),
        relu1=nn.ReLU(inplace=True),
        norm1=nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),  # torch divides alpha by the size
        pool1=nn.MaxPool2d(3, stride=2),
        conv2=nn.Conv2d(first, second, 5, padding=2, groups=groups),
        relu2=nn.ReLU(inplace=True),
        norm2=nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2),
        pool2=nn.MaxPool2d(3, stride=2),
        conv3=nn.Conv2d(second, third, 3, padding=1),
        relu3=nn.ReLU(inplace=True),
        conv4=nn.Conv2d(third, third, 3, padding=1, groups=groups),
        relu4=nn.ReLU(inplace=True),
        conv5=nn.Conv2d(third, second, 3, padding=1, groups=groups),
        relu5=nn.ReLU(inplace=True),
        pool5=nn.MaxPool2d(3, stride=2),
    )


def _set_hidden(network: nn.Module, hidden: int, classes: int) -> None:
    """Give torchvision's AlexNet other hidden layers."""
    layers: list[Any] = list(network.classifier)  # type: ignore[arg-type]
    layers[1], layers[4], layers[6] = (
        nn.Linear(layers[1].in_features, hidden),
        nn.Linear(hidden, hidden),
        nn.Linear(hidden, classes),
    )
    network.classifier = nn.Sequential(*layers)


def _torchvision(config: AlexNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    network: nn.Module = torchvision.models.alexnet(num_classes=classes, dropout=config.dropout)
    if config.hidden != AlexNetConfig().hidden:
        _set_hidden(network, config.hidden, classes)
    replace_first_convolution(network, in_channels)
    return network


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "alexnet": NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2012,
            paper=PAPER,
            source="torchvision",
            build=_torchvision,
            config=AlexNetConfig,
            deepest="features",
            least_side=63,
            deviations=(
                "One tower of 64 to 384 channels as in arXiv:1404.5997, without response normalisation.",
                "Maps of pictures other than 224 are pooled to 6 x 6.",
            ),
        ),
        "alexnet_2012": NetworkEntry(
            task=Task.CLASSIFICATION,
            year=2012,
            paper=PAPER,
            source="echomine",
            build=AlexNet2012,
            config=AlexNet2012Config,
            published=PublishedForm(picture=(227, 227)),
            deepest="features",
            least_side=67,
            deviations=("Maps of pictures other than 227 are pooled to 6 x 6.",),
        ),
    }
)
"""Name -> network."""
