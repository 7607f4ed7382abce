"""Which words of a sentence a cue of negation, doubt or time reaches."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from echomine.domain.vocabulary import Assertion
from echomine.reports.lexicon_files import Kind, WordLists
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens

AFTER = "after"
_FARTHEST_VERB = 8
_NEAR_VERB = 3
_NEAR_SUBJECT = 6
_NEAR_YEAR = 6
_YEAR = re.compile(r"(?:19|20)\d\ds?")
_DATED = frozenset({"care", "episode"})
_LONGEST_ITEM = 5
_LEADING_TO_NONE = frozenset({":", "-", "–"})
_NEAR_REASON = 3
_ITEM_ENDS = frozenset({",", ".", ";"})
_ENDED_BY_GRADES = frozenset({Assertion.NEGATED, Assertion.POSSIBLE, "none"})
_OWN_ITEMS = frozenset({Assertion.HYPOTHETICAL, Assertion.HISTORICAL, Assertion.POSSIBLE, AFTER})
_GO_ON = frozenset({(Assertion.HISTORICAL, AFTER), (Assertion.HYPOTHETICAL, Assertion.POSSIBLE)})
"""A cue and a later one that does not end it: ``history of CAD, status post CABG, and``, ``if fever, possible``."""
_RANK: dict[str, int] = {
    Assertion.NEGATED: 0,
    Assertion.FAMILY: 1,
    Assertion.HYPOTHETICAL: 2,
    Assertion.HISTORICAL: 3,
    AFTER: 4,
    Assertion.POSSIBLE: 5,
    Assertion.NOT_ASSESSED: 6,
}


class Scope(NamedTuple):
    """Tokens ``first`` to ``last`` (included) that a cue speaks of; ``value`` is an assertion or ``after``."""

    first: int
    last: int
    value: str
    cue_first: int
    cue_last: int


def find_scopes(tokens: Tokens, mentions: Sequence[Mention], lists: WordLists, first: int, last: int) -> list[Scope]:
    """The scopes of all cues among the mentions of the sentence ``first`` to ``last``."""
    reader = _ScopeReader(tokens.words, mentions, lists, first, last)
    scopes = []
    for index, mention in enumerate(mentions):
        for begin, end, value in reader.reaches(index):
            if begin <= end:
                scopes.append(Scope(begin, end, value, mention.first, mention.last))
    return scopes


def strongest(scopes: Sequence[Scope], first: int, last: int) -> str:
    """The strongest cue value over tokens ``first`` to ``last``, or ``""``; a cue inside them does not count."""
    best = ""
    for scope in scopes:
        covers = scope.first <= last and first <= scope.last
        inside = first <= scope.cue_first <= last or _is_only_thought_of(scope, scopes)
        if covers and not inside and (not best or _RANK[scope.value] < _RANK[best]):
            best = scope.value
    return best


def _is_only_thought_of(scope: Scope, scopes: Sequence[Scope]) -> bool:
    """Whether a later denial stands in a plan or a condition itself: ``once the infection has resolved``."""
    if scope.value != Assertion.NEGATED or scope.last > scope.cue_first:
        return False
    return any(s.value == Assertion.HYPOTHETICAL and s.first <= scope.cue_first <= s.last for s in scopes)


class _ScopeReader:
    """How far the cues of one sentence reach."""

    def __init__(
        self, words: Sequence[str], mentions: Sequence[Mention], lists: WordLists, first: int, last: int
    ) -> None:
        self.words, self.mentions, self.lists = words, mentions, lists
        self.first, self.last = first, last

    def reaches(self, index: int) -> Iterator[tuple[int, int, str]]:
        """First and last token, and value, of what a mention reaches forward and backward."""
        mention = self.mentions[index]
        if mention.kind is Kind.CUE:
            if mention.term.direction != "backward":
                yield from self._ahead(index)
            elif self._opens_with_the_past(mention):
                yield mention.last + 1, self._forward(index), mention.term.value
            if mention.term.direction != "forward" and not self._lasts(mention):
                yield from self._behind(index)
        elif mention.kind is Kind.SEVERITY and mention.term.value == "none" and mention.term.form != "figure":
            yield mention.last + 1, self._forward(index), Assertion.NEGATED
        elif mention.kind is Kind.PSEUDO:
            yield from self._of_the_past(index)

    def _of_the_past(self, index: int) -> Iterator[tuple[int, int, str]]:
        """What an older study or care in a year that is named speaks of."""
        mention = self.mentions[index]
        if self._is_older_study(mention):
            yield from self._of_older_study(index)
        elif self._dates_care(mention):
            yield mention.last + 1, self._forward(index), Assertion.HISTORICAL

    def _ahead(self, index: int) -> Iterator[tuple[int, int, str]]:
        cue = self.mentions[index]
        term, end = cue.term, self._forward(index)
        if term.form == "test":
            yield cue.last + 1, self._end_of_test(cue, end), term.value
            return
        if term.form == "earlier":
            before = list(self._before_operation(cue, end))
            if before:
                yield from before
                return
        if not self._comes_for(cue, end) and not self._is_still_there(cue, end):
            yield cue.last + 1, min(end, cue.last + term.reach) if term.reach else end, term.value

    def _behind(self, index: int) -> Iterator[tuple[int, int, str]]:
        cue = self.mentions[index]
        reach, begin = cue.term.reach, self._backward(index)
        yield max(begin, cue.first - reach) if reach else begin, cue.first - 1, cue.term.value
        likened = self._likened_after(cue)
        if likened:
            stops = (m.first for m in self.mentions[index + 1 :] if m.kind is Kind.STOP and m.first > likened)
            yield likened, next(stops, self.last + 1) - 1, cue.term.value

    def _likened_after(self, cue: Mention) -> int:
        """Where the same is said of another thing after a cue, ``is absent, as is AR``; 0 if it is not."""
        words, place = self.words, cue.last + 1
        while place < self.last and words[place] in self.lists.clause_openers:
            place += 1
        likened = place < self.last and words[place] in self.lists.likeness and words[place + 1] in self.lists.finite
        return place + 2 if likened else 0

    def _end_of_test(self, cue: Mention, last: int) -> int:
        """The test that is negative: ``negative Murphy sign``; nothing before another word."""
        for place in range(cue.last + 1, min(last, cue.last + cue.term.reach) + 1):
            if self.words[place] in self.lists.tests:
                return place
            if self.words[place] == "for":
                return last
        return -1

    def _before_operation(self, cue: Mention, last: int) -> Iterator[tuple[int, int, str]]:
        """What there was before an operation that was done: ``prior to valve replacement he had stenosis``."""
        operated = next((i for i in range(cue.last + 1, last + 1) if self.words[i] in self.lists.operations), -1)
        verbs = range(operated + 1, min(self.last, operated + _NEAR_SUBJECT) + 1)
        verb = next((i for i in verbs if self.words[i] in self.lists.past_verbs), -1) if operated > 0 else -1
        if verb > 0 and any(m.kind is Kind.LESION and m.first > verb for m in self.mentions):
            yield cue.last + 1, operated, AFTER
            ends = (m.first for m in self.mentions if m.first > verb and (m.kind is Kind.STOP or m.term.value == AFTER))
            yield verb + 1, next(ends, self.last + 1) - 1, Assertion.HISTORICAL

    def _comes_for(self, mention: Mention, last: int) -> bool:
        """Whether a patient comes for what is there: ``admitted for chest pain``, not ``for valve replacement``."""
        closing = self.words[max(mention.first, mention.last - 1) : mention.last + 1]
        visit = mention.term.value == Assertion.HYPOTHETICAL and not self.lists.visits.isdisjoint(closing)
        return visit and self.lists.operations.isdisjoint(self.words[mention.last + 1 : last + 1])

    def _is_still_there(self, mention: Mention, last: int) -> bool:
        """Whether what was seen before is spoken of as it is now: ``previously seen vegetation is smaller``."""
        recalled = mention.term.value == Assertion.HISTORICAL and self.words[mention.last + 1 : mention.last + 2]
        named = self.words[mention.last + 2 : mention.last + 3] not in (["to"], ["that"])
        if not recalled or recalled[0] not in self.lists.recalled or not named:
            return False
        return not self.lists.remaining.isdisjoint(self.words[mention.last + 2 : last + 1])

    def _lasts(self, mention: Mention) -> bool:
        """Whether what a word of time looks back to has lasted: ``diagnosed with aortic stenosis years ago``."""
        ago = mention.term.value == Assertion.HISTORICAL and mention.term.direction == "backward"
        return ago and not self.lists.lasting.isdisjoint(self.words[self.first : mention.first])

    def _forward(self, index: int) -> int:
        cue, last = self.mentions[index], self.last
        breakable, own = cue.term.value in _ENDED_BY_GRADES, cue.term.value in _OWN_ITEMS
        for later in range(index + 1, len(self.mentions)):
            mention = self.mentions[later]
            new_item = breakable and mention.first > cue.last + 1 and self._opens_graded_item(later)
            if self._asks_for_a_reason(mention):
                last = mention.last
                break
            if mention.kind is Kind.CUE:
                stops = own and self._comes_nearer(cue, mention)
            else:
                stops = mention.kind is Kind.STOP and mention.first > cue.last + 1
            if stops or new_item or self._is_new_subject(later):
                last = mention.first - 1
                break
        if cue.term.value in {Assertion.HYPOTHETICAL, Assertion.POSSIBLE}:
            last = self._before_reason(cue.last + 1, last)
        return self._before_new_clause(cue.last + 1, last)

    def _comes_nearer(self, cue: Mention, later: Mention) -> bool:
        """Whether another cue after a comma speaks of what follows it: ``rule out endocarditis, history of MR``."""
        forward = later.term.direction == "forward" and self.words[later.first - 1] == ","
        kept = (cue.term.value, later.term.value) in _GO_ON and cue.term.direction == "forward"
        return forward and not kept and later.term.value != cue.term.value and later.term.value in _OWN_ITEMS

    def _asks_for_a_reason(self, mention: Mention) -> bool:
        """Whether what follows is not denied, only its reason: ``no source of bleeding``."""
        return mention.kind is Kind.STOP and self.words[mention.last] in self.lists.linking_reasons

    def _is_new_subject(self, index: int) -> bool:
        """Whether a valve after a comma opens a clause without a verb: ``no MR, aortic valve calcified``."""
        valve = self.mentions[index]
        if valve.kind is not Kind.VALVE or valve.term.form == "adjective" or index + 1 == len(self.mentions):
            return False
        place = valve.first - 1
        while place > self.first and self.words[place] in self.lists.articles:
            place -= 1
        said = self.mentions[index + 1]
        if said.kind is Kind.SEVERITY and index + 2 < len(self.mentions):
            said = self.mentions[index + 2]
        adjective = said.kind is Kind.LESION and said.term.form == "adjective"
        return self.words[place] == "," and (adjective or said.kind is Kind.NORMAL)

    def _before_reason(self, first: int, last: int) -> int:
        """Cut what is planned before its reason: ``scheduled for valve replacement for aortic stenosis``."""
        for index in range(first + 1, last + 1):
            before = self.words[max(first, index - _NEAR_REASON) : index]
            if self.words[index] in self.lists.causes and not self.lists.operations.isdisjoint(before):
                return index - 1
        return last

    def _is_older_study(self, mention: Mention) -> bool:
        """Whether an older study is named, with what it showed to follow: ``on the prior study there was``."""
        return mention.term.value == "study"

    def _dates_care(self, mention: Mention) -> bool:
        """Whether a year stands beside the care of a patient: ``hospitalized in 2003 with endocarditis``."""
        year = self._year_after(mention) if mention.term.value in _DATED else 0
        told = any(m.kind is Kind.LESION and mention.last < m.first < year for m in self.mentions)
        return year > 0 and (mention.term.value == "episode" or not told)

    def _year_after(self, mention: Mention) -> int:
        """Where a year stands soon after a mention, as in ``in 2003``; 0 if none does."""
        words = self.words[mention.last + 1 : min(self.last, mention.last + _NEAR_YEAR) + 1]
        place = next((i for i, word in enumerate(words) if _YEAR.fullmatch(word)), -1)
        return mention.last + 1 + place if place > 0 and not self.lists.dating.isdisjoint(words[:place]) else 0

    def _opens_with_the_past(self, mention: Mention) -> bool:
        """Whether a sentence begins with a word of time that elsewhere looks back: ``in the past he had``."""
        historical = mention.kind is Kind.CUE and mention.term.value == Assertion.HISTORICAL
        return historical and mention.term.direction == "backward" and mention.first == self.first

    def _of_older_study(self, index: int) -> Iterator[tuple[int, int, str]]:
        """What an older study showed: from the verb after it on; nothing if it is only compared with."""
        study = self.mentions[index]
        compared = not self.lists.comparing.isdisjoint(self.words[max(self.first, study.first - 3) : study.first])
        if compared and self.lists.relatives.isdisjoint(self.words[study.last + 1 : study.last + 5]):
            return
        after = range(study.last + 1, min(study.last + _NEAR_VERB, self.last) + 1)
        verb = next((i for i in after if self.words[i] in self.lists.past_verbs), -1)
        if verb > 0:
            yield verb + 1, self._forward(index), Assertion.HISTORICAL
            return
        for later in range(index + 1, len(self.mentions)):
            mention = self.mentions[later]
            if mention.first - study.last > _FARTHEST_VERB:
                return
            if mention.kind is Kind.STOP:
                if self.words[mention.last] in self.lists.past_reports:
                    yield mention.last + 1, self._forward(later), Assertion.HISTORICAL
                return

    def _opens_graded_item(self, index: int) -> bool:
        mention = self.mentions[index]
        if mention.kind is not Kind.SEVERITY or mention.term.value == "none":
            return False
        first = mention.first
        before = self.mentions[index - 1]
        if before.kind is Kind.FILLER and before.last == first - 1:
            first = before.first
        bound = first - 2 >= self.first and self.words[first - 2] in self.lists.binding
        return self.words[first - 1] in self.lists.new_item and not bound

    def _before_new_clause(self, first: int, last: int) -> int:
        """Cut a scope at a closing bracket, or at the comma before a clause with its own verb.

        ``no X, Y is Z`` ends before Y; ``no X, Y or Z is seen`` goes on.
        """
        words, opener, opened = self.words, -1, 0
        for index in range(first, last + 1):
            opened += (words[index] == "(") - (words[index] == ")")
            if opened < 0:
                return index - 1
            if words[index] in self.lists.clause_openers:
                opener = index
                if words[index] == "," and self._says_otherwise(index + 1, last):
                    return index - 1
            elif words[index] in self.lists.finite and opener >= 0:
                following = words[index + 1] if index < last else ""
                return last if following in self.lists.seen else opener - 1
        return last

    def _says_otherwise(self, first: int, last: int) -> bool:
        """Whether an item of a list has a predicate of its own: ``no rash, neck supple, ...``."""
        if first <= last and self.words[first] in self.lists.affirming:
            return True
        end = next((i for i in range(first, min(last, first + _LONGEST_ITEM) + 1) if self.words[i] in _ITEM_ENDS), -1)
        if end < 0 and last - first < _LONGEST_ITEM:
            end = last + 1
        return end - first > 1 and self.words[end - 1] in self.lists.predicates

    def _start_of_list(self, index: int) -> int:
        """First token of the lesions listed before a colon: ``AS/AI: none``; -1 if none stands there."""
        start = -1
        for mention in reversed(self.mentions[:index]):
            between = self.words[mention.last + 1 : start]
            if mention.kind is Kind.LESION and (start < 0 or self.lists.separators.issuperset(between)):
                start = mention.first
            elif mention.kind is Kind.LESION:
                break
        return start

    def _own_subject(self, index: int) -> int:
        """First token of the valve that a clause is about: ``..., pulmonic valve not seen``; -1 without one."""
        if index == 0 or self.mentions[index].term.value == Assertion.HISTORICAL:
            return -1
        before = self.mentions[index - 1]
        between = self.words[before.last + 1 : self.mentions[index].first]
        if (
            before.kind is not Kind.VALVE
            or before.term.form == "adjective"
            or not self.lists.finite.issuperset(between)
        ):
            return -1
        place = before.first - 1
        while place > self.first and self.words[place] in self.lists.articles:
            place -= 1
        return before.first if place < self.first or self.words[place] in {",", ";"} else -1

    def _is_of_surgery(self, cue: Mention) -> bool:
        """Whether a plan has its own subject after a comma: ``in view of her stenosis, surgery was recommended``."""
        own = self.words[cue.first - 1] != "," and cue.first > self.first
        return cue.term.value == Assertion.HYPOTHETICAL and own

    def _backward(self, index: int) -> int:
        cue, first = self.mentions[index], self.first
        for mention in reversed(self.mentions[:index]):
            if mention.kind is Kind.STOP:
                first = mention.last + 1
                break
        own = self._own_subject(index)
        if own >= first:
            return own
        if self.words[cue.first] in self.lists.coordinating_cues or self._is_of_surgery(cue):
            first = next((i + 1 for i in range(cue.first - 1, first - 1, -1) if self.words[i] == ","), first)
        if self.words[cue.first] in _LEADING_TO_NONE or (cue.first > first and self.words[cue.first - 1] == ":"):
            return max(first, self._start_of_list(index))
        for place in range(cue.first - 4, first - 1, -1):
            if self.words[place] in self.lists.finite:
                return place
        return first
