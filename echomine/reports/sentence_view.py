"""One sentence with its mentions: who owns which word, and which valves stand together."""

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from echomine.domain.vocabulary import Valve
from echomine.reports.lexicon_files import Kind, Term, WordLists
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens

ALL_VALVES: tuple[str, ...] = tuple(Valve)
_OWN_VALVE = frozenset({Kind.LESION, Kind.STRUCTURE})
_NO_TOKENS: frozenset[int] = frozenset()
_HEADING_MARKS = frozenset({",", ":", "-", "–"})
_CLAUSE_ENDS = frozenset({",", ";", ".", ":"})
_SAID = frozenset({Kind.SEVERITY, Kind.CUE, Kind.LESION, Kind.NORMAL})
BLOCKING = frozenset({"chamber", "septum", "vessel", "pericardium"})


class Rule(StrEnum):
    """How a lesion came by its valve or its grade."""

    NONE = ""
    OWN_WORD = "the word holds its valve"
    NOUN_PHRASE = "the noun phrase before it"
    ADJECTIVE = "the valve after the adjective"
    PREPOSITION = "a preposition after it"
    LIST = "the list it stands in"
    SUBJECT = "the subject of the sentence"
    CARRIED = "the subject of an earlier sentence"
    AFTER = "the words after it"
    CALLED = "what is called normal or competent"
    SAME_AGAIN = "the same findings told of another valve"
    NO_MORE = "a later denial of it"
    HEADING = "the list of valves that it heads"


class Statement(NamedTuple):
    """One lesion of one valve.

    Attributes:
        valve: Name of the valve.
        disease: Name of the disease.
        grade: Severity value, or ``""`` when none is written.
        detail: Finer kind.
        head: First and last token of the lesion's own words: where assertion is asked.
        first, last: Tokens of the whole statement.
        implied: Assertion that the words themselves bring (``competent``), or ``""``.
        valve_by, grade_by: The rules that tied it to its valve and its grade.
    """

    valve: str
    disease: str
    grade: str
    detail: str
    head: tuple[int, int]
    first: int
    last: int
    implied: str = ""
    valve_by: Rule = Rule.NONE
    grade_by: Rule = Rule.NONE


class Context(NamedTuple):
    """What earlier sentences leave behind.

    Attributes:
        subject: The valves spoken of last, that a bare head may go on about.
        named: All valves named so far in the report.
        said: Statements of the last sentence that made any.
        age: Sentences since a valve was named.
        by_noun: Whether the subject is a valve itself, not only the place of a lesion.
        heading: The lesion that heads a list of valves which goes on: ``Regurgitation: mitral - mild; ...``.
        of_a_heart: Whether a valve or a chamber has been named so far.
        devices: The valves that prostheses have been told of.
    """

    subject: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()
    said: tuple[Statement, ...] = ()
    age: int = 0
    by_noun: bool = False
    heading: Term | None = None
    of_a_heart: bool = False
    devices: frozenset[str] = frozenset()


