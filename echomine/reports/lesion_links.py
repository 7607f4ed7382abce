"""Reading around a lesion: its valves to the left and right, its grade before and after."""

from typing import NamedTuple

from echomine.domain.vocabulary import Assertion, Disease
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.sentence_view import BLOCKING, SentenceView

TYPING = "calcific"
"""Detail of adjectives that say what kind of stenosis it is, and leave the grade before them to it."""

JUDGING = frozenset({Assertion.POSSIBLE, Assertion.HISTORICAL})
"""Cues that may stand between a lesion and its grade: ``is probably moderate``, ``was previously mild``."""
QUALITY = "quality"
"""Value of fillers that go on about the same valve after a comma."""

_FARTHEST_GRADE = 8
_FARTHEST_VALVE = 12


class Phrase(NamedTuple):
    """What stands left of a head: its valves, each with its grade; its own grade; the first token."""

    valves: tuple[tuple[str, str], ...]
    grade: str
    first: int


class _Leftward:
    """State of one walk to the left of a head."""

    def __init__(self, view: SentenceView, head: Mention) -> None:
        self.view = view
        self.head = head
        self.place = head.first - 1
        self.first = head.first
        self.valves: list[tuple[str, str]] = []
        self.graded = 0
        self.own = ""
        self.form = ""
        self.separated = False
        self.typed = False
        self.bracketed = ""

    def walk(self) -> Phrase:
        while self.place >= self.view.first and self._step():
            pass
        valves = tuple((valve, grade or self.own) for valve, grade in self.valves)
        return Phrase(valves, self.own, self.first)

    def _step(self) -> bool:
        mention = self.view.owner.get(self.place)
        if self.view.separates(self.place) and (mention is None or mention.kind is not Kind.SEVERITY):
            self.separated = True
            self.place -= 1
            return bool(self.valves)
        if mention is None:
            return self._bracket()
        if mention.kind is Kind.FILLER or mention.term.detail == TYPING or self._tells_of_a_device(mention):
            self.place = mention.first - 1
            self.separated = False
            self.typed = True
            return True
        took = (
            (mention.kind is Kind.SEVERITY and not _after_colon(self.view, mention) and self._grade(mention.term.value))
            or (mention.kind is Kind.VALVE and self._valve(mention))
            or (mention.kind is Kind.CUE and self._denial(mention))
        )
        if took:
            self.first = mention.first
            self.place = mention.first - 1
            self.separated = self.typed = False
        return took

    def _tells_of_a_device(self, mention: Mention) -> bool:
        """Whether an adjective says whose lesion it is: ``moderate prosthetic aortic stenosis``."""
        device = mention.kind is Kind.LESION and mention.term.value == Disease.PROSTHESIS
        return device and mention.term.form == "adjective" and self.head.term.value != Disease.PROSTHESIS

    def _bracket(self) -> bool:
        """A grade in brackets behind its valve: ``mitral (2+) and tricuspid (1+) regurgitation``."""
        grade = self.view.owner.get(self.place - 1)
        closed = self.view.words[self.place] == ")" and grade is not None and grade.kind is Kind.SEVERITY
        if grade is None or not closed or self.view.words[grade.first - 1] != "(":
            return False
        self.bracketed = grade.term.value
        self.place = grade.first - 2
        return True

    def _denial(self, mention: Mention) -> bool:
        """``no`` in the middle of a list: ``mild mitral and no aortic regurgitation``."""
        place = mention.first - 1
        listed = place > self.view.first and self.view.separates(place) and mention.term.value == Assertion.NEGATED
        while place > self.view.first and self.view.separates(place):
            place -= 1
        before = self.view.owner.get(place)
        between = listed and before is not None and before.kind is Kind.VALVE
        return between and self.graded < len(self.valves) and self._grade("none")

    def _grade(self, value: str) -> bool:
        if not self.valves and not self.own:
            self.own = value
        elif self.graded < len(self.valves) and not self.own and (self.typed or not self.separated):
            self.valves[self.graded :] = [(valve, value) for valve, _ in self.valves[self.graded :]]
            self.graded = len(self.valves)
        else:
            return False
        return True

    def _valve(self, mention: Mention) -> bool:
        form = mention.term.form
        if self.valves:
            all_graded = self.graded == len(self.valves)
            if not self.separated or (all_graded and form != "adjective"):
                return False
            if form not in {self.form, "adjective"}:
                return False
        self.form = self.form or form
        self.valves.extend((valve, self.bracketed) for valve in self.view.names(mention))
        if self.bracketed:
            self.graded, self.bracketed = len(self.valves), ""
        return True


