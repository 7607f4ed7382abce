"""What is said of a lesion without its name: today's grade, a denial, the same again at another valve."""

from echomine.domain.vocabulary import Assertion, Disease
from echomine.reports.lesion_links import rightwards
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.sentence_view import Rule, SentenceView, Statement

_NEAR_NOW = 4
_NEAR_PRONOUN = 7
_GRADED_NEXT = frozenset({Kind.LESION, Kind.VALVE, Kind.FILLER})
_STRUCTURAL = frozenset({Disease.THICKENING, Disease.SCLEROSIS_CALCIFICATION, Disease.PROLAPSE})
_UNGRADED = frozenset({Disease.PROSTHESIS, Disease.VEGETATION})


def elliptical_statements(view: SentenceView, mention: Mention, found: list[Statement]) -> list[Statement]:
    """The statements that a mention makes of what was spoken of before; ``found`` are those of the sentence so far."""
    if mention.kind is Kind.ANAPHORA:
        return _same_again(view, mention)
    if mention.kind is Kind.CUE:
        return _no_more(view, mention, found)
    if mention.kind is Kind.SEVERITY:
        return _graded_anew(view, mention, found) or _none_now(view, mention, found)
    adjective = mention.kind is Kind.VALVE and mention.term.form == "adjective"
    return _left_out(view, mention) if adjective else []


def _same_again(view: SentenceView, mention: Mention) -> list[Statement]:
    """``Similar findings on the aortic valve``: what was said of the valve before, now of this one."""
    valves, last = rightwards(view, mention)
    said = [s for s in view.context.said if s.disease in _STRUCTURAL]
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


def _no_more(view: SentenceView, cue: Mention, found: list[Statement]) -> list[Statement]:
    """``moderate in the past, but that was not significant``: the lesion spoken of is gone."""
    backward = cue.term.value == Assertion.NEGATED and cue.term.direction == "backward"
    if not backward or not found or not _is_pronoun_clause(view, cue):
        return []
    last = found[-1]
    denied = last._replace(grade="", head=(cue.first, cue.last), last=cue.last, implied=Assertion.NEGATED)
    return [denied._replace(valve_by=Rule.NO_MORE, grade_by=Rule.NONE)]


def _graded_anew(view: SentenceView, grade: Mention, found: list[Statement]) -> list[Statement]:
    """``previously mild; it is now moderate``: today's grade of the lesion spoken of last."""
    told = found or (list(view.context.said) if _opens_with_pronoun(view, grade) else [])
    following = view.owner.get(grade.last + 1)
    if (
        not told
        or told[-1].grade == grade.term.value
        or told[-1].disease in _UNGRADED
        or not (_is_now(view, grade) or (found and not told[-1].grade and _has_pronoun(view, told[-1].last, grade)))
        or (following is not None and following.kind in _GRADED_NEXT)
    ):
        return []
    if found and not told[-1].grade:
        found[-1] = told[-1]._replace(grade=grade.term.value, last=grade.last, grade_by=Rule.AFTER)
        return []
    anew = told[-1]._replace(grade=grade.term.value, head=(grade.first, grade.last), last=grade.last)
    first = told[-1].first if found else grade.first
    return [anew._replace(first=first, implied=Assertion.PRESENT, grade_by=Rule.AFTER)]


def _none_now(view: SentenceView, none: Mention, found: list[Statement]) -> list[Statement]:
    """``moderate two years ago, but today's echo shows none``: the lesion spoken of is not there."""
    before = [m for m in view.mentions if m.last < none.first]
    said = before[-1] if before else None
    ended = none.last >= view.last or view.words[none.last + 1] in {".", ";", ","}
    clause = said is not None and said.kind is Kind.STOP and found and said.first > found[-1].last
    if none.term.value != "none" or none.term.form == "figure" or not ended or not clause:
        return []
    denied = found[-1]._replace(grade="", head=(none.first, none.last), last=none.last, implied=Assertion.NEGATED)
    return [denied._replace(valve_by=Rule.NO_MORE, grade_by=Rule.NONE)]


def _left_out(view: SentenceView, valve: Mention) -> list[Statement]:
    """``no regurgitation other than trace tricuspid``: a valve excepted from what was denied, with its grade."""
    stops = [m for m in view.mentions if m.kind is Kind.STOP and m.last < valve.first]
    after = valve.last + 1
    ended = after > view.last or view.words[after] in {".", ";"} or view.separates(after)
    if not ended or not stops or view.lists.exceptives.isdisjoint(view.words[stops[-1].first : stops[-1].last + 1]):
        return []
    heads = [m for m in view.mentions if m.kind is Kind.LESION and m.term.form == "noun" and m.last < stops[-1].first]
    later = any(m.kind is Kind.LESION and m.first > valve.last for m in view.mentions)
    grade = view.owner.get(valve.first - 1)
    if later or not heads or grade is None or grade.kind is not Kind.SEVERITY:
        return []
    term, place = heads[-1].term, (valve.first, valve.last)
    return [
        Statement(
            name,
            term.value,
            grade.term.value,
            term.detail,
            place,
            grade.first,
            valve.last,
            implied=Assertion.PRESENT,
            valve_by=Rule.HEADING,
            grade_by=Rule.NOUN_PHRASE,
        )
        for name in view.names(valve)
    ]


def _is_now(view: SentenceView, grade: Mention) -> bool:
    begin = max(view.first, grade.first - _NEAR_NOW)
    return not view.lists.now.isdisjoint(view.words[begin : grade.first])


def _has_pronoun(view: SentenceView, last: int, grade: Mention) -> bool:
    """Whether a clause of its own grades the lesion that ends at a token: ``, and it was noted to be severe``."""
    between = view.words[max(last + 1, grade.first - _NEAR_PRONOUN) : grade.first]
    ended = grade.last >= view.last or view.words[grade.last + 1] in {".", ",", ";"}
    return ended and not view.lists.pronouns.isdisjoint(between) and not view.lists.copulas.isdisjoint(between)


def _opens_with_pronoun(view: SentenceView, grade: Mention) -> bool:
    """Whether nothing but a pronoun and small words stand before a grade: ``It is now``."""
    before = view.words[view.first : grade.first]
    named = any(m.kind in _GRADED_NEXT | {Kind.STRUCTURE} for m in view.mentions if m.first < grade.first)
    return not named and len(before) <= _NEAR_NOW and not view.lists.pronouns.isdisjoint(before)


def _is_pronoun_clause(view: SentenceView, cue: Mention) -> bool:
    """Whether the clause of a cue has a pronoun for its subject, and the clause before it speaks of the past."""
    before = [m for m in view.mentions if m.last < cue.first]
    stops = [m for m in before if m.kind is Kind.STOP]
    if not stops or any(m.kind is Kind.LESION and m.first > stops[-1].last for m in before):
        return False
    past = any(m.kind is Kind.CUE and m.term.value == Assertion.HISTORICAL for m in before)
    return past and view.words[cue.first - 1] in view.lists.pronouns
