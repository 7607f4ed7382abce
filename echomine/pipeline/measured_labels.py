"""Labels from what was measured: grades by a named guideline, and how they stand to what report and retrieval say."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from echomine.domain.records import Evidence, ImageRecord, Label, Measurement
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve
from echomine.doppler.flow_beats import Confidence
from echomine.doppler.flow_kinds import FlowName, RecognisedFlow
from echomine.doppler.flows import Flow
from echomine.doppler.reading import DisplayReading
from echomine.pipeline.agreement import with_agreement
from echomine.reports.grading import DEFAULT_GUIDELINES, FiredRow, GuidelineGrade, grade_measurements

MEASUREMENT = "measurement"
"""Kind of the evidence of a measured label: the number with its table."""
TRUST = {Confidence.HIGH: 0.98, Confidence.MEDIUM: 0.92, Confidence.LOW: 0.4}
"""How far a flow of that confidence is trusted: the share of synthetic grades within one step of the truth.

A low one is right more often there (.85), since most valves are well; it stays doubted.
"""
UNTOLD_VALVE = 0.5
"""The same for the valve of a flow that looks alike at two valves, when nothing else tells it: one of the two."""
LEAST_CONFIDENCE = 0.5
MITRAL_AREA_CM2_MS = 220.0
"""Mitral valve area, cm2, times the pressure half-time, ms (Hatle)."""
_EITHER_SIDE = {
    FlowName.OUTFLOW: (Valve.AORTIC, Valve.PULMONIC),
    FlowName.AORTIC_STENOSIS: (Valve.AORTIC, Valve.PULMONIC),
    FlowName.PULMONIC_STENOSIS: (Valve.PULMONIC, Valve.AORTIC),
    FlowName.INFLOW: (Valve.MITRAL, Valve.TRICUSPID),
    FlowName.MITRAL_STENOSIS: (Valve.MITRAL, Valve.TRICUSPID),
    FlowName.TRICUSPID_STENOSIS: (Valve.TRICUSPID, Valve.MITRAL),
}


METHOD = "measure-4"
"""Version of the measuring; a change of what it gives is a new one, and measures every image anew."""


def measurement_model(labeller: str) -> str:
    """Model version of measured labels whose valves were named by that generation of the labeller (``""`` for none)."""
    return f"{METHOD}+{labeller}" if labeller else METHOD


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestedValve:
    """The valve that another source names, with its confidence 0..1."""

    valve: Valve
    confidence: float


def suggested_valve(labels: Sequence[Label]) -> SuggestedValve | None:
    """The valve of the surest label; None without labels."""
    best = max(labels, key=lambda label: label.confidence, default=None)
    return SuggestedValve(valve=best.valve, confidence=best.confidence) if best else None


def measured_labels(
    reading: DisplayReading, *, suggested: SuggestedValve | None = None, guidelines: Iterable[str] = DEFAULT_GUIDELINES
) -> tuple[Label, ...]:
    """One label for each lesion that a guideline grades by what was measured, without an image; none without a scale.

    Args:
        reading: What was measured, read with the suggested valve.
        suggested: The valve, where another source tells it.
        guidelines: Names of the tables.
    """
    if reading.calibration is None:
        return ()
    names = tuple(guidelines)
    labels: list[Label] = []
    for flow, name in zip(reading.flows, reading.names, strict=False):
        valve, sure = _valve_of(name, suggested)
        grades = grade_measurements(_measurements(flow, name, valve), guidelines=names)
        labels.extend(_label(grade, flow, confidence=name.probability * sure) for grade in grades)
    return _surest(labels)


def _valve_of(name: RecognisedFlow, suggested: SuggestedValve | None) -> tuple[Valve, float]:
    """The valve of a flow, and how sure it is: the flow of a neighbour is seldom what a display was taken for."""
    possible = _EITHER_SIDE.get(name.name) or tuple(filter(None, (name.valve,)))
    if suggested is None:
        return possible[0], UNTOLD_VALVE if len(possible) > 1 else 1.0
    if suggested.valve in possible:
        return suggested.valve, suggested.confidence if len(possible) > 1 else 1.0
    return possible[0], UNTOLD_VALVE * (1.0 - suggested.confidence)


def _measurements(flow: Flow, name: RecognisedFlow, valve: Valve) -> list[Measurement]:
    """The numbers of a flow that tables grade, at its valve; a peak beyond the display is none."""
    values: list[tuple[str, float | None, str]] = []
    if flow.toward is False and name.name in _EITHER_SIDE:
        speed = flow.vmax_mps
        values = [
            ("vmax", round(speed, 1) if speed is not None else None, "m/s"),
            ("mean_gradient", flow.mean_gradient_mmhg, "mmHg"),
        ]
    elif name.name in _EITHER_SIDE:
        area = MITRAL_AREA_CM2_MS / flow.pht_ms if flow.pht_ms and valve is Valve.MITRAL else None
        values = [("mean_gradient", flow.mean_gradient_mmhg, "mmHg"), ("mva", area, "cm2")]
    elif name.name is FlowName.AORTIC_REGURGITATION:
        values = [("pht", flow.pht_ms, "ms")]
    if flow.best is None or flow.best.clipped:
        return []
    return [
        Measurement(name=what, value=value, unit=unit, valve=valve) for what, value, unit in values if value is not None
    ]


def _label(grade: GuidelineGrade, flow: Flow, *, confidence: float) -> Label:
    trusted = confidence * TRUST[flow.confidence]
    return Label(
        source=LabelSource.MEASUREMENT,
        valve=grade.valve,
        disease=grade.disease,
        severity=grade.severity,
        assertion=_assertion(grade.severity),
        confidence=trusted,
        abstained=trusted < LEAST_CONFIDENCE,
        evidence=tuple(_evidence(row) for row in grade.fired),
    )


def _assertion(severity: SeverityInterval) -> Assertion:
    if severity.high is Severity.NONE:
        return Assertion.NEGATED
    return Assertion.POSSIBLE if severity.low is Severity.NONE else Assertion.PRESENT


def _evidence(fired: FiredRow) -> Evidence:
    row, grade = fired.row, fired.severity
    words = grade.low.word if grade.low is grade.high else f"{grade.low.word} to {grade.high.word}"
    return Evidence(
        kind=MEASUREMENT,
        reference=row.measure,
        score=round(fired.measurement.value, 3),
        note=f"{row.guideline}, {row.valve.value} {row.disease.value} by {row.measure} in {row.unit}: {words}",
    )


def _surest(labels: Sequence[Label]) -> tuple[Label, ...]:
    """One label a lesion, the surest: two flows may speak of the same."""
    best: dict[tuple[Valve, Disease], Label] = {}
    for label in labels:
        known = best.get((label.valve, label.disease))
        if known is None or label.confidence > known.confidence:
            best[label.valve, label.disease] = label
    return tuple(best.values())


def labels_of_image(labels: Iterable[Label], record: ImageRecord, others: Iterable[Label]) -> tuple[Label, ...]:
    """Measured labels with the identifiers of their image, and set beside what other sources say of it."""
    beside = tuple(others)
    return tuple(
        with_agreement(
            replace(one, image_id=record.image_id, study_uid=record.study_uid, patient=record.patient), beside
        )
        for one in labels
    )
