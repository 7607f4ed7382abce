"""R-CNN, the pipeline of 2014: proposals, warped crops, features of a network, linear machines, ridge regression.

Training has two halves. The network is tuned like any other, on warped proposals (:meth:`Rcnn.forward` gives its
loss). Then :meth:`Rcnn.finish` learns a linear machine a class on its features, with hard negatives, and the
regression of boxes; both are kept as buffers, so that the weights are one file. Before that the scores are those of
the tuned network's softmax.

References:
    Girshick, Donahue, Darrell, Malik, Rich Feature Hierarchies for Accurate Object Detection and Semantic
    Segmentation, CVPR 2014: sections 2 and 3.5, appendices A and C.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import batched_nms, box_iou, clip_boxes_to_image, roi_align

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.models.classification import alexnet, resnet, vgg
from echomine.models.detection.backbones import picture_statistics
from echomine.models.detection.box_offsets import offsets
from echomine.models.detection.fast_rcnn import given_or_found
from echomine.models.detection.linear_machines import (
    LinearMachines,
    RidgeConfig,
    SvmConfig,
    fit_box_regression,
    fit_machines,
)
from echomine.models.detection.selective_search import SelectiveSearchConfig
from echomine.models.entries import NetworkEntry, PublishedForm, Task
from echomine.models.features import FeatureNetwork
from echomine.models.setting_checks import check_counts

BASES: MappingProxyType[str, NetworkEntry] = MappingProxyType({**alexnet.ENTRIES, **vgg.ENTRIES, **resnet.ENTRIES})
"""Networks whose features can be taken."""

_CLASSIC_NORM = 20.0
_POOLED_SIDE = 6
_TUNED_FOREGROUND = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RcnnConfig:
    """Settings of R-CNN.

    Attributes:
        network: Whose features: one of :data:`BASES`.
        warp: Rows and columns of a warped crop.
        context: Of these, rows around the proposal on each side.
        proposals: Proposals of a picture at most.
        windows: Proposals a picture that tune the network, a quarter of them objects at most.
        batch: Crops at a time.
        svm_c: Weight of the errors of the linear machines.
        ridge_penalty: Weight of the squared coefficients of the regression of boxes.
        score_threshold: Least score of a detection, in 0..1.
        nms_threshold: Overlap above which the lower of two detections of a class goes.
        detections: Most detections of a picture.
        search_scales, search_least_region: Settings of selective search.
    """

    network: str = "alexnet_2012"
    warp: int = 227
    context: int = 16
    proposals: int = 2000
    windows: int = 128
    batch: int = 64
    svm_c: float = 1e-3
    ridge_penalty: float = 1000.0
    score_threshold: float = 0.05
    nms_threshold: float = 0.3
    detections: int = 100
    search_scales: tuple[float, ...] = (50.0, 100.0)
    search_least_region: int = 20

    def __post_init__(self) -> None:
        if self.network not in BASES:
            raise ConfigurationError(f"R-CNN takes features of {', '.join(BASES)}, got {self.network!r}")
        check_counts(proposals=self.proposals, windows=self.windows, batch=self.batch, detections=self.detections)
        if not 0 <= 2 * self.context < self.warp:
            raise ConfigurationError(f"context lies within the warp on both sides, got {self.context} of {self.warp}")

    @property
    def svm(self) -> SvmConfig:
        """Settings of the linear machines."""
        return SvmConfig(c=self.svm_c)

    @property
    def ridge(self) -> RidgeConfig:
        """Settings of the regression."""
        return RidgeConfig(penalty=self.ridge_penalty)

    @property
    def search(self) -> SelectiveSearchConfig:
        """Settings of selective search."""
        return SelectiveSearchConfig(
            scales=self.search_scales, least_region=self.search_least_region, most=self.proposals
        )


class Rcnn(nn.Module):
    """R-CNN by torchvision's contract, with proposals beside the images as in Fast R-CNN."""

    image_mean: Tensor
    image_std: Tensor
    finished: Tensor

    def __init__(self, config: RcnnConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        entry = BASES[config.network]
        base = entry.build(entry.config(), classes=classes, in_channels=in_channels)
        self.config = config
        self.search = config.search
        self.features = FeatureNetwork.from_classifier(base)
        self.head = nn.Linear(self.features.width, classes)
        self.deepest = f"features.trunk.{entry.deepest}"
        for name, values in picture_statistics(in_channels).items():
            self.register_buffer(name, torch.tensor(values)[:, None, None], persistent=False)
        deep = _box_features(base, entry, config, in_channels)
        self.machines = LinearMachines(classes - 1, self.features.width, deep)
        self.register_buffer("finished", torch.tensor(data=False))

    def forward(
        self,
        images: Sequence[Tensor],
        targets: Sequence[Mapping[str, Tensor]] | None = None,
        proposals: Sequence[Tensor] | None = None,
    ) -> dict[str, Tensor] | list[dict[str, Tensor]]:
        """The loss that tunes the network in training, else what was found; arguments as Fast R-CNN's.

        Raises:
            UsageError: If training lacks targets, or an image lacks proposals that others have.
        """
        boxes = [one.to(self.image_mean) for one in given_or_found(images, targets, proposals, self.search)]
        if not self.training:
            return [self._found(image, one) for image, one in zip(images, boxes, strict=True)]
        if targets is None:
            raise UsageError("rcnn learns from boxes: give it targets, or set it to eval()")
        crops, classes = zip(*(self._windows(*one) for one in zip(images, boxes, targets, strict=True)), strict=True)
        logits = self.head(self.features(torch.cat(crops)))
        return {"loss_classifier": F.cross_entropy(logits, torch.cat(classes))}

    def warped(self, image: Tensor, boxes: Tensor) -> Tensor:
        """Crops (M, C, warp, warp) of a picture (C, H, W), stretched to squares, with context; outside is the mean."""
        inner = self.config.warp - 2 * self.config.context
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        half = half * (self.config.warp / inner)
        wide = torch.cat([centre - half, centre + half], dim=1)
        plain = (image - self.image_mean) / self.image_std
        crops: Tensor = roi_align(plain[None], [wide.to(plain)], self.config.warp, sampling_ratio=2, aligned=True)
        return crops

    def _windows(self, image: Tensor, boxes: Tensor, target: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Crops and classes of some proposals: a quarter objects, true boxes among them, the others background."""
        truth = target["boxes"].to(boxes)
        every = torch.cat([truth, boxes])
        best, match = _best(every, truth)
        objects = torch.nonzero(best >= _TUNED_FOREGROUND).flatten()
        background = torch.nonzero(best < _TUNED_FOREGROUND).flatten()
        objects = _some(objects, max(1, self.config.windows // 4))
        chosen = torch.cat([objects, _some(background, self.config.windows - len(objects))])
        classes = torch.zeros(len(every), dtype=torch.long, device=boxes.device)
        classes[objects] = target["labels"].to(boxes.device)[match[objects]]
        return self.warped(image, every[chosen]), classes[chosen]

    @torch.no_grad()
    def described(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Features (M, width) of proposals, and those that boxes are regressed on (M, d), of the deepest map."""
        kept: list[Tensor] = []
        where = self.get_submodule(self.deepest)
        hook = where.register_forward_hook(lambda *call: kept.append(_flat(call[2])))
        features = [self.features(self.warped(image, some)) for some in torch.split(boxes, self.config.batch)]
        hook.remove()
        return torch.cat(features), torch.cat(kept)

    def _found(self, image: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        features, deep = self.described(image, boxes)
        if self.finished:
            scores, moved = self.machines.scores(features), self.machines.moved(deep, boxes)
        else:
            scores = self.head(features).softmax(dim=1)[:, 1:]
            moved = boxes[:, None].expand(-1, scores.shape[1], -1)
        moved = clip_boxes_to_image(moved, (int(image.shape[-2]), int(image.shape[-1])))
        rows, columns = torch.nonzero(scores >= self.config.score_threshold, as_tuple=True)
        kept_scores, kept_boxes = scores[rows, columns], moved[rows, columns]
        order = batched_nms(kept_boxes, kept_scores, columns, self.config.nms_threshold)[: self.config.detections]
        return {"boxes": kept_boxes[order], "labels": columns[order] + 1, "scores": kept_scores[order]}

    @torch.no_grad()
    def finish(self, images: Sequence[Tensor], targets: Sequence[Mapping[str, Tensor]]) -> None:
        """Learn the linear machines and the regression of boxes on the tuned network's features.

        Positive are the true boxes; negative the proposals that overlap a class's boxes by less than 0.3, of which the
        hard ones are added picture by picture. Afterwards :attr:`finished` is set and detections take both.

        Raises:
            UsageError: If no image has a box.
        """
        if not any(len(one["boxes"]) for one in targets):
            raise UsageError("rcnn's linear machines need boxes to learn from: none of the images has any")
        was_training = self.training
        self.eval()
        found = given_or_found(images, targets, None, self.search)
        pictures = []
        for given, target, boxes in zip(images, targets, found, strict=True):
            image = given.to(self.image_mean)
            truth = target["boxes"].to(self.image_mean)
            every = torch.cat([truth, boxes.to(self.image_mean)])
            features, deep = self.described(image, every)
            best, match = _best(every, truth)
            labels = target["labels"].to(every.device)
            pictures.append(_Described(features, deep, every, truth, labels, best, match))
        self._learn(pictures)
        self.train(was_training)

    def _learn(self, pictures: Sequence["_Described"]) -> None:
        machines = self.machines
        machines.feature_scale.fill_(_CLASSIC_NORM / torch.cat([one.features for one in pictures]).norm(dim=1).mean())
        machines.deep_scale.fill_(_CLASSIC_NORM / torch.cat([one.deep for one in pictures]).norm(dim=1).mean())
        for row in range(machines.classes):
            positive = torch.cat([one.features[: len(one.truth)][one.labels == row + 1] for one in pictures])
            negative = [one.features[one.overlap(row + 1) < self.config.svm.negative_overlap] for one in pictures]
            if len(positive):
                mined = [machines.scaled(some) for some in negative]
                machines.set_machine(row, fit_machines(machines.scaled(positive), mined, self.config.svm))
            deep, moves = _to_regress(pictures, row + 1, self.config.ridge.least_overlap)
            if len(deep):
                machines.set_regression(row, *fit_box_regression(deep * machines.deep_scale, moves, self.config.ridge))
        self.finished.fill_(value=True)


@dataclass(frozen=True, slots=True)
class _Described:
    """A picture's true boxes and proposals, in that order, with their features."""

    features: Tensor
    deep: Tensor
    boxes: Tensor
    truth: Tensor
    labels: Tensor
    best: Tensor
    match: Tensor

    def overlap(self, label: int) -> Tensor:
        """Overlap of each box with the nearest true box of a class; 0 where there is none."""
        return _best(self.boxes, self.truth[self.labels == label])[0]


def _to_regress(pictures: Sequence[_Described], label: int, least: float) -> tuple[Tensor, Tensor]:
    """Deep features and offsets of the proposals that lie well on a true box of the class."""
    deep, moves = [], []
    for one in pictures:
        if len(one.truth) == 0:
            continue
        near = (one.best > least) & (one.labels[one.match] == label)
        near[: len(one.truth)] = False
        deep.append(one.deep[near])
        moves.append(offsets(one.boxes[near], one.truth[one.match[near]]))
    return torch.cat(deep), torch.cat(moves)


def _best(boxes: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Overlap with the nearest true box, and which it is; 0 and 0 where there is none."""
    if len(truth) == 0:
        return boxes.new_zeros(len(boxes)), torch.zeros(len(boxes), dtype=torch.long, device=boxes.device)
    best, match = box_iou(boxes, truth).max(dim=1)
    return best, match


def _some(rows: Tensor, count: int) -> Tensor:
    return rows[torch.randperm(len(rows))[:count].to(rows.device)]


def _flat(maps: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(maps, _POOLED_SIDE).flatten(1)


def _box_features(base: nn.Module, entry: NetworkEntry, config: RcnnConfig, in_channels: int) -> int:
    """Length of the deepest map of a crop once flattened: channels by 6 x 6."""
    kept: list[int] = []
    hook = base.get_submodule(entry.deepest).register_forward_hook(lambda *call: kept.append(call[2].shape[1]))
    training = base.training
    with torch.no_grad():
        device = next(base.parameters()).device
        base.eval()(torch.zeros(1, in_channels, config.warp, config.warp, device=device))
    base.train(training)
    hook.remove()
    return kept[0] * _POOLED_SIDE**2


def rehearse(network: Any, images: Tensor) -> object:  # noqa: ANN401
    """A thousand crops, each through the whole network: that is what makes R-CNN slow."""
    return network.head(network.features(images.expand(1000, -1, -1, -1)))


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "rcnn": NetworkEntry(
            task=Task.DETECTION,
            year=2014,
            paper="Girshick, Donahue, Darrell, Malik, Rich Feature Hierarchies for Accurate Object Detection and "
            "Semantic Segmentation, CVPR 2014",
            source="echomine",
            build=Rcnn,
            config=RcnnConfig,
            published=PublishedForm(classes=21, picture=(227, 227)),
            deepest="features.trunk.features",
            rehearse=rehearse,
            least_side=16,
            deviations=(
                "Until finish() was called the scores are the tuned network's softmax and boxes are the proposals'.",
                "Scores are the machines' margins through a sigmoid, to lie in 0..1; their order is the same.",
                "Crops are sampled by RoI align.",
            ),
        )
    }
)
"""Name -> network."""
