"""How the axes of a stored volume lie in the patient, and the way to one canonical order and back.

Canonical arrays are (Z, Y, X): columns run to the patient's left, rows to the back, slices upwards; planes are (Y, X).
Affines are NIfTI's, so their world axes run right to left, back to front, feet to head.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ItemError, Reason

ElementT = TypeVar("ElementT", bound=np.generic)
_WANTED_SIGNS = (-1.0, -1.0, 1.0)
SLICE_AXIS_RATIO = 1.5
LARGEST_SKEW = 0.02
"""Largest cosine between the two axes of a plane; beyond it its pixels are no rectangles."""
SHIFT_TOLERANCE = 1e-3
"""A header rounds its spacing by less than that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Which stored axis is which canonical axis.

    Attributes:
        order: Stored axis of each canonical axis: of z, y, x, or of y, x for planes.
        flipped: Whether each of them runs the other way in the file.
        spacing_mm: Along each of them.
    """

    order: tuple[int, ...]
    flipped: tuple[bool, ...]
    spacing_mm: tuple[float, ...]

    def canonical(self, stored: NDArray[ElementT]) -> NDArray[ElementT]:
        """A stored array in canonical order; axes beyond (time) stay last."""
        rest = range(len(self.order), stored.ndim)
        turned = stored.transpose([*self.order, *rest])
        return np.ascontiguousarray(np.flip(turned, self._flipped_axes()))

    def stored(self, canonical: NDArray[ElementT]) -> NDArray[ElementT]:
        """The inverse of :meth:`canonical`."""
        turned = np.flip(canonical, self._flipped_axes())
        rest = range(len(self.order), canonical.ndim)
        return np.ascontiguousarray(turned.transpose([*np.argsort(self.order), *rest]))

    def _flipped_axes(self) -> tuple[int, ...]:
        return tuple(at for at, flip in enumerate(self.flipped) if flip)


def axial_placement(affine: NDArray[np.float64], spacing_mm: Sequence[float]) -> Placement:
    """For CT: each stored axis goes to the world axis it is nearest to."""
    closeness = np.abs(_directions(affine))
    world_of = _assigned(closeness)
    order = tuple(int(np.flatnonzero(world_of == world)[0]) for world in (2, 1, 0))
    return _placed(affine, spacing_mm, order, (2, 1, 0))


def stack_placement(affine: NDArray[np.float64], spacing_mm: Sequence[float]) -> Placement:
    """For short-axis stacks, which lie oblique: slices stay slices, the two axes in plane are put in order.

    The slice axis is the one whose spacing is clearly the largest, else the third.
    """
    slices = int(np.argmax(spacing_mm[:3]))
    others = [mm for axis, mm in enumerate(spacing_mm[:3]) if axis != slices]
    if spacing_mm[slices] < SLICE_AXIS_RATIO * max(others):
        slices = 2
    directions = _directions(affine)
    first, second = (axis for axis in range(3) if axis != slices)
    x = first if abs(directions[0, first]) >= abs(directions[0, second]) else second
    y = second if x == first else first
    worlds = tuple(int(np.argmax(np.abs(directions[:, axis]))) for axis in (slices, y, x))
    return _placed(affine, spacing_mm, (slices, y, x), worlds)


def plane_placement(affine: NDArray[np.float64], spacing_mm: Sequence[float]) -> Placement:
    """For pictures of ultrasound: the first two axes, x the one nearer to left-right."""
    directions = _directions(affine)[:2, :2]
    x = 0 if abs(directions[0, 0]) >= abs(directions[0, 1]) else 1
    return _placed(affine, spacing_mm, (1 - x, x), (1, 0))


def _directions(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    matrix = np.asarray(affine, dtype=float)[:3, :3]
    lengths = np.linalg.norm(matrix, axis=0)
    if not np.isfinite(matrix).all() or (lengths <= 0).any() or abs(np.linalg.det(matrix / lengths)) < 1e-3:
        raise ItemError(Reason.BAD_SPACING, "its affine gives two axes one direction; write the image again")
    directions: NDArray[np.float64] = matrix / lengths
    return directions


def _assigned(closeness: NDArray[np.float64]) -> NDArray[np.intp]:
    """World axis of each stored axis, each taken once, for the largest sum of cosines."""
    from scipy.optimize import linear_sum_assignment

    world, stored = linear_sum_assignment(-closeness)
    return np.asarray(world)[np.argsort(stored)]


def _placed(
    affine: NDArray[np.float64], spacing_mm: Sequence[float], order: tuple[int, ...], worlds: tuple[int, ...]
) -> Placement:
    flips = tuple(
        bool(np.asarray(affine)[world, axis] * _WANTED_SIGNS[world] < 0)
        for axis, world in zip(order, worlds, strict=True)
    )
    spacing: Any = tuple(float(spacing_mm[axis]) for axis in order)
    directions = _directions(affine)
    y, x = directions[:, order[-2]], directions[:, order[-1]]
    if abs(float(y @ x)) > LARGEST_SKEW:
        raise ItemError(
            Reason.BAD_SPACING, "its pixels are no rectangles: the affine is sheared in plane; resample the image first"
        )
    if len(order) == 3:
        spacing = (_apart_mm(affine, spacing[0], order), *spacing[1:])
    return Placement(order=order, flipped=flips, spacing_mm=spacing)


def _apart_mm(affine: NDArray[np.float64], stated_mm: float, order: tuple[int, ...]) -> float:
    """The distance of slices along their normal, where a header states that from corner to corner of shifted ones."""
    z, y, x = (np.asarray(affine, dtype=float)[:3, axis] for axis in order)
    normal = np.cross(y, x)
    normal_mm = abs(float(z @ normal)) / float(np.linalg.norm(normal))
    return normal_mm if normal_mm < (1 - SHIFT_TOLERANCE) * stated_mm else stated_mm
