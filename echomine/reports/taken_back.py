"""Dictation that takes back what was just said: ``mild, correction, moderate``."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import takewhile

from echomine.reports.lexicon_files import Kind, Lexicon
from echomine.reports.mentions import Mention, find_mentions
from echomine.reports.scanning import Tokens, without_tokens

_FARTHEST = 12
_NAMED = frozenset({Kind.VALVE, Kind.LESION})
_STOPS = frozenset({".", ";"})


def without_corrected(tokens: Tokens, lexicon: Lexicon) -> Tokens:
    """The tokens without what a correction takes back, and without the correction itself.

    What follows a correction says which word is replaced: a grade the last grade, a valve the last valve; all that
    is said again goes with it. A correction stands after a comma, or it is none (``correction of the stenosis``).
    """
    telling, phrases = _split(lexicon.lists.corrections)
    if telling.isdisjoint(tokens.words):
        return tokens
    dropped: set[int] = set()
    for first, last in _corrections(tokens, phrases):
        dropped.update(_taken_back(tokens, lexicon, first, last))
    return without_tokens(tokens, frozenset(dropped)) if dropped else tokens


@cache
def _split(corrections: frozenset[str]) -> tuple[frozenset[str], list[list[str]]]:
    """The longest word of each phrase, without which it cannot stand in a text; and the phrases."""
    phrases = [phrase.split() for phrase in sorted(corrections)]
    return frozenset(max(phrase, key=len) for phrase in phrases), phrases


def _corrections(tokens: Tokens, phrases: Sequence[Sequence[str]]) -> Iterator[tuple[int, int]]:
    words = tokens.words
    for index in range(1, len(words)):
        for phrase in phrases if words[index - 1] == "," else ():
            if words[index : index + len(phrase)] == phrase:
                yield index, index + len(phrase) - 1


def _taken_back(tokens: Tokens, lexicon: Lexicon, first: int, last: int) -> set[int]:
    """The tokens to drop for the correction ``first`` to ``last``; none when nothing before it is like what follows."""
    begin = first - len(
        list(takewhile(lambda word: word not in _STOPS, reversed(tokens.words[max(0, first - _FARTHEST) : first])))
    )
    before = [m for m in find_mentions(tokens, lexicon, begin, first - 1) if m.kind is not Kind.FILLER]
    after = find_mentions(tokens, lexicon, last + 1, min(last + _FARTHEST, len(tokens) - 1))
    after = [m for m in after if m.kind is not Kind.FILLER]
    like = [place for place, mention in enumerate(before) if after and mention.kind is after[0].kind]
    if not like:
        return set()
    return _replaced(before[like[-1] :], after, last) | _marks(tokens, first, last, after)


def _replaced(before: Sequence[Mention], after: Sequence[Mention], last: int) -> set[int]:
    again = [m.kind for m in before] == [m.kind for m in after[: len(before)]]
    return set(range(before[0].first, (last if again else before[0].last) + 1))


def _marks(tokens: Tokens, first: int, last: int, after: Sequence[Mention]) -> set[int]:
    """The correction and the commas around it: ``mild, I mean moderate, stenosis``."""
    places = set(range(first - 1, last + 1))
    closing = after[0].last + 1
    goes_on = len(after) > 1 and after[1].first == closing + 1 and after[1].kind in _NAMED
    for comma in (last + 1, closing if goes_on else last + 1):
        if comma < len(tokens) and tokens.words[comma] == ",":
            places.add(comma)
    return places
