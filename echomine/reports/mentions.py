"""Finding the terms of the lexicon in a token sequence: longest match, left to right, without overlap."""

from collections.abc import Sequence
from typing import NamedTuple

from echomine.reports.lexicon_files import Kind, Lexicon, Term, WordLists
from echomine.reports.scanning import Tokens

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
        step = 1
        if rows is not None:
            for phrase, term in rows:
                size = len(phrase)
                if index + size - 1 <= last and (size == 1 or tuple(words[index : index + size]) == phrase):
                    if term.case and not _is_abbreviation(
                        tokens, index, size, mentions, lexicon.lists, guarded=term.case == "guarded"
                    ):
                        continue
                    mentions.append(Mention(term.kind, term, index, index + size - 1))
                    step = size
                    break
        index += step
    return mentions


def _is_abbreviation(
    tokens: Tokens, index: int, size: int, before: Sequence[Mention], lists: WordLists, *, guarded: bool
) -> bool:
    """Whether capitals are meant as an abbreviation: ``AS`` is, ``as`` is not, ``AS WELL`` is not, ``Mr.`` is not."""
    written = tokens.original(index)
    graded = bool(before) and before[-1].last == index - 1 and before[-1].kind in {Kind.SEVERITY, Kind.CUE}
    listed = len(before) > 0 and before[-1].kind in _LISTED and index - before[-1].last <= 2
    if not written.isupper():
        return graded and written.islower() and written not in {"as", "pa", "la", "ef"}
    if guarded:
        return graded or listed
    following = tokens.words[index + size] if index + size < len(tokens) else ""
    if written == "AS":
        return following not in lists.not_abbreviation
    return True
