"""Real strips, read with the scale and box of the hand readings: the goals hold, with room for one bad strip."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.domain.records import Calibration
from echomine.doppler.display import SpectralDisplay
from echomine.doppler.overlays import overlay_mask
from echomine.doppler.reading import DisplayReading, read_display

pytestmark = pytest.mark.real
TICKS_PX = 13
"""Rows of time ticks within the box of the hand readings."""


@pytest.fixture(scope="module")
def readings(real_data: Path) -> list[tuple[dict, DisplayReading]]:
    folder = real_data / "doppler" / "dev"
    strips = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return [(strip, read(folder / strip["image"], strip)) for strip in strips if strip["mode"] != "TDI"]


def read(path: Path, strip: dict) -> DisplayReading:
    x0, y0, x1, y1 = strip["spectral_bbox"]
    pixels = np.asarray(Image.open(path).convert("RGB"))[y0 : y1 - TICKS_PX, x0:x1]
    scale = Calibration(
        mps_per_px=1 / strip["px_per_mps"], baseline_y=strip["baseline_y"] - y0, s_per_px=1 / strip["px_per_s"]
    )
    overlay = overlay_mask(pixels, baseline_y=scale.baseline_y)
    return read_display(SpectralDisplay(pixels=pixels, calibration=scale), overlay=overlay)


def test_every_strip_has_its_main_flow_below(readings) -> None:
    assert all(reading.main is not None and reading.main.toward is False for _, reading in readings)


def test_peak_velocity_of_the_images(readings) -> None:
    errors = [abs(reading.main.vmax_mps / strip["vmax_mps"] - 1) for strip, reading in readings]
    assert np.mean(errors) <= 0.03
    assert max(errors) <= 0.10


def test_beats_and_their_peaks(readings) -> None:
    found, false, errors = 0, 0, []
    for strip, reading in readings:
        left = list(reading.main.beats)
        for beat in strip["beats"]:
            first, last = (place - strip["spectral_bbox"][0] for place in beat["x_range"])
            hit = next((one for one in left if first <= one.x_peak <= last), None)
            if hit is not None:
                left.remove(hit)
                found += 1
                errors.append(abs(hit.vmax_mps / beat["vmax_mps"] - 1))
        false += len(left)
    total = sum(len(strip["beats"]) for strip, _ in readings)
    assert found >= 0.95 * total
    assert false <= 0.05 * total
    assert np.mean(errors) <= 0.03


def test_integral_and_mean_gradient_of_the_traced_beats(readings) -> None:
    for strip, reading in readings:
        trace = strip.get("trace")
        if trace:
            first, last = (place - strip["spectral_bbox"][0] for place in strip["beats"][trace["beat"]]["x_range"])
            beat = next(one for one in reading.main.beats if first <= one.x_peak <= last)
            assert beat.vti_cm == pytest.approx(trace["vti_cm"], rel=0.08)
            assert beat.mean_gradient_mmhg == pytest.approx(trace["mean_gradient_mmhg"], rel=0.12)
