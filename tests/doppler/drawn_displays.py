"""Displays drawn from formulas, for tests: jets of known shape in noise."""

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Calibration
from echomine.doppler.display import SpectralDisplay

HEIGHT, WIDTH = 300, 800
BASELINE = 100.0
MPS_PER_PX, S_PER_PX = 1 / 50, 0.004
SCALE = Calibration(mps_per_px=MPS_PER_PX, baseline_y=BASELINE, s_per_px=S_PER_PX)


def parabola(times: NDArray[np.float64], start: float, length: float) -> NDArray[np.float64]:
    place = np.clip((times - start) / length, 0.0, 1.0)
    return 4.0 * place * (1.0 - place)


def decay(times: NDArray[np.float64], start: float, length: float, half_time_ms: float) -> NDArray[np.float64]:
    """One at the start, falling straight so that the gradient halves in ``half_time_ms``."""
    since = times - start
    fall = 1.0 - (1.0 - 2.0**-0.5) * since / (half_time_ms / 1000.0)
    return np.where((since >= 0) & (since < length), np.clip(fall, 0.0, 1.0), 0.0)


def draw(
    velocity: NDArray[np.float64],
    *,
    level: float = 120.0,
    noise: float = 8.0,
    clutter_mps: float = 0.3,
    seed: int = 0,
) -> NDArray[np.uint8]:
    """(H, W) grey levels of a filled flow with the signed envelope ``velocity`` (W,), positive up, in m/s."""
    rng = np.random.default_rng(seed)
    rows = (BASELINE - np.arange(HEIGHT))[:, None] * MPS_PER_PX
    inside = (rows * np.sign(velocity) >= 0) & (np.abs(rows) <= np.abs(velocity)[None, :])
    grey = np.abs(rng.normal(0.0, noise, (HEIGHT, WIDTH)))
    grey = grey + np.where(inside, level * rng.gamma(4.0, 0.25, (HEIGHT, WIDTH)), 0.0)
    grey = grey + np.where(np.abs(rows) < clutter_mps, 90.0, 0.0)
    return np.clip(grey, 0, 255).astype(np.uint8)


def times() -> NDArray[np.float64]:
    return np.arange(WIDTH) * S_PER_PX


def jets(peak_mps: float, *, starts: tuple[float, ...] = (0.3, 1.1, 1.9), length: float = 0.32) -> NDArray[np.float64]:
    return peak_mps * np.sum([parabola(times(), start, length) for start in starts], axis=0)


def display(velocity: NDArray[np.float64], **options: float) -> SpectralDisplay:
    return SpectralDisplay(pixels=draw(velocity, **options), calibration=SCALE)  # type: ignore[arg-type]
