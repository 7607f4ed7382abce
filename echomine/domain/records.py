"""Records that pass between the modules: frozen, slotted, plain values."""

from dataclasses import dataclass, field
from datetime import date

from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import (
    Assertion,
    CalibrationSource,
    Disease,
    DopplerMode,
    FlowKind,
    LabelSource,
    Severity,
    Valve,
)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Characters ``start <= i < end`` of a report text."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span needs 0 <= start <= end, got {self.start}..{self.end}")

    def of(self, text: str) -> str:
        """The characters of ``text`` within the span."""
        return text[self.start : self.end]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One statement of a report about one valve.

    Attributes:
        valve: The valve spoken of.
        disease: The lesion, or ``normal``.
        severity: Grade as an interval; ``none`` for negated findings and for ``normal``.
        assertion: Present, negated, possible, ...
        span: Where the statement stands in the report text.
        quote: The characters of that span.
        section: Name of the section, upper case, or ``""``.
        detail: A finer kind than ``disease`` (``annular_calcification``), or ``""``.
    """

    valve: Valve
    disease: Disease
    severity: SeverityInterval
    assertion: Assertion
    span: Span
    quote: str
    section: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number of a report or of an image, in the unit of its name.

    Attributes:
        name: ``vmax``, ``mean_gradient``, ``vti``, ``pht``, ``ava``, ...
        value: The number; for a range, its middle.
        unit: ``m/s``, ``mmHg``, ``cm2``, ``ms``, ``mL``, ``%`` or ``cm``.
        valve: The valve it was taken at, if any.
        span: Where it stands in the report text; None for an image.
    """

    name: str
    value: float
    unit: str
    valve: Valve | None = None
    span: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The text of one report as it came.

    Attributes:
        report_id: Stable identifier, safe to print: never a name or a hospital number.
        text: The text, decoded, line ends as line feeds.
        patient: Pseudonym of the patient, or ``""`` when unknown.
        study_uid: StudyInstanceUID of its exam, or ``""`` when unknown.
        performed: Date of the exam, if known.
        site: Name of the source it came from, or ``""``.
    """

    report_id: str
    text: str
    patient: str = ""
    study_uid: str = ""
    performed: date | None = None
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """A passage of a report that names at least one valve.

    Attributes:
        paragraph_id: ``<report_id>#<ordinal>``.
        report_id: The report it stands in.
        text: Its characters.
        span: Where it stands in the report.
        findings: What it says, with spans counted in the *report*.
        patient, study_uid, performed, site: As of the report.
    """

    paragraph_id: str
    report_id: str
    text: str
    span: Span
    findings: tuple[Finding, ...] = ()
    section: str = ""
    patient: str = ""
    study_uid: str = ""
    performed: date | None = None
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Physical scale of a spectral display that was cropped to its region.

    Row ``y`` of the crop is ``(baseline_y - y) * mps_per_px`` m/s, so with a positive ``mps_per_px``
    velocities towards the probe point up; a negative one says that the display is inverted. Column ``x`` is
    ``x * s_per_px`` s.

    Attributes:
        mps_per_px: Signed velocity step of one row upwards, m/s; never 0.
        baseline_y: Row of zero velocity, may lie outside the crop.
        s_per_px: Time of one column, s; > 0.
        source: Where the scale was read.
    """

    mps_per_px: float
    baseline_y: float
    s_per_px: float
    source: CalibrationSource = CalibrationSource.DICOM

    def velocity_mps(self, y: float) -> float:
        """Velocity at row ``y`` of the crop, in m/s."""
        return (self.baseline_y - y) * self.mps_per_px

    def row(self, velocity_mps: float) -> float:
        """Row of the crop at a velocity, the inverse of :meth:`velocity_mps`."""
        return self.baseline_y - velocity_mps / self.mps_per_px


