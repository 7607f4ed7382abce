"""How well a drawn structure agrees with the true one: overlap without a unit, surface distances in mm.

A structure that is missed, or drawn where there is none, overlaps by 0 and lies as far away as two points of the
picture can: it is never perfect and never leaves a mean. A structure that is rightly absent has no score (NaN).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.domain.errors import MeasurementError

Mask: TypeAlias = NDArray[np.bool_]
Distances: TypeAlias = NDArray[np.float64]

_FAR_PERCENTILE = 95


class Presence(StrEnum):
    """In which of two masks a structure is."""

    BOTH = "both"
    MISSED = "missed"
    FALSE_ALARM = "false_alarm"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureScores:
    """Agreement of one structure in one picture or volume; NaN where it is rightly absent.

    Attributes:
        dice, iou: 0..1.
        hausdorff_mm: Largest distance of a surface from the other, both ways.
        hd95_mm: 95th percentile of the distances of both surfaces pooled, as medpy has it.
        assd_mm: Mean of the distances of both surfaces pooled.
        presence: In which of the masks the structure is.
    """

    dice: float
    iou: float
    hausdorff_mm: float
    hd95_mm: float
    assd_mm: float
    presence: Presence


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanScores:
    """Means over pictures or volumes where the structure is in truth or prediction; NaN where there is none.

    Attributes:
        dice, iou, hausdorff_mm, hd95_mm, assd_mm: Means, missed ones and false alarms at their worst.
        count: Pictures in the mean.
        missed: Of these, how many hold a structure that was not found.
        false_alarms: Of these, how many hold none where one was drawn.
        absent: Pictures beside them where the structure rightly is not.
    """

    dice: float
    iou: float
    hausdorff_mm: float
    hd95_mm: float
    assd_mm: float
    count: int
    missed: int
    false_alarms: int
    absent: int


def dice(truth: Mask, predicted: Mask) -> float:
    """Twice the common part over the sum of both; 0 where one is empty, NaN where both are.

    Raises:
        MeasurementError: If the shapes differ.
    """
    one, other = _same_shape(truth, predicted)
    total = int(one.sum()) + int(other.sum())
    return 2 * int((one & other).sum()) / total if total else float("nan")


def dice_by_label(truth: NDArray[Any], predicted: NDArray[Any], labels: Iterable[int]) -> dict[int, float]:
    """The Dice coefficient of each class number of two arrays, as :func:`dice`.

    Raises:
        MeasurementError: If the shapes differ.
    """
    return {label: dice(truth == label, predicted == label) for label in labels}


def iou(truth: Mask, predicted: Mask) -> float:
    """The common part over the union; 0 where one is empty, NaN where both are.

    Raises:
        MeasurementError: If the shapes differ.
    """
    one, other = _same_shape(truth, predicted)
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else float("nan")


def surface_distances_mm(one: Mask, other: Mask, spacing_mm: Sequence[float]) -> tuple[Distances, Distances]:
    """Distance of each surface point of one structure from the nearest of the other, and the other way round.

    The surface is the pixels of a structure with a face neighbour outside it; beyond the picture is outside.

    Args:
        one: Mask of a structure, not empty.
        other: Mask of the same shape, not empty.
        spacing_mm: Size of a pixel along each axis of the masks, in their order.

    Raises:
        MeasurementError: If shapes differ, a mask is empty, or the spacing is missing or not positive.
    """
    first, second = _same_shape(one, other)
    steps = checked_spacing(spacing_mm, first.ndim)
    if not first.any() or not second.any():
        raise MeasurementError("a surface distance needs a structure in both masks, got an empty one")
    box = _bounding_box(first | second)
    edges = [_surface(mask[box]) for mask in (first, second)]
    fields_mm = [ndimage.distance_transform_edt(~edge, sampling=steps) for edge in edges]
    return fields_mm[1][edges[0]], fields_mm[0][edges[1]]


def structure_scores(truth: Mask, predicted: Mask, spacing_mm: Sequence[float]) -> StructureScores:
    """All scores of one structure.

    Args:
        truth: Mask, 2D or 3D.
        predicted: Mask of the same shape.
        spacing_mm: Size of a pixel along each axis of the masks, in their order; there is no default, since a
            distance in pixels is no distance.

    Raises:
        MeasurementError: If shapes differ, or the spacing is missing or not positive.

    References:
        Maier-Hein et al., Metrics reloaded, Nat Methods 2024;21:195-212.
    """
    one, other = _same_shape(truth, predicted)
    steps = checked_spacing(spacing_mm, one.ndim)
    presence = _presence(one, other)
    hausdorff, far, mean = _distances(one, other, steps, presence)
    return StructureScores(
        dice=dice(one, other), iou=iou(one, other), hausdorff_mm=hausdorff, hd95_mm=far, assd_mm=mean, presence=presence
    )


def label_scores(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], labels: Mapping[str, int], spacing_mm: Sequence[float]
) -> dict[str, StructureScores]:
    """Scores of each structure of a label map, by its name.

    Args:
        truth: Label map.
        predicted: Label map of the same shape.
        labels: Name of each structure to its value; the background is left out.
        spacing_mm: As in :func:`structure_scores`.
    """
    return {name: structure_scores(truth == value, predicted == value, spacing_mm) for name, value in labels.items()}


def mean_scores(scores: Sequence[StructureScores]) -> MeanScores:
    """Means over several pictures or volumes of one structure."""
    found = [one.presence for one in scores]
    counted = [one for one in scores if one.presence is not Presence.ABSENT]
    means = {
        entry.name: float(np.mean([getattr(one, entry.name) for one in counted])) if counted else float("nan")
        for entry in fields(StructureScores)
        if entry.name != "presence"
    }
    return MeanScores(
        **means,
        count=len(counted),
        missed=found.count(Presence.MISSED),
        false_alarms=found.count(Presence.FALSE_ALARM),
        absent=found.count(Presence.ABSENT),
    )


def checked_spacing(spacing_mm: Sequence[float] | None, axes: int) -> tuple[float, ...]:
    """The spacing as a tuple.

    Raises:
        MeasurementError: If it is missing, has another number of axes, or a value is not positive and finite.
    """
    if spacing_mm is None:
        raise MeasurementError("there is no pixel spacing: give the size of a pixel in mm, it is never taken as 1")
    steps = tuple(float(step) for step in spacing_mm)
    if len(steps) != axes or not all(np.isfinite(step) and step > 0 for step in steps):
        raise MeasurementError(f"a spacing is one length in mm above 0 for each of {axes} axes, got {steps}")
    return steps


def _distances(one: Mask, other: Mask, steps: tuple[float, ...], presence: Presence) -> tuple[float, float, float]:
    if presence is Presence.ABSENT:
        return (float("nan"),) * 3
    if presence is not Presence.BOTH:
        reach = [(size - 1) * step for size, step in zip(one.shape, steps, strict=True)]
        return (float(np.hypot.reduce(reach)),) * 3
    pooled = np.concatenate(surface_distances_mm(one, other, steps))
    return float(pooled.max()), float(np.percentile(pooled, _FAR_PERCENTILE)), float(pooled.mean())


def _presence(truth: Mask, predicted: Mask) -> Presence:
    is_there, is_drawn = bool(truth.any()), bool(predicted.any())
    if is_there:
        return Presence.BOTH if is_drawn else Presence.MISSED
    return Presence.FALSE_ALARM if is_drawn else Presence.ABSENT


def _surface(mask: Mask) -> Mask:
    inside: Mask = ndimage.binary_erosion(mask, ndimage.generate_binary_structure(mask.ndim, 1))
    return mask & ~inside


def _bounding_box(mask: Mask) -> tuple[slice, ...]:
    return tuple(ndimage.find_objects(mask.astype(np.uint8))[0])


def _same_shape(one: Mask, other: Mask) -> tuple[Mask, Mask]:
    first, second = np.asarray(one, dtype=np.bool_), np.asarray(other, dtype=np.bool_)
    if first.shape != second.shape or first.ndim == 0:
        raise MeasurementError(f"masks to compare need one shape, got {first.shape} and {second.shape}")
    return first, second
