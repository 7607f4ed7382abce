"""From the text of an echo report to findings: pure functions over a lexicon that is data."""

from echomine.reports.document import findings_document
from echomine.reports.explanation import explain_findings
from echomine.reports.findings import (
    assertion_of,
    extract_findings,
    extract_measurements,
    lexicon_version,
    names_a_valve,
)
from echomine.reports.paragraphs import split_paragraphs, valve_paragraphs

__all__ = [
    "assertion_of",
    "explain_findings",
    "extract_findings",
    "extract_measurements",
    "findings_document",
    "lexicon_version",
    "names_a_valve",
    "split_paragraphs",
    "valve_paragraphs",
]
