"""Valves that a sentence calls normal or competent."""

from typing import NamedTuple

from echomine.domain.vocabulary import Disease
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.sentence_view import ALL_VALVES, BLOCKING, Rule, SentenceView, Statement

_FARTHEST = 12
_GOING_ON = frozenset({"verb", "same"})
_NOT_BETWEEN = frozenset({Kind.STRUCTURE, Kind.LESION, Kind.STOP})


class _Called(NamedTuple):
    valves: tuple[str, ...]
    first: int
    last: int


def normal_statements(view: SentenceView, mention: Mention) -> list[Statement]:
    """Statements of the valves that a word like ``normal`` or ``competent`` speaks of.

    ``normal except for ...`` calls nothing normal; nor does ``normal`` before another noun (``normal excursion``).
    """
    if mention.term.value == "normal" and _excepted(view, mention):
        return []
    called = _right(view, mention) or (_left(view, mention) if _stands_alone(view, mention) else None)
    if called is None:
        return []
    disease, implied = Disease.NORMAL, ""
    if mention.term.value == "competent":
        disease, implied = Disease.REGURGITATION, "negated"
    head = (mention.first, mention.last)
    return [
        Statement(valve, disease, "", "", head, called.first, called.last, implied, valve_by=Rule.CALLED)
        for valve in called.valves
    ]


def _excepted(view: SentenceView, mention: Mention) -> bool:
    """Whether something is excepted: ``normal except for``, ``aside from mild MR, normal``, ``otherwise normal``."""
    stops = [m for m in view.mentions if m.kind is Kind.STOP and not _words(view, m).isdisjoint(view.lists.exceptives)]
    lesions = [m.first for m in view.mentions if m.kind is Kind.LESION]
    after = any(stop.first > mention.last for stop in stops)
    before = any(stop.last < lesion < mention.first for stop in stops for lesion in lesions)
    around = view.words[max(view.first, mention.first - 2) : min(view.last, mention.last + 3) + 1]
    otherwise = not view.lists.otherwise.isdisjoint(around)
    return after or before or otherwise


def _words(view: SentenceView, mention: Mention) -> set[str]:
    return set(view.words[mention.first : mention.last + 1])


def _stands_alone(view: SentenceView, mention: Mention) -> bool:
    after = mention.last + 1
    return after > view.last or view.words[after] in view.lists.normal_ends


def _right(view: SentenceView, mention: Mention) -> _Called | None:
    """``normal mitral valve``, ``normal appearance of the tricuspid and mitral valves``."""
    place = mention.last + 1
    while place <= view.last:
        following = view.owner.get(place)
        if following is not None and _is_listed_structure(view, following):
            place = following.last + 2
            continue
        if following is None or following.kind not in {Kind.FILLER, Kind.VALVE}:
            return None
        if following.kind is Kind.VALVE:
            valves, last = view.group_from(following)
            noun = view.owner[last].term.form not in {"adjective", "part"}
            return _Called(valves, mention.first, last) if noun and not _goes_on(view, last) else None
        place = following.last + 1
    return None


def _is_listed_structure(view: SentenceView, mention: Mention) -> bool:
    """Whether a chamber or vessel stands first in a list that a valve may close: ``normal left ventricle and ...``."""
    listed = mention.kind is Kind.STRUCTURE and mention.term.value in BLOCKING
    return listed and mention.last < view.last and view.separates(mention.last + 1)


def _goes_on(view: SentenceView, last: int) -> bool:
    """Whether ``normal`` speaks of something of the valve, not of the valve: ``normal aortic valve area``."""
    return last < view.last and view.words[last + 1] in view.lists.capable


def _left(view: SentenceView, mention: Mention) -> _Called | None:
    """``the pulmonic and tricuspid valves were both normal``; or a subject carried from the sentence before."""
    if not view.lists.valve_words.isdisjoint(view.words[mention.first : mention.last + 1]):
        return _Called(ALL_VALVES, mention.first, mention.last)
    nearest = _nearest_before(view, mention)
    if nearest is not None and nearest.kind is Kind.STRUCTURE:
        nearest = _listed_with(view, nearest)
    elif nearest is None:
        return _carried(view, mention)
    if nearest is None or nearest.kind is not Kind.VALVE or not _is_subject(view, nearest, mention):
        return None
    valves, first = view.group_to(nearest)
    return _Called(valves, first, mention.last)


def _nearest_before(view: SentenceView, mention: Mention) -> Mention | None:
    """The last valve, structure, lesion or clause break before a word like ``normal``."""
    for before in reversed(view.mentions):
        if before.first >= mention.first:
            continue
        if before.kind is Kind.VALVE or (before.kind in _NOT_BETWEEN and before.term.value not in _GOING_ON):
            return before
    return None


def _listed_with(view: SentenceView, structure: Mention) -> Mention | None:
    """The valve that stands just before a structure in a list: ``the pulmonic valve and pulmonary artery``."""
    place = structure.first - 1
    while place >= view.first and (view.separates(place) or _is_filler(view, place)):
        place -= 1
    before = view.owner.get(place)
    listed = place < structure.first - 1 and before is not None and before.kind is Kind.VALVE
    return before if listed else None


def _is_filler(view: SentenceView, place: int) -> bool:
    mention = view.owner.get(place)
    return mention is not None and mention.kind is Kind.FILLER


def _is_subject(view: SentenceView, valve: Mention, mention: Mention) -> bool:
    near = mention.first - valve.last <= _FARTHEST
    return near and view.can_be_subject(valve) and not _belongs_to_motion(view, valve)


def _carried(view: SentenceView, mention: Mention) -> _Called | None:
    words = view.words[view.first : mention.first]
    bare = all(word in view.lists.bare_subjects or not word.isalpha() for word in words)
    subject = view.context.subject
    return _Called(subject, mention.first, mention.last) if subject and bare else None


def _belongs_to_motion(view: SentenceView, valve: Mention) -> bool:
    """Whether the subject is a motion or flow *of* the valve: ``opening of the aortic valve is normal``."""
    return any(
        m.kind is Kind.STRUCTURE
        and 0 < valve.first - m.last <= 4
        and not view.lists.prepositions.isdisjoint(view.words[m.last + 1 : valve.first])
        for m in view.mentions
    )
