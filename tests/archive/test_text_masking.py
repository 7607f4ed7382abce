"""Names on pictures are masked before anything is shown; the numbers of the axis stay."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from echomine.archive.spectral_files import read_spectral_file
from echomine.archive.text_masking import without_text
from echomine.archive.text_recognition import OnnxTextReader
from echomine.domain.vocabulary import CalibrationSource
from echomine.doppler.axis import FoundText, ReadText
from echomine.synthetic.screenshot_styles import ScreenshotStyle
from echomine.synthetic.screenshots import draw_screenshot

STYLE = ScreenshotStyle(
    width=1024, height=768, box=(60, 340, 900, 720), highest_mps=1.2, lowest_mps=-4.4, step_mps=1.0, names=True
)


class Told:
    """A reader that finds what it is told."""

    def __init__(self, texts):
        self.texts = texts

    def find(self, pixels):
        return [FoundText(box, 1.0) for box in self.texts]

    def read(self, crops):
        by_size = {(box[3] - box[1], box[2] - box[0]): text for box, text in self.texts.items()}
        return [ReadText(by_size[crop.shape[:2]], 1.0) for crop in crops]


def with_name_inside(seed=0):
    """The first screen of that style that has a name within its display too."""
    for number in range(seed, 50):
        shot = draw_screenshot(STYLE, np.random.default_rng(number))
        if len(shot.name_boxes) == 4:
            return shot
    raise AssertionError("no screen with a name inside")


def print_left(pixels, box):
    """Share of pixels as bright as print in a box."""
    x0, y0, x1, y1 = box
    return float((pixels[y0:y1, x0:x1].max(axis=-1) > 200).mean())


def test_found_print_is_filled_and_the_axis_stays():
    pixels = np.full((200, 200), 20, dtype=np.uint8)
    texts = {(10, 10, 70, 24): "DOE JOHN", **{(150, y, 170 + y // 40, y + 12): "100" for y in (40, 80, 120)}}
    for x0, y0, x1, y1 in texts:
        pixels[y0:y1, x0:x1] = 255
    masked = without_text(pixels, reader=Told(texts))
    assert (masked[8:26, 8:72] == 20).all()
    assert np.array_equal(masked[30:, 140:], pixels[30:, 140:])


def test_a_lone_number_is_masked_and_what_is_kept_is_kept():
    pixels = np.full((100, 100), 20, dtype=np.uint8)
    box = (40, 40, 60, 52)
    pixels[40:52, 40:60] = 255
    assert (without_text(pixels, reader=Told({box: "1953"})) == 20).all()
    assert np.array_equal(without_text(pixels, kept=[(30, 30, 70, 60)], reader=Told({box: "1953"})), pixels)


def test_a_row_of_beats_taken_for_print_is_left_but_not_the_name_in_it():
    class Beats(Told):
        """Finds the whole flow in the picture, and again, with a name, in the part that holds it, twice as large."""

        def find(self, pixels):
            whole = [FoundText((10, 20, 190, 90), 0.9)]
            return (
                whole
                if pixels.shape == (100, 200)
                else [FoundText((0, 0, 360, 140), 0.9), FoundText((10, 12, 90, 32), 0.9)]
            )

    pixels = np.random.default_rng(0).integers(60, 200, (100, 200)).astype(np.uint8)
    masked = without_text(pixels, reader=Beats({(15, 26, 55, 36): "SMITH"}))
    name = np.zeros(pixels.shape, dtype=bool)
    name[26 - 2 : 36 + 2, 15 - 2 : 55 + 2] = True
    assert np.array_equal(masked[~name], pixels[~name])
    assert np.ptp(masked[name]) == 0


def test_one_tall_beat_taken_for_print_is_left_and_a_block_of_lines_is_not():
    class Tall(Told):
        """Finds one tall thing, and what is told of it when it is looked at twice as large."""

        def find(self, pixels):
            seen = [FoundText((200, 60, 260, 160), 0.9)]
            return seen if pixels.shape == (300, 600) else super().find(pixels)

        def read(self, crops):
            return [ReadText("SMITH", 1.0) for _ in crops]

    pixels = np.random.default_rng(0).integers(60, 200, (300, 600)).astype(np.uint8)
    beat = Tall({(0, 0, 120, 200): "beat"})
    assert np.array_equal(without_text(pixels, reader=beat), pixels)
    lines = Tall({(0, 20 + 60 * line, 120, 52 + 60 * line): "SMITH" for line in range(3)})
    masked = without_text(pixels, reader=lines)
    for line in range(3):
        assert np.ptp(masked[70 + 30 * line : 86 + 30 * line, 200:260]) == 0


def test_the_given_picture_is_not_changed():
    pixels = np.full((100, 100, 3), 255, dtype=np.uint8)
    without_text(pixels, reader=Told({(10, 10, 50, 30): "X"}))
    assert (pixels == 255).all()


def test_names_in_and_around_a_display_are_gone_and_the_axis_is_there(tmp_path):
    shot = with_name_inside()
    path = tmp_path / "screen.png"
    Image.fromarray(shot.pixels).save(path)
    assert all(print_left(shot.pixels, box) > 0.05 for box in shot.name_boxes)
    read = read_spectral_file(path)
    shown = without_text(read.picture, kept=read.axis.kept_boxes)
    assert all(print_left(shown, box) < 0.01 for box in shot.name_boxes)
    inside_rows = [box for box in shot.axis_boxes if box[3] < 720]
    assert sum(print_left(shown, box) > 0.05 for box in inside_rows) >= len(inside_rows) - 1


def test_a_screenshot_goes_in_calibrated_and_cropped(tmp_path):
    shot = draw_screenshot(replace(STYLE, jpeg_quality=85), np.random.default_rng(5))
    path = tmp_path / "screen.jpg"
    Image.fromarray(shot.pixels).save(path, quality=95)
    read = read_spectral_file(path)
    assert read.display.calibration.source is CalibrationSource.AXIS
    assert read.display.calibration.mps_per_px == pytest.approx(shot.mps_per_px, rel=0.02)
    assert read.box[3] - read.box[1] == pytest.approx(380, abs=45)
    assert (read.picture[:200] == 0).all()
    assert any("read off its axes" in note for note in read.notes)


def test_the_networks_find_and_read_print():
    shot = draw_screenshot(STYLE, np.random.default_rng(5))
    reader = OnnxTextReader()
    found = reader.find(shot.pixels)
    for x0, y0, x1, y1 in shot.name_boxes:
        assert any(x0 < (one.box[0] + one.box[2]) / 2 < x1 and y0 < (one.box[1] + one.box[3]) / 2 < y1 for one in found)
    x0, y0, x1, y1 = shot.axis_boxes[0]
    (text,) = reader.read([shot.pixels[y0 - 3 : y1 + 3, x0 - 3 : x1 + 3]])
    assert text.text == "-400"
    assert text.score > 0.9
    assert reader.read([]) == []
