"""Finding the terms of the lexicon in a token sequence: longest match, left to right, without overlap."""

from typing import NamedTuple

from echomine.reports.abbreviations import Written, is_abbreviation
from echomine.reports.lexicon_files import Kind, Lexicon, Phrases, Term
from echomine.reports.scanning import Tokens

_GRADING = frozenset({Kind.SEVERITY, Kind.CUE})
_NEAR_IN_A_LIST = 3
_LISTED = frozenset({Kind.LESION, Kind.SEVERITY})
_GRADABLE = frozenset({Kind.LESION, Kind.VALVE, Kind.SEVERITY})
_POINTING = frozenset({":", "=", "-", "–"})
_TRACE = Term(Kind.SEVERITY, "trace")


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
        phrases = table.get(words[index])
        if phrases is not None:
            found = _longest(tokens, lexicon, phrases, index, last, mentions)
            if found is not None:
                mentions.append(found)
                index = found[3]
        index += 1
    return mentions


def _longest(
    tokens: Tokens, lexicon: Lexicon, phrases: Phrases, index: int, last: int, before: list[Mention]
) -> Mention | None:
    words, alone = tokens.words, phrases.alone
    if phrases.longer and index < last:
        for phrase, term in phrases.longer.get(words[index + 1], ()):
            end = index + len(phrase)
            if end <= last + 1 and words[index:end] == phrase and _is_meant(tokens, lexicon, term, index, end, before):
                return Mention(term.kind, term, index, end - 1)
    if alone is None:
        return None
    if alone.case and _is_small_grade(tokens, lexicon, index, last) and not _is_graded(before, index):
        return Mention(Kind.SEVERITY, _TRACE, index, index)
    meant = not alone.case or _is_meant(tokens, lexicon, alone, index, index + 1, before)
    return Mention(alone.kind, alone, index, index) if meant else None


def _is_small_grade(tokens: Tokens, lexicon: Lexicon, index: int, last: int) -> bool:
    """Whether an abbreviation in small letters is the grade of what it stands beside: ``tr AI``, ``MR: tr``."""
    words = tokens.words
    if words[index] not in lexicon.lists.small_grades or tokens.original(index).isupper():
        return False
    if words[index - 1] in _POINTING and index:
        return True
    phrases = lexicon.phrases.get(words[index + 1]) if index < last else None
    graded = index < last and words[index + 1] in lexicon.lists.range_words
    return graded or (phrases is not None and any(term.kind in _GRADABLE for _, term in phrases.terms()))


def _is_meant(tokens: Tokens, lexicon: Lexicon, term: Term, index: int, end: int, before: list[Mention]) -> bool:
    if term.case == "ungraded":
        return not _is_graded(before, index)
    return not term.case or is_abbreviation(tokens, _written(tokens, before, term, (index, end)), lexicon)


def _written(tokens: Tokens, before: list[Mention], term: Term, place: tuple[int, int]) -> Written:
    index, end = place
    previous = before[-1] if before else None
    gap = index - previous.last if previous is not None and previous.kind in _LISTED else _NEAR_IN_A_LIST + 1
    listed = gap < _NEAR_IN_A_LIST or (gap == _NEAR_IN_A_LIST and tokens.words[index - 2] == ",")
    return Written(index, end - 1, term.case == "guarded", _is_graded(before, index), listed)


def _is_graded(before: list[Mention], index: int) -> bool:
    """Whether a grade or a cue stands just before a token, fillers such as ``significant`` aside."""
    for mention in reversed(before):
        if mention.last != index - 1:
            return False
        if mention.kind is not Kind.FILLER:
            return mention.kind in _GRADING
        index = mention.first
    return False
