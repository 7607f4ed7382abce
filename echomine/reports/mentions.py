"""Finding the terms of the lexicon in a token sequence: longest match, left to right, without overlap."""

from typing import NamedTuple

from echomine.reports.abbreviations import Written, is_abbreviation
from echomine.reports.lexicon_files import Kind, Lexicon, Term
from echomine.reports.scanning import Tokens

_GRADING = frozenset({Kind.SEVERITY, Kind.CUE})
_LISTED = frozenset({Kind.LESION, Kind.SEVERITY})


class Mention(NamedTuple):
    """A term at tokens ``first`` to ``last``, both included."""

    kind: Kind
    term: Term
    first: int
    last: int


def find_mentions(tokens: Tokens, lexicon: Lexicon, first: int, last: int) -> list[Mention]:
    """The mentions within tokens ``first`` to ``last`` (included), in order."""
    words, table = tokens.words, lexicon.phrases
    mentions: list[Mention] = []
    index = first
    while index <= last:
        rows = table.get(words[index])
        found = _longest(tokens, lexicon, rows, index, last, mentions) if rows is not None else None
        if found is not None:
            mentions.append(found)
            index = found.last
        index += 1
    return mentions


def _longest(
    tokens: Tokens,
    lexicon: Lexicon,
    rows: tuple[tuple[list[str], Term], ...],
    index: int,
    last: int,
    before: list[Mention],
) -> Mention | None:
    words, room = tokens.words, last - index + 1
    for phrase, term in rows:
        size = len(phrase)
        if size > room or (size > 1 and words[index : index + size] != phrase):
            continue
        if not term.case or is_abbreviation(tokens, _written(before, term, index, size), lexicon):
            return Mention(term.kind, term, index, index + size - 1)
    return None


def _written(before: list[Mention], term: Term, index: int, size: int) -> Written:
    previous = before[-1] if before else None
    listed = previous is not None and previous.kind in _LISTED and index - previous.last <= 2
    return Written(index, index + size - 1, term.case == "guarded", _is_graded(before, index), listed)


def _is_graded(before: list[Mention], index: int) -> bool:
    """Whether a grade or a cue stands just before a token, fillers such as ``significant`` aside."""
    for mention in reversed(before):
        if mention.last != index - 1:
            return False
        if mention.kind is not Kind.FILLER:
            return mention.kind in _GRADING
        index = mention.first
    return False
