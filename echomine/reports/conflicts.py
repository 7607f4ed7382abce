"""Where a report disagrees with itself: grade against numbers, section against section, number against number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from echomine.domain.records import Finding, Measurement, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Valve
from echomine.reports.grading import GuidelineGrade

BERNOULLI_MMHG_PER_M2S2 = 4.0
HATLE_CM2_MS = 220.0
_TOLERANCE = 0.30
_HIGHEST_RAP_MMHG = 20.0


class ConflictKind(StrEnum):
    """What disagrees."""

    GRADE_AGAINST_NUMBERS = "grade_against_numbers"
    GRADE_AGAINST_GRADE = "grade_against_grade"
    PRESENT_AGAINST_NEGATED = "present_against_negated"
    NUMBER_AGAINST_NUMBER = "number_against_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One disagreement, with the places that disagree."""

    kind: ConflictKind
    message: str
    spans: tuple[Span, ...]
    valve: Valve | None = None
    disease: Disease | None = None


def find_conflicts(
    findings: Sequence[Finding], measurements: Sequence[Measurement], grades: Sequence[GuidelineGrade]
) -> tuple[Conflict, ...]:
    """All conflicts of one report: none if it agrees with itself."""
    return (
        *_between_statements(findings),
        *_against_numbers(findings, grades),
        *_against_physics(measurements),
    )


def _between_statements(findings: Sequence[Finding]) -> Iterator[Conflict]:
    """Disagreeing pairs of statements about one lesion, each distinct disagreement once."""
    told = set()
    for one, other in combinations(_of_today(findings), 2):
        if (one.valve, one.disease) != (other.valve, other.disease) or Disease.NORMAL is one.disease:
            continue
        kind = _disagreement(one, other)
        key = (kind, one.valve, one.disease, one.severity, other.severity)
        if kind is not None and key not in told:
            told.add(key)
            yield Conflict(
                kind=kind,
                message=f"{one.valve} {one.disease} is {_says(one)} and {_says(other)}",
                spans=(one.span, other.span),
                valve=one.valve,
                disease=one.disease,
            )


def _of_today(findings: Iterable[Finding]) -> list[Finding]:
    kept = [f for f in findings if f.assertion in {Assertion.PRESENT, Assertion.NEGATED}]
    return list({(f.valve, f.disease, f.severity, f.assertion): f for f in reversed(kept)}.values())[::-1]


def _disagreement(one: Finding, other: Finding) -> ConflictKind | None:
    if one.assertion is not other.assertion:
        return ConflictKind.PRESENT_AGAINST_NEGATED
    graded = one.severity.is_specified and other.severity.is_specified
    if graded and not one.severity.overlaps(other.severity):
        return ConflictKind.GRADE_AGAINST_GRADE
    return None


def _says(finding: Finding) -> str:
    return "absent" if finding.assertion is Assertion.NEGATED else _words(finding.severity)


def _words(severity: SeverityInterval) -> str:
    low, high = severity.low.word, severity.high.word
    return low if low == high else f"{low} to {high}"


def _against_numbers(findings: Sequence[Finding], grades: Sequence[GuidelineGrade]) -> Iterator[Conflict]:
    for finding in _of_today(findings):
        for grade in grades:
            same = (finding.valve, finding.disease) == (grade.valve, grade.disease)
            if not same or not finding.severity.is_specified or finding.severity.overlaps(grade.severity):
                continue
            rows = ", ".join(
                f"{hit.row.measure} {hit.measurement.value:g} {hit.row.unit}".strip() for hit in grade.fired
            )
            yield Conflict(
                kind=ConflictKind.GRADE_AGAINST_NUMBERS,
                message=f"{finding.valve} {finding.disease} is {_says(finding)}, but {rows} by {grade.guideline} is "
                f"{_words(grade.severity)}",
                spans=(finding.span, *(hit.measurement.span for hit in grade.fired if hit.measurement.span)),
                valve=finding.valve,
                disease=finding.disease,
            )


def _against_physics(measurements: Sequence[Measurement]) -> Iterator[Conflict]:
    for valve in Valve:
        here = [m for m in measurements if m.valve is valve]
        yield from _pairs(here, "vmax", "peak_gradient", lambda v: BERNOULLI_MMHG_PER_M2S2 * v * v, "4 v^2")
        yield from _pairs(here, "pht", "mva", lambda t: HATLE_CM2_MS / t, "220/PHT")
    yield from _right_heart(measurements)


def _pairs(
    measurements: Sequence[Measurement], cause: str, effect: str, law: Callable[[float], float], name: str
) -> Iterator[Conflict]:
    """Conflicts of the first two measurements of their names with a law between them."""
    first = next((m for m in measurements if m.name == cause), None)
    second = next((m for m in measurements if m.name == effect), None)
    if first is None or second is None:
        return
    expected = law(first.value)
    if abs(second.value - expected) > _TOLERANCE * max(expected, second.value):
        yield _number_conflict(first, second, f"{name} gives {expected:.3g}")


def _right_heart(measurements: Sequence[Measurement]) -> Iterator[Conflict]:
    """RVSP = 4 TRV^2 + RAP; where no RAP is written, one of 0 to 20 mmHg is allowed for."""
    jet = next((m for m in measurements if m.name == "vmax" and m.valve is Valve.TRICUSPID), None)
    pressure = next((m for m in measurements if m.name == "rvsp"), None)
    if jet is None or pressure is None:
        return
    atrial = next((m.value for m in measurements if m.name == "rap"), None)
    gradient = BERNOULLI_MMHG_PER_M2S2 * jet.value**2
    low, high = gradient + (atrial or 0.0), gradient + (_HIGHEST_RAP_MMHG if atrial is None else atrial)
    if not (1 - _TOLERANCE) * low <= pressure.value <= (1 + _TOLERANCE) * high:
        expected = f"{low:.3g}" if atrial is not None else f"{low:.3g} to {high:.3g}"
        yield _number_conflict(jet, pressure, f"4 v^2 + RAP gives {expected} mmHg")


def _number_conflict(first: Measurement, second: Measurement, law: str) -> Conflict:
    return Conflict(
        kind=ConflictKind.NUMBER_AGAINST_NUMBER,
        message=f"{first.name} {first.value:g} {first.unit} and {second.name} {second.value:g} {second.unit}: {law}",
        spans=tuple(m.span for m in (first, second) if m.span is not None),
        valve=first.valve,
    )
