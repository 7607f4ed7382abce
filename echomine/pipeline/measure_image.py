"""Measuring one image: its display, its scale by DICOM or by the axis, its flows and beats."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from echomine.archive.spectral_files import SpectralFile, axis_disagreement, read_spectral_file
from echomine.domain.errors import ItemError
from echomine.domain.records import Calibration
from echomine.domain.vocabulary import CalibrationSource, Valve
from echomine.doppler.axis import AxisProblemCode, AxisReading, TimeSource
from echomine.doppler.display import Pixels, SpectralDisplay, brightness
from echomine.doppler.envelope import on_dark
from echomine.doppler.flow_beats import FlowBeat
from echomine.doppler.flow_kinds import RecognisedFlow
from echomine.doppler.flows import Flow
from echomine.doppler.overlays import overlay_mask
from echomine.doppler.reading import DisplayReading, Problem, ProblemCode, read_display
from echomine.doppler.region import Box

_NO_READING = DisplayReading(calibration=None, flows=(), names=(), envelopes=(), problems=())


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredImage:
    """One image with all that was measured on it.

    Attributes:
        picture: (H, W) or (H, W, 3) picture that ``box`` counts in; None when the file could not be read.
        box: The display within it.
        reading: What was measured; places count in the display.
        axis: What was read off the axes; None where the file states its scale.
        problems: What limits the measurement, the file's first.
    """

    picture: Pixels | None
    box: Box
    offset: tuple[int, int]
    reading: DisplayReading
    axis: AxisReading | None
    problems: tuple[Problem, ...]

    @property
    def calibration(self) -> Calibration | None:
        """The scale that velocities rest on."""
        return self.reading.calibration

    @property
    def measured(self) -> bool:
        """Whether a flow was measured at all."""
        return self.reading.main is not None

    def document(self) -> dict[str, Any]:
        """The measurement as plain JSON values; all places are pixels of the file."""
        scale, flow = self.calibration, self.reading.main
        x0, y0 = self.box[0] + self.offset[0], self.box[1] + self.offset[1]
        flows = [
            _flow_document(each, name, (x0, y0), timed=self._timed)
            for each, name in zip(self.reading.flows, self.reading.names, strict=False)
        ]
        main = flows[0] if flow and flows else _flow_document(None, None, (x0, y0), timed=False)
        return {
            "calibrated": scale is not None,
            "calibration_source": (scale.source if scale else CalibrationSource.NONE).value,
            "px_per_mps": _rounded(1.0 / abs(scale.mps_per_px), 3) if scale else None,
            "px_per_s": _rounded(1.0 / scale.s_per_px, 3) if scale and self._timed else None,
            "baseline_y": _rounded(y0 + scale.baseline_y, 2) if scale else None,
            "display": [x0, y0, x0 + self.box[2] - self.box[0], y0 + self.box[3] - self.box[1]],
            **{key: value for key, value in main.items() if key != "side"},
            "flows": flows,
            "problems": [{"code": str(one.code), "message": one.message} for one in self.problems],
        }

    @property
    def _timed(self) -> bool:
        """Whether the time scale is known, so that times, gradients' means and integrals may be told."""
        return self.calibration is not None and (self.axis is None or self.axis.time_source is not TimeSource.NONE)


def measure_image(path: Path, *, valve: Valve | None = None, check_axis: bool = False) -> MeasuredImage:
    """What one DICOM file or picture measures; a file that cannot be read gives a problem, no error.

    Args:
        path: The file.
        valve: The valve, where it is known.
        check_axis: Whether the axis is read too where the file states its scale, and a disagreement reported.
    """
    try:
        file = read_spectral_file(path)
        conflict = axis_disagreement(path) if check_axis else None
    except ItemError as error:
        problem = Problem(error.reason.value, str(error))
        return MeasuredImage(
            picture=None, box=(0, 0, 0, 0), offset=(0, 0), reading=_NO_READING, axis=None, problems=(problem,)
        )
    measured = measure_file(file, valve=valve)
    if conflict is None:
        return measured
    return replace(measured, problems=(Problem(conflict.code.value, conflict.message), *measured.problems))


def measure_file(file: SpectralFile, *, valve: Valve | None = None) -> MeasuredImage:
    """What a display that was read from a file measures, by the scale that the file states or that its axes give."""
    if file.axis is not None and file.picture is not None:
        return _measured_by_axis(file, file.axis, file.picture, valve)
    reading = _read(file.display, valve)
    return MeasuredImage(
        picture=file.display.pixels,
        box=(0, 0, file.display.width, file.display.height),
        offset=(file.box[0], file.box[1]),
        reading=reading,
        axis=None,
        problems=reading.problems,
    )


