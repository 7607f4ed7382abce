"""What a lesion is besides its grade: the direction of its jet, its course, and the kind of valve it is at."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from echomine.domain.records import Finding
from echomine.domain.vocabulary import Assertion, Disease, Valve
from echomine.reports.findings import ReadSentence
from echomine.reports.lexicon_files import Attribute, Lexicon
from echomine.reports.scanning import Tokens

_FARTHEST_CHARACTERS = 60


class ValveKind(StrEnum):
    """Whether a valve is the patient's own."""

    NATIVE = "native"
    PROSTHETIC = "prosthetic"


class Told(NamedTuple):
    """An attribute told of a finding."""

    finding: Finding
    attribute: Attribute


def attributes_of(tokens: Tokens, read: ReadSentence, lexicon: Lexicon) -> list[Told]:
    """The attributes told in one sentence, each of the lesion that stands nearest to its words."""
    lesions = [f for f in read.findings if f.disease is not Disease.NORMAL and f.assertion is not Assertion.NEGATED]
    if not lesions:
        return []
    told = []
    for first, last, attribute in _attributes(read, lexicon):
        start, end = tokens.starts[first], tokens.ends[last]
        nearest = min(lesions, key=lambda finding: _gap(finding, start, end))
        if _gap(nearest, start, end) <= _FARTHEST_CHARACTERS:
            told.append(Told(nearest, attribute))
    return told


def prosthetic_valves(findings: Iterable[Finding]) -> frozenset[Valve]:
    """The valves that a report says are prostheses."""
    return frozenset(
        finding.valve
        for finding in findings
        if finding.disease is Disease.PROSTHESIS and finding.assertion is Assertion.PRESENT
    )


def _attributes(read: ReadSentence, lexicon: Lexicon) -> Iterator[tuple[int, int, Attribute]]:
    words, index = read.view.words, read.view.first
    while index <= read.view.last:
        for phrase, attribute in lexicon.attributes.get(words[index], ()):
            end = index + len(phrase) - 1
            if end <= read.view.last and words[index : end + 1] == phrase:
                yield index, end, attribute
                index = end
                break
        index += 1


def _gap(finding: Finding, start: int, end: int) -> int:
    """Characters between a finding and other words; 0 where they overlap."""
    return max(finding.span.start - end, start - finding.span.end, 0)
