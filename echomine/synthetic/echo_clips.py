"""Clips between a labelled frame of end diastole and one of end systole, by a deformation that is written down here.

The first and last frame are the given pictures. Between them:

1. The ventricle, the outer wall and the left atrium are outlined in both frames. The ends of the mitral plane and the
   point of each outline farthest from it pair the outlines; between these marks points pair by arc length.
2. A frame at the share s of the way has its points at (1 - s) ED + s ES, with s(t) = (1 - cos(pi t / (T - 1))) / 2.
3. Thin-plate splines through the paired points, with points on the border that stay, carry both pictures there. Their
   mean, weighted 1 - s and s, is the frame; the mask is the larger of the equally weighted shares of the classes.
4. The mean of two pictures has less speckle than either. What it lost, (1 - s)^2 + s^2 of its variance being left, is
   put back inside the sector as speckle drawn anew for each frame, with the local strength of the pictures and a grain
   of 0.7 pixels.

So the motion between is smooth by construction, and every frame has speckle of its own; motion out of plane, valves
and the heart's turning are not in it.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.domain.errors import MeasurementError
from echomine.domain.structures import Apical

FRAMES = 10
ARC_POINTS = 12
BORDER_POINTS = 5
GRID_STEP_PX = 4
GRAIN_PX = 0.7
TEXTURE_PX = 2.0
"""What is finer than that counts as speckle."""
STRENGTH_PX = 6.0

Picture = NDArray[np.float32]
Points = NDArray[np.float64]
"""(N, 2) rows and columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoClip:
    """A clip from end diastole to end systole.

    Attributes:
        name: Of the patient.
        images: (T, Y, X).
        masks: (T, Y, X) classes of :class:`Apical`; those between the first and last come from the deformation.
        pixel_mm: Side of a pixel.
    """

    name: str
    images: NDArray[np.float32] = field(repr=False)
    masks: NDArray[np.uint8] = field(repr=False)
    pixel_mm: float


