"""Answers of image models drawn over their pictures."""

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from echomine.learning.samples import LabelMap, Pixels
from echomine.metrics.boxes import PictureObjects

COLOURS = ((66, 165, 245), (255, 167, 38), (102, 187, 106), (236, 64, 122), (171, 71, 188), (255, 238, 88))
TRUTH_COLOUR = (255, 255, 255)
_SMALLEST_SIDE = 384
_FILL = 0.25


def grey_picture(pixels: Pixels) -> Image.Image:
    """Pixels (C, H, W) as a colour picture of 384 pixels or more, stretched from the 1st to the 99th percentile."""
    values = np.asarray(pixels, dtype=np.float32)
    low, high = np.percentile(values, (1, 99)) if pixels.dtype != np.uint8 else (0.0, 255.0)
    bytes_ = (255 * ((values - low) / max(float(high - low), 1e-6)).clip(0, 1)).astype(np.uint8)
    colour = np.repeat(bytes_, 3, axis=0) if len(bytes_) == 1 else bytes_[:3]
    picture = Image.fromarray(np.ascontiguousarray(colour.transpose(1, 2, 0)))
    factor = _factor(pixels)
    return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.BILINEAR)


def mask_overlay(pixels: Pixels, labels: LabelMap, truth: LabelMap | None = None) -> bytes:
    """A PNG: each structure filled thinly and outlined; the outline of the truth in white, if it is known."""
    picture, factor = np.asarray(grey_picture(pixels)).copy(), _factor(pixels)
    large = np.kron(labels, np.ones((factor, factor), dtype=labels.dtype))
    for value in np.unique(large[large > 0]):
        colour = np.array(COLOURS[(int(value) - 1) % len(COLOURS)])
        inside = large == value
        picture[inside] = ((1 - _FILL) * picture[inside] + _FILL * colour).astype(np.uint8)
        picture[_edge(inside)] = colour
    if truth is not None:
        whole = np.kron(truth, np.ones((factor, factor), dtype=truth.dtype))
        for value in np.unique(whole[whole > 0]):
            picture[_edge(whole == value)] = TRUTH_COLOUR
    return _png(Image.fromarray(picture))


def box_overlay(
    pixels: Pixels, found: PictureObjects, classes: Sequence[str], truth: PictureObjects | None = None
) -> bytes:
    """A PNG: boxes with class and score, masks outlined; true boxes thin and white, if they are known."""
    picture, factor = grey_picture(pixels), _factor(pixels)
    for mask, number in zip(found.masks, found.classes, strict=False):
        large = np.kron(mask, np.ones((factor, factor), dtype=np.uint8)).astype(bool)
        drawn = np.asarray(picture).copy()
        drawn[_edge(large)] = COLOURS[(int(number) - 1) % len(COLOURS)]
        picture = Image.fromarray(drawn)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    if truth is not None:
        for box in truth.boxes:
            pen.rectangle([float(edge) * factor for edge in box], outline=TRUTH_COLOUR)
    for at, (box, number) in enumerate(zip(found.boxes, found.classes, strict=True)):
        colour = COLOURS[(int(number) - 1) % len(COLOURS)]
        edges = [float(edge) * factor for edge in box]
        pen.rectangle(edges, outline=colour, width=2)
        score = f" {found.scores[at]:.2f}" if len(found.scores) else ""
        pen.text((edges[0] + 2, edges[1] + 1), f"{classes[int(number) - 1]}{score}", fill=colour, font=font)
    return _png(picture)


def contact_sheet(pictures: Sequence[bytes], columns: int = 4, width: int = 300) -> bytes:
    """Many PNGs as one; the rows are as high as the highest picture."""
    opened = [Image.open(io.BytesIO(content)) for content in pictures]
    for picture in opened:
        picture.thumbnail((width, 2 * width))
    height = max((picture.height for picture in opened), default=1)
    rows = max(1, -(-len(opened) // columns))
    sheet = Image.new("RGB", (columns * width, rows * height))
    for at, picture in enumerate(opened):
        sheet.paste(picture, ((at % columns) * width, (at // columns) * height))
    return _png(sheet)


def _factor(pixels: Pixels) -> int:
    return max(1, -(-_SMALLEST_SIDE // int(max(pixels.shape[1:]))))


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner: NDArray[np.bool_] = ndimage.binary_erosion(mask)
    return mask & ~inner


def _png(picture: Image.Image) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, format="PNG")
    return encoded.getvalue()
