"""Everything a report says, as one plain document for files and screens."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from echomine.domain.records import Finding, Measurement, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Severity, Valve
from echomine.reports.attributes import Told, ValveKind, attributes_of, prosthetic_valves
from echomine.reports.conflicts import Conflict, find_conflicts
from echomine.reports.findings import read_sentences
from echomine.reports.grading import GuidelineGrade, grade_measurements
from echomine.reports.heart_grading import HeartGrade, grade_heart
from echomine.reports.lexicon_files import Lexicon, WordLists, standard_lexicon
from echomine.reports.measurements import measurements_of
from echomine.reports.other_findings import OtherFinding, other_findings_of
from echomine.reports.reading import read_tokens
from echomine.reports.scanning import Tokens
from echomine.reports.study_label import study_findings


def findings_document(report_id: str, text: str, *, lexicon: Lexicon | None = None) -> dict[str, Any]:
    """The findings, measurements, guideline grades, conflicts and study labels of a report, ready for JSON.

    ``start`` and ``end`` count characters of ``text``; ``severity`` is the written grade, its bounds stand beside it.
    Findings beside the eight valve diseases (``bicuspid``, ``pulmonary_hypertension``) stand in the same list, with
    their own word for ``disease`` and ``""`` for ``valve`` where they have none. An empty text gives empty lists.
    """
    words = lexicon or standard_lexicon()
    tokens = read_tokens(text, words)
    read = list(read_sentences(tokens, words))
    findings = tuple(dict.fromkeys(finding for part in read for finding in part.findings))
    measurements = tuple(m for part in read for m in measurements_of(tokens, part.view, words))
    told = [item for part in read for item in attributes_of(tokens, part, words)]
    others = [other for part in read for other in other_findings_of(tokens, part, words)]
    prosthetic = prosthetic_valves(findings)
    grades = grade_measurements(measurements, prosthetic=prosthetic)
    signs = {other.kind for other in others if other.assertion is Assertion.PRESENT}
    heart = grade_heart(measurements, sex=sex_of(tokens, words.lists), signs=signs)
    conflicts = find_conflicts(findings, measurements, grades)
    return {
        "id": report_id,
        "findings": _told(findings, told, prosthetic) + [_other(other) for other in others],
        "measurements": [_measurement(measurement, text) for measurement in measurements],
        "grades": [_grade(grade) for grade in grades],
        "heart": [_heart_grade(grade) for grade in heart],
        "conflicts": [_conflict(conflict) for conflict in conflicts],
        "study": [_finding(finding) for finding in study_findings(findings, lexicon=words)],
        "lexicon": words.version,
    }


def written_grade(severity: SeverityInterval) -> Severity:
    """The grade that a report wrote for an interval: ``at least moderate`` is moderate, ``at most mild`` mild.

    A range of two neighbours that has no word of its own (``trace to mild``) is its upper end.
    """
    at_least = severity.low is not severity.high and severity.high is Severity.SEVERE
    return severity.low if at_least else severity.high


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "valve": finding.valve.value,
        "disease": finding.disease.value,
        "severity": written_grade(finding.severity).word,
        "severity_low": finding.severity.low.word,
        "severity_high": finding.severity.high.word,
        "assertion": finding.assertion.value,
        "detail": finding.detail,
        "section": finding.section,
        "start": finding.span.start,
        "end": finding.span.end,
        "quote": finding.quote,
    }


def _told(findings: Sequence[Finding], told: Iterable[Told], prosthetic: Collection[Valve]) -> list[dict[str, Any]]:
    """The rows of findings with their attributes: kind of valve, jet and trend, ``""`` where nothing is said."""
    attributes: dict[Finding, dict[str, str]] = {}
    for item in told:
        attributes.setdefault(item.finding, {})[item.attribute.name] = item.attribute.value
    return [
        _finding(finding)
        | {"valve_kind": _valve_kind(finding, prosthetic).value, "jet": "", "trend": ""}
        | attributes.get(finding, {})
        for finding in findings
    ]


def _valve_kind(finding: Finding, prosthetic: Collection[Valve]) -> ValveKind:
    return ValveKind.PROSTHETIC if finding.valve in prosthetic else ValveKind.NATIVE


def _other(other: OtherFinding) -> dict[str, Any]:
    return {
        "valve": other.valve.value if other.valve else "",
        "disease": other.kind,
        "severity": written_grade(other.severity).word,
        "severity_low": other.severity.low.word,
        "severity_high": other.severity.high.word,
        "assertion": other.assertion.value,
        "detail": "",
        "section": other.section,
        "start": other.span.start,
        "end": other.span.end,
        "quote": other.quote,
    }


def _measurement(measurement: Measurement, text: str) -> dict[str, Any]:
    span = measurement.span or Span(0, 0)
    return {
        "name": measurement.name,
        "value": measurement.value,
        "unit": measurement.unit,
        "valve": measurement.valve.value if measurement.valve else None,
        "start": span.start,
        "end": span.end,
        "quote": span.of(text),
    }


def _grade(grade: GuidelineGrade) -> dict[str, Any]:
    return {
        "guideline": grade.guideline,
        "valve": grade.valve.value,
        "disease": grade.disease.value,
        "severity_low": grade.severity.low.word,
        "severity_high": grade.severity.high.word,
        "rows": [f"{hit.row.measure} {hit.measurement.value:g} {hit.row.unit}".strip() for hit in grade.fired],
    }


def sex_of(tokens: Tokens, lists: WordLists) -> str:
    """Sex of the patient as the text tells it, by the first word that does: ``male``, ``female`` or ``""``."""
    for word in tokens.words:
        if word in lists.male:
            return "male"
        if word in lists.female:
            return "female"
    return ""


def _heart_grade(grade: HeartGrade) -> dict[str, Any]:
    return {
        "guideline": grade.guideline,
        "kind": grade.kind,
        "grade": grade.grade,
        "rows": [f"{number.name} {number.value:g} {number.unit}".strip() for number in grade.numbers],
    }


def _conflict(conflict: Conflict) -> dict[str, Any]:
    return {
        "kind": conflict.kind.value,
        "message": conflict.message,
        "valve": conflict.valve.value if conflict.valve else None,
        "disease": conflict.disease.value if conflict.disease else None,
        "places": [{"start": span.start, "end": span.end} for span in conflict.spans],
    }
