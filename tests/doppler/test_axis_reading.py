"""Axes read off drawn screens of known scale, and what must be refused.

The real reader of print is used: it is what decides. Real strips with measured truth: see the end.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.archive.text_recognition import OnnxTextReader
from echomine.domain.records import Calibration
from echomine.doppler.axis import AxisProblem, AxisProblemCode, AxisReading, AxisSide, TimeSource, disagreement
from echomine.doppler.axis_reading import read_axis
from echomine.synthetic.screenshot_styles import ScreenshotStyle, Signs, UnitPlace, Zero
from echomine.synthetic.screenshots import draw_screenshot

STYLE = ScreenshotStyle(
    width=1024, height=768, box=(60, 340, 900, 720), highest_mps=1.2, lowest_mps=-4.4, step_mps=1.0, colour_bar=True
)
STYLES = {
    "cm/s at the right": STYLE,
    "m/s at the left": replace(STYLE, right=False, in_cm=False, box=(120, 340, 980, 720), sector=False),
    "unit above, zero printed": replace(STYLE, zero=Zero.NUMBER, unit_place=UnitPlace.TOP),
    "bracketed unit": replace(STYLE, zero=Zero.BRACKETED, in_cm=False),
    "no ticks": replace(STYLE, ticks_px=0),
    "ticks within, minor ones": replace(STYLE, ticks_inside=True, minor=4),
    "line along the axis": replace(STYLE, axis_line=True),
    "no signs": replace(STYLE, signs=Signs.NONE, highest_mps=3.0, lowest_mps=-3.0),
    "dark on light": replace(STYLE, inverted=True),
    "sepia on blue, JPEG": replace(STYLE, tint=(1.0, 0.8, 0.6), ground=(12, 16, 40), jpeg_quality=60),
    "tissue": replace(STYLE, highest_mps=0.16, lowest_mps=-0.16, step_mps=0.08, noise=0.0),
    "2,000 px wide": replace(STYLE, scale=1.95),
    "700 px wide": replace(STYLE, scale=0.7, font_px=18),
    "shifted baseline": replace(STYLE, highest_mps=0.3, lowest_mps=-5.3),
}


@pytest.fixture(scope="module")
def reader():
    return OnnxTextReader()


def drawn(style, seed=1):
    return draw_screenshot(style, np.random.default_rng(seed))


def codes(reading):
    return {problem.code for problem in reading.problems}


@pytest.mark.parametrize("name", STYLES)
def test_the_scale_of_a_drawn_screen(name, reader):
    shot = drawn(STYLES[name])
    reading = read_axis(shot.pixels, reader)
    assert reading.calibration is not None, codes(reading)
    assert reading.mps_per_px == pytest.approx(shot.mps_per_px, rel=0.02)
    assert reading.baseline_row == pytest.approx(shot.baseline_row, abs=2.5 * shot.style.scale)
    assert reading.side is (AxisSide.RIGHT if shot.style.right else AxisSide.LEFT)
    assert 0.3 < reading.confidence < 1
    velocity = reading.calibration.velocity_mps(reading.ticks[0].row - reading.box[1])
    assert velocity == pytest.approx(reading.ticks[0].velocity_mps, abs=0.03 * shot.style.step_mps + 0.005)


def test_the_time_scale_is_that_of_the_ticks(reader):
    shot = drawn(STYLE)
    reading = read_axis(shot.pixels, reader)
    assert reading.time_source is TimeSource.TICKS
    assert reading.s_per_px == pytest.approx(shot.s_per_px, rel=0.01)


def test_without_time_ticks_the_heart_rate_helps_and_says_so(reader):
    shot = drawn(replace(STYLE, time_ticks=0, seconds=4.5))
    reading = read_axis(shot.pixels, reader)
    assert reading.has(AxisProblemCode.TIME_ASSUMED) or reading.has(AxisProblemCode.TIME_UNKNOWN)
    if reading.s_per_px is not None:
        assert reading.s_per_px == pytest.approx(shot.s_per_px, rel=0.1)


def test_without_anything_about_time_there_is_none(reader):
    reading = read_axis(drawn(replace(STYLE, time_ticks=0, settings=False)).pixels, reader)
    assert reading.s_per_px is None
    assert reading.time_source is TimeSource.NONE
    assert reading.has(AxisProblemCode.TIME_UNKNOWN)
    assert reading.calibration is not None


def test_the_display_is_found(reader):
    shot = drawn(STYLE)
    found = read_axis(shot.pixels, reader).box
    assert found[:3:2] == pytest.approx(shot.box[:3:2], abs=4)
    assert found[3] == pytest.approx(shot.box[3], abs=25)


def test_frequency_is_no_velocity(reader):
    reading = read_axis(drawn(replace(STYLE, kilohertz=True, colour_bar=False)).pixels, reader)
    assert reading.calibration is None
    assert reading.has(AxisProblemCode.FREQUENCY_SCALE)


def test_numbers_cut_by_the_edge_of_the_picture_are_not_trusted(reader):
    shot = drawn(replace(STYLE, sector=False, colour_bar=False))
    right = max(box[2] for box in shot.axis_boxes if box[2] - box[0] < 40)
    reading = read_axis(np.ascontiguousarray(shot.pixels[:, : right - 9]), reader)
    assert reading.calibration is None or reading.mps_per_px == pytest.approx(shot.mps_per_px, rel=0.02)


def test_a_scale_of_depths_is_no_velocity_axis(reader):
    shot = drawn(STYLE)
    reading = read_axis(np.ascontiguousarray(shot.pixels[:330, :940]), reader)
    assert reading.calibration is None


@pytest.mark.slow
def test_turned_pictures_are_refused(reader):
    pixels = drawn(STYLE).pixels
    for turns in (1, 2, 3):
        assert read_axis(np.ascontiguousarray(np.rot90(pixels, turns)), reader).calibration is None


@pytest.mark.parametrize("shape", [(40, 50), (768, 1024), (300, 12_000)])
def test_black_pictures_of_any_size(shape, reader):
    reading = read_axis(np.zeros((*shape, 3), dtype=np.uint8), reader)
    assert reading.calibration is None
    assert reading.confidence == 0
    assert codes(reading) == {AxisProblemCode.NO_NUMBERS}


@pytest.mark.slow
def test_a_wide_picture_is_read_at_its_own_scale(reader):
    shot = drawn(replace(STYLE, font_px=26))
    tall = Image.fromarray(shot.pixels).resize((4096, 3072), Image.Resampling.BICUBIC)
    reading = read_axis(np.asarray(tall), reader)
    assert reading.mps_per_px == pytest.approx(shot.mps_per_px / 4, rel=0.02)


def test_it_is_the_same_every_time(reader):
    pixels = drawn(STYLE).pixels
    assert read_axis(pixels, reader) == read_axis(pixels, OnnxTextReader())


def test_a_picture_is_not_changed(reader):
    pixels = drawn(STYLE).pixels.copy()
    before = pixels.copy()
    read_axis(pixels, reader)
    assert np.array_equal(pixels, before)


def test_the_scale_of_a_file_and_that_of_its_axis_are_compared(reader):
    shot = drawn(STYLE)
    reading = read_axis(shot.pixels, reader)
    zero = shot.baseline_row - shot.box[1]
    stated = Calibration(mps_per_px=shot.mps_per_px, baseline_y=zero, s_per_px=shot.s_per_px)
    assert disagreement(stated, shot.box, reading) is None
    doubled = disagreement(replace(stated, mps_per_px=2 * stated.mps_per_px), shot.box, reading)
    assert doubled.code is AxisProblemCode.DICOM_DISAGREES
    assert f"{0.5 / shot.mps_per_px:.1f} rows" in doubled.message
    assert f"shows {1 / reading.mps_per_px:.1f}" in doubled.message
    moved = disagreement(replace(stated, baseline_y=zero + 40), shot.box, reading)
    assert "zero lies 39 rows apart" in moved.message or "zero lies 40 rows apart" in moved.message
    assert disagreement(stated, shot.box, AxisReading()) is None
    upward = replace(stated, mps_per_px=-stated.mps_per_px)
    turned = disagreement(upward, shot.box, replace(reading, problems=()))
    assert turned is not None
    assert "the other way" in turned.message
    assumed = AxisProblem(AxisProblemCode.SIGN_ASSUMED, "no sign was read")
    assert disagreement(upward, shot.box, replace(reading, problems=(assumed,))) is None


@pytest.mark.real
def test_real_strips(real_data: Path, reader):
    folder = real_data / "doppler" / "dev"
    right = silently_wrong = 0
    entries = json.loads((folder / "truth.json").read_text())
    for entry in entries:
        reading = read_axis(np.asarray(Image.open(folder / entry["image"]).convert("RGB")), reader)
        if reading.mps_per_px is None:
            continue
        off = abs(1 / reading.mps_per_px / entry["px_per_mps"] - 1)
        right += off <= 0.02 and abs(reading.baseline_row - entry["baseline_y"]) <= 1
        silently_wrong += off > 0.05 and not reading.problems
        assert reading.s_per_px is None or 1 / reading.s_per_px == pytest.approx(entry["px_per_s"], rel=0.02)
    assert silently_wrong == 0
    assert right >= 0.9 * len(entries)
