"""Reading the axes of a picture: from pixels to a display, its scale and how sure it is."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from echomine.doppler.axis import AxisProblem, AxisProblemCode, AxisReading, FoundText, ReadText, TextReader
from echomine.doppler.display import Pixels, brightness
from echomine.doppler.display_box import DisplayPlace, find_display
from echomine.doppler.marks import LARGEST_SIDE_PX, Marks, Sheet, marks_of, sheet_of
from echomine.doppler.region import Box
from echomine.doppler.time_axis import find_time_scale
from echomine.doppler.velocity_axis import VelocityAxis, find_velocity_axis, other_axes

SHARES = ((0.6, 5), (0.35, 3), (0.8, 2))
"""Brightness of print, as a share of the way from the ground to the brightest levels, in the order tried; and how many
columns of print are read at it, so that the time of a picture without an axis is bounded."""

MARGIN_LEVELS, LARGEST_INNER, KEPT_MARGIN_PX = 12, 0.8, 16
"""A large picture is cut to what is not of the level of its corner, and a rim, where that has at most this part of its
side."""


def read_axis(pixels: Pixels, reader: TextReader) -> AxisReading:
    """The spectral display of a picture and the scale of its axes.

    A scale is only stated where numbers, tick marks and unit agree; else the reading has none and says why.

    Args:
        pixels: (H, W) or (H, W, 3), 0..255.
        reader: Recognises the numbers.
    """
    if max(pixels.shape[:2]) > LARGEST_SIDE_PX and (inner := _within_margins(pixels)):
        x0, y0, x1, y1 = inner
        return read_axis(np.ascontiguousarray(pixels[y0:y1, x0:x1]), reader).moved(x0, y0)
    sheet = sheet_of(pixels)
    reader = _Remembering(reader)
    problems: dict[AxisProblemCode, AxisProblem] = {}
    for share, columns in SHARES:
        marks = marks_of(sheet, share)
        found = find_velocity_axis(sheet, marks, reader, columns=columns)
        if isinstance(found, VelocityAxis):
            return _reading(sheet, marks, found, reader, pixels.shape[:2])
        problems = problems or {problem.code: problem for problem in found}
    return AxisReading(problems=tuple(problems.values()))


def _within_margins(pixels: Pixels) -> Box | None:
    """Where a picture holds anything but the level of its corner, if that is much less: the rest keeps its size."""
    grey = brightness(pixels)
    x, y, width, height = cv2.boundingRect(
        (cv2.absdiff(grey, np.full_like(grey, grey[0, 0])) > MARGIN_LEVELS).astype(np.uint8)
    )
    if not (width and height) or max(width, height) > LARGEST_INNER * max(grey.shape):
        return None
    rows, columns = grey.shape
    return (
        max(0, x - KEPT_MARGIN_PX),
        max(0, y - KEPT_MARGIN_PX),
        min(columns, x + width + KEPT_MARGIN_PX),
        min(rows, y + height + KEPT_MARGIN_PX),
    )


def is_turned(pixels: Pixels, reader: TextReader) -> bool:
    """Whether a velocity axis is read once the picture is turned by a quarter, half or three quarters."""
    share, columns = SHARES[0]
    for quarters in (1, 3, 2):
        sheet = sheet_of(np.ascontiguousarray(np.rot90(pixels, quarters)))
        marks = marks_of(sheet, share)
        if isinstance(find_velocity_axis(sheet, marks, reader, columns=columns), VelocityAxis):
            return True
    return False


class _Remembering:
    """A reader that reads the same print of one picture once: columns of print share words."""

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader
        self._known: dict[tuple[tuple[int, ...], bytes], ReadText] = {}

    def read(self, crops: Sequence[Pixels]) -> list[ReadText]:
        """As :meth:`TextReader.read`."""
        keys = [(crop.shape, crop.tobytes()) for crop in crops]
        fresh = {key: crop for key, crop in zip(keys, crops, strict=True) if key not in self._known}
        if fresh:
            self._known |= dict(zip(fresh, self._reader.read(list(fresh.values())), strict=True))
        return [self._known[key] for key in keys]

    def read_words(self, crops: Sequence[Pixels]) -> list[ReadText]:
        """As :meth:`TextReader.read_words`."""
        return self._reader.read_words(crops)

    def find(self, pixels: Pixels) -> list[FoundText]:
        """As :meth:`TextReader.find`."""
        return self._reader.find(pixels)


@dataclass(frozen=True, slots=True)
class _Choice:
    """An axis with its display."""

    axis: VelocityAxis
    place: DisplayPlace

    @property
    def area(self) -> int:
        x0, y0, x1, y1 = self.place.box
        return (x1 - x0) * (y1 - y0)


def _reading(sheet: Sheet, marks: Marks, axis: VelocityAxis, reader: TextReader, size: tuple[int, ...]) -> AxisReading:
    axes = [axis, *other_axes(sheet, marks, axis, reader)]
    choices = _choices(sheet, axes)
    if not choices:
        problem = AxisProblem(AxisProblemCode.NO_DISPLAY, "numbers of an axis stand beside nothing that is a display")
        return AxisReading(problems=(problem,))
    chosen = max(choices, key=lambda choice: choice.area)
    several = (_SEVERAL,) if len(choices) > 1 or axis.goes_on else ()
    return _of_display(sheet, marks, chosen, reader, size, several)


_SEVERAL = AxisProblem(
    AxisProblemCode.SEVERAL_DISPLAYS,
    "several displays with axes of their own stand on the picture: only the largest is read",
)


def _choices(sheet: Sheet, axes: Sequence[VelocityAxis]) -> list[_Choice]:
    """Each axis with its display, rows of the other axes left out; two axes of one display count once."""
    found: list[_Choice] = []
    for axis in axes:
        others = [other.box for other in axes if other is not axis]
        place = find_display(
            sheet, axis.box, zero_row=axis.zero_row, print_px=axis.print_px, limits=_between(axis.box, others, sheet)
        )
        if place and not any(_overlap(place.box, known.place.box) for known in found):
            found.append(_Choice(axis, place))
    return found


def _between(box: Box, others: Sequence[Box], sheet: Sheet) -> tuple[int, int]:
    """Rows between the axes above and below one."""
    above = [(other[3] + box[1]) // 2 for other in others if other[3] <= box[1]]
    below = [(other[1] + box[3]) // 2 for other in others if other[1] >= box[3]]
    return max(above, default=0), min(below, default=sheet.rows)


def _overlap(box: Box, other: Box) -> bool:
    """Whether two displays share most of the smaller one."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    smaller = min((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
    return width > 0 and height > 0 and width * height > 0.5 * smaller


