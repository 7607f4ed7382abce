"""Resampling to a physical grid: places by hand, areas, properties."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Calibration
from echomine.doppler.display import PhysicalGrid, ScaleGuess, SpectralDisplay, resample, resample_bytes

GRID = PhysicalGrid(lowest_mps=-6.0, highest_mps=6.0, rows=120, seconds=2.0, columns=100)
SCALE = Calibration(mps_per_px=0.025, baseline_y=120.0, s_per_px=0.005)


def line_at(velocity_mps, scale, *, height=400, width=600, thickness=5):
    pixels = np.zeros((height, width), dtype=np.uint8)
    row = round(scale.row(velocity_mps))
    pixels[row - thickness // 2 : row + thickness // 2 + 1] = 255
    return pixels


def velocity_seen(out):
    profile = out[0].mean(axis=1)
    row = (profile * np.arange(len(profile))).sum() / profile.sum()
    return GRID.highest_mps - (row + 0.5) * GRID.mps_per_row


@pytest.mark.parametrize("velocity", [-5.0, -2.5, -1.0, 1.0, 2.0])
def test_a_velocity_lands_on_its_row_whatever_the_scale(velocity):
    for scale in (SCALE, replace(SCALE, mps_per_px=0.03, baseline_y=180.0)):
        display = SpectralDisplay(pixels=line_at(velocity, scale), calibration=scale)
        assert velocity_seen(resample(display, GRID)) == pytest.approx(velocity, abs=0.02)


def test_an_inverted_display_comes_out_as_the_upright_one():
    pixels = np.random.default_rng(0).integers(0, 255, (400, 600), dtype=np.uint8)
    upright = SpectralDisplay(pixels=pixels, calibration=SCALE)
    inverted = SpectralDisplay(
        pixels=pixels[::-1].copy(), calibration=replace(SCALE, mps_per_px=-0.025, baseline_y=399 - 120.0)
    )
    assert np.array_equal(resample_bytes(upright, GRID), resample_bytes(inverted, GRID))


def test_time_lands_on_its_column():
    pixels = np.zeros((400, 600), dtype=np.uint8)
    pixels[:, 198:203] = 255  # 1.0 s
    out = resample(SpectralDisplay(pixels=pixels, calibration=SCALE), GRID)
    columns = out[0].mean(axis=0)
    assert (columns * (np.arange(100) + 0.5)).sum() / columns.sum() * GRID.s_per_column == pytest.approx(1.0, abs=0.01)
    shifted = resample(SpectralDisplay(pixels=pixels, calibration=SCALE), GRID, start_s=0.5)
    columns = shifted[0].mean(axis=0)
    assert (columns * (np.arange(100) + 0.5)).sum() / columns.sum() * GRID.s_per_column == pytest.approx(0.5, abs=0.01)


def test_outside_the_display_is_black():
    display = SpectralDisplay(
        pixels=np.full((80, 100), 255, dtype=np.uint8), calibration=replace(SCALE, baseline_y=40.0)
    )
    out = resample(display, GRID)  # +-1 m/s, 0.5 s
    assert out.shape == (1, 120, 100)
    assert out.dtype == np.float32
    assert out[0, 52:68, :24].min() == 1.0
    assert not out[0, :48].any()
    assert not out[0, 72:].any()
    assert not out[0, :, 27:].any()


def test_thin_jets_do_not_alias():
    """One bright column in ten keeps its mean brightness when ten columns become one."""
    pixels = np.zeros((400, 4000), dtype=np.uint8)
    pixels[:, ::10] = 250
    scale = replace(SCALE, s_per_px=0.0005)
    out = resample(SpectralDisplay(pixels=pixels, calibration=scale), replace(GRID, columns=100, seconds=2.0))
    inside = out[0, 30:60, 5:95]
    assert inside.mean() == pytest.approx(0.1 * 250 / 255, rel=0.03)
    assert inside.std() < 0.01


def test_colour_is_the_strongest_channel():
    pixels = np.zeros((400, 600, 3), dtype=np.uint8)
    pixels[..., 2] = 200
    out = resample_bytes(SpectralDisplay(pixels=pixels, calibration=SCALE), GRID)
    assert out.max() == 200


def test_without_a_scale_the_guess_holds():
    pixels = np.zeros((300, 300), dtype=np.uint8)
    pixels[73:77] = 255  # a quarter of the height from the top: half way from the middle to the upper edge
    grid = replace(GRID, guess=ScaleGuess(height_mps=8.0, width_s=2.0, baseline=0.5))
    out = resample(SpectralDisplay(pixels=pixels), grid)
    assert velocity_seen(out) == pytest.approx(2.0, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(
    step=st.floats(1e-5, 0.5),
    sign=st.sampled_from([-1, 1]),
    baseline=st.floats(-1000, 1500),
    seconds=st.floats(1e-5, 0.5),
    height=st.integers(32, 90),
    width=st.integers(32, 90),
    start=st.floats(-5, 5),
)
def test_any_scale_gives_a_grid_within_range(step, sign, baseline, seconds, height, width, start):
    scale = Calibration(mps_per_px=sign * step, baseline_y=baseline, s_per_px=seconds)
    display = SpectralDisplay(pixels=np.full((height, width), 255, dtype=np.uint8), calibration=scale)
    out = resample(display, GRID, start_s=start)
    assert out.shape == (1, 120, 100)
    assert float(out.min()) >= 0.0
    assert float(out.max()) <= 1.0


def test_an_impossible_grid_is_refused():
    with pytest.raises(ConfigurationError):
        PhysicalGrid(lowest_mps=2.0, highest_mps=1.0)
    with pytest.raises(ConfigurationError):
        PhysicalGrid(rows=0)
