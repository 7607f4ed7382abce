"""Reading the axes of a picture: from pixels to a display, its scale and how sure it is."""

from dataclasses import replace

from echomine.doppler.axis import AxisProblem, AxisProblemCode, AxisReading, TextReader
from echomine.doppler.display import Pixels
from echomine.doppler.display_box import find_display
from echomine.doppler.marks import Marks, Sheet, marks_of, sheet_of
from echomine.doppler.region import Box
from echomine.doppler.time_axis import find_time_scale
from echomine.doppler.velocity_axis import VelocityAxis, find_velocity_axis

SHARES = ((0.6, 5), (0.35, 3), (0.8, 2))
"""Brightness of print, as a share of the way from the ground to the brightest levels, in the order tried; and how many
columns of print are read at it, so that the time of a picture without an axis is bounded."""


def read_axis(pixels: Pixels, reader: TextReader) -> AxisReading:
    """The spectral display of a picture and the scale of its axes.

    A scale is only stated where numbers, tick marks and unit agree; else the reading has none and says why.

    Args:
        pixels: (H, W) or (H, W, 3), 0..255.
        reader: Recognises the numbers.
    """
    sheet = sheet_of(pixels)
    problems: tuple[AxisProblem, ...] = ()
    for share, columns in SHARES:
        marks = marks_of(sheet, share)
        found = find_velocity_axis(sheet, marks, reader, columns=columns)
        if isinstance(found, VelocityAxis):
            return _reading(sheet, marks, found, reader, pixels.shape[:2])
        problems = problems or found
    return AxisReading(problems=problems)


def _reading(sheet: Sheet, marks: Marks, axis: VelocityAxis, reader: TextReader, size: tuple[int, ...]) -> AxisReading:
    place = find_display(sheet, axis.box, zero_row=axis.zero_row, print_px=axis.print_px)
    if place is None:
        problem = AxisProblem(AxisProblemCode.NO_DISPLAY, "numbers of an axis stand beside nothing that is a display")
        return AxisReading(problems=(problem,))
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
        problems=axis.problems + time.problems,
    )


def _row_in_picture(row: float, sheet: Sheet) -> float:
    return (row + 0.5) * sheet.scale - 0.5


def _in_picture(box: Box, sheet: Sheet, size: tuple[int, ...]) -> Box:
    x0, y0, x1, y1 = (round(side * sheet.scale) for side in box)
    return max(0, x0), max(0, y0), min(x1, int(size[1])), min(y1, int(size[0]))
