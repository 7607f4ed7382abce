"""Settings that the detectors share."""

from dataclasses import dataclass
from enum import StrEnum

from echomine.domain.errors import ConfigurationError
from echomine.models.setting_checks import check_counts


class Backbone(StrEnum):
    """Where a detector's maps come from; FPN is a feature pyramid."""

    VGG16 = "vgg16"
    RESNET18_FPN = "resnet18_fpn"
    RESNET34_FPN = "resnet34_fpn"
    RESNET50_FPN = "resnet50_fpn"
    RESNET101_FPN = "resnet101_fpn"
    MOBILENET_FPN = "mobilenet_v3_large_fpn"


class Normalisation(StrEnum):
    """How a backbone's maps are normalised: by the batch, as frozen from ImageNet, or in groups of channels."""

    BATCH = "batch"
    FROZEN = "frozen"
    GROUP = "group"


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorConfig:
    """Settings of Fast, Faster and Mask R-CNN; the defaults are torchvision's.

    Attributes:
        backbone: Where the maps come from; VGG-16 has one map of stride 16, as in the papers of 2015.
        norm: Normalisation of the backbone; frozen only with weights of ImageNet. VGG-16 has none.
        min_size, max_size: Pictures are resized so that the shorter side is ``min_size``, the longer at most
            ``max_size``.
        pyramid: Channels of the feature pyramid and of what looks at it; fewer than torchvision's 256 make a detector
            that is quick without a GPU.
        hidden: Units of the box head: 1024, and 4096 with dropout for VGG-16 where 0 takes the backbone's own.
        anchor_sizes: Side lengths of anchors in pixels of the resized picture, smallest first: one a level of a
            pyramid, or all on one map.
        score_threshold: Least score of a detection.
        nms_threshold: Overlap above which the lower of two detections of a class goes.
        detections: Most detections of a picture.
        proposals: Most proposals of a picture.
        rois: Proposals a picture that train the head.
    """

    backbone: Backbone = Backbone.RESNET50_FPN
    norm: Normalisation = Normalisation.BATCH
    min_size: int = 800
    max_size: int = 1333
    pyramid: int = 256
    hidden: int = 0
    anchor_sizes: tuple[int, ...] = (32, 64, 128, 256, 512)
    score_threshold: float = 0.05
    nms_threshold: float = 0.5
    detections: int = 100
    proposals: int = 1000
    rois: int = 512

    def __post_init__(self) -> None:
        object.__setattr__(self, "backbone", Backbone(self.backbone))
        object.__setattr__(self, "norm", Normalisation(self.norm))
        check_counts(pyramid=self.pyramid, detections=self.detections, proposals=self.proposals, rois=self.rois)
        if not 0 < self.min_size <= self.max_size or not self.anchor_sizes:
            raise ConfigurationError(
                f"a detector needs 0 < min_size <= max_size and anchor sizes, got {self.min_size}, {self.max_size} and "
                f"{self.anchor_sizes}"
            )

    @property
    def hidden_units(self) -> int:
        """Units of the box head."""
        return self.hidden or (4096 if self.backbone is Backbone.VGG16 else 1024)
