"""Styles of screens: layout, print, colours and compression as makers, export programs and slides have them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np

Box: TypeAlias = tuple[int, int, int, int]
Colour: TypeAlias = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)


class Zero(StrEnum):
    """What is printed at the baseline."""

    NOTHING = "nothing"
    NUMBER = "number"
    UNIT = "unit"
    BRACKETED = "bracketed unit"


class UnitPlace(StrEnum):
    """Where else the unit stands."""

    NOWHERE = "nowhere"
    TOP = "top"
    BOTTOM = "bottom"


class Signs(StrEnum):
    """How velocities below the baseline are printed."""

    MINUS = "minus"
    NONE = "none"
    BOTH = "plus and minus"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenshotStyle:
    """Everything that varies between screens, in pixels of the screen before it is scaled.

    Attributes:
        width, height: Of the screen.
        box: The display.
        highest_mps, lowest_mps: Velocities at its upper and lower edge.
        step_mps: Between numbered ticks.
        in_cm: Numbers in cm/s, else m/s.
        right: Axis right of the display.
        ticks_px: Length of a numbered tick; 0 for none.
        ticks_inside: Ticks reach into the display.
        minor: Ticks without number in a step.
        axis_line: A line along the axis.
        zero, unit_place, signs: What is printed where.
        font: Number of the font, of those at hand.
        font_px: Its size.
        label_gap_px: Between tick and number.
        far_px: Between display and axis.
        tint: Colour of the spectrum at full brightness.
        ground: Colour behind everything.
        print_colour: Of numbers and ticks.
        noise: Brightness of the noise floor.
        seconds: Time across the display.
        rate_bpm: Heart rate, as printed.
        time_ticks: Short ticks a second; 0 for no time axis.
        time_inside: Time ticks stand in the display.
        sector, ecg, settings, names, colour_bar, grid, baseline: What else is drawn.
        kilohertz: The axis counts kHz: it has no velocity.
        scale: The screen is scaled by this at last.
        jpeg_quality: None for PNG.
        inverted: Dark on light.
    """

    width: int
    height: int
    box: Box
    highest_mps: float
    lowest_mps: float
    step_mps: float
    in_cm: bool = True
    right: bool = True
    ticks_px: int = 8
    ticks_inside: bool = False
    minor: int = 1
    axis_line: bool = False
    zero: Zero = Zero.UNIT
    unit_place: UnitPlace = UnitPlace.NOWHERE
    signs: Signs = Signs.MINUS
    font: int = 0
    font_px: int = 14
    label_gap_px: int = 4
    far_px: int = 1
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    ground: Colour = (0, 0, 0)
    print_colour: Colour = WHITE
    noise: float = 0.1
    seconds: float = 3.0
    rate_bpm: int = 76
    time_ticks: int = 10
    time_inside: bool = True
    sector: bool = True
    ecg: bool = True
    settings: bool = True
    names: bool = False
    colour_bar: bool = False
    grid: bool = False
    baseline: bool = True
    kilohertz: bool = False
    scale: float = 1.0
    jpeg_quality: int | None = None
    inverted: bool = False


def random_style(rng: np.random.Generator, *, fonts: int = 1) -> ScreenshotStyle:
    """A style drawn at random: 400 to 2,000 pixels wide in the end, all layouts of a full screen or a strip."""
    width, height = ((1024, 768), (1280, 960), (800, 600), (1366, 768), (1100, 500))[rng.integers(5)]
    full = height > 550
    top = float(rng.uniform(0.38, 0.5)) if full else float(rng.uniform(0.06, 0.16))
    right = bool(rng.random() < 0.7)
    font_px = int(rng.integers(12, 22) * width / 1024)
    far_px = int(rng.choice((1, 2, 6, 30)))
    margin = int(font_px * rng.uniform(4.5, 6.5)) + far_px
    left = margin if not right else int(rng.uniform(0.02, 0.08) * width)
    box = (
        left,
        int(top * height),
        width - margin if right else width - int(rng.uniform(0.02, 0.06) * width),
        int(height * rng.uniform(0.88, 0.94)),
    )
    tissue = bool(rng.random() < 0.12)
    in_cm = tissue or bool(rng.random() < 0.6)
    span = float(rng.choice((0.2, 0.3, 0.4) if tissue else (1.2, 1.6, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)))
    shift = float(rng.uniform(0.1, 0.9))
    zero = Zero(rng.choice([str(kind) for kind in Zero]))
    stated = zero in (Zero.UNIT, Zero.BRACKETED)
    place = UnitPlace.NOWHERE if stated else UnitPlace(rng.choice([str(k) for k in UnitPlace], p=(0.2, 0.4, 0.4)))
    tints = ((1.0, 1.0, 1.0), (1.0, 0.84, 0.62), (0.7, 0.86, 1.0), (1.0, 0.76, 0.36), (0.75, 1.0, 0.8))
    return ScreenshotStyle(
        width=width,
        height=height,
        box=box,
        highest_mps=span * (1 - shift),
        lowest_mps=-span * shift,
        step_mps=_step(span, rng),
        in_cm=in_cm,
        right=right,
        ticks_px=int(rng.choice((0, 4, 6, 8, 11))),
        ticks_inside=bool(rng.random() < 0.25),
        minor=int(rng.choice((0, 1, 3, 4))),
        axis_line=bool(rng.random() < 0.25),
        zero=zero,
        unit_place=place,
        signs=Signs(rng.choice([str(kind) for kind in Signs], p=(0.75, 0.13, 0.12))),
        font=int(rng.integers(fonts)),
        font_px=font_px,
        label_gap_px=int(rng.integers(3, 8)),
        far_px=far_px,
        tint=tints[int(rng.choice(5, p=(0.55, 0.15, 0.12, 0.1, 0.08)))],
        ground=((0, 0, 0), (0, 0, 0), (12, 12, 16), (20, 26, 44), (40, 40, 40))[rng.integers(5)],
        print_colour=(WHITE, WHITE, (210, 210, 210), (255, 235, 120), (150, 220, 255))[rng.integers(5)],
        noise=float(rng.choice((0.0, 0.05, 0.1, 0.2))),
        seconds=float(rng.uniform(1.6, 5.5)),
        rate_bpm=int(rng.integers(50, 110)),
        time_ticks=int(rng.choice((0, 5, 10, 10))),
        time_inside=bool(rng.random() < 0.5),
        sector=full and bool(rng.random() < 0.85),
        ecg=bool(rng.random() < 0.7),
        settings=bool(rng.random() < 0.8),
        names=bool(rng.random() < 0.5),
        colour_bar=full and bool(rng.random() < 0.3),
        grid=bool(rng.random() < 0.15),
        baseline=bool(rng.random() < 0.9),
        scale=float(np.exp(rng.uniform(np.log(420 / width), np.log(2000 / width)))) if rng.random() < 0.6 else 1.0,
        jpeg_quality=int(rng.integers(40, 96)) if rng.random() < 0.6 else None,
        inverted=bool(rng.random() < 0.08),
    )


def _step(span_mps: float, rng: np.random.Generator) -> float:
    steps = [step for step in (0.02, 0.05, 0.08, 0.1, 0.2, 0.4, 0.5, 1.0, 2.0) if 3.5 <= span_mps / step <= 10.5]
    return float(rng.choice(steps))
