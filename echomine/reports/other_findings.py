"""Findings beside the eight diseases of the valves: finer kinds of valve disease, and the heart around the valves."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from echomine.domain.records import Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Severity, Valve
from echomine.reports.findings import ReadSentence, assertion_at
from echomine.reports.grades import interval_of
from echomine.reports.lesion_links import attributed, grade_after, leftwards, rightwards
from echomine.reports.lexicon_files import Kind, Lexicon, Other, Term
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens
from echomine.reports.sentence_view import Rule, SentenceView


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFinding:
    """One statement that is none of the eight valve diseases.

    Attributes:
        kind: ``bicuspid``, ``rheumatic``, ``pulmonary_hypertension``, ...: a word of the lexicon.
        valve: The valve, for kinds that stand at one.
        severity: Grade as an interval; ``none`` when negated.
        assertion, span, quote, section: As of a finding.
    """

    kind: str
    valve: Valve | None
    severity: SeverityInterval
    assertion: Assertion
    span: Span
    quote: str
    section: str = ""


class OtherReason(NamedTuple):
    """A finding, the words it is made of, and where its valve and grade come from."""

    finding: OtherFinding
    head: Mention
    valve_by: Rule
    grade_by: Rule


def other_findings_of(tokens: Tokens, read: ReadSentence, lexicon: Lexicon) -> list[OtherFinding]:
    """The other findings of one sentence, in order; one at several valves is told of each."""
    return [reason.finding for reason in reasons_of_others(tokens, read, lexicon)]


def reasons_of_others(tokens: Tokens, read: ReadSentence, lexicon: Lexicon) -> list[OtherReason]:
    """The other findings of one sentence with their words and the rules that gave valve and grade."""
    reasons = []
    for head, other in _heads(read.view, lexicon):
        valves, valve_by = _valves(read.view, head) if other.at_valve else (("",), Rule.NONE)
        grade, grade_by = _grade(read.view, head)
        reasons += [
            OtherReason(_finding(tokens, read, lexicon, head, valve, grade), head, valve_by, grade_by)
            for valve in valves
        ]
    return reasons


def _heads(view: SentenceView, lexicon: Lexicon) -> Iterator[tuple[Mention, Other]]:
    """The words of other findings, the longest at each place, as heads that grades and valves can be tied to."""
    index = view.first
    while index <= view.last:
        for phrase, other in lexicon.others.get(view.words[index], ()):
            end = index + len(phrase) - 1
            if end <= view.last and view.words[index : end + 1] == phrase:
                form = "adjective" if other.at_valve else "noun"
                yield Mention(Kind.LESION, Term(Kind.LESION, other.kind, form=form), index, end), other
                index = end
                break
        index += 1


def _valves(view: SentenceView, head: Mention) -> tuple[tuple[str, ...], Rule]:
    within = {m.term.value for m in view.mentions if m.kind is Kind.VALVE and head.first <= m.first <= head.last}
    readings: tuple[tuple[tuple[str, ...], Rule], ...] = (
        (tuple(valve for valve, _ in leftwards(view, head).valves), Rule.NOUN_PHRASE),
        (tuple(within), Rule.OWN_WORD),
        (attributed(view, head)[0], Rule.ADJECTIVE),
        (rightwards(view, head)[0], Rule.PREPOSITION),
        (view.subject_before(head.first), Rule.SUBJECT),
        (view.context.subject, Rule.CARRIED),
    )
    return next(((valves, rule) for valves, rule in readings if valves), ((), Rule.NONE))


def _grade(view: SentenceView, head: Mention) -> tuple[str, Rule]:
    before = leftwards(view, head).grade
    after = "" if before else grade_after(view, head.last)
    return (before, Rule.NOUN_PHRASE) if before else (after, Rule.AFTER if after else Rule.NONE)


def _finding(
    tokens: Tokens, read: ReadSentence, lexicon: Lexicon, head: Mention, valve: str, grade: str
) -> OtherFinding:
    assertion = assertion_at(tokens, read, lexicon, head.first, head.last)
    severity = interval_of(grade) if grade else SeverityInterval.unspecified()
    span = Span(tokens.starts[head.first], tokens.ends[head.last])
    return OtherFinding(
        kind=head.term.value,
        valve=Valve(valve) if valve else None,
        severity=SeverityInterval.exactly(Severity.NONE) if assertion is Assertion.NEGATED else severity,
        assertion=assertion,
        span=span,
        quote=span.of(tokens.text),
        section=read.sentence.section,
    )
