import pytest
import torch

from echomine.domain.errors import ConfigurationError
from echomine.learning.augmentation import Augmentation, augment
from echomine.learning.images import network_input
from echomine.learning.precision import uses_bf16
from echomine.learning.profiles import PROFILE_WIDTH, ROW_BINS, velocity_profile
from echomine.learning.training import TrainingPlan


def test_the_profile_tells_height_and_brightness_but_not_time():
    images = torch.zeros(3, 1, 64, 64)
    images[0, 0, 10:20, 0:40] = 0.5
    images[1, 0, 10:20, 24:64] = 0.5
    images[2, 0, 30:40, 0:40] = 0.5
    here, later, lower = velocity_profile(images)
    assert here.shape == (PROFILE_WIDTH,)
    assert torch.equal(here, later)
    assert not torch.equal(here, lower)
    assert float(here.max()) == pytest.approx(0.5)


def test_the_profile_by_hand():
    """A row lit for half of the time is dark at 30 % and bright at 60, 80 and 92 %."""
    image = torch.zeros(1, 1, ROW_BINS, 10)
    image[0, 0, 3, :5] = 1
    assert velocity_profile(image).unflatten(1, (ROW_BINS, 4))[0, 3].tolist() == [0, 1, 1, 1]


def test_augmentation_keeps_rows_range_and_darkness():
    images = torch.zeros(5, 1, 32, 32)
    images[:, :, 8:12, :10] = 0.6
    changed = augment(images, Augmentation(), torch.Generator().manual_seed(0))
    assert changed.shape == images.shape
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 1
    assert float(changed[:, :, :8].max()) < 1e-3
    assert ((changed[:, :, 10] > 0.1).sum(dim=2) == 10).all()


def test_augmentation_is_fixed_by_its_generator():
    images = torch.rand(4, 1, 16, 16)
    one, same, other = (augment(images, Augmentation(), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_axis_channel_is_zero_at_the_baseline_and_odd_around_it():
    axis = network_input(torch.full((1, 1, 4, 3), 255, dtype=torch.uint8), 2)
    assert axis[0, 0].unique().tolist() == [1.0]
    torch.testing.assert_close(axis[0, 1, :, 0], -axis[0, 1, :, 0].flip(0))
    assert axis[0, 1, 0, 0] == 1


def test_unknown_precisions_are_refused():
    assert uses_bf16("bf16")
    assert not uses_bf16("32")
    with pytest.raises(ConfigurationError, match="fp8"):
        uses_bf16("fp8")


def test_a_plan_needs_an_epoch():
    with pytest.raises(ConfigurationError, match="epochs"):
        TrainingPlan(epochs=0, learning_rate=0.1)
