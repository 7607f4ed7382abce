import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from echomine.models.transform import LOSSES, RANKING_MARGIN, TEMPERATURE, TransformLoss, TransformNetwork


def unit(rows: int, width: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_answers_have_length_one():
    network = TransformNetwork(feature_width=7, hidden=16, text_width=5)
    torch.testing.assert_close(network(torch.randn(3, 7)).norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("loss", [TransformLoss.MSE, TransformLoss.COSINE])
def test_a_right_answer_costs_nothing(loss):
    targets = unit(6, 9)
    assert float(LOSSES[loss](targets, targets)) == pytest.approx(0, abs=1e-6)


@given(st.integers(2, 8), st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_squared_distance_of_unit_rows_is_twice_the_cosine_loss(rows, width, seed):
    one, other = unit(rows, width, seed), unit(rows, width, seed + 1)
    torch.testing.assert_close(LOSSES[TransformLoss.MSE](one, other), 2 * LOSSES[TransformLoss.COSINE](one, other))


def test_ranking_by_hand():
    """Both answers at the first of two orthogonal targets: 0 - no, margin + 1 for the second."""
    targets = torch.eye(2)
    predicted = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    expected = (0 + (RANKING_MARGIN + 1)) / 2
    assert float(LOSSES[TransformLoss.RANKING](predicted, targets)) == pytest.approx(expected)


def test_info_nce_by_hand():
    targets = torch.eye(2)
    expected = math.log(1 + math.exp(-1 / TEMPERATURE))
    assert float(LOSSES[TransformLoss.INFO_NCE](targets, targets)) == pytest.approx(expected, rel=1e-2)


def test_equal_targets_are_no_rivals():
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert float(LOSSES[TransformLoss.RANKING](targets, targets)) == 0
    assert float(LOSSES[TransformLoss.INFO_NCE](targets, targets)) == pytest.approx(math.log(2))


@pytest.mark.parametrize("loss", list(TransformLoss))
def test_every_loss_gives_gradients_that_help(loss):
    torch.manual_seed(0)
    network = TransformNetwork(feature_width=6, hidden=32, text_width=8)
    features, targets = torch.randn(12, 6), unit(12, 8)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    first = LOSSES[loss](network(features), targets).item()
    for _ in range(60):
        optimiser.zero_grad()
        LOSSES[loss](network(features), targets).backward()
        optimiser.step()
    assert LOSSES[loss](network(features), targets).item() < 0.5 * first
