import pytest
import torch
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError
from echomine.learning.picture_losses import LossConfig, LossName, make_loss
from echomine.models.entries import Task

LOGITS = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.randint(3, (2, 8, 8), generator=torch.Generator().manual_seed(1))


def test_dice_and_cross_entropy_by_hand():
    """Soft Dice over the batch, background included, and the cross-entropy beside it."""
    hot = F.one_hot(LABELS, 3).permute(0, 3, 1, 2).float()
    soft = LOGITS.softmax(dim=1)
    overlap, total = (hot * soft).sum(dim=(0, 2, 3)), (hot + soft).sum(dim=(0, 2, 3))
    by_hand = float((1 - 2 * overlap / total).mean())
    dice = make_loss(LossConfig(name="dice"), Task.SEGMENTATION, 3)(LOGITS, LABELS)
    both = make_loss(LossConfig(), Task.SEGMENTATION, 3)(LOGITS, LABELS)
    assert float(dice) == pytest.approx(by_hand, abs=1e-4)
    assert float(both) == pytest.approx(by_hand + float(F.cross_entropy(LOGITS, LABELS)), abs=1e-4)


def test_dice_over_pictures_counts_a_small_structure_as_much_as_a_large_one():
    """One picture with 100 pixels of a structure, found; one with 4 pixels, missed: Dice 1 and 0, or 200 / 204."""
    labels = torch.zeros(2, 20, 20, dtype=torch.long)
    labels[0, :10, :10], labels[1, :2, :2] = 1, 1
    drawn = labels.clone()
    drawn[1] = 0
    logits = 40.0 * F.one_hot(drawn, 2).permute(0, 3, 1, 2).float()
    over_pictures, over_batch = (
        float(make_loss(LossConfig(name="dice", dice_over=over), Task.SEGMENTATION, 2)(logits, labels))
        for over in ("picture", "batch")
    )
    background = 1 - 2 * 396 / (396 + 400)
    assert over_pictures == pytest.approx((0 + 1 + 0 + background) / 4, abs=1e-3)
    assert over_batch == pytest.approx((1 - 200 / 204 + 1 - 2 * 696 / (696 + 700)) / 2, abs=1e-3)


def test_the_focal_loss_of_classes_by_hand():
    """One picture whose class has probability 1/2: (1 - 1/2)^2 log 2."""
    loss = make_loss(LossConfig(name="focal"), Task.CLASSIFICATION, 2)
    assert float(loss(torch.zeros(1, 2), torch.tensor([1]))) == pytest.approx(0.25 * 0.693147, abs=1e-5)


@pytest.mark.parametrize("name", list(LossName))
def test_a_right_answer_costs_little_and_a_wrong_one_more(name):
    loss = make_loss(LossConfig(name=name), Task.SEGMENTATION, 3)
    right = 20 * F.one_hot(LABELS, 3).permute(0, 3, 1, 2).float()
    assert float(loss(right, LABELS)) < 0.01 < float(loss(right.roll(1, dims=1), LABELS))


def test_weights_raise_the_cost_of_a_class():
    plain, heavy = (
        make_loss(LossConfig(name="cross_entropy", class_weights=weights), Task.CLASSIFICATION, 2)
        for weights in ((), (1.0, 9.0))
    )
    logits, classes = torch.tensor([[3.0, 0.0], [3.0, 0.0]]), torch.tensor([0, 1])
    assert heavy(logits, classes) > plain(logits, classes)


def test_losses_that_do_not_fit_are_refused():
    with pytest.raises(ConfigurationError, match="dice_ce"):
        LossConfig(name="hinge")
    with pytest.raises(ConfigurationError, match="batch, picture"):
        LossConfig(dice_over="epoch")
    with pytest.raises(ConfigurationError, match="for masks"):
        make_loss(LossConfig(name="dice"), Task.CLASSIFICATION, 2)
    with pytest.raises(ConfigurationError, match="background included"):
        make_loss(LossConfig(class_weights=(1.0, 1.0)), Task.SEGMENTATION, 3)
