"""What is read off the axes burned into a picture of a spectral display: the records, and the reader of text they need.

:func:`echomine.doppler.axis_reading.read_axis` fills them; :mod:`echomine.archive.text_recognition` reads the text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from echomine.domain.records import Calibration
from echomine.domain.vocabulary import CalibrationSource
from echomine.doppler.display import Pixels, ScaleGuess
from echomine.doppler.region import Box

LARGEST_DISAGREEMENT = 0.03
"""Share that two scales may differ by, and share of the height that their zeros may lie apart."""


class AxisProblemCode(StrEnum):
    """What is wrong with, or had to be assumed for, the axes of a picture: a closed list."""

    NO_DISPLAY = "no_display"
    SEVERAL_DISPLAYS = "several_displays"
    SEVERAL_FRAMES = "several_frames"
    COLOUR_BAR = "colour_bar"
    NO_NUMBERS = "no_axis_numbers"
    FEW_NUMBERS = "too_few_axis_numbers"
    NUMBERS_DISAGREE = "axis_numbers_disagree"
    TICKS_DISAGREE = "ticks_and_numbers_disagree"
    UNIT_UNKNOWN = "velocity_unit_unknown"
    UNIT_ASSUMED = "velocity_unit_assumed"
    SIGN_ASSUMED = "velocity_sign_assumed"
    FREQUENCY_SCALE = "frequency_scale"
    IMPLAUSIBLE = "implausible_scale"
    TIME_UNKNOWN = "time_scale_unknown"
    TIME_ASSUMED = "time_scale_assumed"
    TIME_DOUBTFUL = "time_scale_doubtful"
    DICOM_DISAGREES = "dicom_and_axis_disagree"


@dataclass(frozen=True, slots=True)
class AxisProblem:
    """One thing that a reader of the result must know.

    Attributes:
        code: Which it is.
        message: One sentence, without any text of the picture.
    """

    code: AxisProblemCode
    message: str


class TimeSource(StrEnum):
    """Where the time scale of a picture comes from, the surest first."""

    TICKS = "ticks"
    HEART_RATE = "heart_rate"
    NONE = "none"


class AxisSide(StrEnum):
    """Side of the display its velocity axis stands at."""

    LEFT = "left"
    RIGHT = "right"


@dataclass(frozen=True, slots=True)
class AxisTick:
    """A number of the velocity axis, or a tick mark without one.

    Attributes:
        row: Its row in the picture, to a part of a pixel.
        velocity_mps: What it stands for.
        text: The number as printed, ``""`` for a mark without number.
    """

    row: float
    velocity_mps: float
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisReading:
    """The display of a picture and the scale read off its axes.

    Attributes:
        box: The display in the picture; None when none was found.
        mps_per_px: Signed step of one row upwards; None when the velocity axis could not be read.
        baseline_row: Row of zero velocity in the *picture*; None with ``mps_per_px``.
        s_per_px: Time of one column; None when unknown.
        time_source: Where that comes from.
        confidence: 0..1, how sure the velocity scale is; 0 without one.
        ticks: Numbers and marks that the scale rests on.
        side: Side of the axis; None without one.
        kept_boxes: Boxes of axis numbers and marks: they hold no text but the scale.
        problems: What went wrong or was assumed.
    """

    box: Box | None = None
    mps_per_px: float | None = None
    baseline_row: float | None = None
    s_per_px: float | None = None
    time_source: TimeSource = TimeSource.NONE
    confidence: float = 0.0
    ticks: tuple[AxisTick, ...] = ()
    side: AxisSide | None = None
    kept_boxes: tuple[Box, ...] = ()
    problems: tuple[AxisProblem, ...] = ()

    @property
    def calibration(self) -> Calibration | None:
        """The scale of the picture cropped to ``box``; None without a velocity scale.

        Where ``time_source`` is none, its time step is that of :class:`ScaleGuess`: no time may be measured with it.
        """
        if self.box is None or self.mps_per_px is None or self.baseline_row is None:
            return None
        width = self.box[2] - self.box[0]
        return Calibration(
            mps_per_px=self.mps_per_px,
            baseline_y=self.baseline_row - self.box[1],
            s_per_px=self.s_per_px or ScaleGuess().width_s / width,
            source=CalibrationSource.AXIS,
        )

    def moved(self, columns: int, rows: int) -> "AxisReading":
        """The same reading in a picture within which this one begins at a column and a row."""

        def moved(box: Box) -> Box:
            return box[0] + columns, box[1] + rows, box[2] + columns, box[3] + rows

        return replace(
            self,
            box=moved(self.box) if self.box else None,
            baseline_row=None if self.baseline_row is None else self.baseline_row + rows,
            ticks=tuple(replace(tick, row=tick.row + rows) for tick in self.ticks),
            kept_boxes=tuple(moved(box) for box in self.kept_boxes),
        )

    def has(self, code: AxisProblemCode) -> bool:
        """Whether a problem of that code was met."""
        return any(problem.code is code for problem in self.problems)


def disagreement(stated: Calibration, stated_box: Box, reading: AxisReading) -> AxisProblem | None:
    """What to report when the scale that a file states is not the one that its axis shows; None when they agree.

    Args:
        stated: Scale of the display by its tags, cropped to ``stated_box``.
        stated_box: That display in the picture.
        reading: What was read off the picture.
    """
    if reading.mps_per_px is None or reading.baseline_row is None:
        return None
    ratio = reading.mps_per_px / stated.mps_per_px
    if reading.has(AxisProblemCode.SIGN_ASSUMED):
        ratio = abs(ratio)  # the axis does not say which way velocities point
    rows = abs(reading.baseline_row - stated_box[1] - stated.baseline_y)
    if abs(ratio - 1) <= LARGEST_DISAGREEMENT and rows <= 1 + LARGEST_DISAGREEMENT * (stated_box[3] - stated_box[1]):
        return None
    by_file, by_axis = abs(1 / stated.mps_per_px), abs(1 / reading.mps_per_px)
    turned = ", and positive velocities point the other way" if ratio < 0 else ""
    return AxisProblem(
        AxisProblemCode.DICOM_DISAGREES,
        f"the file states {by_file:.1f} rows for 1 m/s, the axis shows {by_axis:.1f}; "
        f"zero lies {rows:.0f} rows apart{turned}",
    )


@dataclass(frozen=True, slots=True)
class ReadText:
    """A line of text as recognised.

    Attributes:
        text: Its characters.
        score: 0..1, how sure.
    """

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class FoundText:
    """Where a line of text stands.

    Attributes:
        box: Its upright box in the picture.
        score: 0..1, how sure that it is text.
    """

    box: Box
    score: float


class TextReader(Protocol):
    """Recognises print: the only thing of the axis reading that needs a network."""

    def read(self, crops: Sequence[Pixels]) -> list[ReadText]:
        """The text of each crop, (h, w) or (h, w, 3), white on black, one line each; one batch."""
        ...

    def read_words(self, crops: Sequence[Pixels]) -> list[ReadText]:
        """The same, with the letters of heart rates."""
        ...

    def find(self, pixels: Pixels) -> list[FoundText]:
        """Where text stands in a picture; slower than reading a dozen crops."""
        ...
