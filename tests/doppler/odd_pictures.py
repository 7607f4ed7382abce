"""Pictures that are no spectral display, or more than one, drawn from formulas: for tests of what is refused."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from echomine.synthetic.screenshot_styles import ScreenshotStyle
from echomine.synthetic.screenshots import draw_screenshot

Pixels = NDArray[np.uint8]
STRIP = ScreenshotStyle(
    width=900, height=400, box=(40, 30, 800, 380), highest_mps=1.2, lowest_mps=-4.4, step_mps=1.0, sector=False
)


def spectral(style: ScreenshotStyle = STRIP, seed: int = 1) -> Pixels:
    """A plain spectral display."""
    return draw_screenshot(style, np.random.default_rng(seed)).pixels


def stacked(seed: int = 1) -> Pixels:
    """Two displays of different scales, one above the other."""
    slow = replace(STRIP, highest_mps=1.0, lowest_mps=-0.5, step_mps=0.5, height=300, box=(40, 30, 800, 280))
    return np.vstack([spectral(STRIP, seed), spectral(slow, seed + 1)])


def side_by_side(seed: int = 1) -> Pixels:
    """Two displays of different scales, one beside the other."""
    slow = replace(STRIP, highest_mps=1.0, lowest_mps=-0.5, step_mps=0.5, width=600, box=(30, 30, 500, 380))
    return np.hstack([spectral(STRIP, seed), spectral(slow, seed + 1)])


def axes_on_both_sides() -> Pixels:
    """One display whose axis is printed on either side of it."""
    wide = replace(STRIP, width=1000, box=(100, 30, 900, 380))
    right, left = spectral(wide), spectral(replace(wide, right=False))
    return np.hstack([left[:, :100], right[:, 100:]])


def _canvas() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (1024, 768))
    return image, ImageDraw.Draw(image)


def _fan(rng: np.random.Generator) -> tuple[Pixels, NDArray[np.bool_]]:
    rows, columns = np.mgrid[0:640, 0:1024]
    distance, angle = np.hypot(columns - 512, rows), np.arctan2(columns - 512, rows + 1e-6)
    fan = (distance < 630) & (np.abs(angle) < 0.7)
    tissue = gaussian_filter(rng.normal(size=fan.shape), 7)
    light = np.clip(0.35 + 0.3 * tissue / tissue.std(), 0, 1) * rng.uniform(0.4, 1.0, fan.shape)
    return np.where(fan, light * 230, 0)[..., None].repeat(3, axis=2).astype(np.uint8), fan


def _numbers(draw: ImageDraw.ImageDraw, x: int, rows: dict[int, str]) -> None:
    font = ImageFont.load_default(16)
    for row, text in rows.items():
        draw.rectangle((x, row, x + 7, row + 1), fill="white")
        draw.text((x + 14, row), text, fill="white", font=font, anchor="lm")


def grey_2d(seed: int = 0) -> Pixels:
    """A fan of tissue with a scale of depths."""
    image, draw = _canvas()
    image.paste(Image.fromarray(_fan(np.random.default_rng(seed))[0]), (0, 60))
    _numbers(draw, 940, {60 + 200 * place: str(5 * place) for place in range(4)})
    return np.asarray(image)


def colour_doppler(seed: int = 0) -> Pixels:
    """The same with flow in colour and a bar of velocities in three numbers with a unit, as many screens have."""
    pixels = grey_2d(seed).copy()
    rng = np.random.default_rng(seed)
    flow = gaussian_filter(rng.normal(size=(300, 240)), 14)
    flow /= np.abs(flow).max()
    box = pixels[260:560, 400:640]
    lit = np.abs(flow) > 0.2
    box[lit] = np.stack([255 * np.clip(flow, 0, 1), 90 * np.abs(flow), 255 * np.clip(-flow, 0, 1)], axis=2)[lit]
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for row in range(200):
        share = 1 - row / 100
        colour = (int(255 * share), 40, 0) if share > 0 else (0, 40, int(-255 * share))
        draw.line((900, 80 + row, 916, 80 + row), fill=colour)
    _numbers(draw, 918, {80: "61.6", 180: "0", 280: "-61.6"})
    draw.text((930, 300), "cm/s", fill="white", font=ImageFont.load_default(16))
    return np.asarray(image)


def m_mode(seed: int = 0) -> Pixels:
    """Walls that move through three beats, with a scale of depths and ticks of time."""
    rng = np.random.default_rng(seed)
    times = np.linspace(0, 3, 860)
    beat = np.maximum(np.sin(2 * np.pi * times), 0) ** 2
    rows = np.arange(560)[:, None]
    light = np.zeros((560, 860))
    for depth, reach, width in ((40, 5, 8), (180, 40, 12), (330, -60, 18), (420, -20, 9)):
        light += np.exp(-(((rows - depth - reach * beat[None]) / width) ** 2))
    image, draw = _canvas()
    grey = np.clip(light * rng.gamma(3.0, 60.0, light.shape), 0, 235).astype(np.uint8)
    image.paste(Image.fromarray(grey), (40, 80))
    _numbers(draw, 904, {80 + 140 * place: str(5 * place) for place in range(5)})
    for tick in range(31):
        x = 40 + round(tick * 860 / 30)
        draw.rectangle((x, 642, x + 1, 652 if tick % 10 == 0 else 647), fill="white")
    return np.asarray(image)
