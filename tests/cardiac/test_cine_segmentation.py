import numpy as np
import pytest
import torch
from torch import nn

from echomine.cardiac.cine_segmentation import largest_pieces, mean_softmax, segment_cine, sureness
from echomine.domain.errors import MeasurementError
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet

PLAN = CinePreparation(in_plane_mm=1.5)


class _Threshold(nn.Module):
    """Calls what is brighter than the mean class 3; surer of a picture whose upper half is bright."""

    def forward(self, images):
        logits = torch.zeros(len(images), 4, *images.shape[2:])
        upper = images[:, :, : images.shape[2] // 2].mean() > images[:, :, images.shape[2] // 2 :].mean()
        logits[:, 3] = torch.where(images[:, 0] > 0.5, 8.0 if upper else 4.0, -8.0)
        return logits


def _volume():
    volume = np.zeros((3, 40, 50), dtype=np.float32)
    volume[:, 5:15, 20:40] = 100
    volume[1, 30:32, 3:5] = 100
    return volume


def test_bright_block_is_found_at_its_own_size_and_the_speck_is_dropped():
    mask = segment_cine([_Threshold()], _volume(), (8.0, 1.5, 1.5), PLAN, mirrors=False)
    expected = np.zeros((3, 40, 50), dtype=np.uint8)
    expected[:, 5:15, 20:40] = 3
    assert np.array_equal(mask, expected)
    half = segment_cine([_Threshold()], _volume(), (8.0, 3.0, 3.0), PLAN, mirrors=False)
    assert np.mean(half != expected) < 0.02


def test_the_surer_turn_is_taken_and_turned_back():
    across = np.ascontiguousarray(np.rot90(_volume(), -1, (1, 2)))
    mask = segment_cine([_Threshold()], across, (8.0, 1.5, 1.5), PLAN, mirrors=False)
    assert np.array_equal(np.rot90(mask, 1, (1, 2)), segment_cine([_Threshold()], _volume(), (8.0, 1.5, 1.5), PLAN))


def test_mirrors_make_the_answer_independent_of_mirroring():
    torch.manual_seed(0)
    network = IsenseeUNet(IsenseeConfig(base=2)).eval()
    images = torch.randn(2, 1, 32, 48)
    shares = mean_softmax([network], images, mirrors=True)
    mirrored = mean_softmax([network], images.flip(3), mirrors=True).flip(3)
    assert torch.allclose(shares, mirrored, atol=1e-5)
    assert torch.allclose(shares.sum(dim=1), torch.ones(2, 32, 48), atol=1e-5)


def test_sureness_by_hand():
    shares = torch.tensor([[0.1, 0.9], [0.9, 0.1], [0.0, 0.0], [0.0, 0.0]])[None, :, None]
    assert sureness(shares) == pytest.approx(0.9)
    assert sureness(torch.tensor([1.0, 0, 0, 0])[None, :, None, None]) == 0


def test_largest_piece_of_each_class_in_three_dimensions():
    mask = np.zeros((3, 10, 10), dtype=np.uint8)
    mask[0:2, 1:4, 1:4] = 1
    mask[2, 8, 8] = 1
    mask[:, 6:8, 1:3] = 2
    kept = largest_pieces(mask)
    assert kept[2, 8, 8] == 0
    assert np.count_nonzero(kept) == np.count_nonzero(mask) - 1


def test_bad_input():
    with pytest.raises(MeasurementError, match="network"):
        segment_cine([], _volume(), (8, 1.5, 1.5), PLAN)
    with pytest.raises(MeasurementError, match="one grey value"):
        segment_cine([_Threshold()], np.ones((3, 20, 20)), (8, 1.5, 1.5), PLAN)
    with pytest.raises(MeasurementError, match="positive millimetres"):
        segment_cine([_Threshold()], _volume(), (8, 0, 1.5), PLAN)
