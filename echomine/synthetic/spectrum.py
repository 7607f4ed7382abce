"""From flows to the grey levels of a spectral display.

Levels are joined in dB by their maximum and speckle is a table: the arithmetic on pixels is multiplication,
addition and look-up alone, so that the same seed gives the same bytes on any machine.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from echomine.domain.vocabulary import DopplerMode
from echomine.synthetic.flows import SILENT_DB, Component, Profile
from echomine.synthetic.randomness import Stream, generator
from echomine.synthetic.settings import DisplaySettings

Levels: TypeAlias = npt.NDArray[np.float32]
Pixels: TypeAlias = npt.NDArray[np.uint8]

SIGNAL_TOP = 240
"""Brightest grey of the signal; the levels above it are the screen's own colours."""

_STEPS_PER_UNIT = 256
_PROFILE_REACH = 1.4
_FORWARD_GREY = 0.66
_TILE_SHAPE = (1024, 1536)
_TILE_GRAINS = ((2.0, 0.3), (3.0, 0.4), (4.5, 0.45), (7.0, 0.45), (3.0, 0.7))
"""Grain along velocity and time, in pixels: tall and hardly wider than a column, as in real strips."""

_LOOKS = 2
"""Spectra averaged into a column: machines smooth, which fills the black holes of plain speckle."""

_STREAK_REACH_MPS = 1.6
_WALL_FILTER_DB = 22.0


def spectral_pixels(components: Sequence[Component], settings: DisplaySettings, rng: np.random.Generator) -> Pixels:
    """(H, W) grey levels 0..``SIGNAL_TOP`` of the display, without any overlay."""
    layout = settings.layout
    velocity = _velocity_of_rows(settings)
    levels = _noise_floor(settings)
    for component in components:
        rough = _rough(component, settings.hair, rng)
        _add(levels, velocity, rough)
        if settings.mode is DopplerMode.PW:
            _add_aliased(levels, velocity, rough, settings)
    levels[np.abs(velocity) < settings.wall_filter_mps] -= np.float32(_WALL_FILTER_DB)
    for line in settings.interference:
        levels[np.abs(velocity - line.velocity_mps) < line.half_width_mps] += np.float32(line.level_db)
    levels += _streaks(velocity, settings, rng)
    levels += _speckle((layout.height, layout.width), rng)
    return _to_grey(levels, settings)


def contrast_db(components: Sequence[Component], settings: DisplaySettings) -> Levels:
    """(H, W) levels by which the flows through the valve stand above everything else there, before speckle.

    Levels below black and above white count as black and white, as nobody can tell them apart.
    """
    velocity = _velocity_of_rows(settings)
    others = _noise_floor(settings)
    for component in components:
        if not component.is_wanted:
            _add(others, velocity, component)
    whole = others.copy()
    for component in components:
        if component.is_wanted:
            _add(whole, velocity, component)
    black = -_FORWARD_GREY * settings.range_db - settings.gain_db
    shown, hidden = (np.clip(one, black, black + settings.range_db) for one in (whole, others))
    stands_out: Levels = shown - hidden
    return stands_out


def _velocity_of_rows(settings: DisplaySettings) -> Levels:
    rows = np.arange(settings.layout.height, dtype=np.float64)
    return ((settings.baseline_row - rows) * settings.mps_per_px).astype(np.float32)


def _noise_floor(settings: DisplaySettings) -> Levels:
    return np.full((settings.layout.height, settings.layout.width), settings.noise_db, dtype=np.float32)


def _streaks(velocity: Levels, settings: DisplaySettings, rng: np.random.Generator) -> Levels:
    """Columns brighter or darker as a whole, most of all near the baseline."""
    drawn = rng.normal(0.0, settings.streak_db, size=settings.layout.width).astype(np.float32)
    fall = np.float32(1.0) / (np.float32(1.0) + (velocity / np.float32(_STREAK_REACH_MPS)) ** 2)
    return fall[:, None] * drawn[None, :]


