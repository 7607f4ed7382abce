"""The whole screen: display, 2D sector, axes, ECG and small print."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from echomine.synthetic.flows import Scene
from echomine.synthetic.randomness import Stream, generator
from echomine.synthetic.settings import BASELINE, ColourMap, DisplaySettings, Layout
from echomine.synthetic.spectrum import SIGNAL_TOP, Pixels

ECG, WHITE = 250, 255
"""Levels with a colour of their own, beside the baseline's."""

_TINTS: dict[ColourMap, tuple[float, float, float]] = {
    ColourMap.GREY: (1.0, 1.0, 1.0),
    ColourMap.SEPIA: (1.0, 0.84, 0.62),
    ColourMap.BLUE: (0.70, 0.86, 1.0),
    ColourMap.AMBER: (1.0, 0.76, 0.36),
}


def colour_table(colour_map: ColourMap) -> Pixels:
    """(256, 3) red, green, blue of each level; white, ECG and baseline keep their own colours."""
    ramp = np.minimum(np.arange(256) * 255.0 / SIGNAL_TOP, 255.0)
    tint = np.array(_TINTS[colour_map])
    table = ramp[:, None] * (tint + (1.0 - tint) * (ramp[:, None] / 255.0) ** 3)
    table[BASELINE], table[ECG], table[WHITE] = (190, 120, 50), (70, 220, 80), (255, 255, 255)
    return np.rint(table).astype(np.uint8)


def screen_pixels(
    strip: Pixels,
    settings: DisplaySettings,
    scene: Scene,
    notes: Sequence[str],
    rng: np.random.Generator,
) -> Pixels:
    """(rows, columns) levels of the screen around a display; ``notes`` are printed at its left edge."""
    layout = settings.layout
    canvas = np.zeros((layout.rows, layout.columns), dtype=np.uint8)
    _paste_sector(canvas, layout, rng)
    canvas[layout.y0 : layout.y0 + layout.height, layout.x0 : layout.x0 + layout.width] = strip
    row = layout.y0 + settings.baseline_row
    canvas[row, layout.x0 : layout.x0 + layout.width] = settings.baseline_level
    _draw_velocity_axis(canvas, settings)
    _draw_time_axis(canvas, settings)
    _draw_ecg(canvas, settings, scene, rng)
    for line, note in enumerate(notes):
        put_text(canvas, (layout.x0 + 2, layout.y0 + 14 + line * (layout.font_px + 3)), note, layout.font_px)
    right = layout.x0 + layout.width
    below = layout.y0 + layout.height + layout.font_px
    put_text(canvas, (right - 8 * layout.font_px, below), f"{settings.sweep_mm_s}mm/s", layout.font_px)
    rate = f"{scene.heart_rate_bpm:.0f}bpm"
    put_text(canvas, (right + 6, below), rate, layout.font_px)
    return canvas


def put_text(canvas: Pixels, corner: tuple[int, int], text: str, size_px: int) -> None:
    """Print white text with its upper left corner at (x, y); what does not fit is cut off."""
    sprite = _text_sprite(text, size_px)
    x, y = max(corner[0], 0), max(corner[1], 0)
    window = canvas[y : y + sprite.shape[0], x : x + sprite.shape[1]]
    np.maximum(window, sprite[: window.shape[0], : window.shape[1]], out=window)


@lru_cache(maxsize=4096)
def _text_sprite(text: str, size_px: int) -> Pixels:
    font = ImageFont.load_default(size_px)
    _, _, right, bottom = (int(edge) for edge in font.getbbox(text))
    image = Image.new("L", (right + 1, bottom + 1))
    ImageDraw.Draw(image).text((0, 0), text, fill=WHITE, font=font)
    return np.asarray(image)


def _tick_step(span_mps: float) -> float:
    return next(step for step in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if span_mps / step <= 9)


