"""Chest CTs of known calcium: a phantom of heart, vessels, lungs and bone, with blur, motion and noise.

Not a patient and no substitute for one. What it has in common with low-dose screening CT, and what scoring depends on:
densities of tissues in Hounsfield units; calcium from specks to plaques of a centimetre, along the courses of three
coronaries in the fat on the heart, in the wall of the aorta and on the rings of two valves; bone that is as dense close
by; partial volume of slices of 1.5 to 3 mm; a point spread of about 1 mm; motion that smears calcium sideways; noise of
12 to 30 HU that is correlated between pixels; chests and hearts of different size, place and turn. What it lacks: the
arteries' own walls and lumen, chambers, veins, streaks, contrast, devices, and any variety of shape beyond that.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

AIR, LUNG, FAT, SOFT, BLOOD, MARROW, CORTEX = -1000.0, -850.0, -95.0, 45.0, 42.0, 170.0, 700.0
SITES = ("lad", "lcx", "rca", "aorta", "aortic_valve", "mitral_valve")
"""Numbered 1 to 6 in the mask of truth, as a calcium mask is."""
THRESHOLD_HU = 130.0
ASCENDING = (-18.0, -12.0, 16.0)
DESCENDING = (48.0, 26.0, 13.0)
"""Row, column and radius of the aorta: in the heart where it rises; beside the spine, wherever the heart lies, where it
falls."""
SPINE = (70.0, 0.0, 17.0)

Grid = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
Solid = NDArray[np.bool_]
Place = tuple[float, float, float]
"""z, y, x in millimetres."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChestConfig:
    """How chests vary.

    Attributes:
        size: Rows and columns.
        pixel_mm: Side of a pixel.
        slice_mm: Range of slice distances.
        depth_mm: Height of the field.
        noise_hu: Range of the standard deviation of noise.
        motion_mm: Largest smear.
        lesions: Mean number of calcifications of a site that has any.
        calcified: Share of sites with calcium.
        variety: How far chests and hearts differ in size, place and turn; 0 makes them all alike.
    """

    size: tuple[int, int] = (200, 240)
    pixel_mm: float = 1.0
    slice_mm: tuple[float, float] = (1.5, 3.0)
    depth_mm: float = 120.0
    noise_hu: tuple[float, float] = (12.0, 30.0)
    motion_mm: float = 2.0
    lesions: float = 2.0
    calcified: float = 0.45
    variety: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChestCt:
    """One phantom.

    Attributes:
        values_hu: (Z, Y, X).
        mask: (Z, Y, X) 1..6 where calcium of a site is at or above 130 HU in the image without noise, else 0.
        spacing_mm: Of z, y, x.
        noise_hu, motion_mm: What was added.
    """

    values_hu: NDArray[np.float32] = field(repr=False)
    mask: NDArray[np.uint8] = field(repr=False)
    spacing_mm: tuple[float, float, float]
    noise_hu: float
    motion_mm: float


def make_chest_ct(rng: np.random.Generator, config: ChestConfig | None = None) -> ChestCt:
    """A chest with its calcium; the same generator state gives the same chest."""
    plan = config or ChestConfig()
    slice_mm = float(rng.uniform(*plan.slice_mm))
    spacing = (slice_mm, plan.pixel_mm, plan.pixel_mm)
    grid = _grid((round(plan.depth_mm / slice_mm), *plan.size), spacing)
    chest, heart = _body(grid, rng, plan.variety)
    tissue = _tissues(chest, heart)
    calcium, sites = _calcium(chest, heart, rng, plan)
    motion_mm = float(rng.uniform(0, plan.motion_mm))
    blurred = _scanned(tissue, spacing)
    dense = _scanned(_smeared(calcium, motion_mm, plan.pixel_mm), spacing)
    clean = blurred + dense
    noise_hu = float(rng.uniform(*plan.noise_hu))
    values = (clean + _noise(rng, clean.shape, noise_hu)).astype(np.float32)
    return ChestCt(
        values_hu=values,
        mask=_truth(clean, dense, sites),
        spacing_mm=spacing,
        noise_hu=noise_hu,
        motion_mm=motion_mm,
    )


