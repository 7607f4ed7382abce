import numpy as np
import pytest

from echomine.domain.errors import MeasurementError
from echomine.metrics.boxes import PictureObjects, detection_scores


def objects(*rows: tuple[float, float, float, float, int, float], masks: bool = False) -> PictureObjects:
    table = np.array(rows, dtype=float).reshape(-1, 6)
    drawn = []
    for x0, y0, x1, y1 in table[:, :4].astype(int):
        mask = np.zeros((100, 100), dtype=bool)
        mask[y0:y1, x0:x1] = True
        drawn.append(mask)
    return PictureObjects(
        size=(100, 100),
        boxes=table[:, :4],
        classes=table[:, 4].astype(np.int64),
        scores=table[:, 5],
        masks=tuple(drawn) if masks else (),
    )


TRUTH = [objects((10, 10, 50, 50, 1, 1), (60, 60, 90, 90, 2, 1)), objects((0, 0, 40, 40, 1, 1))]


def test_the_truth_itself_is_perfect():
    scores = detection_scores(TRUTH, TRUTH, ["a", "b"])
    assert (scores.map, scores.map50, scores.objects, scores.pictures) == (1.0, 1.0, 3, 2)


def test_average_precision_by_hand():
    """Class a: a hit at .9, then a false box, then the second hit; COCO's 101 recall points, precision made monotone:
    51 points (recall 0 to .5) at 1, 50 points at 2/3. Class b is never found."""
    found = [
        objects((10, 10, 50, 50, 1, 0.9), (70, 0, 99, 20, 1, 0.8)),
        objects((0, 0, 40, 40, 1, 0.7)),
    ]
    scores = detection_scores(TRUTH, found, ["a", "b"])
    assert scores.by_class["a"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert scores.by_class["b"] == 0
    assert scores.map50 == pytest.approx(scores.by_class["a"] / 2)


def test_a_box_moved_by_a_third_counts_up_to_its_iou():
    """40 x 40 moved by 10: IoU 30/50 = .6, so three of COCO's ten thresholds (.50, .55, .60) take it."""
    truth, moved = [objects((10, 10, 50, 50, 1, 1))], [objects((20, 10, 60, 50, 1, 0.9))]
    scores = detection_scores(truth, moved, ["a"])
    assert scores.map50 == pytest.approx(1)
    assert scores.map75 == 0
    assert scores.map == pytest.approx(0.3)


def test_masks_overlap_by_their_own_area():
    whole = objects((10, 10, 50, 50, 1, 1), masks=True)
    half = objects((10, 10, 50, 28, 1, 0.9), masks=True)
    boxes_right = PictureObjects(
        size=whole.size, boxes=whole.boxes, classes=whole.classes, scores=half.scores, masks=half.masks
    )
    assert detection_scores([whole], [boxes_right], ["a"]).map50 == pytest.approx(1)
    assert detection_scores([whole], [boxes_right], ["a"], by_mask=True).map50 == 0


def test_nothing_found_is_zero_and_nothing_to_find_has_no_score():
    assert detection_scores(TRUTH, [objects(), objects()], ["a", "b"]).map50 == 0
    assert np.isnan(detection_scores([objects()], [objects()], ["a"]).map50)
    of_three = detection_scores(TRUTH, [objects(), objects()], ["a", "b", "c"]).by_class
    assert (of_three["a"], of_three["b"]) == (0, 0)
    assert np.isnan(of_three["c"]), "no picture shows it"


def test_torchmetrics_agrees():
    import warnings

    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torchmetrics.detection import MeanAveragePrecision
    rng = np.random.default_rng(0)
    truth, found = [], []
    for _ in range(12):
        corner = rng.uniform(0, 50, size=(4, 2))
        boxes = np.hstack([corner, corner + rng.uniform(10, 40, size=(4, 2))]).round()
        labels = rng.integers(1, 3, size=(4, 1))
        truth.append(objects(*np.hstack([boxes, labels, labels])))
        noisy = (boxes + rng.normal(0, 2, size=boxes.shape)).round()
        found.append(objects(*np.hstack([noisy, labels, rng.random((4, 1))])))
    peer = MeanAveragePrecision(  # its own thresholds are float32 and miss recalls that COCO's reach
        iou_thresholds=np.linspace(0.5, 0.95, 10).tolist(), rec_thresholds=np.linspace(0, 1, 101).tolist()
    )
    as_tensors = [
        {
            "boxes": torch.tensor(one.boxes),
            "labels": torch.tensor(one.classes),
            "scores": torch.tensor(one.scores),
        }
        for one in found
    ]
    peer.update(
        as_tensors,
        [{k: torch.tensor(getattr(t, n)) for k, n in (("boxes", "boxes"), ("labels", "classes"))} for t in truth],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peer.compute()
    ours = detection_scores(truth, found, ["a", "b"])
    assert ours.map == pytest.approx(float(theirs["map"]), abs=1e-6)
    assert ours.map50 == pytest.approx(float(theirs["map_50"]), abs=1e-6)
    assert 0 < ours.map < 1


def test_missing_masks_and_pictures_are_refused():
    with pytest.raises(MeasurementError, match="as many masks"):
        detection_scores(TRUTH, TRUTH, ["a", "b"], by_mask=True)
    with pytest.raises(MeasurementError, match="its findings"):
        detection_scores(TRUTH, TRUTH[:1], ["a", "b"])
