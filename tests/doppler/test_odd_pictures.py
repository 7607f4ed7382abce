"""Pictures that are no spectral display, or more than one: each says why, and none gives a wrong scale silently."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.archive.text_recognition import OnnxTextReader
from echomine.doppler.axis import AxisProblemCode
from echomine.doppler.axis_reading import read_axis
from echomine.doppler.picture_kind import is_colour_bar
from echomine.pipeline.measure_image import measure_image
from echomine.synthetic.screenshot_styles import Signs
from tests.doppler import odd_pictures as odd

PX_PER_MPS = 350 / 5.6
"""Of the strip: 350 rows for 5.6 m/s."""


@pytest.fixture(scope="module")
def reader():
    return OnnxTextReader()


def measured(picture: Image.Image, path: Path, **options):
    picture.save(path, **options)
    return measure_image(path).document()


def codes(document):
    return {problem["code"] for problem in document["problems"]}


@pytest.mark.parametrize("picture", [odd.stacked, odd.side_by_side])
def test_of_two_displays_the_larger_is_read_with_its_own_axis_and_it_is_said(picture, reader):
    reading = read_axis(picture(), reader)
    assert reading.has(AxisProblemCode.SEVERAL_DISPLAYS)
    assert 1 / reading.mps_per_px == pytest.approx(PX_PER_MPS, rel=0.02)
    assert reading.box == pytest.approx((40, 30, 800, 380), abs=6)


def test_an_axis_on_either_side_is_one_display(reader):
    reading = read_axis(odd.axes_on_both_sides(), reader)
    assert not reading.has(AxisProblemCode.SEVERAL_DISPLAYS)
    assert 1 / reading.mps_per_px == pytest.approx(PX_PER_MPS, rel=0.02)


def test_numbers_without_signs_leave_open_which_side_is_negative(reader):
    bare = replace(odd.STRIP, signs=Signs.NONE, highest_mps=3.0, lowest_mps=-3.0)
    assert read_axis(odd.spectral(bare), reader).has(AxisProblemCode.SIGN_ASSUMED)
    assert not read_axis(odd.spectral(), reader).has(AxisProblemCode.SIGN_ASSUMED)


@pytest.mark.parametrize("kind", ["two_dimensional", "colour_doppler", "m_mode"])
@pytest.mark.parametrize("seed", [0, 5])
def test_other_pictures_of_the_heart_are_told(kind, seed, tmp_path):
    picture = {"two_dimensional": odd.grey_2d, "colour_doppler": odd.colour_doppler, "m_mode": odd.m_mode}[kind](seed)
    document = measured(Image.fromarray(picture), tmp_path / "picture.png")
    assert codes(document) == {kind}
    assert not document["calibrated"]
    assert document["vmax_mps"] is None


@pytest.mark.parametrize("seed", [1, 6])
def test_a_turned_picture_is_told_also_where_its_beats_look_like_layers_of_tissue(seed, tmp_path):
    for quarters in (1, 2, 3):
        turned = Image.fromarray(np.rot90(odd.spectral(seed=seed), quarters).copy())
        assert codes(measured(turned, tmp_path / "turned.png")) == {"rotated"}


def test_a_bar_of_colours_is_told_from_an_axis():
    assert is_colour_bar(odd.colour_doppler(), (918, 75, 970, 290), reach=30)
    assert not is_colour_bar(odd.spectral(), (800, 37, 841, 360), reach=30)


def test_sixteen_and_twelve_bits_cmyk_and_animations_are_read_as_the_plain_picture(tmp_path):
    plain = Image.fromarray(odd.spectral())
    truth = measured(plain, tmp_path / "plain.png")
    grey = np.asarray(plain.convert("L")).astype(np.uint16)
    others = [
        measured(Image.fromarray(grey * 257), tmp_path / "sixteen.png"),
        measured(Image.fromarray(grey * 16), tmp_path / "twelve.png"),
        measured(plain, tmp_path / "animated.png", save_all=True, append_images=[Image.new("RGB", plain.size)]),
        measured(plain.convert("CMYK"), tmp_path / "cmyk.jpg", quality=95),
    ]
    for document in others:
        assert document["vmax_mps"] == pytest.approx(truth["vmax_mps"], rel=0.03)
    assert ["several_frames" in codes(document) for document in others] == [False, False, True, False]


def test_pictures_too_small_too_wide_or_cut_off_have_a_reason(tmp_path):
    plain = Image.fromarray(odd.spectral())
    assert codes(measured(plain.resize((50, 22)), tmp_path / "low.png")) == {"bad_region"}
    assert codes(measured(plain.resize((50, 50)), tmp_path / "small.png")) == {"low_resolution"}
    assert codes(measured(Image.new("1", (12_000, 12_000)), tmp_path / "large.png")) == {"too_large"}
    wide = Image.new("RGB", (12_000, 500))
    wide.paste(plain, (300, 50))
    document = measured(wide, tmp_path / "wide.png")
    assert document["px_per_mps"] == pytest.approx(PX_PER_MPS, rel=0.02)
    assert document["display"] == pytest.approx([340, 80, 1100, 430], abs=6)
    data = (tmp_path / "small.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    assert codes(measure_image(tmp_path / "cut.png").document()) == {"truncated"}
