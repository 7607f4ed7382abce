"""Overlap and surface distances: hand values, reference figures of the peers, and MONAI itself."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from echomine.domain.errors import MeasurementError
from echomine.metrics.structures import (
    Presence,
    dice,
    iou,
    label_scores,
    mean_scores,
    structure_scores,
    surface_distances_mm,
)


def ball(radius_mm: float, spacing_mm: tuple[float, ...] = (2, 1, 1), size_mm: int = 60) -> np.ndarray:
    axes = [np.arange(0, size_mm, step) - size_mm // 2 for step in spacing_mm]
    return sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) <= radius_mm**2


def cubes() -> tuple[np.ndarray, np.ndarray]:
    one = np.zeros((30, 30, 30), dtype=bool)
    one[8:18, 8:18, 8:18] = True
    return one, np.roll(one, 3, axis=0)


def monai_figures(one: np.ndarray, other: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    import torch
    from monai.metrics import compute_average_surface_distance, compute_dice, compute_hausdorff_distance, compute_iou

    first, second = (torch.from_numpy(mask)[None, None].float() for mask in (one, other))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options = {"y_pred": second, "y": first, "include_background": True, "spacing": list(spacing)}
        return {
            "dice": float(compute_dice(second, first)),
            "iou": float(compute_iou(second, first)),
            "hausdorff": float(compute_hausdorff_distance(**options)),
            "there_and_back": [
                float(compute_average_surface_distance(a, b, include_background=True, spacing=list(spacing)))
                for a, b in ((first, second), (second, first))
            ],
            "hd95": float(compute_hausdorff_distance(**options, percentile=95)),
        }


def test_shifted_cubes():
    """10-voxel cubes shifted by 3: the published reference figures."""
    scores = structure_scores(*cubes(), (1, 1, 1))
    assert scores.dice == pytest.approx(0.7)
    assert scores.iou == pytest.approx(7 / 13)
    assert scores.hausdorff_mm == 3
    assert scores.assd_mm == pytest.approx(1.0738, abs=5e-5)
    assert scores.presence is Presence.BOTH


def test_balls_with_uneven_spacing():
    """Radii 20 and 17 mm at 2 x 1 x 1 mm: medpy's figures, HD95 of the pooled distances."""
    scores = structure_scores(ball(20), ball(17), (2, 1, 1))
    assert scores.dice == pytest.approx(0.763832, abs=5e-7)
    assert scores.hausdorff_mm == 4
    assert scores.hd95_mm == pytest.approx(3.464, abs=5e-4)


def test_a_distance_follows_the_spacing_by_hand():
    one, other = np.zeros((5, 9), dtype=bool), np.zeros((5, 9), dtype=bool)
    one[2, 1], other[2, 4] = True, True
    scores = structure_scores(one, other, (7.0, 0.5))
    assert scores.hausdorff_mm == scores.hd95_mm == scores.assd_mm == 1.5
    assert structure_scores(one.T, other.T, (0.5, 7.0)).hausdorff_mm == 1.5
    assert structure_scores(one, other, (7.0, 3.0)).hausdorff_mm == 9.0


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (2.0, 1.0, 1.0), (8.0, 1.25, 1.25)])
def test_monai_agrees(spacing):
    """MONAI takes HD95 as the larger of both directed percentiles, and the mean of surfaces one way at a time."""
    for one, other in (cubes(), (ball(20, spacing), ball(17, spacing))):
        ours, peer = structure_scores(one, other, spacing), monai_figures(one, other, spacing)
        assert ours.dice == pytest.approx(peer["dice"])
        assert ours.iou == pytest.approx(peer["iou"])
        assert ours.hausdorff_mm == pytest.approx(peer["hausdorff"], abs=1e-5)
        there, back = surface_distances_mm(one, other, spacing)
        assert_allclose([there.mean(), back.mean()], peer["there_and_back"], rtol=1e-5)
        assert max(np.percentile(there, 95), np.percentile(back, 95)) == pytest.approx(peer["hd95"], abs=1e-5)


def test_monai_has_another_hd95():
    assert monai_figures(ball(20), ball(17), (2, 1, 1))["hd95"] == pytest.approx(3.606, abs=5e-4)


def test_a_missed_structure_is_neither_perfect_nor_dropped():
    one, _ = cubes()
    nothing = np.zeros_like(one)
    diagonal = np.sqrt(29**2 * (4 + 1 + 1))
    for scores, presence in (
        (structure_scores(one, nothing, (2, 1, 1)), Presence.MISSED),
        (structure_scores(nothing, one, (2, 1, 1)), Presence.FALSE_ALARM),
    ):
        assert scores.presence is presence
        assert scores.dice == scores.iou == 0
        assert_allclose([scores.hausdorff_mm, scores.hd95_mm, scores.assd_mm], diagonal)


def test_a_mean_counts_what_was_missed_and_leaves_out_what_is_rightly_absent():
    one, _ = cubes()
    nothing = np.zeros_like(one)
    scores = [structure_scores(*pair, (1, 1, 1)) for pair in ((one, one), (one, nothing), (nothing, nothing))]
    mean = mean_scores(scores)
    assert (mean.dice, mean.count, mean.missed, mean.false_alarms, mean.absent) == (0.5, 2, 1, 0, 1)
    assert mean.hausdorff_mm == pytest.approx(29 * np.sqrt(3) / 2)
    assert np.isnan(mean_scores(scores[2:]).dice)
    assert np.isnan(scores[2].hausdorff_mm)


def test_labels_are_scored_by_name():
    truth = np.zeros((6, 6), dtype=np.uint8)
    truth[:3], truth[3:] = 1, 2
    scores = label_scores(truth, np.ones_like(truth), {"LV": 1, "LA": 2, "RV": 3}, (1, 1))
    assert scores["LV"].dice == pytest.approx(2 / 3)
    assert scores["LA"].presence is Presence.MISSED
    assert scores["RV"].presence is Presence.ABSENT


@pytest.mark.parametrize("spacing", [None, (1.0,), (1.0, 1.0, 1.0), (0.0, 1.0), (float("nan"), 1.0)])
def test_a_spacing_that_is_missing_or_cannot_be_is_refused(spacing):
    mask = np.ones((4, 4), dtype=bool)
    with pytest.raises(MeasurementError, match="spacing"):
        structure_scores(mask, mask, spacing)


def test_masks_of_different_shape_are_refused():
    for score in (dice, iou):
        with pytest.raises(MeasurementError, match="one shape"):
            score(np.ones((4, 4), dtype=bool), np.ones((4, 5), dtype=bool))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.floats(0.3, 5), st.floats(0.3, 5)),
)
def test_scores_do_not_depend_on_order_flip_or_padding(seed, spacing):
    rng = np.random.default_rng(seed)
    one, other = rng.random((2, 9, 7)) < 0.4
    one[4, 3] = other[2, 2] = True
    scores = structure_scores(one, other, spacing)
    changed = [np.pad(mask, ((0, 0), (2, 3)))[::-1] for mask in (one, other)]
    for peer in (structure_scores(other, one, spacing), structure_scores(*changed, spacing)):
        assert_allclose(
            [peer.dice, peer.hausdorff_mm, peer.hd95_mm, peer.assd_mm],
            [scores.dice, scores.hausdorff_mm, scores.hd95_mm, scores.assd_mm],
        )
    assert scores.dice == pytest.approx(2 * scores.iou / (1 + scores.iou))
    assert max(scores.hd95_mm, scores.assd_mm) <= scores.hausdorff_mm + 1e-9
