"""Why a finding says what it says: the rule of its valve, of its grade and of its assertion."""

from collections.abc import Iterator
from dataclasses import dataclass

from echomine.domain.records import Finding
from echomine.domain.vocabulary import Assertion
from echomine.reports.findings import ReadSentence, read_sentences
from echomine.reports.lexicon_files import Lexicon, standard_lexicon
from echomine.reports.other_findings import OtherFinding, reasons_of_others
from echomine.reports.reading import read_tokens
from echomine.reports.scanning import Tokens
from echomine.reports.scopes import AFTER, find_scopes
from echomine.reports.sentence_view import Statement

_NO_GRADE = "no grade written"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A finding with its reasons, each a phrase for a reader.

    Attributes:
        valve: Where the valve was found.
        grade: Where the grade was found, or ``no grade written``.
        assertion: The cue or section that decided, or ``stated``.
    """

    finding: Finding | OtherFinding
    valve: str
    grade: str
    assertion: str


def explain_findings(text: str, *, lexicon: Lexicon | None = None) -> tuple[Explanation, ...]:
    """The findings of a report text, each with its reasons, in the order of the text.

    They are those of ``extract_findings`` with repeats, and after those of a sentence its findings beside the eight
    valve diseases.
    """
    words = lexicon or standard_lexicon()
    tokens = read_tokens(text, words)
    return tuple(one for read in read_sentences(tokens, words) for one in _of_sentence(tokens, words, read))


def _of_sentence(tokens: Tokens, lexicon: Lexicon, read: ReadSentence) -> Iterator[Explanation]:
    for finding, statement in zip(read.findings, read.statements, strict=True):
        yield _explanation(tokens, lexicon, read, finding, statement)
    for other in reasons_of_others(tokens, read, lexicon):
        yield Explanation(
            finding=other.finding,
            valve=other.valve_by.value or "of no valve",
            grade=other.grade_by.value or _NO_GRADE,
            assertion=_cue(tokens, lexicon, read, other.finding.assertion, (other.head.first, other.head.last))
            or _without_cue(read.sentence.kind, other.finding),
        )


def _explanation(
    tokens: Tokens, lexicon: Lexicon, read: ReadSentence, finding: Finding, statement: Statement
) -> Explanation:
    return Explanation(
        finding=finding,
        valve=statement.valve_by.value,
        grade=statement.grade_by.value or _NO_GRADE,
        assertion=_reason(tokens, lexicon, read, finding, statement),
    )


def _reason(tokens: Tokens, lexicon: Lexicon, read: ReadSentence, finding: Finding, statement: Statement) -> str:
    if statement.implied:
        return f"what the words {_quote(tokens, *statement.head)} imply"
    cue = _cue(tokens, lexicon, read, finding.assertion, statement.head)
    return cue or _without_cue(read.sentence.kind, finding)


def _cue(tokens: Tokens, lexicon: Lexicon, read: ReadSentence, assertion: Assertion, head: tuple[int, int]) -> str:
    """The cue that gives the words of a finding their assertion, or ``""``."""
    place = read.sentence
    for scope in find_scopes(tokens, read.view.mentions, lexicon.lists, place.first, place.last):
        decides = scope.value in {assertion, AFTER}
        if decides and scope.first <= head[1] and head[0] <= scope.last:
            return f"the cue {_quote(tokens, scope.cue_first, scope.cue_last)}"
    return ""


def _without_cue(section_kind: str, finding: Finding | OtherFinding) -> str:
    """The reason of an assertion that no cue of the sentence decides."""
    if finding.assertion is Assertion.PRESENT:
        return "stated"
    if finding.assertion is Assertion.NEGATED:
        return "the grade none"
    asked_or_past = section_kind in {"indication", "history", "family", "plan"}
    return f"the section {finding.section!r}" if asked_or_past else "a replacement of the valve"


def _quote(tokens: Tokens, first: int, last: int) -> str:
    return repr(tokens.text[tokens.starts[first] : tokens.ends[last]])
