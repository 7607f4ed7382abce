"""Mask R-CNN, torchvision's.

References:
    He, Gkioxari, Dollar, Girshick, Mask R-CNN, ICCV 2017.
"""

from types import MappingProxyType

from torch import nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor

from echomine.domain.errors import ConfigurationError
from echomine.models.detection.backbones import pyramid_pool
from echomine.models.detection.config import Backbone, DetectorConfig
from echomine.models.detection.faster_rcnn import PUBLISHED_CONFIG, detector_parts, rehearse
from echomine.models.entries import NetworkEntry, PublishedForm, Task

_MASK_POOLED = 14


def mask_rcnn(config: DetectorConfig, *, classes: int, in_channels: int) -> nn.Module:
    """Mask R-CNN by torchvision's contract; masks of 28 x 28 are pasted into the picture.

    Raises:
        ConfigurationError: If the backbone is no pyramid.
    """
    if config.backbone is Backbone.VGG16:
        raise ConfigurationError("mask_rcnn needs a backbone with a pyramid, got vgg16: take resnet18_fpn or larger")
    parts = detector_parts(config, classes=classes, in_channels=in_channels)
    channels = parts["backbone"].out_channels
    network: nn.Module = MaskRCNN(
        **parts,
        mask_roi_pool=pyramid_pool(_MASK_POOLED),
        mask_head=MaskRCNNHeads(channels, (channels,) * 4, 1),
        mask_predictor=MaskRCNNPredictor(channels, channels, classes),
    )
    return network


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "mask_rcnn": NetworkEntry(
            task=Task.INSTANCE_SEGMENTATION,
            year=2017,
            paper="He, Gkioxari, Dollar, Girshick, Mask R-CNN, ICCV 2017",
            source="torchvision",
            build=mask_rcnn,
            config=DetectorConfig,
            published=PublishedForm(classes=91, picture=(800, 800), settings=PUBLISHED_CONFIG),
            deepest="backbone.body",
            rehearse=rehearse,
        )
    }
)
"""Name -> network."""
