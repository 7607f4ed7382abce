"""Whatever goes in, what comes out has no violation of anatomy.

A slice that is valid comes back unchanged. Another is repaired by construction, or encoded by a variational
autoencoder, moved to a valid latent vector near by, and pulled back along the line as far as validity holds. Every
candidate is checked in the picture it belongs to, and the valid one that overlaps most with the input is taken. Where
there is none, a round heart in the same place is tried, and an empty slice, which is valid, is what is left.

References:
    Painchaud et al., IEEE Trans Med Imaging 2020;39:3703-3713. It has no repair by construction; with it, masks change
    less (docs/figures.md).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echomine.cardiac.anatomical_repair import repaired_slice
from echomine.cardiac.short_axis_anatomy import short_axis_violations
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.structures import ShortAxis
from echomine.models.segmentation.heart_frame import HeartFrame, heart_frame, into_frame, out_of_frame

NEIGHBOURS = 8
HALVINGS = 4
GOOD_OVERLAP = 0.85
"""A repair that overlaps so much is taken without asking the autoencoder."""

Slice = NDArray[np.uint8]


class Remedy(StrEnum):
    """How a slice became valid."""

    NONE = "none"
    REPAIRED = "repaired"
    WARPED = "warped"
    REPLACED = "replaced"
    EMPTIED = "emptied"


INVENTED = frozenset({Remedy.REPLACED, Remedy.EMPTIED})
"""After them the slice is no longer a drawing of this heart."""


class ShapeCoder(Protocol):
    """Masks in the frame of :mod:`echomine.models.segmentation.heart_frame` to latent vectors and back."""

    def encode(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """(4, 64, 64) one-hot -> latent (L,)."""
        ...

    def decode(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """Latent (L,) -> scores (4, 64, 64)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidShapes:
    """A coder and the latent vectors whose shapes are valid.

    Attributes:
        coder: Encodes and decodes.
        latents: (N, L), found by rejection sampling.
    """

    coder: ShapeCoder
    latents: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidSlice:
    """A slice without violations, and how it became so."""

    mask: Slice
    remedy: Remedy


def valid_slice(mask: NDArray[Any], spacing_mm: Sequence[float], shapes: ValidShapes | None = None) -> ValidSlice:
    """A slice (Y, X) without violations, as near to the given one as was found.

    Args:
        mask: Classes of :class:`ShortAxis`; other numbers count as background.
        spacing_mm: Of y and x.
        shapes: The autoencoder and its valid vectors; without them, repair and parametric hearts alone are used.

    Raises:
        MeasurementError: If it is no plane or the spacing is bad.
    """
    spacing = checked_spacing_mm(spacing_mm, dimensions=2)
    known = np.where(np.isin(mask, [int(label) for label in ShortAxis]), mask, 0).astype(np.uint8)
    if not short_axis_violations(known, spacing):
        return ValidSlice(mask=known, remedy=Remedy.NONE)
    best = ValidSlice(mask=np.zeros_like(known), remedy=Remedy.EMPTIED)
    best_overlap = 0.0
    for remedy, candidates in _ways(known, spacing, shapes):
        for candidate in candidates:
            shared = overlap(candidate, known)
            if shared > best_overlap and not short_axis_violations(candidate, spacing):
                best, best_overlap = ValidSlice(mask=candidate, remedy=remedy), shared
        if best_overlap >= GOOD_OVERLAP or (remedy is Remedy.WARPED and best_overlap > 0):
            break
    return best


def valid_volume(
    mask: NDArray[Any], spacing_mm: Sequence[float], shapes: ValidShapes | None = None
) -> tuple[NDArray[np.uint8], dict[int, Remedy]]:
    """A volume (Z, Y, X) of valid slices, and the remedy of each slice that needed one.

    Raises:
        MeasurementError: As :func:`valid_slice`.
    """
    spacing = checked_spacing_mm(spacing_mm, dimensions=3)
    slices = [valid_slice(plane, spacing[1:], shapes) for plane in mask]
    remedies: dict[int, Remedy] = {at: one.remedy for at, one in enumerate(slices) if one.remedy is not Remedy.NONE}
    return np.stack([one.mask for one in slices]), remedies