class SentenceView:
    """A sentence as the readers of relations see it.

    Args:
        tokens: The tokens of the report.
        mentions: Mentions of the sentence, grades joined.
        lists: Function words of the language.
        span: Its first and last token, both included.
        context: What earlier sentences leave.
    """

    __slots__ = ("context", "first", "last", "linking", "lists", "mentions", "owner", "words")

    def __init__(
        self,
        tokens: Tokens,
        mentions: Sequence[Mention],
        lists: WordLists,
        span: tuple[int, int],
        context: Context,
    ) -> None:
        self.words = tokens.words
        self.mentions = mentions
        self.lists = lists
        self.first, self.last = span
        self.context = context
        self.linking = _list_phrases(tokens.words, lists, span) if mentions else frozenset()
        self.owner = {token: m for m in mentions for token in range(m.first, m.last + 1)}

    def separates(self, place: int) -> bool:
        """Whether a list word or comma stands at a token."""
        return self.words[place] in self.lists.separators or place in self.linking

    def names(self, mention: Mention) -> tuple[str, ...]:
        """The valves that a valve mention names."""
        if mention.term.value == "all":
            return ALL_VALVES
        if mention.term.value == "others":
            return tuple(valve for valve in ALL_VALVES if valve not in self.context.named)
        return (mention.term.value,)

    def group_from(self, mention: Mention) -> tuple[tuple[str, ...], int]:
        """The valves listed from a mention on, and the last token of the list."""
        names, last, place = list(self.names(mention)), mention.last, mention.last + 1
        while place <= self.last:
            following = self.owner.get(place)
            if self.separates(place):
                place += 1
            elif following is None or following.kind not in {Kind.VALVE, Kind.FILLER}:
                break
            else:
                if following.kind is Kind.VALVE:
                    names.extend(self.names(following))
                    last = following.last
                place = following.last + 1
        return tuple(dict.fromkeys(names)), last

    def group_to(self, mention: Mention) -> tuple[tuple[str, ...], int]:
        """The valves listed up to a mention, and the first token of the list."""
        names, first, place = list(self.names(mention)), mention.first, mention.first - 1
        while place >= self.first:
            before = self.owner.get(place)
            if self.separates(place):
                place -= 1
            elif before is None or before.kind not in {Kind.VALVE, Kind.FILLER}:
                break
            else:
                if before.kind is Kind.VALVE:
                    names[:0] = self.names(before)
                    first = before.first
                place = before.first - 1
        return tuple(dict.fromkeys(names)), first

    def subject_before(self, place: int) -> tuple[str, ...]:
        """The valves that stand nearest before a token, with no chamber, vessel or septum in between.

        A valve named only as a place (``gradient across the mitral valve``) counts when there is no other.
        """
        passed: tuple[str, ...] = ()
        for mention in reversed(self.mentions):
            if mention.first >= place:
                continue
            if mention.term.valve and mention.kind in _OWN_VALVE:
                return (mention.term.valve,)
            if mention.kind is Kind.STRUCTURE and mention.term.value in BLOCKING:
                break
            if mention.kind is Kind.VALVE and self.can_be_subject(mention):
                return self.group_to(mention)[0]
            if mention.kind is Kind.VALVE and mention.term.form == "noun" and not passed:
                passed = self.group_to(mention)[0]
        return passed

    def can_be_subject(self, mention: Mention) -> bool:
        """Whether a valve mention can carry a statement: a noun can, an adjective only with a lesion for its noun."""
        if mention.term.form == "part":
            return False
        if mention.term.form != "adjective":
            return not self._led_away(mention)
        place = self.group_from(mention)[1] + 1
        placed = place <= self.last and self.words[place] in self.lists.places and self.words[place].isalpha()
        if placed or self._heads_its_item(mention, place):
            return True
        following = self.owner.get(place)
        while following is not None and following.kind is Kind.FILLER:
            place = following.last + 1
            following = self.owner.get(place)
        return following is not None and following.kind is Kind.LESION

    def _heads_its_item(self, mention: Mention, after: int) -> bool:
        """Whether an adjective stands for its valve before what is said of it: ``Mitral, mild regurgitation``."""
        if after >= self.last or self.words[after] not in _HEADING_MARKS:
            return False
        first = self.group_to(mention)[1]
        opens = first == self.first or self.words[first - 1] in _CLAUSE_ENDS
        said = self.owner.get(after + 1)
        return opens and (self.words[after] == ":" or (said is not None and said.kind in _SAID))

    def _led_away(self, mention: Mention) -> bool:
        before = self.words[max(self.first, mention.first - 2) : mention.first]
        return any(word in self.lists.away for word in before)

    def blocked(self, until: int) -> bool:
        """Whether a chamber, vessel or septum is spoken of at or before a token, so that no subject is carried."""
        return any(m.kind is Kind.STRUCTURE and m.term.value in BLOCKING and m.first <= until for m in self.mentions)

    def subject_after(self) -> tuple[str, ...] | None:
        """The valves that the next sentence may go on about; None when this one names none."""
        for mention in reversed(self.mentions):
            if mention.kind is Kind.VALVE and self.can_be_subject(mention) and not self._aside(mention):
                return self.group_to(mention)[0]
            if mention.kind in _OWN_VALVE and mention.term.valve:
                return (mention.term.valve,)
        blocking = any(m.kind is Kind.STRUCTURE and m.term.value in BLOCKING for m in self.mentions)
        return () if blocking else None

    def _aside(self, mention: Mention) -> bool:
        """Whether a valve is named in passing: ``because of shadowing from the aortic valve``."""
        return any(word in self.lists.aside for word in self.words[self.first : mention.first])


def _list_phrases(words: Sequence[str], lists: WordLists, span: tuple[int, int]) -> frozenset[int]:
    """The tokens of a sentence that belong to phrases such as ``as well as``."""
    by_first = _split(lists.list_phrases)
    if by_first.keys().isdisjoint(words[span[0] : span[1] + 1]):
        return _NO_TOKENS
    found: set[int] = set()
    for place in range(span[0], span[1] + 1):
        for phrase in by_first.get(words[place], ()):
            end = place + len(phrase)
            if end <= span[1] + 1 and words[place:end] == phrase:
                found.update(range(place, end))
    return frozenset(found)


@cache
def _split(phrases: frozenset[str]) -> dict[str, list[list[str]]]:
    by_first: dict[str, list[list[str]]] = {}
    for phrase in sorted(phrases):
        by_first.setdefault(phrase.split()[0], []).append(phrase.split())
    return by_first
