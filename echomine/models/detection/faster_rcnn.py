"""Faster R-CNN: torchvision's, with a small or large pyramid, or with the paper's VGG-16.

References:
    Ren, He, Girshick, Sun, Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks,
    NIPS 2015, TPAMI 2017.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.rpn import AnchorGenerator

from echomine.models.detection.backbones import POOLED, make_backbone, picture_statistics, region_parts
from echomine.models.detection.config import Backbone, DetectorConfig, Normalisation
from echomine.models.entries import NetworkEntry, PublishedForm, Task

_RATIOS = (0.5, 1.0, 2.0)
_LEVELS = MappingProxyType({Backbone.VGG16: 1, Backbone.MOBILENET_FPN: 3})
_LEVELS_OF_RESNET = 5
_REHEARSED_REGIONS = 1000


class TwoScoreRpnHead(nn.Module):
    """The head of the paper: a 3 x 3 convolution, two scores (object or not) and four offsets an anchor.

    Torchvision's own head has one score, the logit of the two; this one gives their difference, which is the same.
    """

    def __init__(self, channels: int, anchors: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.cls_logits = nn.Conv2d(channels, 2 * anchors, 1)
        self.bbox_pred = nn.Conv2d(channels, 4 * anchors, 1)
        for part in (self.conv, self.cls_logits, self.bbox_pred):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)  # type: ignore[arg-type]

    def forward(self, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Maps (N, C, h, w) -> logits (N, A, h, w) and offsets (N, 4 A, h, w), one each."""
        logits, offsets = [], []
        for one in maps:
            hidden = self.conv(one).relu()
            background, objects = self.cls_logits(hidden).chunk(2, dim=1)
            logits.append(objects - background)
            offsets.append(self.bbox_pred(hidden))
        return logits, offsets


def detector_parts(config: DetectorConfig, *, classes: int, in_channels: int) -> dict[str, Any]:
    """What torchvision's Faster R-CNN and Mask R-CNN are made of."""
    backbone = make_backbone(config, in_channels=in_channels)
    channels: int = backbone.out_channels  # type: ignore[assignment]
    anchors = _anchors(config)
    parts: dict[str, Any] = {
        "backbone": backbone,
        "min_size": config.min_size,
        "max_size": config.max_size,
        "rpn_anchor_generator": anchors,
        "rpn_post_nms_top_n_test": config.proposals,
        "box_score_thresh": config.score_threshold,
        "box_nms_thresh": config.nms_threshold,
        "box_detections_per_img": config.detections,
        "box_batch_size_per_image": config.rois,
        **picture_statistics(in_channels),
        **region_parts(config, channels=channels, classes=classes),
    }
    if config.backbone is Backbone.VGG16:
        parts["rpn_head"] = TwoScoreRpnHead(channels, anchors.num_anchors_per_location()[0])
    return parts


def _anchors(config: DetectorConfig) -> AnchorGenerator:
    levels = _LEVELS.get(config.backbone, _LEVELS_OF_RESNET)
    one_each = levels == len(config.anchor_sizes)
    sizes = [(size,) for size in config.anchor_sizes] if one_each else [config.anchor_sizes] * levels
    return AnchorGenerator(tuple(sizes), (_RATIOS,) * levels)


def faster_rcnn(config: DetectorConfig, *, classes: int, in_channels: int) -> nn.Module:
    """Faster R-CNN by torchvision's contract."""
    parts = detector_parts(config, classes=classes, in_channels=in_channels)
    pool = parts.pop("box_roi_pool")
    network = FasterRCNN(**parts)
    network.roi_heads.box_roi_pool = pool  # the constructor takes no other than RoI align
    return cast(nn.Module, network)


def rehearse(network: Any, images: Tensor) -> object:  # noqa: ANN401
    """Maps, proposal scores and the heads on as many regions as there may be proposals; nothing is chosen."""
    maps = network.backbone(images)
    if hasattr(network.rpn, "head"):
        network.rpn.head(list(maps.values()))
    return rehearse_regions(network, maps)


def rehearse_regions(network: Any, maps: Mapping[str, Tensor]) -> object:  # noqa: ANN401
    """The heads on empty regions of the maps' channels."""
    deepest = list(maps.values())[-1]
    heads = network.roi_heads
    regions = deepest.new_empty(_REHEARSED_REGIONS, network.backbone.out_channels, POOLED, POOLED)
    boxes = heads.box_predictor(heads.box_head(regions))
    if not heads.has_mask():
        return boxes
    found = deepest.new_empty(heads.detections_per_img, network.backbone.out_channels, 2 * POOLED, 2 * POOLED)
    return boxes, heads.mask_predictor(heads.mask_head(found))


PUBLISHED_CONFIG = DetectorConfig(norm=Normalisation.FROZEN)
VGG16_CONFIG = DetectorConfig(
    backbone=Backbone.VGG16, min_size=600, max_size=1000, anchor_sizes=(128, 256, 512), proposals=300, nms_threshold=0.3
)
"""The form of the paper: VGG-16, three scales by three ratios, 300 proposals."""

ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "faster_rcnn": NetworkEntry(
            task=Task.DETECTION,
            year=2015,
            paper="Ren, He, Girshick, Sun, Faster R-CNN: Towards Real-Time Object Detection with Region Proposal "
            "Networks, NIPS 2015",
            source="torchvision",
            build=faster_rcnn,
            config=DetectorConfig,
            published=PublishedForm(classes=91, picture=(800, 800), settings=PUBLISHED_CONFIG),
            deepest="backbone.body",
            rehearse=rehearse,
            deviations=(
                "ResNet-50 with a feature pyramid and RoI align; backbone vgg16 has the paper's map, head and pooling.",
                "Proposals and head are trained together, not in four alternating steps.",
            ),
        )
    }
)
"""Name -> network."""
