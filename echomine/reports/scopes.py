"""Which words of a sentence a cue of negation, doubt or time reaches."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from echomine.domain.vocabulary import Assertion
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens

AFTER = "after"
_NEW_ITEM = frozenset({",", "and", "with", "&"})
_FINITE = frozenset(
    "is are was were has had shows showed reveals revealed demonstrates demonstrated appears appeared".split()
)
_SEEN = frozenset(
    "seen noted identified present appreciated visualized visualised detected found demonstrated evident observed".split()
)
_RANK: dict[str, int] = {
    Assertion.NEGATED: 0,
    Assertion.FAMILY: 1,
    Assertion.HYPOTHETICAL: 2,
    Assertion.HISTORICAL: 3,
    AFTER: 4,
    Assertion.POSSIBLE: 5,
    Assertion.NOT_ASSESSED: 6,
}


class Scope(NamedTuple):
    """Tokens ``first`` to ``last`` (included) that a cue speaks of; ``value`` is an assertion or ``after``."""

    first: int
    last: int
    value: str
    cue_first: int
    cue_last: int


def find_scopes(tokens: Tokens, mentions: Sequence[Mention], first: int, last: int) -> list[Scope]:
    """The scopes of all cues among the mentions of the sentence ``first`` to ``last``."""
    scopes = []
    for index, mention in enumerate(mentions):
        for begin, end, value in _reaches(tokens, mentions, index, (first, last)):
            if begin <= end:
                scopes.append(Scope(begin, end, value, mention.first, mention.last))
    return scopes


def _reaches(
    tokens: Tokens, mentions: Sequence[Mention], index: int, sentence: tuple[int, int]
) -> Iterator[tuple[int, int, str]]:
    """First and last token, and value, of what a mention reaches forward and backward."""
    mention = mentions[index]
    term = mention.term
    if mention.kind is Kind.SEVERITY and term.value == "none":
        yield mention.last + 1, _reach_forward(tokens, mentions, index, sentence[1]), Assertion.NEGATED
    if mention.kind is not Kind.CUE:
        return
    if term.direction != "backward":
        end = _reach_forward(tokens, mentions, index, sentence[1])
        yield mention.last + 1, min(end, mention.last + term.reach) if term.reach else end, term.value
    if term.direction != "forward":
        yield _reach_back(tokens, mentions, index, sentence[0]), mention.first - 1, term.value


def strongest(scopes: Sequence[Scope], first: int, last: int) -> str:
    """The strongest cue value over tokens ``first`` to ``last``, or ``""``; a cue inside them does not count."""
    best = ""
    for scope in scopes:
        covers = scope.first <= last and first <= scope.last
        inside = first <= scope.cue_first <= last
        if covers and not inside and (not best or _RANK[scope.value] < _RANK[best]):
            best = scope.value
    return best


def _reach_forward(tokens: Tokens, mentions: Sequence[Mention], index: int, last: int) -> int:
    cue = mentions[index]
    breakable = cue.term.value in {Assertion.NEGATED, Assertion.POSSIBLE}
    for mention in mentions[index + 1 :]:
        if mention.kind is Kind.STOP:
            last = mention.first - 1
            break
        if breakable and mention.first > cue.last + 1 and _opens_graded_item(tokens, mention):
            last = mention.first - 1
            break
    return _before_new_clause(tokens, cue.last + 1, last)


def _opens_graded_item(tokens: Tokens, mention: Mention) -> bool:
    graded = mention.kind is Kind.SEVERITY and mention.term.value != "none"
    return graded and tokens.words[mention.first - 1] in _NEW_ITEM


def _before_new_clause(tokens: Tokens, first: int, last: int) -> int:
    """Cut a scope at the comma before a clause with its own verb: ``no X, Y is Z`` but not ``no X, Y or Z is seen``."""
    words, comma, opened = tokens.words, -1, 0
    for index in range(first, last + 1):
        opened += (words[index] == "(") - (words[index] == ")")
        if opened < 0:
            return index - 1
        if words[index] == ",":
            comma = index
        elif words[index] in _FINITE and comma >= 0:
            following = words[index + 1] if index < last else ""
            return last if following in _SEEN else comma - 1
    return last


def _reach_back(tokens: Tokens, mentions: Sequence[Mention], index: int, first: int) -> int:
    cue = mentions[index]
    for mention in reversed(mentions[:index]):
        if mention.kind is Kind.STOP:
            first = mention.last + 1
            break
    for place in range(cue.first - 1, first - 1, -1):
        if tokens.words[place] in _FINITE and place < cue.first - 3:
            return place
    return first
