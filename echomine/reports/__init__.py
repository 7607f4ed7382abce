"""From the text of an echo report to findings: pure functions over a lexicon that is data."""

from echomine.reports.findings import assertion_of, extract_findings, lexicon_version, names_a_valve
from echomine.reports.paragraphs import split_paragraphs, valve_paragraphs

__all__ = [
    "assertion_of",
    "extract_findings",
    "lexicon_version",
    "names_a_valve",
    "split_paragraphs",
    "valve_paragraphs",
]
