"""Later classification networks of torchvision, taken as they are: the lecture's have files of their own.

References:
    The papers stand in :data:`ENTRIES`.
"""

from functools import partial
from types import MappingProxyType

import torchvision.models
from torch import nn

from echomine.models.classification.first_layer import replace_first_convolution
from echomine.models.entries import NetworkEntry, NoSettings, Task

_CONVNEXT = "Liu et al., A ConvNet for the 2020s, CVPR 2022"
_EFFICIENTNET = "Tan and Le, EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, ICML 2019"
_EFFICIENTNET_V2 = "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021"
_MNASNET = "Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile, CVPR 2019"
_MOBILENET_V2 = "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018"
_MOBILENET_V3 = "Howard et al., Searching for MobileNetV3, ICCV 2019"
_REGNET = "Radosavovic et al., Designing Network Design Spaces, CVPR 2020"
_SHUFFLENET_V2 = "Ma et al., ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design, ECCV 2018"
_VGG = "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015"


def _build(name: str, _: NoSettings, *, classes: int, in_channels: int) -> nn.Module:
    network: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=classes)
    replace_first_convolution(network, in_channels)
    return network


def _entry(name: str, year: int, paper: str, deepest: str = "features") -> NetworkEntry:
    return NetworkEntry(
        task=Task.CLASSIFICATION,
        year=year,
        paper=paper,
        source="torchvision",
        build=partial(_build, name),
        deepest=deepest,
        least_side=32,
    )


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "convnext_tiny": _entry("convnext_tiny", 2022, _CONVNEXT),
        "efficientnet_b0": _entry("efficientnet_b0", 2019, _EFFICIENTNET),
        "efficientnet_v2_s": _entry("efficientnet_v2_s", 2021, _EFFICIENTNET_V2),
        "mnasnet1_0": _entry("mnasnet1_0", 2019, _MNASNET, "layers"),
        "mobilenet_v2": _entry("mobilenet_v2", 2018, _MOBILENET_V2),
        "mobilenet_v3_large": _entry("mobilenet_v3_large", 2019, _MOBILENET_V3),
        "mobilenet_v3_small": _entry("mobilenet_v3_small", 2019, _MOBILENET_V3),
        "regnet_y_400mf": _entry("regnet_y_400mf", 2020, _REGNET, "trunk_output"),
        "shufflenet_v2_x0_5": _entry("shufflenet_v2_x0_5", 2018, _SHUFFLENET_V2, "conv5"),
        "shufflenet_v2_x1_0": _entry("shufflenet_v2_x1_0", 2018, _SHUFFLENET_V2, "conv5"),
        "vgg11_bn": _entry("vgg11_bn", 2014, _VGG),
        "vgg16_bn": _entry("vgg16_bn", 2014, _VGG),
    }
)
"""Name -> network."""