def _draw_velocity_axis(canvas: Pixels, settings: DisplaySettings) -> None:
    layout, x = settings.layout, settings.layout.x0 + settings.layout.width
    step = _tick_step(settings.up_mps + settings.down_mps)
    row_of_tick = abs(step / settings.mps_per_px)
    for number in range(-int(settings.down_mps / step), int(settings.up_mps / step) + 1):
        y = round(layout.y0 + settings.baseline_row - number * row_of_tick)
        canvas[y - 1 : y + 1, x + 2 : x + 9] = WHITE
        value = number * step * (-1 if settings.inverted else 1)
        unit = "cm/s" if settings.axis_in_cm else "m/s"
        label = f"{value * 100:.0f}" if settings.axis_in_cm else f"{value:.1f}"
        put_text(canvas, (x + 12, y - layout.font_px // 2 - 2), unit if number == 0 else label, layout.font_px)


def _draw_time_axis(canvas: Pixels, settings: DisplaySettings) -> None:
    layout = settings.layout
    bottom = layout.y0 + layout.height
    for tick in range(int(layout.width * settings.s_per_px / 0.2) + 1):
        x = round(layout.x0 + tick * 0.2 / settings.s_per_px)
        long = 9 if tick % 5 == 0 else 4
        canvas[bottom + 1 : bottom + 1 + long, x : x + 2] = WHITE


def _draw_ecg(canvas: Pixels, settings: DisplaySettings, scene: Scene, rng: np.random.Generator) -> None:
    layout = settings.layout
    height = layout.rows * rng.uniform(0.03, 0.06)
    trace = rng.uniform(0.0, 0.12) * np.sin(scene.times_s * rng.uniform(0.8, 2.0) + rng.uniform(0, 6))
    for beat in scene.beats:
        trace = trace + _wave(scene, beat.qrs_s, 0.016, 1.0) + _wave(scene, beat.qrs_s + 0.035, 0.014, -0.22)
        trace = trace + _wave(scene, beat.qrs_s + 0.27, 0.05, 0.2)
        if not scene.fibrillates:
            trace = trace + _wave(scene, beat.atrial_s - 0.06, 0.028, 0.12)
    middle = layout.y0 + 4 + layout.height * max(0.0, rng.uniform(-0.1, 0.14))
    y = np.rint(middle - height * trace).clip(1, layout.rows - 2).astype(int)
    points = [(layout.x0 + x, int(value)) for x, value in enumerate(y)]
    image = Image.new("L", (layout.columns, layout.y0 + layout.height))
    ImageDraw.Draw(image).line(points, fill=ECG, width=1 if layout.rows < 700 else 2)
    drawn = np.asarray(image)
    window = canvas[: drawn.shape[0]]
    window[drawn > 0] = ECG


def _wave(scene: Scene, middle_s: float, width_s: float, height: float) -> npt.NDArray[np.float64]:
    return np.asarray(height * np.exp(-(((scene.times_s - middle_s) / width_s) ** 2)))


@lru_cache(maxsize=8)
def _sector_texture(kind: int) -> npt.NDArray[np.float64]:
    """A fan of blurred tissue, brightest along a few arcs."""
    rng = generator(0, Stream.SPECKLE, 100 + kind)
    size = 320
    y, x = np.mgrid[0:size, 0:size] / size
    radius, angle = np.hypot(x - 0.5, y), np.arctan2(x - 0.5, y)
    tissue = gaussian_filter(rng.normal(size=(size, size)), 16)
    grain = gaussian_filter(rng.normal(size=(size, size)), (0.8, 1.6))
    bright = np.clip(0.25 + 0.3 * tissue / tissue.std(), 0, 1) * np.clip(0.5 + 0.35 * grain / grain.std(), 0, 1)
    return np.where((radius < 0.98) & (np.abs(angle) < 0.5), bright, 0.0)


def _paste_sector(canvas: Pixels, layout: Layout, rng: np.random.Generator) -> None:
    texture = _sector_texture(int(rng.integers(4)))
    x0, y0, x1, y1 = layout.sector
    shown = min(1.0, (y1 - y0) / (x1 - x0))
    rows = np.linspace((1.0 - shown) * (texture.shape[0] - 1), texture.shape[0] - 1, y1 - y0).astype(int)
    columns = np.linspace(0, texture.shape[1] - 1, x1 - x0).astype(int)[:: int(rng.choice((-1, 1)))]
    canvas[y0:y1, x0:x1] = (texture[np.ix_(rows, columns)] * 230).astype(np.uint8)
    _draw_beam(canvas, layout, rng)


def _draw_beam(canvas: Pixels, layout: Layout, rng: np.random.Generator) -> None:
    """The dotted line of the Doppler beam, the depth scale, and the print of the 2D settings."""
    x0, y0, x1, y1 = layout.sector
    lean = rng.uniform(-0.3, 0.3)
    for y in range(y0 + 6, y1 - 6, 8):
        x = int((x0 + x1) / 2 + lean * (y - y0))
        canvas[y : y + 2, x : x + 2] = WHITE
    for depth in range(4):
        y = y0 + depth * (y1 - y0) // 4
        canvas[y : y + 2, x1 + 8 : x1 + 14] = WHITE
        put_text(canvas, (x1 + 18, y - layout.font_px // 2), str(4 * depth), layout.font_px)
    lines = (f"FR {int(rng.integers(30, 80))}Hz", "16cm", "2D", f" {int(rng.integers(50, 75))}%", " C 50")
    for line, text in enumerate(lines):
        y = y0 + line * (layout.font_px + 3)
        if y + layout.font_px < y1:
            put_text(canvas, (8, y), text, layout.font_px)