def _measured_by_axis(file: SpectralFile, axis: AxisReading, picture: Pixels, valve: Valve | None) -> MeasuredImage:
    noted = tuple(Problem(one.code.value, one.message) for one in axis.problems)
    reading = _NO_READING if axis.box is None else _without_times(_read(file.display, valve), axis)
    if axis.box is None and not noted:
        noted = (Problem(AxisProblemCode.NO_DISPLAY.value, "no spectral display was found"),)
    return MeasuredImage(
        picture=picture,
        box=file.box,
        offset=(0, 0),
        reading=reading,
        axis=axis,
        problems=noted + reading.problems,
    )


def _read(display: SpectralDisplay, valve: Valve | None) -> DisplayReading:
    display = replace(display, pixels=on_dark(display.pixels))
    scale = display.calibration
    overlay = overlay_mask(display.pixels, baseline_y=scale.baseline_y if scale else None)
    return read_display(replace(display, pixels=brightness(display.pixels)), overlay=overlay, valve=valve)


def _without_times(reading: DisplayReading, axis: AxisReading) -> DisplayReading:
    if axis.time_source is not TimeSource.NONE or reading.calibration is None:
        return reading
    problem = Problem(ProblemCode.TIME_UNKNOWN, "no time scale: velocities are given, times and integrals are not")
    return replace(reading, problems=(*reading.problems, problem))


def _flow_document(
    flow: Flow | None, name: RecognisedFlow | None, corner: tuple[int, int], *, timed: bool
) -> dict[str, Any]:
    return {
        "vmax_mps": _rounded(flow.vmax_mps, 3) if flow else None,
        "mean_vmax_mps": _rounded(flow.mean_vmax_mps, 3) if flow else None,
        "mean_gradient_mmhg": _rounded(flow.mean_gradient_mmhg, 2) if flow else None,
        "vti_cm": _rounded(flow.vti_cm, 2) if flow and timed else None,
        "pht_ms": _rounded(flow.pht_ms, 1) if flow and timed and flow.toward else None,
        "heart_rate_bpm": _rounded(60.0 / flow.interval_s, 1) if flow and flow.interval_s and timed else None,
        "flow": name.name.value if name else None,
        "flow_probability": _rounded(name.probability, 3) if name else None,
        "side": flow.side.value if flow else None,
        "toward_probe": flow.toward if flow else None,
        "quality": flow.confidence.word if flow and flow.best else None,
        "cut_beats": flow.cut_beats if flow else 0,
        "beats": [_beat_document(beat, flow, corner, timed=timed) for beat in flow.beats] if flow else [],
    }


def _beat_document(beat: FlowBeat, flow: Flow, corner: tuple[int, int], *, timed: bool) -> dict[str, Any]:
    x0, y0 = corner
    return {
        "x_range": [round(x0 + beat.x_start), round(x0 + beat.x_end)],
        "x_peak": round(x0 + beat.x_peak),
        "y_peak": _rounded(y0 + beat.y_peak, 1),
        "vmax_mps": _rounded(beat.vmax_mps, 3),
        "mean_gradient_mmhg": _rounded(beat.mean_gradient_mmhg, 2),
        "vti_cm": _rounded(beat.vti_cm, 2) if timed else None,
        "pht_ms": _rounded(beat.pht_ms, 1) if timed and flow.toward else None,
        "deceleration_mps2": _rounded(beat.deceleration_mps2, 3) if timed and flow.toward else None,
        "acceleration_ms": _rounded(beat.acceleration_ms, 1) if timed else None,
        "duration_ms": _rounded(beat.duration_ms, 1) if timed else None,
        "quality": beat.confidence.word,
        "beyond_display": beat.clipped,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def summary_rows(measured: MeasuredImage) -> list[tuple[str, ...]]:
    """Rows of a table: one a flow; a peak of which not all is on the display has a sign before it."""
    flows: Sequence[dict[str, Any]] = measured.document()["flows"]
    return [
        (
            str(flow["flow"] or ""),
            ("\u2265 " if any(beat["beyond_display"] for beat in flow["beats"]) else "")
            + shown_number(flow["vmax_mps"]),
            *(shown_number(flow[key]) for key in ("mean_gradient_mmhg", "vti_cm", "pht_ms")),
            f"{len(flow['beats'])} + {flow['cut_beats']} cut",
            str(flow["quality"] or ""),
        )
        for flow in flows
    ]


def shown_number(value: float | None) -> str:
    """A measured number as tables and pictures show it: three digits, ``""`` for none."""
    return "" if value is None else f"{value:.3g}" if value < 100 else f"{value:.0f}"
