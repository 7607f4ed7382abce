"""What is drawn over a display is masked, and flow is not."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from echomine.doppler.overlays import overlay_mask


def flow(seed=1):
    """Speckle as a display has it: never as bright as print."""
    speckle = gaussian_filter(np.random.default_rng(seed).exponential(1.0, (300, 600)), (2.0, 0.7))
    return np.clip(speckle * 45, 0, 200).astype(np.uint8)


def drawn(paint):
    image = Image.fromarray(np.repeat(flow()[..., None], 3, axis=2))
    paint(ImageDraw.Draw(image))
    return np.asarray(image)


def test_flow_is_left_alone():
    assert overlay_mask(flow()).mean() < 0.02


def test_print():
    font = ImageFont.load_default(18)
    pixels = drawn(lambda draw: draw.text((20, 30), "WF 225Hz", fill=(255, 255, 255), font=font))
    x0, y0, x1, y1 = ImageDraw.Draw(Image.new("L", (9, 9))).textbbox((20, 30), "WF 225Hz", font=font)
    ink = (pixels[..., 0] == 255)[int(y0) : int(y1), int(x0) : int(x1)]
    mask = overlay_mask(pixels)[int(y0) : int(y1), int(x0) : int(x1)]
    assert mask[ink].mean() > 0.95
    assert overlay_mask(pixels).mean() < 0.05


def test_a_green_trace():
    points = [(x, 60 + int(20 * np.sin(x / 15))) for x in range(600)]
    pixels = drawn(lambda draw: draw.line(points, fill=(60, 220, 70), width=1))
    mask = overlay_mask(pixels)
    assert np.mean([mask[y, x] for x, y in points]) > 0.95


def test_a_white_trace_from_side_to_side():
    points = [(x, 60 + int(10 * np.sin(x / 20))) for x in range(600)]
    pixels = drawn(lambda draw: draw.line(points, fill=(235, 235, 235), width=1))
    mask = overlay_mask(pixels)
    assert np.mean([mask[y, x] for x, y in points]) > 0.9


def test_a_level_line_of_interference_and_the_baseline():
    pixels = flow()
    pixels[200:203] = np.maximum(pixels[200:203], 90)
    mask = overlay_mask(pixels, baseline_y=100.4)
    assert mask[200:203].all()
    assert mask[98:103].all()
    assert mask[120:180].mean() < 0.02


def test_a_caliper():
    def cross(draw):
        draw.line((300, 150, 308, 150), fill=(255, 255, 255), width=2)
        draw.line((304, 140, 304, 147), fill=(255, 255, 255), width=2)
        draw.line((304, 154, 304, 161), fill=(255, 255, 255), width=2)

    mask = overlay_mask(drawn(cross))
    assert mask[150, 300:308].all()
    assert mask[141:147, 304].all()


def test_a_tinted_display_is_no_overlay():
    tinted = (flow()[..., None] * np.array((1.0, 0.75, 0.35))).astype(np.uint8)
    assert overlay_mask(tinted).mean() < 0.02


def test_given_boxes():
    mask = overlay_mask(flow(), boxes=[(10, 20, 40, 50), (-5, -5, 3, 3)])
    assert mask[20:50, 10:40].all()
    assert mask[:3, :3].all()


def test_tiny_displays():
    assert overlay_mask(np.zeros((3, 2), dtype=np.uint8)).shape == (3, 2)
