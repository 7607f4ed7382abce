"""How the sonographer and the machine set a display: chosen apart from the severity."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from echomine.domain.vocabulary import DopplerMode, Valve
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.physics import SEMILUNAR

_WIDEST_MPS = {
    Valve.AORTIC: (5.4, 4.9),
    Valve.MITRAL: (3.0, 5.9),
    Valve.TRICUSPID: (2.2, 3.9),
    Valve.PULMONIC: (5.0, 2.4),
}
"""Fastest forward and regurgitant flow that a valve can have here."""

BASELINE = 246
"""Level of a baseline that has a colour of its own."""

_ADAPTED_SHARE = 0.25
_WALL_FILTER_SHARE = 0.4
_INTERFERENCE_SHARE = 0.25
_STRIP_SHARE = 0.15
_PULSED_RANGES_MPS = (1.5, 1.8, 2.2, 2.6, 3.2)


class ColourMap(StrEnum):
    """Colours of the grey levels."""

    GREY = "grey"
    SEPIA = "sepia"
    BLUE = "blue"
    AMBER = "amber"


class Storage(StrEnum):
    """Photometric interpretation of the file."""

    MONOCHROME = "MONOCHROME2"
    PALETTE = "PALETTE COLOR"
    RGB = "RGB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things stand on the screen, in pixels.

    Attributes:
        columns, rows: Size of the picture.
        x0, y0, width, height: The spectral display.
        sector: Box x0, y0, x1, y1 (exclusive) of the 2D picture above it.
        font_px: Height of the small print.
    """

    columns: int
    rows: int
    x0: int
    y0: int
    width: int
    height: int
    sector: tuple[int, int, int, int]
    font_px: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interference:
    """A band that electrical noise leaves at one velocity, raised by ``level_db``."""

    velocity_mps: float
    half_width_mps: float
    level_db: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplaySettings:
    """Everything on the screen that is not blood flow.

    Attributes:
        up_mps, down_mps: Speeds at the upper and lower edge of the display, both > 0.
        inverted: Whether velocities away from the probe point up.
        sweep_mm_s: Printed sweep speed.
        s_per_px: Time of one column.
        gain_db: Added to every level.
        noise_db: Level of the noise floor before the gain.
        range_db: Levels between black and white.
        wall_filter_mps: Half height of the empty band at the baseline; 0 where the clutter fills it.
        interference: Bands of constant velocity.
        streak_db: Spread of the level from column to column, at the baseline.
        hair: Spread of the envelope from column to column, as a share of the velocity.
        gamma: Exponent of the grey curve.
        baseline_level: Level of the line of zero velocity.
        axis_in_cm: Whether the axis is printed in cm/s instead of m/s.
        has_ecg_region: Whether the file also lists the ECG as a region.
    """

    layout: Layout
    mode: DopplerMode
    up_mps: float
    down_mps: float
    inverted: bool
    sweep_mm_s: int
    s_per_px: float
    gain_db: float
    noise_db: float
    range_db: float
    wall_filter_mps: float
    interference: tuple[Interference, ...]
    streak_db: float
    hair: float
    gamma: float
    colour_map: ColourMap
    storage: Storage
    baseline_level: int
    axis_in_cm: bool
    has_ecg_region: bool

    @property
    def mps_per_px(self) -> float:
        """Signed velocity of one row upwards, m/s; negative when inverted."""
        step = (self.up_mps + self.down_mps) / self.layout.height
        return -step if self.inverted else step

    @property
    def baseline_row(self) -> int:
        """Row of zero velocity within the display."""
        return round(self.up_mps / abs(self.mps_per_px))


def choose_settings(
    config: ArchiveConfig,
    valve: Valve,
    mode: DopplerMode,
    needed_mps: tuple[float, float],
    rng: np.random.Generator,
) -> DisplaySettings:
    """Settings of one display.

    Args:
        config: Shares of inverted and compact displays.
        valve: The valve aimed at.
        mode: CW or PW.
        needed_mps: Fastest flow towards and away from the probe, which must stay visible.
        rng: Source of every choice.
    """
    layout = _choose_layout(config, rng)
    inverted = bool(rng.random() < config.inverted_share)
    choose_range = _continuous_range if mode is DopplerMode.CW else _pulsed_range
    toward, away = choose_range(valve, needed_mps, rng)
    sweep = int(rng.choice((50, 66, 75, 100), p=(0.3, 0.25, 0.2, 0.25)))
    colour_map, storage = _choose_colours(config, rng)
    return DisplaySettings(
        layout=layout,
        mode=mode,
        up_mps=away if inverted else toward,
        down_mps=toward if inverted else away,
        inverted=inverted,
        sweep_mm_s=sweep,
        s_per_px=float(800.0 / (layout.columns * sweep * rng.choice((2.3, 2.6)))),
        gain_db=float(np.clip(rng.normal(0, 3.0), -6, 6)),
        noise_db=float(rng.uniform(-37, -22)),
        range_db=float(rng.uniform(38, 48)),
        wall_filter_mps=_wall_filter_mps(toward + away, rng),
        interference=_choose_interference(toward, away, rng),
        streak_db=float(rng.uniform(0.3, 4.0)),
        hair=float(rng.uniform(0.018, 0.04)),
        gamma=float(rng.uniform(0.85, 1.2)),
        colour_map=colour_map,
        storage=storage,
        baseline_level=int(rng.choice((BASELINE, 120, 160))),
        axis_in_cm=bool(rng.random() < 0.5),
        has_ecg_region=bool(rng.random() < 0.3),
    )


