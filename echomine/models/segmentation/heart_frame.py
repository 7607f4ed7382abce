"""One frame for all short-axis slices: the ventricle in the middle, one size, the right ventricle to the left."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.domain.structures import ShortAxis
from echomine.models.segmentation.mask_vae import CLASSES, FRAME_PX

FILLED_SHARE = 0.22
"""Share of the frame that the structures of a slice fill together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartFrame:
    """Where the frame lies in a slice.

    Attributes:
        centre_px: Row and column of its middle.
        pixel_px: Pixels of the slice that one pixel of the frame spans.
        angle: Turn of the frame, in radians.
    """

    centre_px: tuple[float, float]
    pixel_px: float
    angle: float


def heart_frame(mask: NDArray[Any]) -> HeartFrame | None:
    """The frame of a slice; None where it shows nothing.

    The middle is that of left ventricle and muscle, else of what there is; the size that of everything in it.
    """
    inner = np.isin(mask, (ShortAxis.LV, ShortAxis.MYOCARDIUM))
    anything = np.asarray(mask) > 0
    if not anything.any():
        return None
    middle = np.argwhere(inner if inner.any() else anything).mean(axis=0)
    right = np.argwhere(np.asarray(mask) == ShortAxis.RV)
    towards = right.mean(axis=0) - middle if len(right) and inner.any() else np.array([0.0, -1.0])
    pixel = float(np.sqrt(np.count_nonzero(anything) / (FILLED_SHARE * FRAME_PX**2)))
    return HeartFrame(
        centre_px=(float(middle[0]), float(middle[1])),
        pixel_px=max(pixel, 0.05),
        angle=float(np.arctan2(towards[0], -towards[1])) if np.any(towards) else 0.0,
    )


def into_frame(mask: NDArray[Any], frame: HeartFrame) -> NDArray[np.float32]:
    """(4, 64, 64) one-hot mask of a slice (Y, X) seen in a frame."""
    steps = np.arange(FRAME_PX) - (FRAME_PX - 1) / 2
    offsets = np.stack(np.meshgrid(steps, steps, indexing="ij")) * frame.pixel_px
    places = np.tensordot(_turn(frame.angle), offsets, axes=1) + np.reshape(frame.centre_px, (2, 1, 1))
    shares = [
        ndimage.map_coordinates((np.asarray(mask) == label).astype(np.float32), places, order=1, mode="constant")
        for label in range(1, CLASSES)
    ]
    background = 1 - np.sum(shares, axis=0)
    classes = np.argmax(np.stack([background, *shares]), axis=0)
    one_hot: NDArray[np.float32] = np.eye(CLASSES, dtype=np.float32)[classes].transpose(2, 0, 1)
    return one_hot


def out_of_frame(scores: NDArray[np.float32], frame: HeartFrame, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The class of the highest score (4, 64, 64) at every pixel of a slice; background beyond the frame."""
    y, x = np.meshgrid(*(np.arange(n) for n in size), indexing="ij")
    offsets = np.stack([y - frame.centre_px[0], x - frame.centre_px[1]])
    places = np.tensordot(_turn(-frame.angle), offsets, axes=1) / frame.pixel_px + (FRAME_PX - 1) / 2
    outside = [float(scores.max()) + 1.0] + [float(scores.min()) - 1.0] * (CLASSES - 1)
    at_pixels = [
        ndimage.map_coordinates(score, places, order=1, mode="constant", cval=beyond)
        for score, beyond in zip(scores, outside, strict=True)
    ]
    classes: NDArray[np.uint8] = np.argmax(np.stack(at_pixels), axis=0).astype(np.uint8)
    return classes


def _turn(angle: float) -> NDArray[np.float64]:
    """Turns (row, column) so that the frame's left points where the angle says."""
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