@dataclass(frozen=True, slots=True, kw_only=True)
class UltrasoundRegion:
    """One item of SequenceOfUltrasoundRegions (0018,6011) as read; None where the file is silent.

    References:
        DICOM PS3.3 C.8.5.5.
    """

    spatial_format: int
    data_type: int
    flags: int
    min_x0: int
    min_y0: int
    max_x1: int
    max_y1: int
    units_x: int
    units_y: int
    delta_x: float
    delta_y: float
    reference_x0: int | None = None
    reference_y0: int | None = None
    reference_value_x: float | None = None
    reference_value_y: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRecord:
    """What the catalog knows of one image; no pixels and no identity.

    Attributes:
        image_id: SOP instance UID when it is well formed, else ``sha256-`` and 32 hex digits of the content.
        content_sha256: Hex digest of the file.
        patient: Pseudonym, or ``""`` when unknown.
        study_uid: StudyInstanceUID or ``""``.
        mode: CW, PW or unknown.
        box: Region of the display in the image: x0, y0, x1, y1, the last ones excluded.
        calibration: Scale of the cropped display; None when uncalibrated.
        performed: Date of the exam, if known.
        site: Name of the source.
    """

    image_id: str
    content_sha256: str
    patient: str = ""
    study_uid: str = ""
    mode: DopplerMode = DopplerMode.UNKNOWN
    box: tuple[int, int, int, int] = (0, 0, 0, 0)
    calibration: Calibration | None = None
    performed: date | None = None
    site: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One hand-made row of ``pairs.csv``: this image shows what this paragraph says."""

    image_id: str
    paragraph_id: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One hand-made row of ``views.csv``: the valve and flow that an image shows."""

    image_id: str
    valve: Valve
    flow: FlowKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One paragraph found for a query.

    Attributes:
        paragraph: The paragraph.
        score: Inner product of unit vectors, -1..1; higher is nearer.
    """

    paragraph: Paragraph
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why a label says what it says.

    Attributes:
        kind: ``span`` (report), ``paragraph`` (retrieval) or ``measurement``.
        reference: Report id, paragraph id, or name of the measurement.
        score: Similarity of a paragraph, value of a measurement, or None.
        span: Characters within the report, or None.
        note: Guideline and table, or ``""``.
    """

    kind: str
    reference: str
    score: float | None = None
    span: Span | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One statement about one image or exam, from one source.

    Attributes:
        image_id: The image, or ``""`` for a label of the whole exam.
        study_uid: The exam, or ``""`` when unknown.
        patient: Pseudonym.
        severity: Interval of grades.
        confidence: Calibrated probability that (valve, disease, assertion) holds, 0..1.
        abstained: Whether the confidence is below the threshold of the wanted precision.
        evidence: What it rests on.
        run: Identifier of the run that wrote it.
        model: Version of the models (generation of the labeller), or ``""`` for a report label.
        lexicon: Version of the lexicon that read the paragraphs.
    """

    source: LabelSource
    valve: Valve
    disease: Disease
    severity: SeverityInterval
    assertion: Assertion
    confidence: float
    image_id: str = ""
    study_uid: str = ""
    patient: str = ""
    abstained: bool = False
    evidence: tuple[Evidence, ...] = field(default=())
    run: str = ""
    model: str = ""
    lexicon: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueFlow:
    """What a perfect reader would measure on the complete beats of one flow.

    Attributes:
        vmax_mps: Peak of the fastest beat.
        mean_vmax_mps: Mean over the beats of their peaks.
        mean_gradient_mmhg: Mean over the beats of the time mean of 4 v^2 from opening to closing.
        vti_cm: Mean over the beats of the velocity-time integral.
        pht_ms: Pressure half-time of an inflow or a diastolic jet; None for other flows.
        beats: Complete beats.
    """

    vmax_mps: float
    mean_vmax_mps: float
    mean_gradient_mmhg: float
    vti_cm: float
    pht_ms: float | None
    beats: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueFinding:
    """One row of a truth table: what an image really shows. Read by evaluation alone.

    ``flow`` is the forward flow in a row of stenosis and the jet in one of regurgitation; None where there is none,
    where no beat is complete, or where the table does not say.
    """

    image_id: str
    valve: Valve
    disease: Disease
    severity: Severity
    flow: TrueFlow | None = None
