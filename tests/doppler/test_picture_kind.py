"""What pictures without a readable axis are: drawn ones, photographs that libraries carry, and real files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from pydicom import dcmread
from pydicom.pixels import apply_color_lut, pixel_array
from skimage import data
from sklearn.datasets import load_sample_image

from echomine.domain.errors import Reason
from echomine.doppler.picture_kind import other_picture
from echomine.synthetic.screenshot_styles import ScreenshotStyle
from echomine.synthetic.screenshots import draw_screenshot
from tests.doppler import odd_pictures as odd

SCREEN = ScreenshotStyle(
    width=1024, height=768, box=(60, 340, 900, 720), highest_mps=1.2, lowest_mps=-4.4, step_mps=1.0
)


def reason(pixels):
    other = other_picture(np.ascontiguousarray(pixels))
    return other.reason if other else None


def test_an_empty_screen_of_any_level():
    assert reason(np.zeros((100, 100), dtype=np.uint8)) is Reason.BLANK_PICTURE
    assert reason(np.full((600, 800, 3), 235, dtype=np.uint8)) is Reason.BLANK_PICTURE


@pytest.mark.parametrize("picture", [data.astronaut, data.coffee, data.chelsea])
def test_photographs(picture):
    assert reason(picture()) is Reason.PHOTOGRAPH


@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_photographs_of_buildings_and_flowers(name):
    assert reason(load_sample_image(name)) is Reason.PHOTOGRAPH


@pytest.mark.parametrize("size", [(1024, 768), (640, 480), (1600, 1200)])
@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        (odd.grey_2d, Reason.TWO_DIMENSIONAL),
        (odd.colour_doppler, Reason.COLOUR_DOPPLER),
        (odd.m_mode, Reason.M_MODE),
    ],
)
def test_pictures_of_the_heart_at_any_size(picture, kind, size):
    assert reason(np.asarray(Image.fromarray(picture(3)).resize(size))) is kind


def test_a_sector_with_an_ecg_and_a_bar_of_grey_below_is_a_sector():
    image = Image.fromarray(odd.grey_2d(4))
    draw = ImageDraw.Draw(image)
    times = np.arange(700)
    beats = 720 - 30 * np.exp(-(((times % 233 - 100) / 6.0) ** 2))
    draw.line([(150 + time, float(row)) for time, row in zip(times, beats, strict=True)], fill=(80, 220, 90))
    draw.rectangle((0, 745, 1023, 767), fill=(90, 90, 110))
    assert reason(np.asarray(image)) is Reason.TWO_DIMENSIONAL


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "style",
    [
        SCREEN,
        replace(SCREEN, colour_bar=True, noise=0.0),
        replace(SCREEN, tint=(1.0, 0.76, 0.36), noise=0.2, ecg=False),
        replace(SCREEN, inverted=True, tint=(0.7, 0.86, 1.0)),
        odd.STRIP,
        replace(odd.STRIP, noise=0.2, baseline=False),
        replace(odd.STRIP, noise=0.0, baseline=False, tint=(1.0, 0.84, 0.62)),
        replace(odd.STRIP, highest_mps=4.5, lowest_mps=-0.3, baseline=False),
    ],
)
def test_a_spectral_display_is_never_said_to_be_something_else(style, seed):
    assert reason(draw_screenshot(style, np.random.default_rng(seed)).pixels) is None


def test_a_few_pixels():
    small = np.asarray(Image.fromarray(odd.spectral()).resize((50, 50)))
    assert reason(small) is Reason.LOW_RESOLUTION


@pytest.mark.real
def test_real_strips_are_never_said_to_be_something_else(real_data: Path):
    files = [path for path in (real_data / "doppler" / "dev").rglob("*") if path.suffix in (".png", ".jpeg")]
    assert len(files) == 19
    assert {reason(np.asarray(Image.open(path).convert("RGB"))) for path in files} == {None}


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:Incorrect value for Specific Character Set")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dcm4che__US-PAL-8-10x-echo", Reason.COLOUR_DOPPLER),
        ("dcm4che__US-RGB-8-esopecho", Reason.COLOUR_DOPPLER),
        ("dicomParser__IM00001.fragmented_no_bot_jpeg_baseline.50", Reason.COLOUR_DOPPLER),
        ("fo-dicom__DIRW0007", Reason.TWO_DIMENSIONAL),
        ("pydicom-data__JPGLosslessP14SV1_1s_1f_8b", Reason.TWO_DIMENSIONAL),
    ],
)
def test_real_pictures_of_the_heart(name, kind, real_data: Path):
    file = dcmread(real_data / "dicom_us" / f"{name}.dcm")
    pixels = pixel_array(file, index=0)
    if file.PhotometricInterpretation == "PALETTE COLOR":
        pixels = (apply_color_lut(pixels, file) >> 8).astype(np.uint8)
    assert reason(pixels) is kind


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:Incorrect value for Specific Character Set")
def test_every_frame_of_a_real_clip_is_a_sector(real_data: Path):
    frames = pixel_array(dcmread(real_data / "dicom_us" / "fo-dicom__DIRW0007.dcm"))[::16]
    assert {reason(frame) for frame in frames} == {Reason.TWO_DIMENSIONAL}