def leftwards(view: SentenceView, head: Mention) -> Phrase:
    """Valves and grades of the noun phrase that ends in a head: ``mild aortic and moderate mitral regurgitation``."""
    return _Leftward(view, head).walk()


def rightwards(view: SentenceView, head: Mention) -> tuple[tuple[str, ...], int]:
    """Valves that a preposition ties to a head: ``vegetation attached to the aortic valve``; and the last token."""
    inverted = _inverted(view, head)
    if inverted is not None:
        return view.group_from(inverted)
    place, led = head.last + 1, False
    while place <= min(view.last, head.last + _FARTHEST_VALVE):
        mention = view.owner.get(place)
        word = view.words[place]
        if mention is None:
            if (
                word not in view.lists.right_links
                and word not in view.lists.prepositions
                and not _joins_heads(view, place)
            ):
                break
            led = led or word in view.lists.prepositions
            place += 1
        elif mention.kind is Kind.VALVE and led and _is_place(view, mention):
            aimed = not view.lists.aiming.isdisjoint(view.words[head.last + 1 : mention.first])
            return ((), head.last) if aimed else view.group_from(mention)
        elif mention.kind is Kind.FILLER or _leads_on(view, mention) or (led and is_device_adjective(mention)):
            led = led or word in view.lists.leading
            place = mention.last + 1
        else:
            break
    return (), head.last


def is_device_adjective(mention: Mention) -> bool:
    """Whether a word says that a valve is no native one: ``prosthetic``."""
    device = mention.kind is Kind.LESION and mention.term.value == Disease.PROSTHESIS
    return device and mention.term.form == "adjective"


def _inverted(view: SentenceView, head: Mention) -> Mention | None:
    """The valve of a heading turned round, ``endocarditis, mitral valve``: after a comma, and nothing after it.

    Also the valves in brackets behind a device: ``valve replacement (aortic and mitral)``.
    """
    if head.last + 2 > view.last or view.words[head.last + 1] not in {",", "("}:
        return None
    valve = view.owner.get(head.last + 2)
    if view.words[head.last + 1] == "(":
        bracketed = valve is not None and valve.kind is Kind.VALVE and head.term.value == Disease.PROSTHESIS
        return valve if bracketed else None
    if valve is None or valve.kind is not Kind.VALVE or valve.term.form != "noun":
        return None
    after = view.group_from(valve)[1] + 1
    return valve if after > view.last or view.words[after] in {".", ";"} else None


def _joins_heads(view: SentenceView, place: int) -> bool:
    """Whether a list word stands before another bare head: ``vegetation or thickening of``."""
    if not view.separates(place):
        return False
    after = place + 1
    mention = view.owner.get(after)
    if mention is None:
        return False
    return mention.kind is Kind.SEVERITY or _coordinates(view, mention) or _denies_next(view, mention)


def _leads_on(view: SentenceView, mention: Mention) -> bool:
    """Whether a lesion, or what is said of the first one, may stand before the valve: ``is not seen on the valve``."""
    judged = mention.kind is Kind.CUE and mention.term.direction == "backward"
    return judged or _coordinates(view, mention) or _denies_next(view, mention)


def _denies_next(view: SentenceView, mention: Mention) -> bool:
    """Whether a denial stands before another bare head: ``calcification but no stenosis of``."""
    following = view.owner.get(mention.last + 1)
    if mention.kind is Kind.STOP:
        return following is not None and following.kind is Kind.CUE and _denies_next(view, following)
    denied = mention.kind is Kind.CUE and mention.term.value == Assertion.NEGATED
    while denied and following is not None and following.kind in {Kind.FILLER, Kind.SEVERITY}:
        following = view.owner.get(following.last + 1)
    return denied and following is not None and _coordinates(view, following)


def _coordinates(view: SentenceView, mention: Mention) -> bool:
    if mention.kind is Kind.LESION:
        return mention.term.form == "noun"
    if mention.kind is Kind.STRUCTURE:
        return mention.term.value == "finding"
    return mention.kind is Kind.CUE and view.words[mention.last] in view.lists.coordinating_cues


def _is_place(view: SentenceView, mention: Mention) -> bool:
    """Whether a valve mention is a place by itself; an adjective needs ``position`` or the end of the phrase."""
    after = view.group_from(mention)[1] + 1
    if mention.term.form != "adjective":
        following = view.owner.get(after)
        return following is None or following.kind is not Kind.STRUCTURE or mention.term.form != "part"
    device = view.owner.get(after)
    if device is not None and device.kind is Kind.LESION and device.term.value == Disease.PROSTHESIS:
        return True
    closing = view.owner.get(after - 1)
    if closing is not None and closing.term.form != "adjective":
        return True
    return after > view.last or view.words[after] in view.lists.places


