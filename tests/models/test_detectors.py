"""R-CNN, Fast R-CNN and their parts: counts, peers, pictures of known truth."""

import numpy as np
import pytest
import torch
from skimage.data import astronaut
from sklearn.svm import LinearSVC
from torch import nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import box_iou

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.models.detection.box_offsets import applied, offsets
from echomine.models.detection.config import Backbone, Normalisation
from echomine.models.detection.fast_rcnn import FastRcnnConfig, propose
from echomine.models.detection.faster_rcnn import TwoScoreRpnHead
from echomine.models.detection.linear_machines import RidgeConfig, SvmConfig, fit_box_regression, fit_machines
from echomine.models.detection.rcnn import RcnnConfig
from echomine.models.detection.selective_search import SelectiveSearchConfig, selective_search
from echomine.models.registry import create

SMALL_RCNN = RcnnConfig(network="resnet18", warp=32, context=2, windows=8, proposals=100, svm_c=0.1, ridge_penalty=1.0)
SMALL_FAST = FastRcnnConfig(
    backbone=Backbone.RESNET18_FPN, norm=Normalisation.GROUP, pyramid=32, min_size=64, max_size=64, hidden=32, rois=16
)


def scene(rng: np.random.Generator, side: int = 64) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """A noisy picture with a bright rectangle (1) on the left and a grey ellipse (2) on the right."""
    picture = 0.2 + rng.normal(0, 0.02, (side, side))
    boxes = []
    for half in (0, 1):
        height, width = rng.integers(side // 5, side // 3, 2)
        top, left = rng.integers(2, side - height - 2), half * side // 2 + rng.integers(2, side // 2 - width - 1)
        boxes.append([left, top, left + width, top + height])
        rows, columns = np.mgrid[:height, :width]
        inside = ((rows + 0.5) / height * 2 - 1) ** 2 + ((columns + 0.5) / width * 2 - 1) ** 2 <= 1
        patch = picture[top : top + height, left : left + width]
        patch[inside if half else ...] = 0.5 if half else 0.8
    target = {"boxes": torch.tensor(np.array(boxes), dtype=torch.float32), "labels": torch.tensor([1, 2])}
    return torch.tensor(picture[None], dtype=torch.float32).clamp(0, 1), target


def test_selective_search_finds_what_is_there():
    image, target = scene(np.random.default_rng(0), side=96)
    boxes = propose(image, SelectiveSearchConfig())
    assert (box_iou(boxes, target["boxes"]).max(dim=0).values > 0.9).all()
    torch.testing.assert_close(boxes, propose(image, SelectiveSearchConfig()))


def test_selective_search_finds_a_face_in_a_photograph():
    boxes = torch.from_numpy(selective_search(astronaut()[::2, ::2] / 255, SelectiveSearchConfig()))
    face = torch.tensor([[88.0, 30.0, 132.0, 88.0]])
    assert box_iou(boxes, face).max() > 0.7
    assert len(boxes) < 2000
    assert len(torch.unique(boxes, dim=0)) == len(boxes)
    assert boxes.min() >= 0
    assert boxes.max() <= 256


def test_selective_search_of_one_tone_is_the_picture():
    boxes = selective_search(np.full((20, 30, 1), 0.5), SelectiveSearchConfig())
    assert boxes.tolist() == [[0, 0, 30, 20]]
    with pytest.raises(ConfigurationError, match="needs scales"):
        SelectiveSearchConfig(scales=())


def test_the_head_of_the_paper_has_its_count_and_two_scores_are_one_logit():
    head = TwoScoreRpnHead(512, 9)
    assert sum(one.numel() for one in head.parameters()) == 2_387_510
    maps = torch.rand(1, 512, 3, 4)
    logits, moves = head([maps])
    both = head.cls_logits(head.conv(maps).relu()).view(1, 2, 9, 3, 4)
    torch.testing.assert_close(logits[0].sigmoid(), both.softmax(dim=1)[:, 1])
    assert moves[0].shape == (1, 36, 3, 4)


def test_offsets_are_torchvisions_and_lead_back():
    generator = torch.Generator().manual_seed(0)
    low = torch.rand(50, 2, 2, generator=generator) * 50
    boxes = torch.cat([low, low + 1 + torch.rand(50, 2, 2, generator=generator) * 40], dim=2)
    proposals, truth = boxes[:, 0], boxes[:, 1]
    torch.testing.assert_close(offsets(proposals, truth), BoxCoder((1, 1, 1, 1)).encode_single(truth, proposals))
    torch.testing.assert_close(applied(offsets(proposals, truth), proposals), truth, atol=1e-3, rtol=1e-4)


def test_mined_negatives_give_the_machine_of_all_negatives():
    rng = np.random.default_rng(1)
    positive = rng.normal(1.5, 1, (40, 8))
    negatives = [rng.normal(-1.5, 1, (200, 8)) for _ in range(4)] + [rng.normal(0.3, 0.5, (20, 8))]
    config = SvmConfig(c=0.1)
    mined = fit_machines(positive, negatives, config)
    features = np.concatenate([positive, *negatives])
    truth = np.repeat([1, 0], [40, len(features) - 40])
    every = LinearSVC(C=0.1, loss="hinge", intercept_scaling=10, class_weight={1: 2}, max_iter=100_000, random_state=0)
    told = every.fit(features, truth).decision_function(features) > 0
    assert np.mean((features @ mined.weight + mined.constant > 0) == told) > 0.98
    easy = fit_machines(positive, negatives[:1], config)
    wrong = [np.mean(negatives[-1] @ one.weight + one.constant > 0) for one in (easy, mined)]
    assert wrong[1] < wrong[0]


def test_ridge_without_a_penalty_finds_the_map_that_made_the_offsets():
    rng = np.random.default_rng(2)
    deep, weight = torch.tensor(rng.normal(size=(60, 5))), torch.tensor(rng.normal(size=(4, 5)))
    moves = deep @ weight.T + torch.tensor([1.0, 2.0, 3.0, 4.0])
    found, constant = fit_box_regression(deep, moves, RidgeConfig(penalty=1e-9))
    np.testing.assert_allclose(found, weight, atol=1e-6)
    np.testing.assert_allclose(constant, [1, 2, 3, 4], atol=1e-6)


def test_ridge_with_a_large_penalty_moves_every_box_by_the_mean():
    deep, moves = torch.rand(30, 5), torch.rand(30, 4)
    weight, constant = fit_box_regression(deep, moves, RidgeConfig(penalty=1e9))
    np.testing.assert_allclose(deep.numpy() @ weight.T + constant, moves.mean(dim=0).expand(30, 4), atol=1e-4)


def test_a_warped_crop_has_sixteen_rows_of_context_whatever_the_shape_of_the_box():
    network = create("rcnn", classes=2, config=RcnnConfig(network="alexnet_2012")).eval()
    image = torch.full((1, 200, 300), 0.2)
    image[:, 50:70, 100:160] = 0.9
    crop = network.warped(image, torch.tensor([[100.0, 50.0, 160.0, 70.0]]))[0, 0]
    bright = crop > (0.55 - network.image_mean[0]) / network.image_std[0]
    rows, columns = (torch.nonzero(bright.any(dim=axis)).flatten() for axis in (1, 0))
    assert crop.shape == (227, 227)
    assert [rows[0].item(), rows[-1].item()] == pytest.approx([16, 210], abs=5)
    assert [columns[0].item(), columns[-1].item()] == pytest.approx([16, 210], abs=2)
    outside = network.warped(image, torch.tensor([[0.0, 0.0, 40.0, 40.0]]))[0, 0]
    assert outside[0, 0] == 0


def test_fast_rcnn_that_moves_no_box_gives_the_proposals_back():
    torch.manual_seed(0)
    network = create("fast_rcnn", classes=3, config=SMALL_FAST).eval()
    nn.init.zeros_(network.roi_heads.box_predictor.bbox_pred.weight)
    nn.init.zeros_(network.roi_heads.box_predictor.bbox_pred.bias)
    proposals = torch.tensor([[4.0, 6.0, 50.0, 40.0], [60.0, 10.0, 100.0, 90.0]])
    found = network([torch.rand(1, 96, 128)], proposals=[proposals])[0]["boxes"]
    assert len(found) > 0
    assert (torch.cdist(found, proposals).min(dim=1).values < 1e-3).all()


def test_fast_rcnn_takes_the_proposals_that_targets_bring_and_searches_where_none_do(monkeypatch):
    from echomine.models.detection import fast_rcnn

    searched = []
    search = fast_rcnn.propose
    monkeypatch.setattr(fast_rcnn, "propose", lambda *given: searched.append(1) or search(*given))
    network = create("fast_rcnn", classes=3, config=SMALL_FAST)
    image, target = scene(np.random.default_rng(3))
    losses = network([image], [target | {"proposals": target["boxes"] + 1}])
    assert (set(losses), searched) == ({"loss_classifier", "loss_box_reg"}, [])
    network([image], [target])
    assert searched == [1]


@pytest.mark.parametrize("name", ["fast_rcnn", "rcnn"])
def test_detectors_with_outside_proposals_tell_what_is_missing(name):
    network = create(name, classes=3, config={"fast_rcnn": SMALL_FAST, "rcnn": SMALL_RCNN}[name])
    image, target = scene(np.random.default_rng(4))
    with pytest.raises(UsageError, match="learns from boxes"):
        network([image])
    with pytest.raises(UsageError, match=r"one array \(M, 4\) for each of the 1 images, got 2"):
        network([image], [target], [target["boxes"]] * 2)


def test_rcnn_takes_features_of_a_known_network():
    with pytest.raises(ConfigurationError, match=r"features of alexnet.*got 'unet'"):
        RcnnConfig(network="unet")
    with pytest.raises(ConfigurationError, match="context lies within"):
        RcnnConfig(warp=32, context=16)


def test_rcnn_without_boxes_cannot_be_finished():
    network = create("rcnn", classes=3, config=SMALL_RCNN)
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    with pytest.raises(UsageError, match="none of the images has any"):
        network.finish([torch.rand(1, 64, 64)], [none])


@pytest.mark.slow
def test_rcnn_learns_all_its_parts_and_keeps_them_in_one_file():
    torch.manual_seed(0)
    rng = np.random.default_rng(5)
    pictures = [scene(rng) for _ in range(8)]
    images, targets = [image for image, _ in pictures], [target for _, target in pictures]
    network = create("rcnn", classes=4, config=SMALL_RCNN)
    proposals = [propose(image, network.search) for image in images]
    learnt = [target | {"proposals": boxes} for target, boxes in zip(targets, proposals, strict=True)]
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3)
    for _ in range(20):
        optimiser.zero_grad()
        network(images, learnt)["loss_classifier"].backward()
        optimiser.step()
    tuned = _overlap_of_found(network.eval(), images, targets, proposals)
    network.train().finish(images, learnt)
    assert network.training
    finished = _overlap_of_found(network.eval(), images, targets, proposals)
    assert tuned > 0.6
    assert finished > max(tuned, 0.9)
    again = create("rcnn", classes=4, config=SMALL_RCNN).eval()
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again(images[:1], proposals=proposals[:1]), network(images[:1], proposals=proposals[:1]))
    assert 3 not in network(images[:1], proposals=proposals[:1])[0]["labels"], "no picture had that class"


def _overlap_of_found(network, images, targets, proposals):
    """Mean overlap of each true box with the best-scored box of its class."""
    overlaps = []
    with torch.inference_mode():
        for found, target in zip(network(images, proposals=proposals), targets, strict=True):
            for box, label in zip(target["boxes"], target["labels"], strict=True):
                own = found["boxes"][found["labels"] == label][:1]
                overlaps.append(float(box_iou(own, box[None]).max()) if len(own) else 0.0)
    return np.mean(overlaps)
