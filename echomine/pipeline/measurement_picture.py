"""A measured image drawn over: display, axis, baseline, envelope, beats and numbers; nothing outside of them."""

import io
import textwrap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from echomine.archive.durable_files import write_bytes
from echomine.archive.text_masking import without_text
from echomine.doppler.envelope import Side
from echomine.doppler.flow_beats import FlowBeat
from echomine.doppler.region import blank_outside
from echomine.pipeline.measure_image import MeasuredImage, shown_number

FRAME, BASELINE, EDGE, OUTLINE, CUT, TICK = "#4a90d9", "#e0a030", "#36c5d6", "#5ad65a", "#e0603a", "#e0a030"
PANEL, INK = "#10161d", "#e8edf2"
LINE_PX, LETTER_PX = 16, 6.5
MARGIN_PX = 6


def write_measurement_picture(measured: MeasuredImage, path: Path) -> None:
    """Write the picture as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(measurement_picture(measured)).save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())


def measurement_picture(measured: MeasuredImage) -> NDArray[np.uint8]:
    """(H, W, 3) picture of the display and its axes with everything that was measured, and the numbers below it.

    Whatever stands outside the display and its axes is black, and print inside is masked: it may be names.
    """
    lines = _lines(measured)
    if measured.picture is None:
        return _panel(lines, 480)
    shown, corner = _shown(measured)
    image = Image.fromarray(shown)
    draw = ImageDraw.Draw(image)
    x0, y0, x1, y1 = (
        measured.box[0] - corner[0],
        measured.box[1] - corner[1],
        measured.box[2] - corner[0],
        measured.box[3] - corner[1],
    )
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline=FRAME)
    _draw_ticks(draw, measured, corner)
    if measured.calibration is not None:
        row = y0 + measured.calibration.baseline_y
        draw.line((x0, row, x1, row), fill=BASELINE)
    _draw_envelopes(draw, measured, (x0, y0))
    return np.vstack([np.asarray(image), _panel(lines, image.width)])


def _shown(measured: MeasuredImage) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """The part of the picture around the display, blank but for the display and its axes, and its corner."""
    assert measured.picture is not None
    rows, columns = measured.picture.shape[:2]
    axes = measured.axis.kept_boxes if measured.axis else ()
    kept = (measured.box, *axes)
    blank = without_text(blank_outside(measured.picture, kept), kept=axes)
    x0 = max(0, min(box[0] for box in kept) - MARGIN_PX)
    y0 = max(0, min(box[1] for box in kept) - MARGIN_PX)
    x1 = min(columns, max(box[2] for box in kept) + MARGIN_PX)
    y1 = min(rows, max(box[3] for box in kept) + MARGIN_PX)
    cut = blank[y0:y1, x0:x1]
    return np.repeat(cut[..., None], 3, axis=2) if cut.ndim == 2 else cut, (x0, y0)


def _draw_ticks(draw: ImageDraw.ImageDraw, measured: MeasuredImage, corner: tuple[int, int]) -> None:
    for tick in measured.axis.ticks if measured.axis else ():
        x, y = measured.box[2] - corner[0], tick.row - corner[1]
        draw.line((x - 8, y, x - 1, y), fill=TICK)


def _draw_envelopes(draw: ImageDraw.ImageDraw, measured: MeasuredImage, origin: tuple[int, int]) -> None:
    x0, y0 = origin
    row = measured.reading.calibration.baseline_y if measured.reading.calibration else 0.0
    for envelope in measured.reading.envelopes:
        sign = -1 if envelope.side is Side.ABOVE else 1
        points = [
            (x0 + envelope.column(step), y0 + row + sign * float(height))
            for step, height in enumerate(envelope.edge_px)
        ]
        draw.point(points, fill=EDGE)
    for flow in measured.reading.flows:
        for beat in flow.beats:
            _draw_beat(draw, beat, origin)


def _draw_beat(draw: ImageDraw.ImageDraw, beat: FlowBeat, origin: tuple[int, int]) -> None:
    x0, y0 = origin
    draw.line([(x0 + x, y0 + y) for x, y in beat.outline.tolist()], fill=CUT if beat.clipped else OUTLINE)
    x, y = x0 + beat.x_peak, y0 + beat.y_peak
    draw.line((x - 5, y, x + 5, y), fill=INK)
    draw.line((x, y - 5, x, y + 5), fill=INK)
    if beat.vmax_mps is not None:
        below = beat.outline[:, 1].mean() > beat.outline[0, 1]
        draw.text((x - 12, y + 6 if below else y - 18), f"{beat.vmax_mps:.2f}", fill=INK, font=_font())


def _lines(measured: MeasuredImage) -> list[str]:
    document = measured.document()
    scale = "no scale"
    if document["px_per_mps"]:
        scale = f"scale by {document['calibration_source']}: {document['px_per_mps']:.1f} px per m/s"
    lines = [scale]
    for flow in document["flows"]:
        numbers = [
            f"{word} {shown_number(flow[key])} {unit}"
            for word, key, unit in (
                ("Vmax", "vmax_mps", "m/s"),
                ("mean gradient", "mean_gradient_mmhg", "mmHg"),
                ("VTI", "vti_cm", "cm"),
                ("PHT", "pht_ms", "ms"),
            )
            if flow[key] is not None
        ]
        name = str(flow["flow"] or "flow").replace("_", " ")
        lines.append(f"{name}: {', '.join(numbers)}, {len(flow['beats'])} beats")
    return lines + [problem["message"] for problem in document["problems"]]


def _panel(lines: list[str], width: int) -> NDArray[np.uint8]:
    lines = [part for line in lines for part in textwrap.wrap(line, max(20, int(width / LETTER_PX)))]
    panel = Image.new("RGB", (width, LINE_PX * len(lines) + 2 * MARGIN_PX), PANEL)
    draw = ImageDraw.Draw(panel)
    for number, line in enumerate(lines):
        draw.text((MARGIN_PX, MARGIN_PX + number * LINE_PX), line, fill=INK, font=_font())
    return np.asarray(panel)


def _font() -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(12)
