"""Tying each lesion of a sentence to its valves and its grade."""

from echomine.domain.vocabulary import Assertion, Disease
from echomine.reports.ellipses import elliptical_statements
from echomine.reports.lesion_links import (
    JUDGING,
    TYPING,
    Phrase,
    attributed,
    grade_after,
    is_device_adjective,
    leftwards,
    rightwards,
    sole_grade,
)
from echomine.reports.lexicon_files import Kind, Term
from echomine.reports.mentions import Mention
from echomine.reports.normal_valves import normal_statements
from echomine.reports.sentence_view import Rule, SentenceView, Statement
from echomine.reports.shared_grades import graded_together, likened_grade, shared_grade

_SILENT = frozenset({Kind.FILLER, Kind.STRUCTURE, Kind.STOP, Kind.PSEUDO, Kind.BOUND})
_SPEAKING = frozenset({Kind.LESION, Kind.NORMAL, Kind.ANAPHORA})
_OF_A_DEVICE = "paravalvular_leak"
_NEVER_CARRIED = frozenset({"endocarditis"})
_UNGRADED = frozenset({Disease.PROSTHESIS, Disease.VEGETATION})


class SentenceReader:
    """The statements of one sentence."""

    def __init__(self, view: SentenceView) -> None:
        self.view = view
        self.done: dict[int, list[Statement]] = {}
        self.found: list[Statement] = []

    def statements(self) -> list[Statement]:
        """All statements in order, each valve and lesion once per grade and place."""
        heading = self.view.context.heading
        if heading is not None and not any(m.kind is Kind.LESION for m in self.view.mentions):
            return self._listed_below(heading, self.view.first)
        if self._says_nothing():
            return []
        found: list[Statement] = []
        for mention in self.view.mentions:
            if mention.kind is Kind.LESION:
                made = self._lesion(mention)
                self.done[mention.last] = made
                found = graded_together(self.view, found, made)
            elif mention.kind is Kind.NORMAL:
                made = normal_statements(self.view, mention)
            elif mention.kind in _SILENT:
                continue
            else:
                made = elliptical_statements(self.view, mention, found)
            found.extend(made)
            self.found = found
        return found

    def _says_nothing(self) -> bool:
        """Whether no word of the sentence can make a statement, which is so of most sentences."""
        view = self.view
        if not _SPEAKING.isdisjoint([mention.kind for mention in view.mentions]):
            return False
        if not view.context.said or not any(mention.kind is Kind.SEVERITY for mention in view.mentions):
            return True
        return view.lists.now.isdisjoint(view.words[view.first : view.last + 1])

    def _listed_below(self, lesion: Term, first: int) -> list[Statement]:
        """The valves after a lesion that heads their list, each with its grade: ``Regurgitation: mitral mild, ...``."""
        listed = []
        for mention in self.view.mentions:
            grade = self._entry(mention) if mention.kind is Kind.VALVE and mention.first >= first else ""
            implied = Assertion.NEGATED if grade == "none" else Assertion.PRESENT
            listed += [
                Statement(
                    valve,
                    lesion.value,
                    grade,
                    lesion.detail,
                    (mention.first, mention.last),
                    mention.first,
                    mention.last,
                    implied=implied,
                    valve_by=Rule.HEADING,
                    grade_by=Rule.AFTER,
                )
                for valve in (self.view.names(mention) if grade else ())
            ]
        return listed

    def _entry(self, valve: Mention) -> str:
        """The grade beside a valve of a list: ``mitral - mild``, ``aortic - none``."""
        following = self.view.owner.get(valve.last + 1)
        denied = following is not None and following.kind is Kind.CUE and following.term.value == Assertion.NEGATED
        return "none" if denied else grade_after(self.view, valve.last)

    def _lesion(self, head: Mention) -> list[Statement]:
        phrase = leftwards(self.view, head)
        heads = not phrase.valves and not head.term.valve and self.view.words[head.last + 1 : head.last + 2] == [":"]
        listed = self._listed_below(head.term, head.last + 2) if heads else []
        return listed or self._lesion_of(head, phrase)

    def _lesion_of(self, head: Mention, phrase: Phrase) -> list[Statement]:
        coordinated = self._coordinated(phrase.first)
        valves, rule, last = phrase.valves, Rule.NOUN_PHRASE, head.last
        if head.term.valve:
            valves, rule = ((head.term.valve, phrase.grade),), Rule.OWN_WORD
        elif not valves:
            names, rule, last = self._valves_of(head, phrase.first, coordinated)
            valves = tuple((valve, phrase.grade) for valve in names)
        valves, grade_rule = self._graded(head, (phrase.first, last), valves, coordinated)
        made = [
            Statement(
                valve,
                head.term.value,
                grade,
                head.term.detail,
                (head.first, head.last),
                phrase.first,
                max(last, head.last),
                implied=self._implied(head, last, grade),
                valve_by=rule,
                grade_by=grade_rule if grade else Rule.NONE,
            )
            for valve, grade in valves
        ]
        return self._as_it_was(phrase, made) + made

    def _as_it_was(self, phrase: Phrase, made: list[Statement]) -> list[Statement]:
        """The earlier grade of a lesion that has changed: ``previously moderate regurgitation, now severe``."""
        earlier = {valve: grade for valve, grade in phrase.valves if grade}
        changed = [s for s in made if s.grade and earlier.get(s.valve, s.grade) != s.grade]
        if not changed or not (self._is_past(phrase) or self._is_now(changed[0])):
            return []
        return [
            s._replace(grade=earlier[s.valve], implied=Assertion.HISTORICAL, grade_by=Rule.NOUN_PHRASE) for s in changed
        ]

    def _is_past(self, phrase: Phrase) -> bool:
        past = self.view.owner.get(phrase.first - 1)
        cue = past is not None and past.kind is Kind.CUE and not past.term.reach
        return cue and past is not None and past.term.value == Assertion.HISTORICAL

    def _is_now(self, changed: Statement) -> bool:
        after = self.view.words[changed.last + 1 : changed.last + 5]
        return not self.view.lists.now.isdisjoint(after)

    def _implied(self, head: Mention, last: int, grade: str) -> str:
        """The assertion that the words themselves bring, or ``""``."""
        if self._is_ailing(head, last) or self._is_graded_now(last, grade):
            return Assertion.PRESENT
        if grade and self._had_been(last) and grade_after(self.view, last) == grade:
            return Assertion.HISTORICAL
        copula = next((i for i in range(last, min(last + 3, self.view.last)) if self._leads_to_judgement(i)), -1)
        cue = self.view.owner.get(copula + 1) if copula >= last and grade else None
        judged = cue is not None and cue.kind is Kind.CUE and cue.term.value in JUDGING
        return cue.term.value if cue is not None and judged and grade_after(self.view, last) == grade else ""

    def _had_been(self, last: int) -> bool:
        """Whether a lesion is told of as it had been: ``stenosis, which had been moderate``."""
        words, lists = self.view.words, self.view.lists
        places = range(last + 1, min(last + 4, self.view.last))
        return any(words[i] in lists.past_verbs and words[i + 1] in lists.perfect for i in places)

    def _is_copula(self, place: int) -> bool:
        return self.view.words[place] in self.view.lists.copulas

    def _leads_to_judgement(self, place: int) -> bool:
        """Whether a cue after a token may judge the grade: ``was previously mild``, ``, previously mild``."""
        cue = self.view.owner.get(place + 1)
        judging = cue.term.value if cue is not None and cue.kind is Kind.CUE else ""
        past, beside = judging == Assertion.HISTORICAL, self.view.owner.get(place)
        if beside is not None and beside.kind is Kind.LESION:
            return judging == Assertion.POSSIBLE
        return self._is_copula(place) or (past and self.view.words[place] == ",")

    def _is_ailing(self, head: Mention, last: int) -> bool:
        """Whether a device stands before what it may suffer from: ``no prosthetic valve stenosis`` has a prosthesis."""
        if not is_device_adjective(head):
            return False
        if self._is_ailing_place(head):
            return True
        view, place = self.view, max(head.last, last) + 1
        mention = view.owner.get(place)
        while mention is not None and mention.kind in {Kind.FILLER, Kind.VALVE, Kind.SEVERITY}:
            place = mention.last + 1
            mention = view.owner.get(place)
        if mention is not None and mention.kind is Kind.LESION:
            return mention.term.value != Disease.PROSTHESIS and mention.term.form == "noun"
        return place <= view.last and view.words[place] in view.lists.ailments

    def _is_ailing_place(self, head: Mention) -> bool:
        """Whether a device is the place of a lesion before it: ``no vegetation on the prosthetic valve``."""
        view, place = self.view, head.first - 1
        while place > view.first and view.words[place] in view.lists.articles:
            place -= 1
        lesion = view.owner.get(place - 1)
        led = place > view.first and view.words[place] in view.lists.prepositions
        return led and lesion is not None and lesion.kind is Kind.LESION and not is_device_adjective(lesion)

    def _graded(
        self, head: Mention, place: tuple[int, int], valves: tuple[tuple[str, str], ...], coordinated: list[Statement]
    ) -> tuple[tuple[tuple[str, str], ...], Rule]:
        """The valves of a lesion at tokens ``place`` with their grades, and where the grades come from."""
        first, last = place
        if head.term.value in _UNGRADED or head.term.detail == TYPING:
            return tuple((valve, "") for valve, _ in valves), Rule.NONE
        changed = self._is_changed(last) and grade_after(self.view, last)
        if any(grade for _, grade in valves) and not changed:
            return valves, Rule.NOUN_PHRASE
        after = grade_after(self.view, head.last) or grade_after(self.view, last)
        listed = shared_grade(self.view, head, first, coordinated) or likened_grade(self.view, first, self.found)
        grade = after or listed or sole_grade(self.view, head)
        return tuple((valve, grade) for valve, _ in valves), Rule.AFTER if after else Rule.LIST

    def _is_changed(self, last: int) -> bool:
        """Whether the words after a lesion tell how its grade has changed: ``increased to moderate``."""
        after = self.view.words[last + 1 : last + 5]
        return not self.view.lists.changes.isdisjoint(after)

    def _is_graded_now(self, last: int, grade: str) -> bool:
        """Whether a lesion of the past is graded anew: ``previously mild, is now moderate``."""
        after = self.view.words[last + 1 : last + 5]
        return bool(grade) and not self.view.lists.now.isdisjoint(after) and grade_after(self.view, last) == grade

    def _valves_of(self, head: Mention, first: int, coordinated: list[Statement]) -> tuple[tuple[str, ...], Rule, int]:
        if head.term.form == "adjective":
            found, last = attributed(self.view, head)
            if found:
                return found, Rule.ADJECTIVE, last
        found, last = rightwards(self.view, head)
        return (found, Rule.PREPOSITION, last) if found else self._valves_before(head, first, coordinated)

    def _valves_before(
        self, head: Mention, first: int, coordinated: list[Statement]
    ) -> tuple[tuple[str, ...], Rule, int]:
        if self._is_of_the_heart(head):
            return (), Rule.NONE, head.last
        if coordinated:
            return tuple(dict.fromkeys(s.valve for s in coordinated)), Rule.LIST, head.last
        subject = self.view.subject_before(first)
        return (subject, Rule.SUBJECT, head.last) if subject else (self._carried(head), Rule.CARRIED, head.last)

    def _is_of_the_heart(self, head: Mention) -> bool:
        """Whether vegetations are denied in a list of lesions, at no valve: ``mild MR, no vegetations``."""
        cue = self.view.owner.get(head.first - 1)
        if head.term.value != Disease.VEGETATION or cue is None or cue.kind is not Kind.CUE:
            return False
        before = [m for m in self.view.mentions if m.last < head.first]
        nouns = any(m.kind is Kind.VALVE and m.term.form != "adjective" for m in before)
        return not nouns and any(m.kind is Kind.LESION for m in before)

    def _coordinated(self, first: int) -> list[Statement]:
        """The statements of the lesion that stands just before a list word before ``first``."""
        view, place = self.view, first - 1
        while place >= view.first and view.separates(place):
            place -= 1
        if place == first - 1:
            return []
        mention = view.owner.get(place)
        while mention is not None and mention.kind is Kind.FILLER:
            place = mention.first - 1
            mention = view.owner.get(place)
        return self.done.get(place, [])

    def _carried(self, head: Mention) -> tuple[str, ...]:
        view = self.view
        percent = head.term.value == Disease.STENOSIS and "%" in view.words[view.first : view.last + 1]
        loose = head.term.value == Disease.VEGETATION and not view.context.by_noun
        never = loose or self._is_far_device(head) or head.term.detail in _NEVER_CARRIED
        if percent or never or view.blocked(head.last + 3):
            return ()
        only = len(view.context.devices) == 1 and head.term.detail == _OF_A_DEVICE
        return view.context.subject or (tuple(view.context.devices) if only else ())

    def _is_far_device(self, head: Mention) -> bool:
        """Whether a prosthesis is too far from a valve to be its: only the very next sentence goes on about it."""
        if head.term.value != Disease.PROSTHESIS:
            return False
        view = self.view
        operated = not view.lists.operations.isdisjoint(view.words[head.first : head.last + 1])
        implanted = not view.lists.implanting.isdisjoint(view.words[head.last + 1 : view.last + 1])
        return operated or (view.context.age > 0 and not implanted)
