"""Tying each lesion of a sentence to its valves and its grade."""

from echomine.domain.vocabulary import Assertion, Disease
from echomine.reports.lesion_links import (
    JUDGING,
    TYPING,
    Phrase,
    attributed,
    grade_after,
    leftwards,
    rightwards,
    shared_grade,
    sole_grade,
)
from echomine.reports.lexicon_files import Kind, Term
from echomine.reports.mentions import Mention
from echomine.reports.normal_valves import normal_statements
from echomine.reports.sentence_view import Rule, SentenceView, Statement

_NEAR_NOW = 4
_GRADED_NEXT = frozenset({Kind.LESION, Kind.VALVE, Kind.FILLER})
_NEVER_CARRIED = frozenset({"endocarditis"})
_UNGRADED = frozenset({Disease.PROSTHESIS, Disease.VEGETATION})
_STRUCTURAL = frozenset({Disease.THICKENING, Disease.SCLEROSIS_CALCIFICATION, Disease.PROLAPSE})


class SentenceReader:
    """The statements of one sentence."""

    def __init__(self, view: SentenceView) -> None:
        self.view = view
        self.done: dict[int, list[Statement]] = {}

    def statements(self) -> list[Statement]:
        """All statements in order, each valve and lesion once per grade and place."""
        heading = self.view.context.heading
        if heading is not None and not any(m.kind is Kind.LESION for m in self.view.mentions):
            return self._listed_below(heading, self.view.first)
        found: list[Statement] = []
        for mention in self.view.mentions:
            if mention.kind is Kind.LESION:
                made = self._lesion(mention)
                self.done[mention.last] = made
                found = self._graded_together(found, made)
            elif mention.kind is Kind.NORMAL:
                made = normal_statements(self.view, mention)
            elif mention.kind is Kind.ANAPHORA:
                made = self._same_again(mention)
            elif mention.kind is Kind.CUE:
                made = self._no_more(mention, found)
            elif mention.kind is Kind.SEVERITY:
                made = self._graded_anew(mention, found)
            else:
                continue
            found.extend(made)
        return found

    def _graded_together(self, found: list[Statement], made: list[Statement]) -> list[Statement]:
        """The statements so far; the last takes the grade of a list that it opens: ``MR and TR are mild``."""
        if not found or not made or made[0].grade_by != Rule.AFTER or found[-1].grade:
            return found
        between = self.view.words[found[-1].last + 1 : made[0].first]
        if found[-1].disease != made[0].disease or len(between) != 1 or between[0] not in self.view.lists.pairing:
            return found
        return [*found[:-1], found[-1]._replace(grade=made[0].grade, grade_by=Rule.AFTER)]

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
        copula = next((i for i in range(last + 1, min(last + 3, self.view.last)) if self._leads_to_judgement(i)), -1)
        cue = self.view.owner.get(copula + 1) if copula > 0 and grade else None
        judged = cue is not None and cue.kind is Kind.CUE and cue.term.value in JUDGING
        return cue.term.value if cue is not None and judged and grade_after(self.view, last) == grade else ""

    def _is_copula(self, place: int) -> bool:
        return self.view.words[place] in self.view.lists.copulas

    def _leads_to_judgement(self, place: int) -> bool:
        """Whether a cue after a token may judge the grade: ``was previously mild``, ``, previously mild``."""
        cue = self.view.owner.get(place + 1)
        past = cue is not None and cue.kind is Kind.CUE and cue.term.value == Assertion.HISTORICAL
        return self._is_copula(place) or (past and self.view.words[place] == ",")

    def _is_ailing(self, head: Mention, last: int) -> bool:
        """Whether a device stands before what it may suffer from: ``no prosthetic valve stenosis`` has a prosthesis."""
        if head.term.value != Disease.PROSTHESIS or head.term.form != "adjective":
            return False
        view, place = self.view, max(head.last, last) + 1
        mention = view.owner.get(place)
        while mention is not None and mention.kind in {Kind.FILLER, Kind.VALVE, Kind.SEVERITY}:
            place = mention.last + 1
            mention = view.owner.get(place)
        if mention is not None and mention.kind is Kind.LESION:
            return mention.term.value != Disease.PROSTHESIS and mention.term.form == "noun"
        return place <= view.last and view.words[place] in view.lists.ailments

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
        grade = after or shared_grade(self.view, head, first, coordinated) or sole_grade(self.view, head)
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
        return () if percent or never or view.blocked(head.last + 3) else view.context.subject

    def _is_far_device(self, head: Mention) -> bool:
        """Whether a prosthesis is too far from a valve to be its: only the very next sentence goes on about it."""
        if head.term.value != Disease.PROSTHESIS:
            return False
        view = self.view
        operated = not view.lists.operations.isdisjoint(view.words[head.first : head.last + 1])
        implanted = not view.lists.implanting.isdisjoint(view.words[head.last + 1 : view.last + 1])
        return operated or (view.context.age > 0 and not implanted)

    def _same_again(self, mention: Mention) -> list[Statement]:
        """``Similar findings on the aortic valve``: what was said of the valve before, now of this one."""
        valves, last = rightwards(self.view, mention)
        said = [s for s in self.view.context.said if s.disease in _STRUCTURAL]
        kinds = dict.fromkeys((s.disease, s.grade, s.detail) for s in said)
        return [
            Statement(
                valve,
                disease,
                grade,
                detail,
                (mention.first, mention.last),
                mention.first,
                last,
                valve_by=Rule.SAME_AGAIN,
            )
            for valve in valves
            for disease, grade, detail in kinds
        ]

    def _no_more(self, cue: Mention, found: list[Statement]) -> list[Statement]:
        """``moderate in the past, but that was not significant``: the lesion spoken of is gone."""
        backward = cue.term.value == Assertion.NEGATED and cue.term.direction == "backward"
        if not backward or not found or not self._is_pronoun_clause(cue):
            return []
        last = found[-1]
        denied = last._replace(grade="", head=(cue.first, cue.last), last=cue.last, implied=Assertion.NEGATED)
        return [denied._replace(valve_by=Rule.NO_MORE, grade_by=Rule.NONE)]

    def _graded_anew(self, grade: Mention, found: list[Statement]) -> list[Statement]:
        """``previously mild; it is now moderate``: today's grade of the lesion spoken of last."""
        view, words = self.view, self.view.words
        begin = max(view.first, grade.first - _NEAR_NOW)
        told = found or (list(view.context.said) if self._opens_with_pronoun(grade) else [])
        following = view.owner.get(grade.last + 1)
        if (
            not told
            or told[-1].grade == grade.term.value
            or told[-1].disease in _UNGRADED
            or view.lists.now.isdisjoint(words[begin : grade.first])
            or (following is not None and following.kind in _GRADED_NEXT)
        ):
            return []
        anew = told[-1]._replace(grade=grade.term.value, head=(grade.first, grade.last), last=grade.last)
        first = told[-1].first if found else grade.first
        return [anew._replace(first=first, implied=Assertion.PRESENT, grade_by=Rule.AFTER)]

    def _opens_with_pronoun(self, grade: Mention) -> bool:
        """Whether nothing but a pronoun and small words stand before a grade: ``It is now``."""
        before = self.view.words[self.view.first : grade.first]
        named = any(m.kind in _GRADED_NEXT | {Kind.STRUCTURE} for m in self.view.mentions if m.first < grade.first)
        return not named and len(before) <= _NEAR_NOW and not self.view.lists.pronouns.isdisjoint(before)

    def _is_pronoun_clause(self, cue: Mention) -> bool:
        """Whether the clause of a cue has a pronoun for its subject, and the clause before it speaks of the past."""
        before = [m for m in self.view.mentions if m.last < cue.first]
        stops = [m for m in before if m.kind is Kind.STOP]
        if not stops or any(m.kind is Kind.LESION and m.first > stops[-1].last for m in before):
            return False
        past = any(m.kind is Kind.CUE and m.term.value == Assertion.HISTORICAL for m in before)
        return past and self.view.words[cue.first - 1] in self.view.lists.pronouns
