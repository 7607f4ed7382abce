"""Print taken out of pictures before they are shown or exported; the numbers of axes stay."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from echomine.archive.text_recognition import default_text_reader
from echomine.doppler.axis import FoundText, TextReader
from echomine.doppler.axis_numbers import is_axis_print
from echomine.doppler.display import Pixels
from echomine.doppler.region import Box

MARGIN_PX = 2
FEWEST_BELOW_EACH_OTHER = 3
"""Numbers of an axis stand in a column; a lone number may be a part of a date."""
VAST, TALLEST_LINE_PX = 0.3, 48
"""What is found over so much of both sides of a picture, or of its height and so many rows, is no line of print, but a
beat or several that look like one."""


def without_text(
    pixels: Pixels, *, kept: Iterable[Box] = (), within: Box | None = None, reader: TextReader | None = None
) -> Pixels:
    """A copy of a picture with its print filled with the level around it.

    What a network finds as text is masked whatever it says, but for columns of axis numbers, units, and ``kept``. What
    it finds over a great part of the picture is looked at once more, enlarged, for the print that may stand in it.

    Args:
        pixels: (H, W) or (H, W, 3), 0..255.
        kept: Boxes of axes that were read before.
        within: Only print that reaches into this box is looked at and masked; all of it by default.
        reader: Finds the print; the networks of this process by default.
    """
    reader = reader or default_text_reader()
    masked = pixels.copy()
    found = [text for text in _print(pixels, reader) if within is None or _meet(text.box, within)]
    stays = set(_axis_boxes(pixels, found, reader))
    for text in found:
        if text.box not in stays and not any(_inside(text.box, box) for box in kept):
            _fill(masked, text.box)
    return masked


def _print(pixels: Pixels, reader: TextReader) -> list[FoundText]:
    found = reader.find(pixels)
    vast = [text.box for text in found if _is_vast(text.box, pixels)]
    lines = [text for text in found if text.box not in vast]
    for x0, y0, x1, y1 in vast:
        twice = pixels[y0:y1, x0:x1].repeat(2, axis=0).repeat(2, axis=1)  # print may be small beside a flow
        for text in reader.find(twice):
            left, top, right, bottom = text.box
            moved = (x0 + left // 2, y0 + top // 2, x0 + (right + 1) // 2, y0 + (bottom + 1) // 2)
            lines += [] if _is_vast(moved, pixels) else [replace(text, box=moved)]
    return lines


def _is_vast(box: Box, pixels: Pixels) -> bool:
    rows, columns = pixels.shape[:2]
    wide, high = box[2] - box[0] > VAST * columns, box[3] - box[1] > VAST * rows
    return bool(high and (wide or box[3] - box[1] > TALLEST_LINE_PX))


def _axis_boxes(pixels: Pixels, found: Sequence[FoundText], reader: TextReader) -> list[Box]:
    small = [text.box for text in found if text.box[2] - text.box[0] <= 6 * (text.box[3] - text.box[1])]
    texts = reader.read([pixels[y0:y1, x0:x1] for x0, y0, x1, y1 in small]) if small else []
    numbers = [box for box, text in zip(small, texts, strict=True) if is_axis_print(text.text, text.score)]
    return [box for box in numbers if sum(_below(box, other) for other in numbers) >= FEWEST_BELOW_EACH_OTHER]


def _below(box: Box, other: Box) -> bool:
    """Whether two boxes overlap across, the same box included."""
    return min(box[2], other[2]) - max(box[0], other[0]) >= 0.5 * min(box[2] - box[0], other[2] - other[0])


def _meet(box: Box, other: Box) -> bool:
    return min(box[2], other[2]) > max(box[0], other[0]) and min(box[3], other[3]) > max(box[1], other[1])


def _inside(box: Box, other: Box) -> bool:
    """Whether most of a box lies in another."""
    width, height = min(box[2], other[2]) - max(box[0], other[0]), min(box[3], other[3]) - max(box[1], other[1])
    return width > 0 and height > 0 and width * height >= 0.6 * (box[2] - box[0]) * (box[3] - box[1])


def _fill(pixels: Pixels, box: Box) -> None:
    x0, y0, x1, y1 = max(0, box[0] - MARGIN_PX), max(0, box[1] - MARGIN_PX), box[2] + MARGIN_PX, box[3] + MARGIN_PX
    window = pixels[y0:y1, x0:x1]
    if window.size:
        rim = np.concatenate((window[0], window[-1], window[:, 0], window[:, -1]))
        window[...] = np.median(rim, axis=0).astype(np.uint8)
