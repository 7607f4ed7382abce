"""All networks by name: a name is taken once, a miss lists what there is."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from echomine.domain.config import config_from
from echomine.domain.errors import ConfigurationError
from echomine.models.classification import (
    alexnet,
    densenet,
    efficientnet_lite,
    googlenet,
    resnet,
    spectral,
    torchvision_networks,
    vgg,
)
from echomine.models.detection import fast_rcnn, faster_rcnn, mask_rcnn, rcnn
from echomine.models.entries import NetworkEntry, NoSettings, PublishedForm, Registry, Task
from echomine.models.features import FeatureNetwork
from echomine.models.input_check import check_pictures
from echomine.models.segmentation import enet, fcn, segnet, unet

__all__ = [
    "NETWORKS",
    "NetworkEntry",
    "NoSettings",
    "PublishedForm",
    "Registry",
    "Task",
    "create",
    "create_features",
    "names_of",
    "network_config",
]

NETWORKS: Registry[NetworkEntry] = Registry("network")
"""All networks; ``NETWORKS.register`` adds one of your own."""

for _family in (
    alexnet,
    vgg,
    googlenet,
    resnet,
    densenet,
    efficientnet_lite,
    spectral,
    torchvision_networks,
    fcn,
    segnet,
    unet,
    enet,
    rcnn,
    fast_rcnn,
    faster_rcnn,
    mask_rcnn,
):
    for _name, _entry in _family.ENTRIES.items():
        NETWORKS.register(_name, _entry)


def names_of(task: Task) -> tuple[str, ...]:
    """Names of the networks of a task, sorted."""
    return tuple(name for name in NETWORKS.names() if NETWORKS.get(name).task is task)


def network_config(name: str, settings: Mapping[str, Any]) -> object:
    """The configuration of a network from plain settings, as read from TOML or JSON; what is left out is default.

    Raises:
        UsageError: If no network has that name.
        ConfigurationError: If a setting is unknown or refused.
    """
    return config_from(NETWORKS.get(name).config, settings)


def create(name: str, *, classes: int, in_channels: int = 1, config: object | None = None) -> nn.Module:
    """A network by name, with random weights of the global torch generator.

    Args:
        name: One of ``NETWORKS.names()``.
        classes: Classes it tells apart; for boxes and masks of objects, background included, as in torchvision.
        in_channels: 1 for grey pictures, 3 for colour.
        config: Of the class that the network's entry names; its defaults are the paper's sizes.

    Returns:
        A network by the contract of its task, see :class:`Task`. It refuses pictures that do not fit.

    Raises:
        UsageError: If the name is unknown.
        ConfigurationError: If a count is too small or the configuration is another network's.
    """
    entry = NETWORKS.get(name)
    if classes < entry.task.fewest_classes or in_channels < 1:
        raise ConfigurationError(
            f"{name} needs {entry.task.fewest_classes} or more classes and 1 or more channels, got {classes} classes "
            f"and {in_channels} channels"
        )
    settings = entry.config() if config is None else config
    if not isinstance(settings, entry.config):
        raise ConfigurationError(f"{name} is set by {entry.config.__name__}, got {type(settings).__name__}")
    network = entry.build(settings, classes=classes, in_channels=in_channels)
    return check_pictures(network, name, entry, in_channels=in_channels)


def create_features(name: str, *, in_channels: int = 1) -> FeatureNetwork:
    """A classification network without its last layer: (N, in_channels, H, W) -> (N, width) features.

    Raises:
        UsageError: If the name is unknown.
        ConfigurationError: If the network does not classify pictures.
    """
    task = NETWORKS.get(name).task
    if task is not Task.CLASSIFICATION:
        raise ConfigurationError(
            f"features are taken from a classification network, and {name} is one for {task}: "
            f"choose one of {', '.join(names_of(Task.CLASSIFICATION))}"
        )
    return FeatureNetwork.from_classifier(create(name, classes=1, in_channels=in_channels))
