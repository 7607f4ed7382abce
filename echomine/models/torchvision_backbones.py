"""Classification networks of torchvision, for any number of input channels and small pictures."""

from types import MappingProxyType
from typing import Any

import torchvision.models
from torch import nn

_NO_AUXILIARY = MappingProxyType({"aux_logits": False, "init_weights": True})
_PLAIN: MappingProxyType[str, Any] = MappingProxyType({})

BACKBONES: MappingProxyType[str, MappingProxyType[str, Any]] = MappingProxyType(
    {
        "alexnet": _PLAIN,
        "convnext_tiny": _PLAIN,
        "densenet121": _PLAIN,
        "densenet161": _PLAIN,
        "densenet169": _PLAIN,
        "densenet201": _PLAIN,
        "efficientnet_b0": _PLAIN,
        "efficientnet_v2_s": _PLAIN,
        "googlenet": _NO_AUXILIARY,
        "mnasnet1_0": _PLAIN,
        "mobilenet_v2": _PLAIN,
        "mobilenet_v3_large": _PLAIN,
        "mobilenet_v3_small": _PLAIN,
        "regnet_y_400mf": _PLAIN,
        "resnet18": _PLAIN,
        "resnet34": _PLAIN,
        "resnet50": _PLAIN,
        "resnet101": _PLAIN,
        "resnet152": _PLAIN,
        "shufflenet_v2_x0_5": _PLAIN,
        "shufflenet_v2_x1_0": _PLAIN,
        "vgg11_bn": _PLAIN,
        "vgg16": _PLAIN,
        "vgg16_bn": _PLAIN,
        "vgg19": _PLAIN,
    }
)
"""Name -> what torchvision's builder is told besides the number of classes."""


def torchvision_network(name: str, *, classes: int, in_channels: int) -> nn.Module:
    """A network of torchvision with random weights, its first convolution made for the channels.

    GoogLeNet comes without its auxiliary classifiers, and with torchvision's 3x3 in place of the paper's 5x5.

    Args:
        name: One of :data:`BACKBONES`.
        classes: Outputs.
        in_channels: Channels of the pictures; 3 leaves the network as published.
    """
    network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes, **BACKBONES[name])
    if in_channels != 3:
        _replace_first_convolution(network, in_channels)
    return _accepting_any_channels(network)


def _replace_first_convolution(network: nn.Module, in_channels: int) -> None:
    name, first = next((n, part) for n, part in network.named_modules() if isinstance(part, nn.Conv2d))
    parent = network.get_submodule(name.rpartition(".")[0])
    replacement = nn.Conv2d(
        in_channels,
        first.out_channels,
        kernel_size=first.kernel_size,  # type: ignore[arg-type]
        stride=first.stride,  # type: ignore[arg-type]
        padding=first.padding,  # type: ignore[arg-type]
        bias=first.bias is not None,
    )
    setattr(parent, name.rpartition(".")[2], replacement)


def _accepting_any_channels(network: nn.Module) -> nn.Module:
    if isinstance(network, torchvision.models.GoogLeNet):
        network.transform_input = False
    return network
