"""Why a finding says what it says: the rule of its valve, of its grade and of its assertion."""

from dataclasses import dataclass

from echomine.domain.records import Finding
from echomine.domain.vocabulary import Assertion
from echomine.reports.findings import ReadSentence, read_sentences
from echomine.reports.lexicon_files import Lexicon, standard_lexicon
from echomine.reports.scanning import Tokens
from echomine.reports.scopes import AFTER, find_scopes
from echomine.reports.sentence_view import Statement
from echomine.reports.spelling import scan_spelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A finding with its reasons, each a phrase for a reader.

    Attributes:
        valve: Where the valve was found.
        grade: Where the grade was found, or ``no grade written``.
        assertion: The cue or section that decided, or ``stated``.
    """

    finding: Finding
    valve: str
    grade: str
    assertion: str


def explain_findings(text: str, *, lexicon: Lexicon | None = None) -> tuple[Explanation, ...]:
    """The findings of a report text, as ``extract_findings`` gives them but with repeats, each with its reasons."""
    words = lexicon or standard_lexicon()
    tokens = scan_spelled(text, words)
    return tuple(
        _explanation(tokens, words, read, finding, statement)
        for read in read_sentences(tokens, words)
        for finding, statement in zip(read.findings, read.statements, strict=True)
    )


def _explanation(
    tokens: Tokens, lexicon: Lexicon, read: ReadSentence, finding: Finding, statement: Statement
) -> Explanation:
    return Explanation(
        finding=finding,
        valve=statement.valve_by.value,
        grade=statement.grade_by.value or "no grade written",
        assertion=_reason(tokens, lexicon, read, finding, statement),
    )


def _reason(tokens: Tokens, lexicon: Lexicon, read: ReadSentence, finding: Finding, statement: Statement) -> str:
    if statement.implied:
        return f"what the words {_quote(tokens, *statement.head)} imply"
    place = read.sentence
    for scope in find_scopes(tokens, read.view.mentions, lexicon.lists, place.first, place.last):
        decides = scope.value in {finding.assertion, AFTER}
        if decides and scope.first <= statement.head[1] and statement.head[0] <= scope.last:
            return f"the cue {_quote(tokens, scope.cue_first, scope.cue_last)}"
    return _without_cue(place.kind, finding)


def _without_cue(section_kind: str, finding: Finding) -> str:
    """The reason of an assertion that no cue of the sentence decides."""
    if finding.assertion is Assertion.PRESENT:
        return "stated"
    if finding.assertion is Assertion.NEGATED:
        return "the grade none"
    asked_or_past = section_kind in {"indication", "history", "family", "plan"}
    return f"the section {finding.section!r}" if asked_or_past else "a replacement of the valve"


def _quote(tokens: Tokens, first: int, last: int) -> str:
    return repr(tokens.text[tokens.starts[first] : tokens.ends[last]])
