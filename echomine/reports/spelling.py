"""Reading past typing errors in the few long words that findings hang on: ``regurgitaton``, ``insuficiency``."""

from collections.abc import Iterable
from functools import lru_cache

from rapidfuzz.distance import OSA

from echomine.reports.lexicon_files import Lexicon
from echomine.reports.scanning import Tokens, scan

SHORTEST = 6
_SHORTEST_FOR_TWO_ERRORS = 9
_LONGEST = 24
_REMEMBERED = 65536


def scan_spelled(text: str, lexicon: Lexicon) -> Tokens:
    """The tokens of a text with the misspelt words of ``lexicon.lists.spelling`` put right; places stay as written.

    A word is taken as misspelt when the lexicon does not know it, it begins with the same letter, and it is one edit
    away (two from nine letters on; neighbours swapped are one edit). ``lexicon.lists.not_typos`` are left alone.
    """
    tokens = scan(text)
    known = lexicon.known_words
    for index, word in enumerate(tokens.words):
        if len(word) >= SHORTEST and word not in known:
            tokens.words[index] = _corrected(word, lexicon.lists.spelling)
    return tokens


@lru_cache(maxsize=_REMEMBERED)
def _corrected(word: str, spelling: frozenset[str]) -> str:
    """The word that was meant, or the word itself; one that is as near to two others stays."""
    if len(word) > _LONGEST or not word.isalpha():
        return word
    allowed = 2 if len(word) >= _SHORTEST_FOR_TWO_ERRORS else 1
    return _nearest(word, (right for right in spelling if right[0] == word[0]), allowed) or word


def _nearest(word: str, candidates: Iterable[str], allowed: int) -> str:
    near = sorted((OSA.distance(word, right, score_cutoff=allowed), right) for right in candidates)
    near = [(distance, right) for distance, right in near if distance <= allowed]
    if not near or (len(near) > 1 and near[0][0] == near[1][0] and not _same_stem(near[0][1], near[1][1])):
        return ""
    return near[0][1]


def _same_stem(first: str, second: str) -> bool:
    """Whether two words differ in their ending only: ``vegetation`` and ``vegetations``."""
    return first[:SHORTEST] == second[:SHORTEST]