def _wall_filter_mps(span_mps: float, rng: np.random.Generator) -> float:
    height = float(rng.uniform(0.03, 0.12) * span_mps / 6)
    return height if rng.random() < _WALL_FILTER_SHARE else 0.0


def _choose_interference(toward: float, away: float, rng: np.random.Generator) -> tuple[Interference, ...]:
    lines = int(rng.integers(1, 3)) if rng.random() < _INTERFERENCE_SHARE else 0
    return tuple(
        Interference(
            velocity_mps=float(rng.uniform(-away, toward)),
            half_width_mps=float(rng.uniform(0.008, 0.04)),
            level_db=float(rng.uniform(3, 10)),
        )
        for _ in range(lines)
    )


def _continuous_range(valve: Valve, needed_mps: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    forward, back = _WIDEST_MPS[valve]
    widest = (back, forward) if valve in SEMILUNAR else (forward, back)
    stretch = rng.uniform(1.06, 1.4, size=2)
    spare = rng.uniform(1.15, 1.7, size=2)
    if rng.random() < _ADAPTED_SHARE:
        ranges = [max(need * extra, 0.8) for need, extra in zip(needed_mps, spare, strict=True)]
    else:
        ranges = [wide * extra for wide, extra in zip(widest, stretch, strict=True)]
    return float(ranges[0]), float(ranges[1])


def _pulsed_range(valve: Valve, needed_mps: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    fitting = [total for total in _PULSED_RANGES_MPS if total > 1.05 * max(needed_mps)]
    total = float(rng.choice(fitting or _PULSED_RANGES_MPS[-1:]))
    away = rng.uniform(0.55, 0.8) if valve in SEMILUNAR else rng.uniform(0.2, 0.45)
    return total * (1 - float(away)), total * float(away)


def _choose_layout(config: ArchiveConfig, rng: np.random.Generator) -> Layout:
    if not config.compact and rng.random() < _STRIP_SHARE:
        return _strip_layout(rng)
    sizes = ((640, 480),) if config.compact else ((800, 600), (800, 600), (640, 480), (1024, 768))
    columns, rows = sizes[int(rng.integers(len(sizes)))]
    x0 = int(columns * rng.uniform(0.03, 0.07))
    y0 = int(rows * rng.uniform(0.40, 0.46))
    width = int(columns * rng.uniform(0.80, 0.85))
    height = int(rows * rng.uniform(0.46, 0.49))
    half, top = int(rows * 0.19), int(rows * rng.uniform(0.03, 0.06))
    middle = int(columns * rng.uniform(0.38, 0.55))
    return Layout(
        columns=columns,
        rows=rows,
        x0=x0,
        y0=y0,
        width=width,
        height=height,
        sector=(middle - half, top, middle + half, y0 - int(rows * 0.03)),
        font_px=round(rows / 44),
    )


def _strip_layout(rng: np.random.Generator) -> Layout:
    """A picture cut down to its display, with the lower end of the sector at most."""
    columns, height = int(rng.integers(1040, 1370)), int(rng.integers(380, 420))
    y0 = int(rng.integers(44, 90))
    rows = y0 + height + int(rng.integers(34, 48))
    middle = int(columns * rng.uniform(0.3, 0.6))
    return Layout(
        columns=columns,
        rows=rows,
        x0=int(rng.integers(20, 60)),
        y0=y0,
        width=int(columns * rng.uniform(0.84, 0.9)),
        height=height,
        sector=(middle - 100, 2, middle + 100, y0 - 10),
        font_px=14,
    )


def _choose_colours(config: ArchiveConfig, rng: np.random.Generator) -> tuple[ColourMap, Storage]:
    colours = (ColourMap.GREY, ColourMap.SEPIA, ColourMap.BLUE, ColourMap.AMBER)
    colour = colours[int(rng.choice(4, p=(0.62, 0.16, 0.12, 0.10)))]
    true_colour = rng.random() < 0.4 and not config.compact
    if colour is ColourMap.GREY:
        return colour, Storage.RGB if true_colour and rng.random() < 0.3 else Storage.MONOCHROME
    return colour, Storage.RGB if true_colour else Storage.PALETTE