@lru_cache(maxsize=32)
def profile_table(profile: Profile, slope_db: int = 4) -> Levels:
    """Level in dB over the velocity as a part of the envelope, 0..1.4 in steps of 1/256."""
    part = np.arange(int(_PROFILE_REACH * _STEPS_PER_UNIT)) / _STEPS_PER_UNIT
    if profile is Profile.FILLED:
        feather = 90.0 * np.clip(part - 0.88, 0, None) + 500.0 * np.clip(part - 1.0, 0, None) ** 1.5
        table = slope_db * (0.4 - part) - feather
    elif profile is Profile.BAND:
        table = -26.0 * np.abs((part - 0.84) / 0.22) ** 2.2 + 1.0
        table = np.where(part < 0.84, np.maximum(table, -19.0), table)
    elif profile is Profile.BLANKET:
        table = 2.0 - 4.0 * part - 34.0 * np.clip(part - 0.7, 0, None)
    else:
        table = 2.0 - 18.0 * part**1.5
    table = np.where(part > _PROFILE_REACH - 0.02, SILENT_DB, table)
    return table.astype(np.float32)


def _rough(component: Component, hair: float, rng: np.random.Generator) -> Component:
    """The component with hairs: the envelope of each column a little shorter or longer."""
    size = component.velocity_mps.size
    hairs = np.clip(rng.normal(0.0, hair, size=size), -3 * hair, 2.3 * hair)
    tufts = np.repeat(rng.normal(0.0, 0.012, size=size // 3 + 1), 3)[:size]
    return replace(component, velocity_mps=component.velocity_mps * (1.0 + hairs + tufts))


def _add(levels: Levels, velocity: Levels, component: Component) -> None:
    """Raise ``levels`` to the component where it is the stronger."""
    columns = np.flatnonzero(component.level_db > SILENT_DB)
    if columns.size == 0:
        return
    envelope = component.velocity_mps[columns].astype(np.float32)
    low = _PROFILE_REACH * min(0.0, float(envelope.min()))
    high = _PROFILE_REACH * max(0.0, float(envelope.max()))
    rows = np.flatnonzero((velocity >= low) & (velocity <= high))
    if rows.size == 0:
        return
    band = slice(int(rows[0]), int(rows[-1]) + 1)
    steps = velocity[band, None] * (np.float32(_STEPS_PER_UNIT) / envelope)[None, :]
    table = profile_table(component.profile, component.slope_db)
    index = np.where((steps < 0) | (steps >= table.size), table.size - 1, steps).astype(np.intp)
    found = table[index] + component.level_db[columns].astype(np.float32)[None, :]
    levels[band, columns] = np.maximum(levels[band, columns], found)


def _add_aliased(levels: Levels, velocity: Levels, component: Component, settings: DisplaySettings) -> None:
    """What lies beyond one edge of a pulsed display comes back at the other."""
    reach = np.float32(settings.up_mps + settings.down_mps)
    fastest = float(np.max(np.abs(component.velocity_mps), initial=0.0))
    if fastest > min(settings.up_mps, settings.down_mps) and component.profile is Profile.BAND:
        for wrapped in (velocity + reach, velocity - reach):
            _add(levels, wrapped, component)


@lru_cache(maxsize=8)
def _speckle_tile(grain: int) -> npt.NDArray[np.int8]:
    """Rayleigh speckle in quarter dB, drawn out along the velocity axis as a short-time spectrum is."""
    rng = generator(0, Stream.SPECKLE, grain)
    parts = (gaussian_filter(rng.normal(size=_TILE_SHAPE), _TILE_GRAINS[grain]) for _ in range(2 * _LOOKS))
    power = sum((part**2 for part in parts), start=np.zeros(_TILE_SHAPE))
    decibel = 10.0 * np.log10(power / power.mean() + 1e-3)
    tile: npt.NDArray[np.int8] = np.clip(np.rint(4.0 * (decibel + 1.2)), -127, 127).astype(np.int8)
    return tile


def _speckle(shape: tuple[int, int], rng: np.random.Generator) -> Levels:
    tile = _speckle_tile(int(rng.integers(len(_TILE_GRAINS))))
    top = int(rng.integers(_TILE_SHAPE[0] - shape[0]))
    left = int(rng.integers(_TILE_SHAPE[1] - shape[1]))
    cut = tile[top : top + shape[0], left : left + shape[1]]
    cut = cut[:: int(rng.choice((-1, 1))), :: int(rng.choice((-1, 1)))]
    return cut * np.float32(0.25)


def _to_grey(levels: Levels, settings: DisplaySettings) -> Pixels:
    scale = np.float32(255.0 / settings.range_db)
    shift = np.float32(255.0 * _FORWARD_GREY + settings.gain_db * 255.0 / settings.range_db)
    linear = np.clip(levels * scale + shift, 0, 255).astype(np.uint8)
    curve: Pixels = np.rint((np.arange(256) / 255.0) ** settings.gamma * SIGNAL_TOP).astype(np.uint8)
    grey: Pixels = curve[linear]
    return grey
