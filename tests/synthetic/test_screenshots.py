"""Screenshots: their truth is where it is said to be, and the same seed draws the same picture."""

from dataclasses import replace

import numpy as np
import pytest

from echomine.synthetic.screenshot_styles import ScreenshotStyle, random_style
from echomine.synthetic.screenshots import draw_screenshot

STYLE = ScreenshotStyle(
    width=800,
    height=600,
    box=(50, 250, 700, 550),
    highest_mps=1.0,
    lowest_mps=-2.0,
    step_mps=0.5,
    seconds=2.0,
    ecg=False,
)


def drawn(style, seed=0):
    return draw_screenshot(style, np.random.default_rng(seed))


def test_truth_by_hand():
    shot = drawn(STYLE)
    assert shot.mps_per_px == pytest.approx(3.0 / 300)
    assert shot.baseline_row == pytest.approx(350)
    assert shot.s_per_px == pytest.approx(2.0 / 650)
    assert shot.box == STYLE.box


def test_ticks_stand_where_the_truth_says():
    shot = drawn(STYLE)
    for velocity in (0.5, -0.5, -1.0, -1.5):
        row = round(shot.baseline_row - velocity / shot.mps_per_px)
        assert (shot.pixels[row, 701:708] == 255).all()


def test_scaling_scales_the_truth():
    plain, doubled = drawn(STYLE), drawn(replace(STYLE, scale=2.0))
    assert doubled.pixels.shape == (1200, 1600, 3)
    assert doubled.mps_per_px == pytest.approx(plain.mps_per_px / 2)
    assert doubled.baseline_row == pytest.approx(2 * plain.baseline_row + 0.5)


def test_frequencies_have_no_velocity():
    assert drawn(replace(STYLE, kilohertz=True)).mps_per_px is None


def test_the_same_seed_draws_the_same_picture():
    styles = [random_style(np.random.default_rng(7)) for _ in range(2)]
    assert styles[0] == styles[1]
    assert np.array_equal(drawn(styles[0]).pixels, drawn(styles[1]).pixels)


@pytest.mark.parametrize("seed", range(6))
def test_random_styles_are_within_400_and_2000_pixels(seed):
    style = random_style(np.random.default_rng(seed))
    shot = drawn(style, seed)
    assert 400 <= shot.pixels.shape[1] <= 2010
    assert shot.pixels.dtype == np.uint8
    assert len(shot.axis_boxes) >= 3
