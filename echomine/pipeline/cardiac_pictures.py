"""Pictures of quantified scans: structures drawn over the image, violations marked, agreement plots."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from echomine.cardiac.shape_measures import CORNERS_TOUCH, Region
from echomine.cardiac.short_axis_anatomy import violation_places, volume_violations
from echomine.pipeline.cardiac_result import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#4c9be8", "#5fd38d", "#ffb347", "#d65f5f", "#b07aa1", "#76b7b2")
"""Of the classes 1, 2, 3, ... of a mask."""
COLUMNS = 6
MARGIN_PX = 20
_INK, _VIOLATION = "#1b2733", "#ff2d55"

NamedVolume = tuple[str, NDArray[np.float32], NDArray[np.uint8], tuple[float, ...]]
"""Name, (Z, Y, X) volume, its mask, spacing in mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnPlane:
    """A picture to be shown with its mask.

    Attributes:
        title: Above it.
        values: (Y, X) grey values.
        mask: (Y, X) classes.
        aspect: Height over width of a pixel.
        wrong: (Y, X) where the mask violates anatomy; None where that is not judged.
    """

    title: str
    values: NDArray[Any] = field(repr=False)
    mask: NDArray[np.uint8] = field(repr=False)
    aspect: float
    wrong: Region | None = field(default=None, repr=False)


def short_axis_png(instants: Sequence[NamedVolume]) -> bytes:
    """Slices of each instant with the outlines of the structures; violations filled in red."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2 * COLUMNS, 2.2 * len(instants)), dpi=100, facecolor="white")
    for row, (name, volume, mask, spacing) in enumerate(instants):
        box = _box(mask)
        for column, at in enumerate(_shown_slices(mask, spacing)):
            axes = figure.add_subplot(len(instants), COLUMNS, row * COLUMNS + column + 1)
            _draw(axes, volume[at][box], mask[at][box], spacing[1] / spacing[2])
            axes.set_title(f"{name} {at + 1}/{len(volume)}", fontsize=8, color=_INK)
            for wrong in violation_places(mask[at][box], spacing[1:]).values():
                _mark(axes, wrong)
    return _png(figure)


def plane_png(planes: Sequence[DrawnPlane]) -> bytes:
    """Pictures beside each other with the outlines of the structures; violations filled in red."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4 * len(planes), 4), dpi=100, facecolor="white")
    for at, plane in enumerate(planes):
        axes = figure.add_subplot(1, len(planes), at + 1)
        _draw(axes, plane.values, plane.mask, plane.aspect)
        axes.set_title(plane.title, fontsize=9, color=_INK)
        if plane.wrong is not None:
            _mark(axes, plane.wrong)
    return _png(figure)


def curve_png(curves: Sequence[Curve], marks: Sequence[tuple[int, int]]) -> bytes:
    """Values over frames, one line a curve; end diastole and end systole (frame numbers) marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), dpi=100, facecolor="white")
    axes = figure.add_subplot()
    for curve, instants, colour in zip(curves, marks, COLOURS, strict=False):
        values = np.array([np.nan if one is None else one for one in curve.values])
        axes.plot(np.arange(1, len(values) + 1), values, marker="o", markersize=3, color=colour, label=curve.name)
        for word, at in zip(("ED", "ES"), instants, strict=True):
            axes.annotate(word, (at + 1, values[at]), textcoords="offset points", xytext=(0, 7), color=_INK)
    axes.set_xlabel("frame")
    axes.set_ylabel(curves[0].unit)
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=8)
    return _png(figure)


def _shown_slices(mask: NDArray[np.uint8], spacing_mm: Sequence[float]) -> list[int]:
    """Slices with violations first, as many as there is room for, the others spread evenly over what is left."""
    violated = list(volume_violations(mask, spacing_mm))
    if len(violated) > COLUMNS:
        violated = [violated[at] for at in np.linspace(0, len(violated) - 1, COLUMNS).round().astype(int)]
    others = [at for at in range(len(mask)) if at not in violated]
    room = min(COLUMNS - len(violated), len(others))
    even = np.linspace(0, len(others) - 1, room).round().astype(int)
    return sorted([*violated, *(others[at] for at in even)])


def _box(mask: NDArray[np.uint8]) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(mask.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not len(rows):
        return slice(None), slice(None)
    return (
        slice(max(0, rows[0] - MARGIN_PX), rows[-1] + MARGIN_PX),
        slice(max(0, columns[0] - MARGIN_PX), columns[-1] + MARGIN_PX),
    )


def _draw(axes: "Axes", values: NDArray[Any], mask: NDArray[np.uint8], aspect: float) -> None:
    low, high = np.quantile(values, [0.01, 0.995])
    axes.imshow(values, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=aspect)
    for label in _outer_first(mask):
        axes.contour(mask == label, levels=[0.5], colors=[COLOURS[(label - 1) % len(COLOURS)]], linewidths=1.0)
    axes.set_xticks([])
    axes.set_yticks([])


def _outer_first(mask: NDArray[np.uint8]) -> list[int]:
    """Classes by the size of the box about them, so that outlines of what lies inside are drawn over outer ones."""
    boxes = enumerate(ndimage.find_objects(mask), start=1)
    sizes = {label: math.prod(part.stop - part.start for part in box) for label, box in boxes if box is not None}
    return sorted(sizes, key=lambda label: -sizes[label])


def _mark(axes: "Axes", wrong: Region) -> None:
    """Fills a place, a pixel wider than it is so that one pixel is seen, over the outlines; the title says so too."""
    if wrong.any():
        wider = ndimage.binary_dilation(wrong, CORNERS_TOUCH)
        axes.contourf(wider, levels=[0.5, 1.5], colors=[_VIOLATION], alpha=0.8, zorder=3)
        axes.title.set_color(_VIOLATION)


def _png(figure: "Figure") -> bytes:
    figure.tight_layout()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "echomine"})
    return buffer.getvalue()
