"""Records of the domain as rows of the catalog, and back."""

from typing import Any

from sqlalchemy import Row

from echomine.domain.records import (
    Calibration,
    Evidence,
    Finding,
    ImageRecord,
    Label,
    Paragraph,
    Report,
    Span,
)
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import (
    Assertion,
    CalibrationSource,
    Disease,
    DopplerMode,
    LabelSource,
    Severity,
    Valve,
)


def image_row(record: ImageRecord) -> dict[str, Any]:
    """Columns of an image, without where its file lies."""
    scale = record.calibration
    x0, y0, x1, y1 = record.box
    return {
        "image_id": record.image_id,
        "content_sha256": record.content_sha256,
        "patient": record.patient,
        "study_uid": record.study_uid,
        "mode": record.mode.value,
        "x0": x0,
        "y0": y0,
        "x1": x1,
        "y1": y1,
        "mps_per_px": scale.mps_per_px if scale else None,
        "baseline_y": scale.baseline_y if scale else None,
        "s_per_px": scale.s_per_px if scale else None,
        "calibration_source": (scale.source if scale else CalibrationSource.NONE).value,
        "performed": record.performed,
        "site": record.site,
    }


def image_of(row: Row[Any]) -> ImageRecord:
    """The image of a row."""
    return ImageRecord(
        image_id=row.image_id,
        content_sha256=row.content_sha256,
        patient=row.patient,
        study_uid=row.study_uid,
        mode=DopplerMode(row.mode),
        box=(row.x0, row.y0, row.x1, row.y1),
        calibration=_calibration_of(row),
        performed=row.performed,
        site=row.site,
    )


def _calibration_of(row: Row[Any]) -> Calibration | None:
    if row.mps_per_px is None:
        return None
    return Calibration(
        mps_per_px=row.mps_per_px,
        baseline_y=row.baseline_y,
        s_per_px=row.s_per_px,
        source=CalibrationSource(row.calibration_source),
    )


def report_row(report: Report) -> dict[str, Any]:
    """Columns of a report, without where it came from."""
    return {
        "report_id": report.report_id,
        "patient": report.patient,
        "study_uid": report.study_uid,
        "performed": report.performed,
        "site": report.site,
        "text": report.text,
    }


def report_of(row: Row[Any]) -> Report:
    """The report of a row."""
    return Report(
        report_id=row.report_id,
        text=row.text,
        patient=row.patient,
        study_uid=row.study_uid,
        performed=row.performed,
        site=row.site,
    )


def paragraph_row(paragraph: Paragraph) -> dict[str, Any]:
    """Columns of a paragraph, without its findings."""
    return {
        "paragraph_id": paragraph.paragraph_id,
        "report_id": paragraph.report_id,
        "start": paragraph.span.start,
        "end": paragraph.span.end,
        "section": paragraph.section,
        "text": paragraph.text,
    }


def paragraph_of(row: Row[Any], findings: tuple[Finding, ...]) -> Paragraph:
    """The paragraph of a row that is joined with its report."""
    return Paragraph(
        paragraph_id=row.paragraph_id,
        report_id=row.report_id,
        text=row.text,
        span=Span(row.start, row.end),
        findings=findings,
        section=row.section,
        patient=row.patient,
        study_uid=row.study_uid,
        performed=row.performed,
        site=row.site,
    )


def finding_row(paragraph_id: str, finding: Finding) -> dict[str, Any]:
    """Columns of a finding."""
    return {
        "paragraph_id": paragraph_id,
        "valve": finding.valve.value,
        "disease": finding.disease.value,
        "severity_low": int(finding.severity.low),
        "severity_high": int(finding.severity.high),
        "assertion": finding.assertion.value,
        "start": finding.span.start,
        "end": finding.span.end,
        "quote": finding.quote,
        "section": finding.section,
        "detail": finding.detail,
    }


def finding_of(row: Row[Any]) -> Finding:
    """The finding of a row."""
    return Finding(
        valve=Valve(row.valve),
        disease=Disease(row.disease),
        severity=_interval_of(row),
        assertion=Assertion(row.assertion),
        span=Span(row.start, row.end),
        quote=row.quote,
        section=row.section,
        detail=row.detail,
    )


def _interval_of(row: Row[Any]) -> SeverityInterval:
    return SeverityInterval(Severity(row.severity_low), Severity(row.severity_high))


def label_row(label: Label) -> dict[str, Any]:
    """Columns of a label; its subject is the image, else the exam, else the report that it rests on."""
    return {
        "subject": label.image_id or label.study_uid or _report_behind(label),
        "source": label.source.value,
        "valve": label.valve.value,
        "disease": label.disease.value,
        "model": label.model,
        "image_id": label.image_id,
        "study_uid": label.study_uid,
        "patient": label.patient,
        "severity_low": int(label.severity.low),
        "severity_high": int(label.severity.high),
        "assertion": label.assertion.value,
        "confidence": float(label.confidence),
        "abstained": bool(label.abstained),
        "evidence": [evidence_document(piece) for piece in label.evidence],
        "run_id": label.run,
        "lexicon": label.lexicon,
    }


def _report_behind(label: Label) -> str:
    return label.evidence[0].reference if label.evidence else ""


def label_of(row: Row[Any]) -> Label:
    """The label of a row."""
    return Label(
        source=LabelSource(row.source),
        valve=Valve(row.valve),
        disease=Disease(row.disease),
        severity=_interval_of(row),
        assertion=Assertion(row.assertion),
        confidence=row.confidence,
        image_id=row.image_id,
        study_uid=row.study_uid,
        patient=row.patient,
        abstained=row.abstained,
        evidence=tuple(evidence_of(piece) for piece in row.evidence),
        run=row.run_id,
        model=row.model,
        lexicon=row.lexicon,
    )


def evidence_document(evidence: Evidence) -> dict[str, Any]:
    """One piece of evidence as plain JSON, parts without a value left out."""
    document: dict[str, Any] = {"kind": evidence.kind, "reference": evidence.reference}
    if evidence.score is not None:
        document["score"] = round(float(evidence.score), 6)
    if evidence.span is not None:
        document["span"] = [evidence.span.start, evidence.span.end]
    if evidence.note:
        document["note"] = evidence.note
    return document


def evidence_of(document: dict[str, Any]) -> Evidence:
    """The evidence that :func:`evidence_document` wrote."""
    span = document.get("span")
    return Evidence(
        kind=document["kind"],
        reference=document["reference"],
        score=document.get("score"),
        span=Span(*span) if span else None,
        note=document.get("note", ""),
    )
