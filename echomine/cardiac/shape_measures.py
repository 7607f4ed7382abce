"""Measures of shapes in a plane that the anatomical criteria are made of; lengths in mm, areas in mm2."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from skimage.measure import find_contours
from skimage.morphology import convex_hull_image

Region: TypeAlias = NDArray[np.bool_]
"""(Y, X) pixels of a structure."""

CORNERS_TOUCH = np.ones((3, 3), dtype=bool)


def enclosed(region: Region) -> Region:
    """Pixels outside a region that cannot reach the border without crossing it."""
    outside, _ = ndimage.label(~np.pad(region, 1))
    holes: Region = ((outside > 0) & (outside != outside[0, 0]))[1:-1, 1:-1]
    return holes


def area_mm2(region: Region, spacing_mm: Sequence[float]) -> float:
    """Area by counting pixels."""
    return float(np.count_nonzero(region)) * float(spacing_mm[0]) * float(spacing_mm[1])


def beside_largest(region: Region) -> Region:
    """Pixels that do not belong to the largest piece; corners connect."""
    pieces, count = ndimage.label(region, structure=CORNERS_TOUCH)
    if count < 2:
        return np.zeros_like(region)
    sizes = np.bincount(pieces.ravel())
    others: Region = region & (pieces != 1 + int(np.argmax(sizes[1:])))
    return others


def gap_mm(one: Region, other: Region, spacing_mm: Sequence[float]) -> float:
    """Free distance between two regions; 0 where they touch, by a corner at least, or one is absent."""
    if not one.any() or not other.any() or (ndimage.binary_dilation(one, CORNERS_TOUCH) & other).any():
        return 0.0
    away = ndimage.distance_transform_edt(~other, sampling=spacing_mm)
    return float(away[one].min())


def frontier(one: Region, other: Region) -> Region:
    """Pixels of ``one`` that share a side with ``other``."""
    sides: Region = one & ndimage.binary_dilation(other)
    return sides


def frontier_mm(one: Region, other: Region, spacing_mm: Sequence[float]) -> float:
    """Length of the sides that two regions share."""
    row_mm, column_mm = float(spacing_mm[0]), float(spacing_mm[1])
    below = np.count_nonzero(one[:-1] & other[1:]) + np.count_nonzero(one[1:] & other[:-1])
    beside = np.count_nonzero(one[:, :-1] & other[:, 1:]) + np.count_nonzero(one[:, 1:] & other[:, :-1])
    return below * column_mm + beside * row_mm


def concavity_mm(region: Region, spacing_mm: Sequence[float]) -> float:
    """How deep the outline dents below its convex hull, beyond what the pixel grid itself makes.

    One pixel diagonal is taken off: that is how far a digitised disc lies below its hull.
    """
    outline = outline_mm(region, spacing_mm)
    if len(outline) < 4:
        return 0.0
    try:
        hull = ConvexHull(outline)
    except QhullError:  # all on one line
        return 0.0
    depth = -(outline @ hull.equations[:, :2].T + hull.equations[:, 2]).max(axis=1).min()
    return max(0.0, float(depth) - math.hypot(*spacing_mm[:2]))


def convex(region: Region) -> Region:
    """A region filled to its convex hull, which runs through the middles of pixels."""
    if np.count_nonzero(region) < 3:
        return region
    hull: Region = convex_hull_image(region, offset_coordinates=False)
    return hull


def rim(region: Region) -> Region:
    """The pixels of a region beside what is not of it."""
    edge: Region = region & ~ndimage.binary_erosion(region)
    return edge


def circularity(region: Region, spacing_mm: Sequence[float]) -> float:
    """4 pi area / perimeter^2 of the outline: 1 for a disc, towards 0 for what is long or ragged; 1 when absent."""
    outline = outline_mm(region, spacing_mm)
    if len(outline) < 4:
        return 1.0
    steps = np.diff(outline, axis=0)
    perimeter = float(np.linalg.norm(steps, axis=1).sum())
    y, x = outline[:-1, 0], outline[:-1, 1]
    area = abs(float(np.dot(x, steps[:, 0]) - np.dot(y, steps[:, 1]))) / 2
    return min(1.0, 4 * np.pi * area / perimeter**2)


def outline_mm(region: Region, spacing_mm: Sequence[float]) -> NDArray[np.float64]:
    """(N, 2) closed outline of the largest piece, in mm; (0, 2) for an empty region."""
    contours: Any = find_contours(np.pad(region, 1).astype(float), 0.5)
    if not contours:
        return np.empty((0, 2))
    longest: NDArray[np.float64] = max(contours, key=len) * np.asarray(spacing_mm[:2], dtype=float)
    return longest
