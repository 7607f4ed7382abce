"""Severity words of a sentence put together: ranges, bounds, grades repeated in brackets."""

from collections.abc import Sequence
from functools import cache

from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Severity
from echomine.reports.lexicon_files import Kind, Term, WordLists
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens


@cache
def interval_of(value: str) -> SeverityInterval:
    """The interval that a severity value of the lexicon names: ``mild`` or ``moderate..severe``."""
    low, _, high = value.partition("..")
    return SeverityInterval(Severity.from_word(low), Severity.from_word(high or low))


def join_grades(tokens: Tokens, mentions: Sequence[Mention], lists: WordLists) -> list[Mention]:
    """The mentions with each run of severity words, and a bound before it, made one severity mention."""
    joined: list[Mention] = []
    for mention in mentions:
        if mention.kind is Kind.SEVERITY and joined:
            if _is_contrast(tokens, joined, mention, lists):
                joined[-2:] = [_with_contrast(tokens, joined[-2], mention)]
                continue
            previous = joined[-1]
            value = _join(tokens, previous, mention, lists)
            if value and tokens.words[previous.first - 1] in lists.course_words and previous.first:
                value = mention.term.value
            if value:
                last = mention.last + (_closes(tokens, previous, mention))
                joined[-1] = Mention(Kind.SEVERITY, Term(Kind.SEVERITY, value), previous.first, last)
                continue
        joined.append(mention)
    return joined


def _is_contrast(tokens: Tokens, before: Sequence[Mention], right: Mention, lists: WordLists) -> bool:
    """Whether a grade is only the one that is not meant: ``mild, not moderate``."""
    cue = before[-1]
    if len(before) < 2 or before[-2].kind is not Kind.SEVERITY or cue.kind is not Kind.CUE:
        return False
    words = tokens.words
    close = words[before[-2].last + 1 : cue.first] in ([","], []) and cue.last + 1 == right.first
    return close and " ".join(words[cue.first : cue.last + 1]) in lists.contrasting


def _with_contrast(tokens: Tokens, left: Mention, right: Mention) -> Mention:
    comma = right.last + 1 < len(tokens) and tokens.words[right.last + 1] == ","
    return Mention(Kind.SEVERITY, left.term, left.first, right.last + comma)


def _join(tokens: Tokens, left: Mention, right: Mention, lists: WordLists) -> str:
    between = tokens.words[left.last + 1 : right.first]
    if left.kind is Kind.BOUND:
        return _bounded(left.term.value, right.term.value) if not between else ""
    if left.kind is not Kind.SEVERITY:
        return ""
    return _two_grades(left.term.value, right.term.value, between, lists)


def _two_grades(left: str, right: str, between: list[str], lists: WordLists) -> str:
    """What two grades mean by what stands between them: a range, one told twice, or ``""`` for two of their own."""
    if not between or (len(between) == 1 and between[0] in lists.range_words):
        return _range(left, right)
    if between != ["("]:
        return ""
    return right if right in _BETWEEN else left


_BETWEEN = frozenset({"mild_moderate", "moderate_severe"})
"""Grades that a bracket may add to a plainer word: ``mild (1-2+)``."""


def _closes(tokens: Tokens, left: Mention, right: Mention) -> int:
    """One if the right grade stands in brackets that close after it."""
    opened = tokens.words[left.last + 1 : right.first] == ["("]
    return int(opened and right.last + 1 < len(tokens) and tokens.words[right.last + 1] == ")")


@cache
def _range(left: str, right: str) -> str:
    hull = interval_of(left).hull(interval_of(right))
    steps = {
        (Severity.MILD, Severity.MODERATE): "mild_moderate",
        (Severity.MODERATE, Severity.SEVERE): "moderate_severe",
        (Severity.MODERATE, Severity.MODERATE_SEVERE): "moderate_severe",
        (Severity.MODERATE_SEVERE, Severity.SEVERE): "severe",
    }
    return steps.get((hull.low, hull.high), f"{hull.low.word}..{hull.high.word}")


@cache
def _bounded(bound: str, value: str) -> str:
    grade = interval_of(value)
    if bound == "at_least":
        return f"{grade.low.word}..severe"
    return f"none..{grade.high.word}"
