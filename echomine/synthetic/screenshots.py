"""Screenshots of many styles of screens with known axes: to measure how well axes are read off pictures.

Apart from the archive of :mod:`echomine.synthetic.images` on purpose: there a display is made to be learnt from, here
its print, layout and compression vary as screens of different makers, export programs and slides do.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from echomine.synthetic.screenshot_styles import WHITE, Box, Colour, ScreenshotStyle, Signs, UnitPlace, Zero

Pixels: TypeAlias = NDArray[np.uint8]
Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot:
    """A picture with its truth, in pixels of the picture.

    Attributes:
        pixels: (H, W, 3).
        style: How it was drawn.
        mps_per_px: Velocity step of one row upwards; None where the axis counts kHz.
        baseline_row: Row of zero velocity.
        s_per_px: Time of one column.
        box: The display.
        name_boxes: Names, dates and numbers of a patient.
        axis_boxes: Numbers of the velocity axis.
    """

    pixels: Pixels
    style: ScreenshotStyle
    mps_per_px: float | None
    baseline_row: float
    s_per_px: float
    box: Box
    name_boxes: tuple[Box, ...] = ()
    axis_boxes: tuple[Box, ...] = ()


def draw_screenshot(style: ScreenshotStyle, rng: np.random.Generator, *, fonts: Sequence[str] = ()) -> Screenshot:
    """A screen of a style as a picture, with its truth.

    Args:
        style: What to draw.
        rng: Noise, beats, names.
        fonts: Files of fonts that ``style.font`` counts from 1 on; 0 is Pillow's own.
    """
    image = Image.new("RGB", (style.width, style.height), style.ground)
    image.paste(Image.fromarray(_spectrum(style, rng)), style.box[:2])
    canvas = _Canvas(image, ImageDraw.Draw(image), style, _font(style, fonts))
    if style.sector:
        _draw_sector(canvas, rng)
    _draw_lines(canvas, rng)
    axis_boxes = _draw_velocity_axis(canvas)
    if style.time_ticks:
        _draw_time_axis(canvas)
    names = _draw_texts(canvas, rng)
    return _finished(canvas, axis_boxes, names)


@dataclass(frozen=True, slots=True)
class _Canvas:
    image: Image.Image
    draw: ImageDraw.ImageDraw
    style: ScreenshotStyle
    font: Font

    def text(self, place: tuple[float, float], text: str, *, anchor: str = "lm", colour: Colour | None = None) -> Box:
        """Prints and tells where."""
        box = self.draw.textbbox(place, text, font=self.font, anchor=anchor)
        self.draw.text(place, text, font=self.font, anchor=anchor, fill=colour or self.style.print_colour)
        return int(box[0]), int(box[1]), int(box[2]), int(box[3])


def _font(style: ScreenshotStyle, fonts: Sequence[str]) -> Font:
    if style.font == 0 or not fonts:
        return ImageFont.load_default(style.font_px)
    return ImageFont.truetype(fonts[(style.font - 1) % len(fonts)], style.font_px)


def _mps_per_row(style: ScreenshotStyle) -> float:
    return (style.highest_mps - style.lowest_mps) / (style.box[3] - style.box[1])


def _zero_row(style: ScreenshotStyle) -> float:
    return style.box[1] + style.highest_mps / _mps_per_row(style)


def _spectrum(style: ScreenshotStyle, rng: np.random.Generator) -> Pixels:
    """A display with one flow a beat below the baseline, a little above, over a noise floor."""
    x0, y0, x1, y1 = style.box
    width, height = x1 - x0, y1 - y0
    times = np.arange(width) * style.seconds / width
    period = 60 / style.rate_bpm
    phase = (times / period + rng.uniform(0, 1)) % 1
    shape = np.clip(np.sin(np.pi * phase / 0.4), 0, None) * (phase < 0.4) + 0.15 * (phase >= 0.4)
    reach = shape * rng.uniform(0.5, 0.95) * max(-style.lowest_mps, 0.2 * style.highest_mps)
    velocity = style.highest_mps - (np.arange(height) + 0.5) * _mps_per_row(style)
    edge = (style.highest_mps - style.lowest_mps) * 0.01
    below = 1 / (1 + np.exp(np.clip((-velocity[:, None] - reach[None]) / edge, -40, 40))) * (velocity[:, None] < 0)
    above = (velocity[:, None] > 0) & (velocity[:, None] < 0.3 * reach[::-1][None])
    grain = gaussian_filter(rng.exponential(size=(height, width)), (1.2, 0.6))
    light = (below * rng.uniform(0.45, 0.8) + 0.4 * above + style.noise * (style.noise > 0)) * grain
    level = np.clip(light, 0, 0.92)[..., None] * np.array(style.tint) * 255
    floor = np.array(style.ground, dtype=float) * (style.noise == 0)
    return np.asarray(np.maximum(level, floor), dtype=np.uint8)


def _draw_sector(canvas: _Canvas, rng: np.random.Generator) -> None:
    """A fan of tissue over the display, with a scale of depths beside it."""
    style = canvas.style
    middle, bottom = int(style.width * rng.uniform(0.35, 0.6)), style.box[1] - int(0.06 * style.height)
    top, radius = int(0.05 * style.height), bottom - int(0.05 * style.height)
    size = 2 * radius
    rows, columns = np.mgrid[0:radius, 0:size]
    distance, angle = np.hypot(columns - radius, rows), np.arctan2(columns - radius, rows + 1e-6)
    tissue = gaussian_filter(rng.normal(size=(radius, size)), 6)
    light = np.clip(0.35 + 0.3 * tissue / tissue.std(), 0, 1) * rng.uniform(0.4, 1.0, size=(radius, size))
    fan = (distance < radius) & (np.abs(angle) < 0.65)
    part = np.where(fan, light * 235, 0)[..., None].repeat(3, axis=2).astype(np.uint8)
    canvas.image.paste(Image.fromarray(part), (middle - radius, top), Image.fromarray(fan))
    x = min(middle + int(0.75 * radius), style.width - 5 * style.font_px)
    for depth in range(4):
        y = top + depth * radius // 4
        canvas.draw.rectangle((x, y, x + 7, y + 1), fill=WHITE)
        canvas.text((x + 14, y), str(depth * int(rng.choice((4, 5)))), colour=WHITE)


def _draw_lines(canvas: _Canvas, rng: np.random.Generator) -> None:
    style, (x0, y0, x1, y1) = canvas.style, canvas.style.box
    zero = round(_zero_row(style))
    if style.grid:
        for number in _numbers(style):
            y = round(zero - number * style.step_mps / _mps_per_row(style))
            canvas.draw.line([(x, y) for x in range(x0, x1, 8)], fill=(70, 70, 70))
    if style.baseline and y0 <= zero < y1:
        colour: Colour = ((140, 140, 140), (220, 140, 40), (80, 200, 90))[rng.integers(3)]
        canvas.draw.line((x0, zero, x1 - 1, zero), fill=colour, width=int(rng.integers(1, 3)))
    if style.ecg:
        times = np.arange(x1 - x0) * style.seconds / (x1 - x0)
        beat = (times * style.rate_bpm / 60) % 1
        wave = np.exp(-(((beat - 0.2) / 0.015) ** 2)) + 0.15 * np.exp(-(((beat - 0.45) / 0.05) ** 2))
        rows = y0 + 8 - wave * 0.05 * style.height + gaussian_filter1d(rng.normal(size=len(wave)), 6)
        points = [(x0 + place, float(row)) for place, row in enumerate(rows)]
        canvas.draw.line(points, fill=((70, 220, 80), (230, 230, 230))[rng.integers(2)], width=1)


def _numbers(style: ScreenshotStyle) -> range:
    return range(int(np.ceil(style.lowest_mps / style.step_mps - 1e-9)), int(style.highest_mps / style.step_mps) + 1)


def _label(style: ScreenshotStyle, number: int) -> str:
    value = number * style.step_mps
    if style.in_cm:
        text = f"{abs(value) * 100:.1f}" if style.step_mps * 100 < 10 and style.font % 2 else f"{abs(value) * 100:.0f}"
    else:
        text = f"{abs(value):.2f}" if style.step_mps < 0.1 else f"{abs(value):.1f}"
    if style.signs is Signs.NONE or number == 0:
        return text
    return ("-" if number < 0 else "+" if style.signs is Signs.BOTH else "") + text


def _draw_velocity_axis(canvas: _Canvas) -> list[Box]:
    style = canvas.style
    edge = style.box[2] - 1 + style.far_px if style.right else style.box[0] - style.far_px
    outward = 1 if style.right else -1
    ticks = -outward if style.ticks_inside else outward
    step_rows = style.step_mps / _mps_per_row(style)
    x = edge + outward * ((0 if style.ticks_inside else style.ticks_px) + style.label_gap_px)
    boxes = []
    if style.axis_line:
        canvas.draw.line((edge, style.box[1], edge, style.box[3]), fill=style.print_colour)
    for number in _numbers(style):
        y = _zero_row(style) - number * step_rows
        _tick(canvas, edge, y, style.ticks_px * ticks)
        if text := _at_tick(style, number):
            anchor = "lm" if style.right else "rm"
            if style.box[1] - style.font_px < y < style.height - style.font_px // 2:
                boxes.append(canvas.text((x, y), text, anchor=anchor))
        for part in range(1, style.minor + 1):
            _tick(canvas, edge, y - part * step_rows / (style.minor + 1), style.ticks_px // 2 * ticks)
    unit = _unit(style)
    if style.unit_place is UnitPlace.TOP:
        boxes.append(canvas.text((x, style.box[1] - 1.4 * style.font_px), unit, anchor="lm" if style.right else "rm"))
    elif style.unit_place is UnitPlace.BOTTOM:
        y = min(style.box[3] + 0.8 * style.font_px, style.height - style.font_px)
        boxes.append(canvas.text((x, y), unit, anchor="lm" if style.right else "rm"))
    return boxes


def _unit(style: ScreenshotStyle) -> str:
    return "kHz" if style.kilohertz else "cm/s" if style.in_cm else "m/s"


def _at_tick(style: ScreenshotStyle, number: int) -> str:
    if number:
        return _label(style, number)
    unit = _unit(style)
    return {Zero.NOTHING: "", Zero.NUMBER: _label(style, 0), Zero.UNIT: unit, Zero.BRACKETED: f"[{unit}]"}[style.zero]


def _tick(canvas: _Canvas, x: int, y: float, length: int) -> None:
    if length and canvas.style.box[1] <= y <= canvas.style.box[3]:
        first, last = sorted((x, x + length))
        canvas.draw.rectangle(
            (first, round(y), last, round(y) + canvas.style.height // 600), fill=canvas.style.print_colour
        )


def _draw_time_axis(canvas: _Canvas) -> None:
    style, (x0, _, x1, y1) = canvas.style, canvas.style.box
    second = (x1 - x0) / style.seconds
    for tick in range(int(style.seconds * style.time_ticks) + 1):
        x = round(x0 + tick * second / style.time_ticks)
        length = 10 if tick % style.time_ticks == 0 else 5 if tick % 2 == 0 and style.time_ticks == 10 else 3
        rows = (y1 - length, y1 - 1) if style.time_inside else (y1 + 1, y1 + length)
        canvas.draw.rectangle((x, rows[0], x + 1, rows[1]), fill=style.print_colour)


_NAMES = ("MUELLER, ANNA", "SMITH^JOHN", "Garcia Maria", "TANAKA K.", "O'BRIEN SEAN", "NOWAK, EWA")


def _draw_texts(canvas: _Canvas, rng: np.random.Generator) -> list[Box]:
    """Settings of the machine, the sweep, the rate; names and dates where the style has them: their boxes."""
    style, (x0, y0, x1, y1) = canvas.style, canvas.style.box
    line = style.font_px + 4
    if style.settings:
        for place, text in enumerate(("FR 54Hz", "17cm", "2D", " 64%", "C 50", "P Low")):
            if y0 > 8 * line:
                canvas.text((8, 0.08 * style.height + place * line), text, colour=WHITE)
        for place, text in enumerate(("CW", " 50%", "WF 225Hz", "1.8MHz")):
            canvas.text((x0 + 3, y0 + 0.1 * (y1 - y0) + place * line), text, colour=WHITE)
        canvas.text((x1 - 9 * style.font_px, min(y1 + line, style.height - line // 2)), "100mm/s", colour=WHITE)
        canvas.text(
            (x1 - 3 * style.font_px, min(y1 + line, style.height - line // 2)), f"{style.rate_bpm}bpm", colour=WHITE
        )
    if style.colour_bar:
        _draw_colour_bar(canvas)
    if not style.names:
        return []
    date = f"{rng.integers(1, 29):02d}/{rng.integers(1, 13):02d}/{rng.integers(1998, 2025)}"
    number = f"ID {rng.integers(10**6, 10**7)}"
    boxes = [canvas.text((0.03 * style.width, 0.035 * style.height), str(rng.choice(_NAMES)), colour=WHITE)]
    boxes.append(canvas.text((0.45 * style.width, 0.035 * style.height), number, colour=WHITE))
    boxes.append(canvas.text((0.97 * style.width, 0.035 * style.height), date, anchor="rm", colour=WHITE))
    if rng.random() < 0.4:
        inside = (x0 + 0.35 * (x1 - x0), y1 - 0.1 * (y1 - y0))
        boxes.append(canvas.text(inside, str(rng.choice(_NAMES)), colour=WHITE))
    return boxes


def _draw_colour_bar(canvas: _Canvas) -> None:
    style = canvas.style
    x, y, height = style.width - 2 * style.font_px, int(0.12 * style.height), int(0.18 * style.height)
    for row in range(height):
        share = 1 - 2 * row / height
        colour = (int(255 * share), 40, 0) if share > 0 else (0, 40, int(-255 * share))
        canvas.draw.line((x, y + row, x + style.font_px, y + row), fill=colour)
    canvas.text((style.width - 4, y - style.font_px), "+61.6", anchor="rm", colour=WHITE)
    canvas.text((style.width - 4, y + height + style.font_px), "-61.6", anchor="rm", colour=WHITE)
    canvas.text((style.width - 4, y + height + 2.3 * style.font_px), "cm/s", anchor="rm", colour=WHITE)


def _finished(canvas: _Canvas, axis_boxes: Sequence[Box], names: Sequence[Box]) -> Screenshot:
    style, scale = canvas.style, canvas.style.scale
    image = canvas.image
    if scale != 1.0:
        size = (round(style.width * scale), round(style.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC)
    if style.inverted:
        image = Image.fromarray(255 - np.asarray(image))
    if style.jpeg_quality is not None:
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=style.jpeg_quality)
        image = Image.open(io.BytesIO(stream.getvalue()))
    return Screenshot(
        pixels=np.asarray(image.convert("RGB")),
        style=replace(style),
        mps_per_px=None if style.kilohertz else _mps_per_row(style) / scale,
        baseline_row=(round(_zero_row(style)) + 0.5) * scale - 0.5,
        s_per_px=style.seconds / (style.box[2] - style.box[0]) / scale,
        box=_scaled(style.box, scale),
        name_boxes=tuple(_scaled(box, scale) for box in names),
        axis_boxes=tuple(_scaled(box, scale) for box in axis_boxes),
    )


def _scaled(box: Box, scale: float) -> Box:
    x0, y0, x1, y1 = (round(side * scale) for side in box)
    return x0, y0, x1, y1
