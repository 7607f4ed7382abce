"""Telling an abbreviation from a word: ``AS`` from ``as``, ``MR`` from ``Mr.``, in any style of capitals."""

from collections.abc import Collection
from typing import NamedTuple

from echomine.reports.lexicon_files import Kind, Lexicon
from echomine.reports.scanning import Tokens

_NEIGHBOURS = 4
_FARTHEST_WORD = 5
_ENDS = frozenset({".", ",", ";", ")", "("})
_LISTING = frozenset({",", "and", "or", "/", "&"})
_ENDS_OR_NOTHING = _ENDS | {""}
_SAYING = frozenset({Kind.SEVERITY, Kind.CUE})


class Written(NamedTuple):
    """An abbreviation as it stands in a sentence.

    Attributes:
        first, last: Its tokens.
        guarded: Whether it means something else so often that a grade or list beside it is wanted.
        graded: Whether a grade or a cue stands just before it.
        listed: Whether a lesion with its grade stands before it in a list.
    """

    first: int
    last: int
    guarded: bool
    graded: bool
    listed: bool


def is_abbreviation(tokens: Tokens, written: Written, lexicon: Lexicon) -> bool:
    """Whether the token is meant as an abbreviation.

    In mixed text capitals say so, except for ``AS WELL`` and its like; in text all in capitals a grade, a list or the
    end of the clause must stand beside it; in small letters only a grade or a cue makes it one (``no ai``).
    """
    if not tokens.original(written.first).isupper():
        return (written.graded or _goes_on_small(tokens, written)) and _is_meant_small(tokens, written, lexicon)
    if written.graded or written.listed:
        return _is_meant_beside_a_grade(tokens, written, lexicon)
    if _is_measured(tokens, written.last + 1, lexicon.units):
        return False
    spoken_of = _is_spoken_of(tokens, written.last + 1, lexicon)
    return spoken_of or (not written.guarded and _stands_out(tokens, written, lexicon))


def _goes_on_small(tokens: Tokens, written: Written) -> bool:
    """Whether an abbreviation in small letters is the next of a list: ``trace mr and tr``, ``no ai or as``."""
    return written.listed and tokens.words[written.first - 1] in _LISTING


def _is_meant_small(tokens: Tokens, written: Written, lexicon: Lexicon) -> bool:
    """Whether an abbreviation in small letters is no word: ``no ai``, ``no as.`` but not ``severe as before``."""
    text = tokens.original(written.first)
    ended = text in lexicon.lists.small_words_and_lesions and _following(tokens, written) in _ENDS_OR_NOTHING
    return text.islower() and (ended or text not in lexicon.lists.small_words)


def _is_meant_beside_a_grade(tokens: Tokens, written: Written, lexicon: Lexicon) -> bool:
    """Whether a graded abbreviation is meant: in text all in capitals ``AS`` may be the word."""
    sure = written.graded and not is_shouted(tokens, written.first)
    word = tokens.words[written.first] in lexicon.lists.small_words_and_lesions
    return sure or not (word and _following(tokens, written) in lexicon.lists.not_abbreviation)


def _is_measured(tokens: Tokens, after: int, units: Collection[str]) -> bool:
    """Whether a number with its unit follows: ``TR 500 msec``, ``MR 2.8 m/s``."""
    number = after + 1 < len(tokens) and tokens.words[after].replace(".", "").isdigit()
    return number and tokens.words[after + 1] in units


def _is_spoken_of(tokens: Tokens, after: int, lexicon: Lexicon) -> bool:
    """Whether a grade or a denial is said of what stands before a token: ``AS is not seen``, ``PR, mild``."""
    links, seen = lexicon.lists.grade_links, lexicon.lists.seen
    place, end = after, min(len(tokens), after + _FARTHEST_WORD)
    while place < end and tokens.words[place] in links:
        if tokens.words[place] in seen and place > after:
            return True
        place += 1
    if place == after or place >= len(tokens):
        return False
    if tokens.words[after] == ":":
        return _fills_the_line(tokens, place, lexicon)
    phrases = lexicon.phrases.get(tokens.words[place])
    says = phrases is not None and any(term.kind in _SAYING for _, term in phrases.terms())
    return says or tokens.words[place] in seen


def _fills_the_line(tokens: Tokens, place: int, lexicon: Lexicon) -> bool:
    """Whether a grade and nothing else stands after a colon: ``PR: trace.`` but not ``MS: Minimal speech``."""
    phrases = lexicon.phrases.get(tokens.words[place])
    for words, term in phrases.terms() if phrases is not None else ():
        after = place + max(1, len(words))
        if term.kind is Kind.SEVERITY and (not words or tokens.words[place:after] == words):
            ended = after >= len(tokens) or tokens.words[after] in _ENDS or bool(tokens.breaks[after])
            ranged = not ended and tokens.words[after] in lexicon.lists.range_words and after + 1 < len(tokens)
            return ended or (ranged and _fills_the_line(tokens, after + 1, lexicon))
    return False


def _stands_out(tokens: Tokens, written: Written, lexicon: Lexicon) -> bool:
    following, lists = _following(tokens, written), lexicon.lists
    word = tokens.words[written.first]
    if not is_shouted(tokens, written.first):
        return word not in lists.small_words_and_lesions or following not in lists.not_abbreviation
    if word in lists.small_words_and_lesions:
        return following in _ENDS_OR_NOTHING
    return word not in lists.titles or following != "." or _ends_line(tokens, written.last + 1)


def _following(tokens: Tokens, written: Written) -> str:
    after = written.last + 1
    return tokens.words[after] if after < len(tokens) else ""


def _ends_line(tokens: Tokens, index: int) -> bool:
    return index + 1 >= len(tokens) or bool(tokens.breaks[index + 1])


def is_shouted(tokens: Tokens, index: int) -> bool:
    """Whether the longer words around a token are all in capitals (and there are any)."""
    window = range(max(0, index - _NEIGHBOURS), min(len(tokens), index + _NEIGHBOURS + 1))
    longer = [tokens.original(i) for i in window if i != index and len(tokens.words[i]) > 3]
    words = [word for word in longer if word.isalpha()]
    return bool(words) and all(word.isupper() for word in words)