def _of_display(
    sheet: Sheet,
    marks: Marks,
    chosen: _Choice,
    reader: TextReader,
    size: tuple[int, ...],
    noted: tuple[AxisProblem, ...],
) -> AxisReading:
    axis, place = chosen.axis, chosen.place
    time = find_time_scale(sheet, marks, place.box, reader)
    kept = (axis.box, time.box) if time.box else (axis.box,)
    x0, y0, x1, y1 = place.box
    return AxisReading(
        box=_in_picture((x0, y0, x1, max(y1, time.box[1]) if time.box else y1), sheet, size),
        mps_per_px=axis.mps_per_px / sheet.scale,
        baseline_row=_row_in_picture(axis.zero_row, sheet),
        s_per_px=time.s_per_px / sheet.scale if time.s_per_px else None,
        time_source=time.source,
        confidence=axis.confidence,
        ticks=tuple(replace(tick, row=_row_in_picture(tick.row, sheet)) for tick in axis.ticks),
        side=place.side,
        kept_boxes=tuple(_in_picture(box, sheet, size) for box in kept),
        problems=noted + axis.problems + time.problems,
    )


def _row_in_picture(row: float, sheet: Sheet) -> float:
    return (row + 0.5) * sheet.scale - 0.5


def _in_picture(box: Box, sheet: Sheet, size: tuple[int, ...]) -> Box:
    x0, y0, x1, y1 = (round(side * sheet.scale) for side in box)
    return max(0, x0), max(0, y0), min(x1, int(size[1])), min(y1, int(size[0]))
