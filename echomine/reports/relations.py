"""Tying each lesion of a sentence to its valves and its grade."""

from collections.abc import Sequence
from typing import NamedTuple

from echomine.domain.vocabulary import Disease, Valve
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens

ALL_VALVES: tuple[str, ...] = tuple(Valve)
_SEPARATORS = frozenset({",", "and", "or", "/", "&", "nor", "+"})
_PREPOSITIONS = frozenset(
    {"of", "on", "in", "within", "involving", "across", "at", "through", "to", "affecting", "over", "from"}
)
_RIGHT_LINKS = _PREPOSITIONS | frozenset(
    "the a both present seen noted attached identified located is are was adherent posterior anterior aspect tip tips "
    "side surface base level".split()
)
_POST_LINKS = frozenset(
    ", ( : - = which that is was are were appears appeared being graded as estimated to be judged felt considered at "
    "in the it read now remains remained quantified only rated".split()
)
_AFTER_GRADE = frozenset(
    ", . ; ) ( and by on in with at per but to from although when however which is was are were without now as for seen "
    "noted present also".split()
)
_BLOCKING = frozenset({"chamber", "septum", "vessel", "pericardium"})
_NORMAL_FOLLOWS = frozenset(
    ", . ; ) ( and or with in without except but for on as by to although other apart however".split()
)
_AWAY = frozenset({"from", "across", "than", "through", "between", "by", "to"})
_FLOW = frozenset({Disease.STENOSIS, Disease.REGURGITATION})


class Statement(NamedTuple):
    """One lesion of one valve.

    Attributes:
        valve: Name of the valve.
        disease: Name of the disease.
        grade: Severity value, or ``""`` when none is written.
        detail: Finer kind.
        head: First and last token of the lesion's own words: where assertion is asked.
        first, last: Tokens of the whole statement.
        implied: Assertion that the word itself brings (``competent``), or ``""``.
    """

    valve: str
    disease: str
    grade: str
    detail: str
    head: tuple[int, int]
    first: int
    last: int
    implied: str = ""


class Context(NamedTuple):
    """What earlier sentences leave behind: the valves spoken of, and those named so far in the report."""

    subject: tuple[str, ...] = ()
    named: frozenset[str] = frozenset()


class _Phrase(NamedTuple):
    """Valves with their grades, read leftwards from a head; ``grade`` is the head's own."""

    valves: list[tuple[str, str]]
    grade: str
    first: int


