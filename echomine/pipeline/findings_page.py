"""A self-contained HTML page of reports: each text with its findings marked, the extracted tables beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Severity, Valve
from echomine.pipeline.similar_cases import severity_phrase

if TYPE_CHECKING:
    from jinja2 import Template

MARKS: Mapping[Assertion, str] = {
    Assertion.PRESENT: "",
    Assertion.NEGATED: "\N{MINUS SIGN}",
    Assertion.POSSIBLE: "?",
    Assertion.HISTORICAL: "h",
    Assertion.FAMILY: "f",
    Assertion.HYPOTHETICAL: "if",
    Assertion.NOT_ASSESSED: "\N{EMPTY SET}",
}
"""The sign beside a marked passage, by assertion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a text over which the same findings hold.

    Attributes:
        text: Its characters.
        findings: Numbers of the findings that cover it, counted from 0.
        ends: Those of them that end with it.
    """

    text: str
    findings: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()


def segments_of(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
    """The text cut wherever a span begins or ends; joined again, the pieces are the text.

    Args:
        text: The report.
        spans: (start, end) in characters of it; they may overlap. Empty ones, and what lies beyond the text, count
            for nothing.
    """
    inside = {number: (start, min(end, len(text))) for number, (start, end) in enumerate(spans)}
    inside = {number: span for number, span in inside.items() if 0 <= span[0] < span[1]}
    cuts = sorted({0, len(text), *(place for span in inside.values() for place in span)})
    starts: dict[int, list[int]] = {}
    ends: dict[int, list[int]] = {}
    for number, (start, end) in inside.items():
        starts.setdefault(start, []).append(number)
        ends.setdefault(end, []).append(number)
    open_now: set[int] = set()
    pieces = []
    for first, last in pairwise(cuts):
        open_now = (open_now - set(ends.get(first, ()))) | set(starts.get(first, ()))
        pieces.append(
            Segment(text=text[first:last], findings=tuple(sorted(open_now)), ends=tuple(sorted(ends.get(last, ()))))
        )
    return tuple(pieces)


def page_head(source: str) -> str:
    """The page up to its first report: style and the key to colours and marks; ``source`` is what is shown."""
    marks = [{"word": _words(assertion), "kind": assertion.value, "sign": MARKS[assertion]} for assertion in Assertion]
    return _part("head").render(source=source, valves=[valve.value for valve in Valve], marks=marks)


def page_report(text: str, document: Mapping[str, Any]) -> str:
    """One report: its text with the findings marked, and its tables.

    Args:
        text: The report that ``document`` was made from.
        document: As ``reports.findings_document`` gives it.
    """
    findings = sorted(document["findings"], key=lambda finding: (finding["start"], finding["end"]))
    rows = [_row(number, finding) for number, finding in enumerate(findings, start=1)]
    pieces = segments_of(text, [(finding["start"], finding["end"]) for finding in findings])
    return _part("report").render(
        id=document["id"],
        pieces=[_piece(piece, rows) for piece in pieces],
        rows=rows,
        measurements=[_measured(measurement) for measurement in document["measurements"]],
        grades=[_valve_grade(grade) for grade in document["grades"]]
        + [_heart_grade(grade) for grade in document["heart"]],
        conflicts=[conflict["message"].replace("_", " ") for conflict in document["conflicts"]],
    )


def page_foot(*, shown: int, read: int) -> str:
    """The end of the page: how many of the reports it shows."""
    return _part("foot").render(shown=shown, read=read, version=version("echomine"))


@cache
def _part(name: str) -> "Template":
    from jinja2 import Environment, StrictUndefined

    source = files("echomine.pipeline").joinpath(f"templates/findings_{name}.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)


def _row(number: int, finding: Mapping[str, Any]) -> dict[str, Any]:
    assertion = Assertion(finding["assertion"])
    return {
        "number": number,
        "valve": finding["valve"],
        "kind": assertion.value,
        "assertion": _words(assertion),
        "sign": MARKS[assertion],
        "disease": finding["disease"].replace("_", " "),
        "detail": finding["detail"].replace("_", " "),
        "severity": _severity(finding),
        "section": finding["section"],
    }


def _severity(finding: Mapping[str, Any]) -> str:
    low, high = (Severity.from_word(finding[f"severity_{side}"]) for side in ("low", "high"))
    return "" if high in {Severity.UNSPECIFIED, Severity.NONE} else severity_phrase(SeverityInterval(low, high))


def _words(assertion: Assertion) -> str:
    return assertion.value.replace("_", " ")


def _piece(piece: Segment, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How one stretch is shown: colours of its valves, style of its assertion, signs where findings end."""
    over = [rows[number] for number in piece.findings]
    valves = list(dict.fromkeys(row["valve"] or "other" for row in over))
    kinds = {row["kind"] for row in over}
    return {
        "text": piece.text,
        "marked": bool(over),
        "valve": valves[0] if len(valves) == 1 else "",
        "stripes": ", ".join(f"var(--{valve}-soft)" for valve in valves) if len(valves) > 1 else "",
        "kind": kinds.pop() if len(kinds) == 1 else "mixed",
        "title": "; ".join(_title(row) for row in over),
        "ends": [rows[number] for number in piece.ends],
    }


def _title(row: Mapping[str, Any]) -> str:
    words = " ".join(word for word in (row["severity"], row["valve"], row["disease"]) if word)
    return f"{row['number']} {words}: {row['assertion']}"


def _measured(measurement: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": measurement["name"].replace("_", " "),
        "value": f"{measurement['value']:g}",
        "unit": measurement["unit"],
        "valve": measurement["valve"] or "",
        "quote": measurement["quote"],
    }


def _valve_grade(grade: Mapping[str, Any]) -> dict[str, Any]:
    what = {"kind": grade["disease"], "valve": grade["valve"], "grade": _severity(grade) or "none"}
    return _told(grade, what)


def _heart_grade(grade: Mapping[str, Any]) -> dict[str, Any]:
    return _told(grade, {"kind": grade["kind"], "valve": "", "grade": grade["grade"]})


def _told(grade: Mapping[str, Any], what: Mapping[str, str]) -> dict[str, Any]:
    """One row of the table of grades: what, grade, guideline and the numbers that it rests on."""
    named = {key: value.replace("_", " ") for key, value in what.items()}
    return {**named, "guideline": grade["guideline"], "numbers": ", ".join(grade["rows"]).replace("_", " ")}
