"""Short-axis masks of a parametric heart: an oval ring of muscle about the cavity, a crescent on the septum.

They stand in for traced masks where none may be had, as the prior of the anatomical guarantee. Ranges cover hearts from
dilated to hypertrophic; no patient's shape is in them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.structures import ShortAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartShape:
    """One slice of a heart, lengths in mm, angles in radians.

    Attributes:
        cavity_mm: Mean radius of the left ventricle.
        wall_mm: Thickness of its muscle.
        ovality: Long over short radius of the ventricle.
        ovality_angle: Of the long radius.
        septum_angle: Direction from the left to the right ventricle.
        opening: Half the angle over which the right ventricle lies on the septum; 0 leaves it out.
        rv_depth_mm: How far the right ventricle reaches from the septum.
        thickening: How much thicker one side of the wall is, as a share.
    """

    cavity_mm: float
    wall_mm: float
    ovality: float = 1.0
    ovality_angle: float = 0.0
    septum_angle: float = np.pi
    opening: float = 1.0
    rv_depth_mm: float = 25.0
    thickening: float = 0.0


def random_heart_shape(rng: np.random.Generator) -> HeartShape:
    """A slice anywhere from base to apex of any heart."""
    cavity = float(rng.uniform(4, 36))
    return HeartShape(
        cavity_mm=cavity,
        wall_mm=float(rng.uniform(5, 20 if cavity < 25 else 13)),
        ovality=float(rng.uniform(1.0, 1.25)),
        ovality_angle=float(rng.uniform(0, np.pi)),
        septum_angle=float(rng.uniform(-np.pi, np.pi)),
        opening=float(rng.uniform(0.5, 1.3)) if rng.random() > 0.1 else 0.0,
        rv_depth_mm=float(rng.uniform(8, 55)),
        thickening=float(rng.uniform(0, 0.4)),
    )


def draw_heart_shape(
    shape: HeartShape, *, size: tuple[int, int], pixel_mm: float, centre_mm: tuple[float, float] | None = None
) -> NDArray[np.uint8]:
    """A slice as a mask (Y, X) of :class:`ShortAxis`; the left ventricle lies at ``centre_mm``, else in the middle."""
    centre = centre_mm or (size[0] * pixel_mm / 2, size[1] * pixel_mm / 2)
    y, x = np.meshgrid(*((np.arange(n) + 0.5) * pixel_mm for n in size), indexing="ij")
    radius, angle = np.hypot(y - centre[0], x - centre[1]), np.arctan2(y - centre[0], x - centre[1])
    stretch = np.sqrt(shape.ovality) ** np.cos(2 * (angle - shape.ovality_angle))
    inner = shape.cavity_mm * stretch
    outer = inner + shape.wall_mm * (1 + shape.thickening * np.cos(angle - shape.septum_angle - 0.5))
    mask = np.zeros(size, dtype=np.uint8)
    mask[_right_ventricle(shape, radius, angle, outer)] = ShortAxis.RV
    mask[radius <= outer] = ShortAxis.MYOCARDIUM
    mask[radius <= inner] = ShortAxis.LV
    return mask


def _right_ventricle(
    shape: HeartShape, radius: NDArray[np.float64], angle: NDArray[np.float64], outer: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """A crescent whose depth falls as a cosine to either side of the septum."""
    if shape.opening <= 0:
        return np.zeros(radius.shape, dtype=bool)
    off: Any = np.angle(np.exp(1j * (angle - shape.septum_angle))) / shape.opening
    depth = shape.rv_depth_mm * np.sqrt(np.clip(np.cos(np.clip(off, -1, 1) * np.pi / 2), 0, 1))
    crescent: NDArray[np.bool_] = (np.abs(off) < 1) & (radius <= outer + depth) & (depth > 0)
    return crescent