class SentenceReader:
    """Relations within one sentence.

    Args:
        tokens: The tokens of the report.
        mentions: Mentions of the sentence, grades joined.
        first, last: Its tokens, both included.
        context: What earlier sentences leave.
    """

    def __init__(
        self, tokens: Tokens, mentions: Sequence[Mention], first: int, last: int, context: Context
    ) -> None:
        self.words = tokens.words
        self.mentions = mentions
        self.first, self.last = first, last
        self.context = context
        self.owner = {token: m for m in mentions for token in range(m.first, m.last + 1)}
        self.done: dict[int, list[Statement]] = {}

    # -- what the sentence says ------------------------------------------------------------------------------------

    def statements(self) -> list[Statement]:
        """All statements of the sentence in order."""
        found: list[Statement] = []
        for mention in self.mentions:
            if mention.kind is Kind.LESION:
                made = self._lesion(mention)
            elif mention.kind is Kind.NORMAL:
                made = self._normal(mention)
            else:
                continue
            self.done[mention.last] = made
            found.extend(made)
        return found

    def subject(self) -> tuple[str, ...]:
        """The valves that the next sentence may go on about; empty when another structure took over."""
        for mention in reversed(self.mentions):
            if mention.kind is Kind.VALVE and not self._led_by(mention, _AWAY):
                return self._group_ending(mention)
            if mention.kind is Kind.LESION and mention.term.valve:
                return (mention.term.valve,)
        for mention in self.mentions:
            if mention.kind is Kind.STRUCTURE and mention.term.value in _BLOCKING:
                return ()
        return self.context.subject

    def _led_by(self, mention: Mention, words: frozenset[str]) -> bool:
        return any(word in words for word in self.words[max(self.first, mention.first - 2) : mention.first])

    # -- lesions ----------------------------------------------------------------------------------------------------

    def _lesion(self, head: Mention) -> list[Statement]:
        phrase = self._leftwards(head)
        valves, last = phrase.valves, head.last
        if head.term.valve:
            valves = [(head.term.valve, phrase.grade)]
        grade = phrase.grade
        coordinated = self._coordinated(phrase.first)
        if not valves:
            found, last = self._valves_of(head, coordinated)
            valves = [(valve, grade) for valve in found]
        if valves and not any(grade for _, grade in valves):
            shared = self._grade_after(head) or self._shared_grade(head, coordinated)
            valves = [(valve, shared) for valve, _ in valves]
        first = min(phrase.first, head.first)
        return [
            Statement(
                valve,
                head.term.value,
                grade,
                head.term.detail,
                (head.first, head.last),
                first,
                max(last, head.last),
            )
            for valve, grade in valves
        ]

    def _valves_of(self, head: Mention, coordinated: list[Statement]) -> tuple[tuple[str, ...], int]:
        if head.term.form == "adjective":
            found, last = self._attributed(head)
        else:
            found, last = self._rightwards(head)
        if found:
            return found, last
        if coordinated:
            return tuple(dict.fromkeys(statement.valve for statement in coordinated)), head.last
        return self._subject_of(head) or self._carried(head), head.last

    def _leftwards(self, head: Mention) -> _Phrase:
        valves: list[tuple[str, str]] = []
        open_from, own, form = 0, "", ""
        place, first, separated = head.first - 1, head.first, False
        while place >= self.first:
            mention = self.owner.get(place)
            if mention is None:
                if self.words[place] not in _SEPARATORS or not valves:
                    break
                separated = True
                place -= 1
                continue
            if mention.kind is Kind.FILLER:
                place = mention.first - 1
                continue
            if mention.kind is Kind.SEVERITY:
                if separated and not valves:
                    break
                if not valves and not own:
                    own = mention.term.value
                elif open_from < len(valves):
                    valves[open_from:] = [(valve, mention.term.value) for valve, _ in valves[open_from:]]
                    open_from = len(valves)
                else:
                    break
                separated = False
            elif mention.kind is Kind.VALVE:
                graded = open_from == len(valves) and bool(valves)
                if valves and (not separated or (graded and mention.term.form != "adjective")):
                    break
                if valves and form != mention.term.form and mention.term.form != "adjective":
                    break
                form = form or mention.term.form
                valves.extend((valve, "") for valve in self._names(mention))
                separated = False
            else:
                break
            first = mention.first
            place = mention.first - 1
        return _Phrase([(valve, grade or own) for valve, grade in valves], own, first)

    def _names(self, mention: Mention) -> tuple[str, ...]:
        if mention.term.value == "all":
            return ALL_VALVES
        if mention.term.value == "others":
            return tuple(valve for valve in ALL_VALVES if valve not in self.context.named)
        return (mention.term.value,)

    def _coordinated(self, first: int) -> list[Statement]:
        """The statements of the lesion that stands just before a list word before ``first``."""
        place = first - 1
        while place >= self.first and self.words[place] in _SEPARATORS:
            place -= 1
        if place == first - 1:
            return []
        mention = self.owner.get(place)
        while mention is not None and mention.kind is Kind.FILLER:
            place = mention.first - 1
            mention = self.owner.get(place)
        return self.done.get(place, []) if mention is not None and mention.kind is Kind.LESION else []

    def _shared_grade(self, head: Mention, coordinated: list[Statement]) -> str:
        if not coordinated or head.term.value in {Disease.PROSTHESIS, Disease.VEGETATION}:
            return ""
        before = coordinated[-1]
        comma_only = self.words[head.first - 1] == "," and before.disease != head.term.value
        return before.grade if not comma_only and before.first < before.head[0] else ""

    def _grade_after(self, head: Mention) -> str:
        place, steps = head.last + 1, 0
        while place <= self.last and steps <= 8:
            mention = self.owner.get(place)
            if mention is None:
                if self.words[place] not in _POST_LINKS:
                    return ""
                place += 1
            elif mention.kind is Kind.FILLER or (mention.kind is Kind.STOP and self.words[place] == "which"):
                place = mention.last + 1
            elif mention.kind is Kind.SEVERITY:
                return mention.term.value if self._ends_after(mention) else ""
            else:
                return ""
            steps += 1
        return ""

    def _ends_after(self, mention: Mention) -> bool:
        after = mention.last + 1
        return after > self.last or self.words[after] in _AFTER_GRADE

    def _rightwards(self, head: Mention) -> tuple[tuple[str, ...], int]:
        place, led = head.last + 1, False
        while place <= min(self.last, head.last + 10):
            mention = self.owner.get(place)
            if mention is None or mention.kind is Kind.FILLER:
                word = self.words[place]
                if mention is None and word not in _RIGHT_LINKS:
                    return (), head.last
                led = led or word in _PREPOSITIONS
                place += 1
            elif mention.kind is Kind.VALVE and led:
                return self._group_starting(mention)
            else:
                return (), head.last
        return (), head.last

    def _attributed(self, head: Mention) -> tuple[tuple[str, ...], int]:
        """Valves right of an adjective: ``thickened and calcified aortic valve``."""
        place = head.last + 1
        while place <= self.last:
            mention = self.owner.get(place)
            if mention is None:
                if self.words[place] not in _SEPARATORS:
                    break
                place += 1
            elif mention.kind is Kind.VALVE:
                return self._group_starting(mention)
            elif mention.kind in {Kind.FILLER, Kind.SEVERITY} or (
                mention.kind is Kind.LESION and mention.term.form == "adjective"
            ):
                place = mention.last + 1
            else:
                break
        return (), head.last

    def _subject_of(self, head: Mention) -> tuple[str, ...]:
        for mention in reversed(self.mentions):
            if mention.first >= head.first:
                continue
            if mention.kind is Kind.STRUCTURE and mention.term.value in _BLOCKING:
                return ()
            if mention.kind is Kind.VALVE:
                return self._group_ending(mention)
            if mention.kind is Kind.LESION and mention.term.valve:
                return (mention.term.valve,)
        return ()

    def _carried(self, head: Mention) -> tuple[str, ...]:
        if head.term.value == Disease.PROSTHESIS:
            return ()
        if head.term.value == Disease.STENOSIS and "%" in self.words[self.first : self.last + 1]:
            return ()
        return () if self._blocked(head) else self.context.subject

    def _blocked(self, head: Mention) -> bool:
        return any(
            m.kind is Kind.STRUCTURE and m.term.value in _BLOCKING and m.first <= head.last + 3
            for m in self.mentions
        )

    def _group_starting(self, mention: Mention) -> tuple[tuple[str, ...], int]:
        names, last, place = list(self._names(mention)), mention.last, mention.last + 1
        while place <= self.last:
            following = self.owner.get(place)
            if following is None:
                if self.words[place] not in _SEPARATORS:
                    break
                place += 1
            elif following.kind is Kind.VALVE:
                names.extend(self._names(following))
                last, place = following.last, following.last + 1
            elif following.kind is Kind.FILLER:
                place = following.last + 1
            else:
                break
        return tuple(dict.fromkeys(names)), last

    def _group_ending(self, mention: Mention) -> tuple[str, ...]:
        names, place = list(self._names(mention)), mention.first - 1
        while place >= self.first:
            before = self.owner.get(place)
            if before is None:
                if self.words[place] not in _SEPARATORS:
                    break
                place -= 1
            elif before.kind is Kind.VALVE:
                names = [*self._names(before), *names]
                place = before.first - 1
            elif before.kind is Kind.FILLER:
                place = before.first - 1
            else:
                break
        return tuple(dict.fromkeys(names))

    # -- normal valves ----------------------------------------------------------------------------------------------

    def _normal(self, mention: Mention) -> list[Statement]:
        if mention.term.value == "normal" and self._exceptive(mention):
            return []
        valves, first, last = self._valves_called(mention)
        disease, implied = Disease.NORMAL, ""
        if mention.term.value == "competent":
            disease, implied = Disease.REGURGITATION, "negated"
        return [
            Statement(valve, disease, "", "", (mention.first, mention.last), first, last, implied)
            for valve in valves
        ]

    def _exceptive(self, mention: Mention) -> bool:
        return any(
            m.kind is Kind.STOP
            and m.first > mention.last
            and self.words[m.first] in {"except", "other", "apart", "aside"}
            for m in self.mentions
        )

    def _valves_called(self, mention: Mention) -> tuple[tuple[str, ...], int, int]:
        valves, last = self._right_of_normal(mention)
        if valves:
            return valves, mention.first, last
        if not self._stands_alone(mention):
            return (), 0, 0
        valves, first = self._left_of_normal(mention)
        if valves:
            return valves, first, mention.last
        short = self.last - self.first <= 10 and not any(m.kind is Kind.STRUCTURE for m in self.mentions)
        if (
            "valvular" in self.words[mention.first : mention.last + 1]
            or "valve" in self.words[mention.first : mention.last + 1]
        ):
            return ALL_VALVES, mention.first, mention.last
        return (self.context.subject if short else ()), mention.first, mention.last

    def _stands_alone(self, mention: Mention) -> bool:
        after = mention.last + 1
        return after > self.last or self.words[after] in _NORMAL_FOLLOWS

    def _right_of_normal(self, mention: Mention) -> tuple[tuple[str, ...], int]:
        place = mention.last + 1
        while place <= self.last:
            following = self.owner.get(place)
            if following is None or following.kind not in {Kind.FILLER, Kind.VALVE}:
                break
            if following.kind is Kind.VALVE:
                valves, last = self._group_starting(following)
                closing = self.owner[last]
                return (valves, last) if closing.term.form != "adjective" else ((), 0)
            place = following.last + 1
        return (), 0

    def _left_of_normal(self, mention: Mention) -> tuple[tuple[str, ...], int]:
        for before in reversed(self.mentions):
            if before.first >= mention.first or before.kind in {
                Kind.FILLER,
                Kind.NORMAL,
                Kind.CUE,
                Kind.PSEUDO,
            }:
                continue
            if (
                before.kind is Kind.VALVE
                and before.term.form != "adjective"
                and mention.first - before.last <= 12
            ):
                return self._group_ending(before), before.first
            if before.kind in {Kind.STRUCTURE, Kind.LESION, Kind.STOP}:
                break
        return (), 0