def clip_between(
    diastole: tuple[Picture, NDArray[np.uint8]],
    systole: tuple[Picture, NDArray[np.uint8]],
    rng: np.random.Generator,
    *,
    frames: int = FRAMES,
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Images and masks (T, Y, X) of a clip between two labelled pictures (Y, X) of one size.

    Raises:
        MeasurementError: If sizes differ, there are fewer than two frames, or a ventricle or atrium is missing.
    """
    (first, first_mask), (last, last_mask) = diastole, systole
    if len({first.shape, last.shape, first_mask.shape, last_mask.shape}) != 1 or frames < 2:
        raise MeasurementError(
            f"a clip needs two pictures of one size and 2 or more frames, got {first.shape}, {frames}"
        )
    start, end = outline_points(first_mask), outline_points(last_mask)
    strength, floor = _strength(first, last), float(min(first.min(), last.min()))
    images, masks = [], []
    for share in (1 - np.cos(np.pi * np.arange(frames) / (frames - 1))) / 2:
        here = (1 - share) * start + share * end
        places = [_places(here, there, first.shape) for there in (start, end)]
        weights = (1 - share, share)
        picture = sum(w * _sampled(image, at) for w, image, at in zip(weights, (first, last), places, strict=True))
        lost = np.sqrt(max(1 - (weights[0] ** 2 + weights[1] ** 2), 0.0)) * (picture > floor + 1e-3)
        speckled = np.maximum(picture + lost * strength * _speckle(first.shape, rng), floor)
        images.append(speckled.astype(np.float32))
        shares = [
            sum(
                w * _sampled((m == label).astype(float), at)
                for w, m, at in zip(weights, (first_mask, last_mask), places, strict=True)
            )
            for label in Apical
        ]
        masks.append(np.argmax(shares, axis=0).astype(np.uint8))
    return np.stack(images), np.stack(masks)


def outline_points(mask: NDArray[Any]) -> Points:
    """Paired points of the outlines of ventricle, outer wall and atrium, in one order for every mask.

    Raises:
        MeasurementError: If ventricle and atrium do not touch, or one is missing.
    """
    lv, la = mask == Apical.LV, mask == Apical.LA
    wide = ndimage.binary_dilation(la, iterations=2)
    contact = np.argwhere(lv & wide).astype(float)
    if len(contact) < 2:
        raise MeasurementError("a clip needs a left ventricle that touches a left atrium, this mask has none")
    middle = contact.mean(axis=0)
    along = np.linalg.svd(contact - middle, full_matrices=False)[2][0]
    along = along if along[1] >= 0 else -along
    reach = (contact - middle) @ along
    left, right = contact[np.argmin(reach)], contact[np.argmax(reach)]
    outer = lv | (mask == Apical.MYOCARDIUM)
    return np.concatenate([_arc(region, left, right, middle) for region in (lv, outer, la)])


def _arc(region: NDArray[np.bool_], left: Points, right: Points, middle: Points) -> Points:
    """Points along the outline from the left end of the mitral plane, by its far point, to the right end."""
    from skimage.measure import find_contours

    outlines = find_contours(np.pad(region.astype(float), 2), 0.5)
    ring = max(outlines, key=len)[:-1] - 2
    ring = np.roll(ring, -int(np.argmin(np.linalg.norm(ring - left, axis=1))), axis=0)
    turn = int(np.argmin(np.linalg.norm(ring - right, axis=1)))
    ways = (ring[: turn + 1], np.concatenate([ring[turn:], ring[:1]])[::-1])
    way = max(ways, key=_length)
    far = int(np.argmax(np.linalg.norm(way - middle, axis=1)))
    far = min(max(far, 1), len(way) - 2)
    return np.concatenate([_resampled(way[: far + 1])[:-1], _resampled(way[far:])])


def _length(way: Points) -> float:
    return float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())


def _resampled(way: Points) -> Points:
    """:data:`ARC_POINTS` points at equal arc length, both ends among them."""
    run = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
    wanted = np.linspace(0, run[-1], ARC_POINTS)
    return np.stack([np.interp(wanted, run, way[:, axis]) for axis in (0, 1)], axis=1)


def _places(here: Points, there: Points, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(2, Y, X) where each pixel of a frame lies in the picture whose outlines pass through ``there``."""
    from scipy.interpolate import RBFInterpolator

    fixed = _border(shape)
    spline = RBFInterpolator(
        np.concatenate([here, fixed]), np.concatenate([there - here, np.zeros_like(fixed)]),
        kernel="thin_plate_spline", smoothing=1.0,
    )  # fmt: skip
    axes = [np.arange(0, size + GRID_STEP_PX, GRID_STEP_PX, dtype=float) for size in shape]
    coarse = spline(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2))
    coarse = coarse.reshape(len(axes[0]), len(axes[1]), 2)
    grid = np.indices(shape).astype(float)
    shift = [ndimage.map_coordinates(coarse[..., axis], grid / GRID_STEP_PX, order=1) for axis in (0, 1)]
    places: NDArray[np.float64] = grid + np.stack(shift)
    return places


def _border(shape: tuple[int, ...]) -> Points:
    rows, columns = (np.linspace(0, size - 1, BORDER_POINTS) for size in shape)
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = (grid > 0).all(axis=1) & (grid < np.array(shape) - 1).all(axis=1)
    return grid[~inside]


def _sampled(picture: NDArray[Any], places: NDArray[np.float64]) -> NDArray[np.float64]:
    sampled: NDArray[np.float64] = ndimage.map_coordinates(picture.astype(float), places, order=1, mode="nearest")
    return sampled


def _strength(first: Picture, last: Picture) -> NDArray[np.float64]:
    """Local standard deviation of what is finer than :data:`TEXTURE_PX`, mean of both pictures' variances."""
    fine = [picture - ndimage.gaussian_filter(picture, TEXTURE_PX) for picture in (first, last)]
    variance = sum(ndimage.gaussian_filter(np.square(one, dtype=float), STRENGTH_PX) for one in fine) / 2
    strength: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0))
    return strength


def _speckle(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float64]:
    raw = ndimage.gaussian_filter(rng.normal(size=shape), GRAIN_PX)
    speckle: NDArray[np.float64] = raw / raw.std()
    return speckle
