"""Fast R-CNN: proposals from outside, one pass of the backbone, pooled regions, two losses at once.

The heads are torchvision's; what stands in place of the proposal network is selective search, or any boxes given.

References:
    Girshick, Fast R-CNN, ICCV 2015.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes

from echomine.domain.errors import UsageError
from echomine.models.detection.backbones import make_backbone, picture_statistics, region_parts
from echomine.models.detection.config import Backbone, DetectorConfig
from echomine.models.detection.faster_rcnn import rehearse_regions
from echomine.models.detection.selective_search import SelectiveSearchConfig, selective_search
from echomine.models.entries import NetworkEntry, PublishedForm, Task

PROPOSALS = "proposals"
"""Key of the boxes that a target may bring, so that they need not be searched at each step."""

_FOREGROUND_OVERLAP = 0.5
_FOREGROUND_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class FastRcnnConfig(DetectorConfig):
    """Settings of Fast R-CNN: a detector's, and those of the search.

    Attributes:
        search_scales: Scales of selective search.
        search_least_region: Its fewest pixels of a first region.
    """

    proposals: int = 2000
    rois: int = 64
    search_scales: tuple[float, ...] = (50.0, 100.0)
    search_least_region: int = 20

    @property
    def search(self) -> SelectiveSearchConfig:
        """Settings of selective search."""
        return SelectiveSearchConfig(
            scales=self.search_scales, least_region=self.search_least_region, most=self.proposals
        )


@runtime_checkable
class LooksAtProposals(Protocol):
    """A network that looks where it is told: the regions of a picture can be searched once, before the training."""

    search: SelectiveSearchConfig


class FastRcnn(nn.Module):
    """Fast R-CNN by torchvision's contract, with proposals beside the images."""

    def __init__(self, config: FastRcnnConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        statistics = picture_statistics(in_channels)
        self.search = config.search
        self.transform = GeneralizedRCNNTransform(config.min_size, config.max_size, **statistics)
        self.backbone = make_backbone(config, in_channels=in_channels)
        channels: int = self.backbone.out_channels  # type: ignore[assignment]
        self.roi_heads = RoIHeads(
            **region_parts(config, channels=channels, classes=classes),
            fg_iou_thresh=_FOREGROUND_OVERLAP,
            bg_iou_thresh=_FOREGROUND_OVERLAP,
            batch_size_per_image=config.rois,
            positive_fraction=_FOREGROUND_SHARE,
            bbox_reg_weights=None,
            score_thresh=config.score_threshold,
            nms_thresh=config.nms_threshold,
            detections_per_img=config.detections,
        )

    def forward(
        self,
        images: Sequence[Tensor],
        targets: Sequence[Mapping[str, Tensor]] | None = None,
        proposals: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """Losses in training, else what was found.

        Args:
            images: (C, H, W) each, in 0..1.
            targets: ``boxes`` and ``labels`` of each image; needed in training. Their ``proposals`` are taken if there.
            proposals: (M, 4) boxes of each image in its pixels; searched for where nobody gives them.

        Raises:
            UsageError: If training lacks targets, or an image lacks proposals that others have.
        """
        if self.training and targets is None:
            raise UsageError("fast_rcnn learns from boxes: give it targets, or set it to eval()")
        boxes = given_or_found(images, targets, proposals, self.search)
        sizes = [(int(image.shape[-2]), int(image.shape[-1])) for image in images]
        batch, resized = self.transform(list(images), None if targets is None else [dict(one) for one in targets])
        maps = self.backbone(batch.tensors)
        regions = [
            resize_boxes(one.to(batch.tensors), list(before), list(after))
            for one, before, after in zip(boxes, sizes, batch.image_sizes, strict=True)
        ]
        found, losses = self.roi_heads(maps, regions, batch.image_sizes, resized)
        if self.training:
            return dict(losses)
        return list(self.transform.postprocess(found, batch.image_sizes, sizes))


def given_or_found(
    images: Sequence[Tensor],
    targets: Sequence[Mapping[str, Tensor]] | None,
    proposals: Sequence[Tensor] | None,
    search: SelectiveSearchConfig,
) -> list[Tensor]:
    """Proposals (M, 4) of each image: those given, those that the targets bring, or those of selective search.

    Raises:
        UsageError: If there are not as many as images.
    """
    if proposals is None and targets is not None and all(PROPOSALS in one for one in targets):
        proposals = [one[PROPOSALS] for one in targets]
    if proposals is None:
        return [propose(image, search) for image in images]
    if len(proposals) != len(images) or any(one.ndim != 2 or one.shape[1] != 4 for one in proposals):
        raise UsageError(
            f"proposals are one array (M, 4) for each of the {len(images)} images, got {len(proposals)} of shapes "
            f"{[tuple(one.shape) for one in proposals][:3]}"
        )
    return list(proposals)


def propose(image: Tensor, search: SelectiveSearchConfig) -> Tensor:
    """Proposals (M, 4) of one image (C, H, W) in 0..1 by selective search, in its pixels."""
    pixels = image.detach().float().cpu().permute(1, 2, 0).numpy()
    return torch.from_numpy(selective_search(np.ascontiguousarray(pixels, dtype=np.float64), search))


def rehearse(network: Any, images: Tensor) -> object:  # noqa: ANN401
    """Maps, and the heads on as many regions as there may be proposals; nothing is chosen."""
    return rehearse_regions(network, network.backbone(images))


PAPER_CONFIG = FastRcnnConfig(
    backbone=Backbone.VGG16, min_size=600, max_size=1000, nms_threshold=0.3, anchor_sizes=(128,)
)
"""The paper's form on VGG-16."""

ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "fast_rcnn": NetworkEntry(
            task=Task.DETECTION,
            year=2015,
            paper="Girshick, Fast R-CNN, ICCV 2015",
            source="torchvision",
            build=FastRcnn,
            config=FastRcnnConfig,
            published=PublishedForm(classes=21, picture=(600, 800), settings=PAPER_CONFIG),
            deepest="backbone.body",
            rehearse=rehearse,
            least_side=16,
            deviations=(
                "Every region below an overlap of 0.5 may be background, not only those from 0.1 on.",
                "The true boxes themselves are among the regions that train the heads.",
                "Backbones with a feature pyramid pool by RoI align; vgg16 has the paper's map and pooling.",
            ),
        )
    }
)
"""Name -> network."""