def overlap(one: Slice, other: Slice) -> float:
    """Mean Dice coefficient over the structures that either slice shows; 1 where both are empty."""
    labels = (ShortAxis.RV, ShortAxis.MYOCARDIUM, ShortAxis.LV)
    sums = [(np.count_nonzero(one == label) + np.count_nonzero(other == label)) for label in labels]
    shared = [np.count_nonzero((one == label) & (other == label)) for label in labels]
    scores = [2 * both / total for both, total in zip(shared, sums, strict=True) if total]
    return float(np.mean(scores)) if scores else 1.0


def _ways(
    mask: Slice, spacing: tuple[float, ...], shapes: ValidShapes | None
) -> Iterator[tuple[Remedy, Iterator[Slice]]]:
    """Remedies in the order of how little they change, each with its candidates."""
    yield Remedy.REPAIRED, _repairs(mask, spacing)
    frame = heart_frame(mask)
    if frame is None:
        return
    if shapes is not None and len(shapes.latents):
        yield Remedy.WARPED, _warps(mask, spacing, frame, shapes)
    yield Remedy.REPLACED, _replacements(mask, spacing, frame)


def _repairs(mask: Slice, spacing: tuple[float, ...]) -> Iterator[Slice]:
    fixed = repaired_slice(mask, spacing)
    yield fixed
    yield np.where(fixed == ShortAxis.RV, 0, fixed).astype(np.uint8)
    yield np.where(fixed != ShortAxis.RV, 0, fixed).astype(np.uint8)


def _warps(mask: Slice, spacing: tuple[float, ...], frame: HeartFrame, shapes: ValidShapes) -> Iterator[Slice]:
    """Valid shapes between the encoded mask and its nearest valid neighbours."""

    def shape_at(latent: NDArray[np.float32]) -> Slice:
        return out_of_frame(shapes.coder.decode(latent), frame, (mask.shape[0], mask.shape[1]))

    def is_valid(latent: NDArray[np.float32]) -> bool:
        return not short_axis_violations(shape_at(latent), spacing)

    start = shapes.coder.encode(into_frame(mask, frame))
    distances = np.linalg.norm(shapes.latents - start, axis=1)
    for at in np.argsort(distances, kind="stable")[:NEIGHBOURS]:
        if is_valid(shapes.latents[at]):
            yield shape_at(_pulled_back(start, shapes.latents[at], is_valid))
            return


def _pulled_back(
    start: NDArray[np.float32], valid: NDArray[np.float32], is_valid: Callable[[NDArray[np.float32]], bool]
) -> NDArray[np.float32]:
    """The vector nearest to the start, on the line from a valid one, that was seen to be valid."""
    if is_valid(start):
        return start
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_valid(start + middle * (valid - start)) else (middle, high)
    return start + np.float32(high) * (valid - start)


def _replacements(mask: Slice, spacing: tuple[float, ...], frame: HeartFrame) -> Iterator[Slice]:
    """Round hearts in the place of the mask, one with and one without a right ventricle."""
    size_px = np.sqrt(np.count_nonzero(mask) / np.pi)
    y, x = np.meshgrid(*(np.arange(n) for n in mask.shape), indexing="ij")
    for share in (1.0, 0.7):
        radius = np.hypot((y - frame.centre_px[0]) * spacing[0], (x - frame.centre_px[1]) * spacing[1])
        outer = share * size_px * float(np.sqrt(spacing[0] * spacing[1]))
        heart = np.zeros_like(mask)
        heart[radius <= outer] = ShortAxis.MYOCARDIUM
        heart[radius <= 0.6 * outer] = ShortAxis.LV
        yield heart