def _grid(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    """Millimetres up, to the back and to the left of the middle of the heart."""
    axes = [(np.arange(n) - (n - 1) / 2) * mm for n, mm in zip(shape, spacing, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z, y, x


def _body(grid: Grid, rng: np.random.Generator, variety: float) -> tuple[Grid, Grid]:
    """The grid in the millimetres of the standard chest, and in those of the standard heart within it."""
    chest_scale, heart_scale = (1 + variety * rng.uniform(-reach, reach, 3) for reach in (0.06, 0.10))
    shift = variety * rng.uniform(-1, 1, 3) * (8.0, 4.0, 6.0)
    turn = variety * float(rng.uniform(-0.12, 0.12))
    z, y, x = (axis / scale for axis, scale in zip(grid, chest_scale, strict=True))
    dz, dy, dx = (axis - off for axis, off in zip((z, y, x), shift, strict=True))
    turned = (dz, np.cos(turn) * dy - np.sin(turn) * dx, np.sin(turn) * dy + np.cos(turn) * dx)
    hz, hy, hx = (axis / scale for axis, scale in zip(turned, heart_scale, strict=True))
    return (z, y, x), (hz, hy, hx)


def _ball(grid: Grid, centre: Place, radii: Place) -> Solid:
    parts = ((axis - middle) / radius for axis, middle, radius in zip(grid, centre, radii, strict=True))
    inside: Solid = sum(part**2 for part in parts) <= 1  # type: ignore[assignment]
    return inside


def _pipe(grid: Grid, y: float, x: float, radius: float) -> Solid:
    inside: Solid = np.hypot(grid[1] - y, grid[2] - x) <= radius
    return inside


def _tissues(grid: Grid, heart: Grid) -> NDArray[np.float64]:
    values = np.full(grid[0].shape, AIR)
    values[(grid[1] / 95) ** 2 + (grid[2] / 118) ** 2 <= 1] = FAT
    values[(grid[1] / 86) ** 2 + (grid[2] / 108) ** 2 <= 1] = SOFT
    for side in (-1, 1):
        values[_ball(grid, (0, 5, side * 62), (130, 66, 40))] = LUNG
    values[_ball(heart, (0, -8, 0), (72, 54, 58))] = FAT
    values[_ball(heart, (0, -8, 0), (58, 46, 50))] = SOFT
    values[_ball(heart, (-5, -8, 14), (40, 26, 24))] = BLOOD
    values[_pipe(heart, *ASCENDING)] = BLOOD
    values[_pipe(grid, *DESCENDING)] = BLOOD
    return _with_bones(values, grid)


def _with_bones(values: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    disc = np.abs(np.mod(grid[0], 28.0) - 14.0) < 12.0
    values[_pipe(grid, *SPINE) & disc] = CORTEX
    values[_pipe(grid, *SPINE[:2], SPINE[2] - 2) & disc] = MARROW
    values[_pipe(grid, -80, 0, 9)] = CORTEX * 0.7
    values[_pipe(grid, -80, 0, 7)] = MARROW
    angle = np.arctan2(grid[1] / 90, grid[2] / 112)
    shell = np.abs((grid[1] / 90) ** 2 + (grid[2] / 112) ** 2 - 1) < 0.07
    ribs = shell & (np.mod(grid[0] + 20 * np.abs(angle), 30.0) < 9.0) & (np.abs(np.abs(angle) - np.pi / 2) > 0.25)
    values[ribs] = CORTEX * 0.8
    return values


def _course(site: str, along: float, rng: np.random.Generator) -> tuple[Place, bool]:
    """A place on the vessel or valve of a site; ``along`` runs from 0 at the origin to 1 at its end.

    Returns:
        z, y, x, and whether they are those of the chest; else they are the heart's.
    """
    bulge = float(np.sin(np.pi * along))
    vessels = {
        "lad": (35 - 75 * along, -46 - 8 * bulge, 6 + 22 * along),
        "lcx": (30 - 45 * along, -28 + 50 * along, 38 + 16 * bulge),
        "rca": (28 - 65 * along, -40 + 30 * along, -36 - 16 * bulge),
    }
    return (vessels[site], False) if site in vessels else _on_ring(site, float(rng.uniform(0, 2 * np.pi)), rng)


def _on_ring(site: str, turn: float, rng: np.random.Generator) -> tuple[Place, bool]:
    """A place in the wall of the aorta, rising or falling, or on the ring of a valve, as of :func:`_course`."""
    rings = {"aortic_valve": (18.0, -18.0, -10.0, 9.0), "mitral_valve": (2.0, 14.0, 14.0, 15.0)}
    level = float(rng.uniform(-55, 55))
    falls = site not in rings and bool(rng.integers(2))
    z, y, x, radius = rings.get(site, (level, *(DESCENDING if falls else ASCENDING)))
    place = (z + 3 * float(np.sin(2 * turn)), y + radius * float(np.sin(turn)), x + radius * float(np.cos(turn)))
    return place, falls


def _calcium(
    chest: Grid, heart: Grid, rng: np.random.Generator, plan: ChestConfig
) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
    """Density added by calcium, and the site it belongs to."""
    added = np.zeros(chest[0].shape)
    sites = np.zeros(chest[0].shape, dtype=np.uint8)
    for number, site in enumerate(SITES, start=1):
        if rng.random() >= plan.calcified:
            continue
        for _ in range(1 + int(rng.poisson(plan.lesions - 1))):
            centre, of_chest = _course(site, float(rng.uniform(0.05, 0.95)), rng)
            radius = float(np.clip(rng.lognormal(0.6, 0.45), 0.8, 5.0))
            radii = (radius * rng.uniform(0.8, 1.8), radius, radius * rng.uniform(0.8, 1.4))
            plaque: Any = _ball(chest if of_chest else heart, centre, radii) & (sites == 0)
            added[plaque] = rng.uniform(250, 1400)
            sites[plaque] = number
    return added, sites


def _smeared(calcium: NDArray[np.float64], motion_mm: float, pixel_mm: float) -> NDArray[np.float64]:
    """The heart moves while its slice is taken: density spreads sideways and none is lost."""
    length = max(1, round(motion_mm / pixel_mm) + 1)
    smeared: NDArray[np.float64] = ndimage.uniform_filter1d(calcium, length, axis=2)
    return smeared


def _scanned(values: NDArray[np.float64], spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Blurred by a point spread of 1 mm in plane, and by a third of the slice distance across."""
    blurred: NDArray[np.float64] = ndimage.gaussian_filter(values, (0.33, 0.7 / spacing[1], 0.7 / spacing[2]))
    return blurred


def _noise(rng: np.random.Generator, shape: tuple[int, ...], deviation_hu: float) -> NDArray[np.float64]:
    """Noise whose neighbours in plane resemble each other, as a smooth reconstruction kernel makes it."""
    raw = ndimage.gaussian_filter(rng.normal(size=shape), (0, 0.8, 0.8))
    noise: NDArray[np.float64] = raw * (deviation_hu / raw.std())
    return noise


def _truth(clean: NDArray[np.float64], dense: NDArray[np.float64], sites: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Calcium is what shows at or above 130 HU without noise, because of a plaque; the nearest one names the site."""
    seen = (clean >= THRESHOLD_HU) & (dense > 40)
    if not sites.any():
        return sites
    nearest = ndimage.distance_transform_edt(sites == 0, return_distances=False, return_indices=True)
    named: NDArray[np.uint8] = np.where(seen, sites[tuple(nearest)], 0).astype(np.uint8)
    return named