def attributed(view: SentenceView, head: Mention) -> tuple[tuple[str, ...], int]:
    """Valves right of an adjective: ``thickened and calcified aortic valve``; and the last token."""
    place, separated = head.last + 1, False
    while place <= view.last:
        mention = view.owner.get(place)
        if view.separates(place):
            separated = True
            place += 1
        elif mention is None:
            break
        elif mention.kind is Kind.VALVE:
            return ((), head.last) if separated else view.group_from(mention)
        elif mention.kind in {Kind.FILLER, Kind.SEVERITY} or mention.term.form == "adjective":
            separated = separated and mention.term.form != "adjective" and mention.term.value != QUALITY
            place = mention.last + 1
        else:
            break
    return (), head.last


def grade_after(view: SentenceView, last: int) -> str:
    """The grade written after a token: ``regurgitation, which is mild``, ``MR: moderate``, ``stenosis (severe)``."""
    place = last + 1
    while place <= min(view.last, last + _FARTHEST_GRADE):
        mention = view.owner.get(place)
        if mention is not None and mention.kind is Kind.SEVERITY:
            return mention.term.value if _ends_after(view, mention) else ""
        if not _links_grade(view, place, mention):
            return ""
        place = mention.last + 1 if mention is not None else place + 1
    return ""


def sole_grade(view: SentenceView, head: Mention) -> str:
    """The only grade of a sentence with one lesion, at its end: ``aortic stenosis, mean gradient 42 mmHg, severe``."""
    after = [m for m in view.mentions if m.first > head.last]
    grades = [m for m in view.mentions if m.kind is Kind.SEVERITY]
    others = any(m.kind is Kind.LESION and m is not head for m in view.mentions)
    if others or len(grades) != 1 or grades[0] not in after:
        return ""
    grade = grades[0]
    between = any(m.kind is Kind.STRUCTURE and m.term.value in BLOCKING for m in after if m.first < grade.first)
    led = view.separates(grade.first - 1) or view.words[grade.first - 1] in view.lists.copulas
    ended = grade.last == view.last or view.words[grade.last + 1] in {".", ";"}
    return grade.term.value if led and (ended or _ends_with_degree(view, grade)) and not between else ""


def _ends_with_degree(view: SentenceView, grade: Mention) -> bool:
    return not view.lists.degree_words.isdisjoint(view.words[grade.last + 1 : grade.last + 3])


def _links_grade(view: SentenceView, place: int, mention: Mention | None) -> bool:
    """Whether a token may stand between a lesion and its grade."""
    if mention is not None and mention.kind is Kind.STOP:
        return view.separates(place) or view.words[place] in view.lists.grade_links
    if mention is not None and mention.kind is Kind.CUE:
        before = view.owner.get(place - 1)
        beside = before is not None and before.kind is Kind.LESION and mention.term.value == Assertion.POSSIBLE
        led = beside or view.words[place - 1] == "," or view.words[place - 1] in view.lists.copulas
        return led and mention.term.value in JUDGING
    linking = view.words[place] in view.lists.grade_links or _goes_on(view, place)
    if mention is not None and mention.kind is Kind.STRUCTURE:
        return view.words[place] in view.lists.grade_links
    return linking if mention is None else mention.kind is Kind.FILLER


def _goes_on(view: SentenceView, place: int) -> bool:
    """Whether a list word goes on about the same lesion: ``is present and is mild``."""
    if not view.separates(place) or place >= view.last:
        return False
    grade = view.owner.get(place + 1)
    graded = grade is not None and grade.kind is Kind.SEVERITY and view.words[place - 1].isalpha()
    return view.words[place + 1] in view.lists.copulas or (graded and view.words[place - 1] in view.lists.grade_links)


def _after_colon(view: SentenceView, grade: Mention) -> bool:
    """Whether a grade is the entry of a lesion before a colon: ``Mitral regurgitation: mild Aortic ...``."""
    place = grade.first - 1
    before = view.owner.get(place - 1) if place > view.first and view.words[place] == ":" else None
    return before is not None and before.kind is Kind.LESION


def _ends_after(view: SentenceView, mention: Mention) -> bool:
    if _after_colon(view, mention):
        return True
    after = mention.last + 1
    following = view.owner.get(after)
    if following is not None and following.kind is Kind.LESION:
        return False
    if following is not None and following.kind is Kind.FILLER:
        return not view.lists.degree_words.isdisjoint(view.words[after : following.last + 2])
    return after > view.last or view.words[after] in view.lists.grade_ends
