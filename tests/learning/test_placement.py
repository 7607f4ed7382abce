"""Pictures of any size on the input of a network and back."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from echomine.domain.errors import ConfigurationError, ItemError, Reason
from echomine.learning.placement import InputConfig, Intensity, Placement, network_picture, unit_pixels, with_axis
from echomine.learning.samples import Sample
from echomine.metrics.structures import dice


def sample(height: int, width: int, spacing: tuple[float, float] | None = None, channels: int = 1) -> Sample:
    pixels = np.random.default_rng(0).integers(0, 255, (channels, height, width), dtype=np.uint8)
    return Sample(name="x", group="x", pixels=pixels, spacing_mm=spacing)


def disc(height: int, width: int) -> np.ndarray:
    rows, columns = np.ogrid[:height, :width]
    return (rows - height / 2) ** 2 + (columns - width / 2) ** 2 <= (min(height, width) / 3) ** 2


@settings(max_examples=25, deadline=None)
@given(st.integers(60, 300), st.integers(60, 300))
def test_a_mask_comes_back_to_where_it_was(height, width):
    config = InputConfig(size=(160, 128))
    where = Placement.of(sample(height, width), config)
    mask = disc(height, width)
    placed = where.labels(torch.from_numpy(mask.astype(np.uint8))).float()
    assert placed.shape == (160, 128)
    back = where.maps_back(torch.stack([1 - placed, placed]), outside=[1.0, 0.0]).argmax(dim=0).numpy()
    assert back.shape == (height, width)
    assert dice(mask, back == 1) > 0.9


@settings(max_examples=25, deadline=None)
@given(st.integers(40, 300), st.integers(40, 300))
def test_boxes_come_back_to_where_they_were(height, width):
    where = Placement.of(sample(height, width), InputConfig(size=(96, 160)))
    boxes = torch.tensor([[3.0, 5.0, 30.0, 20.0], [0.0, 0.0, float(width), float(height)]])
    torch.testing.assert_close(where.boxes_back(where.boxes(boxes)), boxes, atol=1e-3, rtol=0)


def test_a_box_lies_around_its_mask_on_the_canvas():
    where = Placement.of(sample(100, 200), InputConfig(size=(128, 128)))
    mask = torch.zeros(100, 200, dtype=torch.uint8)
    mask[20:60, 50:150] = 1
    rows, columns = where.labels(mask).nonzero(as_tuple=True)
    box = where.boxes(torch.tensor([[50.0, 20.0, 150.0, 60.0]]))[0]
    found = torch.tensor([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]).float()
    assert (box - found).abs().max() <= 1


def test_pictures_of_one_spacing_are_resampled_by_hand():
    """100 x 80 pixels of 1.5 x 0.5 mm at 1 mm are 150 x 40, cut to 64 rows."""
    where = Placement.of(sample(100, 80, (1.5, 0.5)), InputConfig(size=(64, 64), spacing_mm=1.0))
    assert where.scaled == (150, 40)
    assert where.image(torch.ones(1, 100, 80)).sum() == pytest.approx(64 * 40, rel=1e-5)


def test_a_zoom_shows_the_middle():
    where = Placement.of(sample(100, 100), InputConfig(size=(64, 64), zoom=2.0))
    assert where.scaled == (128, 128)
    torch.testing.assert_close(where.boxes(torch.tensor([[25.0, 25.0, 75.0, 75.0]])), torch.tensor([[0.0, 0, 64, 64]]))


def test_a_missing_spacing_is_never_one_millimetre():
    with pytest.raises(ItemError, match="1 mm") as error:
        Placement.of(sample(50, 50), InputConfig(spacing_mm=1.0))
    assert error.value.reason is Reason.BAD_SPACING


def test_pixels_in_unit_range():
    bright = np.full((1, 4, 4), 255, dtype=np.uint8)
    assert unit_pixels(bright, InputConfig()).max() == 1
    counts = np.array([[[100.0, 300.0], [200.0, 100.0]]], dtype=np.float32)
    assert unit_pixels(counts, InputConfig())[0].tolist() == [[0.0, 1.0], [0.5, 0.0]]
    ramp = np.arange(10_000, dtype=np.float32).reshape(1, 100, 100)
    stretched = unit_pixels(ramp, InputConfig(intensity=Intensity.PERCENTILE))
    assert stretched.min() == 0
    assert stretched.max() == 1
    assert float(stretched.mean()) == pytest.approx(0.5, abs=0.01)


def test_channels_are_made_to_fit_or_refused():
    colour = sample(20, 20, channels=3).pixels
    assert unit_pixels(colour, InputConfig(channels=1)).shape[0] == 1
    assert unit_pixels(colour[:1], InputConfig(channels=3)).shape[0] == 3
    with pytest.raises(ItemError, match=r"input\.channels"):
        unit_pixels(np.repeat(colour, 2, axis=0)[:4], InputConfig(channels=3))


def test_the_axis_is_one_more_channel():
    images = with_axis(torch.zeros(2, 1, 5, 4), InputConfig(with_axis=True))
    assert images.shape == (2, 2, 5, 4)
    assert images[0, 1, :, 0].tolist() == [1.0, 0.5, 0.0, -0.5, -1.0]


@pytest.mark.parametrize("change", [{"size": (8, 8)}, {"channels": 2}, {"intensity": "loud"}, {"spacing_mm": -1.0}])
def test_inputs_that_cannot_be_are_refused(change):
    with pytest.raises(ConfigurationError):
        InputConfig(**change)


def test_percentiles_are_those_of_the_shown_part():
    """A bright frame outside what a zoom of 2 shows changes nothing."""
    config = InputConfig(size=(64, 64), zoom=2.0, intensity=Intensity.PERCENTILE)
    plain = sample(128, 128)
    dark = dataclasses.replace(plain, pixels=plain.pixels // 4)
    framed = dark.pixels.copy()
    framed[:, :20] = framed[:, -20:] = 255
    seen = network_picture(dark, config)
    assert float(seen.max()) > 0.9
    torch.testing.assert_close(network_picture(dataclasses.replace(dark, pixels=framed), config), seen)


@pytest.mark.parametrize("size", [(16, 16), (64, 64)])
def test_class_numbers_are_never_mixed(size):
    """Between the background and class 3 there is no class 1 or 2, however the picture is resampled."""
    labels = torch.zeros(30, 30, dtype=torch.uint8)
    labels[10:20, 8:25] = 3
    placed = Placement.of(sample(30, 30), InputConfig(size=size)).labels(labels)
    assert placed.unique().tolist() == [0, 3]
