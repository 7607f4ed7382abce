"""Spectral displays, and their resampling to a fixed number of m/s per row and s per column."""

import math
from dataclasses import dataclass, field
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Calibration
from echomine.domain.vocabulary import CalibrationSource, DopplerMode

Pixels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralDisplay:
    """A display cropped to its region.

    Attributes:
        pixels: (H, W) or (H, W, 3), 0..255.
        calibration: Its scale; None when unknown.
        mode: CW, PW or unknown.
    """

    pixels: Pixels
    calibration: Calibration | None = None
    mode: DopplerMode = DopplerMode.UNKNOWN

    @property
    def height(self) -> int:
        """Rows of the display."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of the display."""
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleGuess:
    """The scale given to a display that states none: typical for CW, surely wrong for many.

    Attributes:
        height_mps: Velocity span of the whole height.
        width_s: Time span of the whole width.
        baseline: Place of zero velocity, as a share of the height from the top.
    """

    height_mps: float = 6.0
    width_s: float = 3.0
    baseline: float = 0.5

    def calibration(self, *, height: int, width: int) -> Calibration:
        """The guessed scale of a display of ``height`` x ``width`` pixels."""
        return Calibration(
            mps_per_px=self.height_mps / height,
            baseline_y=self.baseline * (height - 1),
            s_per_px=self.width_s / width,
            source=CalibrationSource.NONE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalGrid:
    """A fixed window of velocity and time, sampled on rows and columns.

    Attributes:
        lowest_mps, highest_mps: Velocities of the lower edge of the last row and the upper edge of the first.
        rows: Rows, so each is ``(highest - lowest) / rows`` m/s.
        seconds: Time span of all columns.
        columns: Columns.
        guess: Scale of displays without one.
    """

    lowest_mps: float = -6.0
    highest_mps: float = 6.0
    rows: int = 192
    seconds: float = 2.4
    columns: int = 192
    guess: ScaleGuess = field(default_factory=ScaleGuess)

    def __post_init__(self) -> None:
        if not (self.lowest_mps < self.highest_mps and self.seconds > 0 and self.rows > 0 and self.columns > 0):
            raise ConfigurationError(
                f"a grid needs lowest < highest velocity, and positive rows, columns and seconds, got {self}"
            )

    @property
    def mps_per_row(self) -> float:
        """Velocity step of one row, m/s."""
        return (self.highest_mps - self.lowest_mps) / self.rows

    @property
    def s_per_column(self) -> float:
        """Time step of one column, s."""
        return self.seconds / self.columns


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of a resampling: target ``first:last`` is filled from source ``low..high``, in pixel edges."""

    first: int
    last: int
    low: float
    high: float

    def padding(self, size: int) -> tuple[int, int]:
        """Pixels that ``low..high`` reaches beyond a source of ``size`` pixels, before and after."""
        return max(0, math.ceil(-self.low)), max(0, math.ceil(self.high - size))


def resample(display: SpectralDisplay, grid: PhysicalGrid, *, start_s: float = 0.0) -> NDArray[np.float32]:
    """As :func:`resample_bytes`, as (1, rows, columns) float32 in 0..1."""
    return resample_bytes(display, grid, start_s=start_s).astype(np.float32) / np.float32(255)


def resample_bytes(display: SpectralDisplay, grid: PhysicalGrid, *, start_s: float = 0.0) -> Pixels:
    """A display on a physical grid, so that one row is the same velocity in every image.

    Positive velocities point up whatever the display does. Shrinking averages over areas, enlarging interpolates.
    A display without a scale gets ``grid.guess``. Colour is reduced to the strongest channel, so that colour maps
    keep their contrast.

    Args:
        display: The cropped display.
        grid: The window.
        start_s: Time of the display at the left edge of the window; may be negative.

    Returns:
        (1, rows, columns) uint8 in 0..255; 0 outside the display.
    """
    scale = display.calibration or grid.guess.calibration(height=display.height, width=display.width)
    grey = Image.fromarray(np.ascontiguousarray(brightness(display.pixels)))
    baseline_y, step_mps = scale.baseline_y, scale.mps_per_px
    if step_mps < 0:
        grey = grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        baseline_y, step_mps = display.height - 1 - baseline_y, -step_mps
    vertical = _axis(
        offset=baseline_y + 0.5 - grid.highest_mps / step_mps,
        step=grid.mps_per_row / step_mps,
        source=display.height,
        target=grid.rows,
    )
    horizontal = _axis(
        offset=start_s / scale.s_per_px,
        step=grid.s_per_column / scale.s_per_px,
        source=display.width,
        target=grid.columns,
    )
    return _placed(grey, vertical, horizontal, grid)


def brightness(pixels: Pixels) -> Pixels:
    """(H, W) strongest channel of (H, W, 3); grey pixels (H, W) come back as they are."""
    if pixels.ndim == 2:
        return pixels
    red, green, blue = cv2.split(np.ascontiguousarray(pixels))
    return np.asarray(cv2.max(cv2.max(red, green), blue), dtype=np.uint8)


def _axis(*, offset: float, step: float, source: int, target: int) -> _Axis | None:
    """The targets that see the source: target edge ``i`` lies at source edge ``offset + i * step``."""
    first = max(0, math.floor(-offset / step))
    last = min(target, math.ceil((source - offset) / step))
    if first >= last:
        return None
    return _Axis(first, last, offset + first * step, offset + last * step)


def _placed(grey: Image.Image, vertical: _Axis | None, horizontal: _Axis | None, grid: PhysicalGrid) -> Pixels:
    out = np.zeros((1, grid.rows, grid.columns), dtype=np.uint8)
    if vertical is None or horizontal is None:
        return out
    left, right = horizontal.padding(grey.width)
    top, bottom = vertical.padding(grey.height)
    if left or right or top or bottom:
        grey = grey.crop((-left, -top, grey.width + right, grey.height + bottom))
    box = (horizontal.low + left, vertical.low + top, horizontal.high + left, vertical.high + top)
    size = (horizontal.last - horizontal.first, vertical.last - vertical.first)
    part = grey.resize(size, Image.Resampling.BILINEAR, box=_inside(box, grey.size))
    out[0, vertical.first : vertical.last, horizontal.first : horizontal.last] = np.asarray(part)
    return out


def _inside(box: tuple[float, float, float, float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The box without rounding errors beyond the picture."""
    return max(box[0], 0.0), max(box[1], 0.0), min(box[2], float(size[0])), min(box[3], float(size[1]))
