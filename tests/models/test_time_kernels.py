"""Fixed kernels over time: what they are blind to, and what they are not."""

import pytest
import torch

from echomine.models.time_kernels import NUMBERS, TimeKernels
from echomine.models.whole_display import normalised, wrapped


def beats(*, height: int, length: int = 12, columns: int = 96, period: int = 24) -> torch.Tensor:
    """A display (1, 1, 64, columns) with a bar of that height again and again."""
    picture = torch.full((64, columns), 0.05)
    for start in range(0, columns, period):
        picture[32 : 32 + height, start : start + length] = 0.8
    return picture[None, None]


@pytest.fixture(scope="module")
def kernels() -> TimeKernels:
    found = TimeKernels(kernels=100, bands=16, seed=1)
    found.set_biases(torch.cat([beats(height=10), beats(height=20), beats(height=10, length=6)]))
    return found


def test_width_and_seed(kernels: TimeKernels) -> None:
    again = TimeKernels(kernels=100, bands=16, seed=1)
    other = TimeKernels(kernels=100, bands=16, seed=2)
    assert kernels(beats(height=10)).shape == (1, kernels.width) == (1, 100 * NUMBERS)
    assert torch.equal(kernels.weights, again.weights)
    assert not torch.equal(kernels.weights, other.weights)


def test_a_shift_in_time_changes_nothing(kernels: TimeKernels) -> None:
    picture = beats(height=14)
    torch.testing.assert_close(kernels(picture.roll(7, dims=3)), kernels(picture), atol=1e-4, rtol=1e-4)


def test_gain_and_background_change_nothing(kernels: TimeKernels) -> None:
    picture = beats(height=14)
    torch.testing.assert_close(kernels(0.1 + 0.7 * picture), kernels(picture), atol=1e-3, rtol=1e-3)


def test_height_and_length_change_much(kernels: TimeKernels) -> None:
    own = kernels(beats(height=14))
    for other in (beats(height=22), beats(height=14, length=18)):
        assert (kernels(other) - own).abs().mean() > 0.05


def test_a_short_display_is_as_good_as_a_long_one(kernels: TimeKernels) -> None:
    short = beats(height=14)
    short[..., 48:] = 0
    torch.testing.assert_close(kernels(short), kernels(beats(height=14)), atol=1e-4, rtol=1e-4)


def test_biases_lie_within_the_answers(kernels: TimeKernels) -> None:
    shares = kernels(beats(height=10))[0].unflatten(0, (5, NUMBERS, 20))[:, 1]
    assert ((shares >= 0) & (shares <= 1)).all()
    assert 0.05 < shares.mean() < 0.7


def test_wrapping_repeats_the_beginning() -> None:
    display = torch.zeros(1, 4, 60)
    display[0, 1, :30] = torch.arange(1, 31) / 30
    whole = wrapped(display)
    assert torch.equal(whole[0, 1, 30:], whole[0, 1, :30])


def test_normalised_ignores_rows_that_show_nothing() -> None:
    display = torch.rand(1, 32, 40) * 0.5 + 0.2
    framed = torch.cat([torch.zeros(1, 32, 40), display], dim=1)
    torch.testing.assert_close(normalised(framed)[:, 32:], normalised(display), atol=2e-2, rtol=0)


def test_a_black_display_gives_finite_numbers(kernels: TimeKernels) -> None:
    assert torch.isfinite(kernels(torch.zeros(2, 1, 64, 96))).all()


def test_the_last_digits_of_blank_bands_decide_nothing() -> None:
    """A kernel that a constant leaves cold answers a blank band with nought, which may be its threshold as well."""
    kernels = TimeKernels(kernels=200, bands=16, seed=1)
    picture = beats(height=10)
    kernels.set_biases(picture)
    digits = 1e-6 * torch.rand(picture.shape, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(kernels(picture + digits), kernels(picture), atol=1e-3, rtol=1e-3)
