"""Grades that lesions of a list share: ``mild AS, AR and TR``, ``AS and MR are both moderate``, ``as is the TR``."""

from collections.abc import Sequence

from echomine.domain.vocabulary import Disease
from echomine.reports.lesion_links import grade_after
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.sentence_view import Rule, SentenceView, Statement

_NEVER_SHARED = frozenset({"flail"})
_UNGRADED = frozenset({Disease.PROSTHESIS, Disease.VEGETATION})


def shared_grade(view: SentenceView, head: Mention, first: int, coordinated: Sequence[Statement]) -> str:
    """The grade that a lesion shares with the one before it in a list: ``mild MR and TR``.

    Past a comma, lesions of different diseases share one only in a list that ``and`` or ``or`` closes.
    """
    if not coordinated or not _is_graded(head):
        return ""
    before = coordinated[-1]
    between = view.words[before.last + 1 : first]
    another = (before.disease, before.detail) != (head.term.value, head.term.detail)
    listed = before.grade_by == Rule.LIST
    parted = (
        another and "," in between and not (listed and _closes(view, between)) and not _is_closed(view, head, first)
    )
    told_before = before.first < before.head[0] or listed
    return before.grade if not parted and told_before else ""


def _is_graded(head: Mention) -> bool:
    return head.term.value not in _UNGRADED and head.term.detail not in _NEVER_SHARED


def _closes(view: SentenceView, words: Sequence[str]) -> bool:
    return not view.lists.closing.isdisjoint(words)


def _is_closed(view: SentenceView, head: Mention, first: int) -> bool:
    """Whether the list that a lesion stands in goes on in bare lesions up to an ``and``: ``, MR and TR``."""
    closed = _closes(view, view.words[first : head.first])
    while not closed:
        after = _next_bare(view, head)
        if after is None:
            return False
        closed = _closes(view, view.words[head.last + 1 : after.first])
        head = after
    return not grade_after(view, head.last)


def _next_bare(view: SentenceView, head: Mention) -> Mention | None:
    """The lesion that a list goes on with, if it has neither a grade nor a denial of its own."""
    place = head.last + 1
    if place > view.last or not view.separates(place):
        return None
    while place <= view.last:
        mention = view.owner.get(place)
        if view.separates(place) or (mention is None and view.words[place] in view.lists.articles):
            place += 1
        elif mention is not None and mention.kind in {Kind.VALVE, Kind.FILLER}:
            place = mention.last + 1
        else:
            bare = mention is not None and mention.kind is Kind.LESION and mention.term.form != "adjective"
            return mention if bare and mention is not None and _is_graded(mention) else None
    return None


def graded_together(view: SentenceView, found: list[Statement], made: Sequence[Statement]) -> list[Statement]:
    """The statements so far; those of a list that ends in a grade take it: ``MR and TR are mild``.

    Lesions of different diseases do so when what follows speaks of several: ``AS and MR are both moderate``.
    """
    if not found or not made or made[0].grade_by != Rule.AFTER:
        return found
    between = _without_articles(view, found[-1].last + 1, made[0].first)
    paired = bool(between) and between[-1] in view.lists.pairing and between[:-1] in ([], [","])
    if not paired or found[-1].grade:
        return found
    several = not view.lists.plurals.isdisjoint(view.words[made[0].last + 1 : made[0].last + 4])
    taken, place = len(found), made[0].first
    while taken and not found[taken - 1].grade and _goes_with(view, found[taken - 1], made[0], place, several=several):
        taken -= 1
        place = found[taken].first
    shared = [one._replace(grade=made[0].grade, grade_by=Rule.AFTER) for one in found[taken:]]
    return [*found[:taken], *shared]


def _goes_with(view: SentenceView, one: Statement, last: Statement, place: int, *, several: bool) -> bool:
    between = _without_articles(view, one.last + 1, place)
    listed = bool(between) and view.lists.separators.issuperset(between)
    alike = one.disease == last.disease or several or between == ["/"]
    return listed and alike and one.disease not in _UNGRADED and not one.implied


def _without_articles(view: SentenceView, first: int, end: int) -> list[str]:
    return [word for word in view.words[first:end] if word not in view.lists.articles]


def likened_grade(view: SentenceView, first: int, found: Sequence[Statement]) -> str:
    """The grade of the lesion that one is likened to: ``MR is mild, as is the TR``."""
    place = first - 1
    if view.lists.likeness.isdisjoint(view.words[max(view.first, place - 3) : place]):
        return ""
    while place > view.first and view.words[place] in view.lists.articles:
        place -= 1
    likened = (
        place > view.first
        and view.words[place] in view.lists.copulas
        and view.words[place - 1] in view.lists.likeness
        and place - 1 not in view.owner
    )
    said = found or (view.context.said if likened and place - 1 == view.first else ())
    return said[-1].grade if said and likened else ""
