"""Valves that a sentence calls normal or competent."""

from typing import NamedTuple

from echomine.domain.vocabulary import Disease
from echomine.reports.lexicon_files import Kind
from echomine.reports.mentions import Mention
from echomine.reports.sentence_view import ALL_VALVES, SentenceView, Statement

_FOLLOWS = frozenset(
    ", . ; ) ( / and or with in without except but for on as by to although other apart however for throughout".split()
)
_BARE_SUBJECT = frozenset(
    "the valve valves leaflets leaflet itself it they is are was were be to appears appear appeared structurally overall "
    "otherwise also essentially both all this but cusps and showed shows native morphology structure".split()
)
_CAPABLE = frozenset({"motion", "mobility", "opening", "excursion", "velocity", "flow", "gradient", "function"})
_EXCEPTIVES = frozenset({"except", "other", "apart", "aside"})
_FARTHEST = 12
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
    return [Statement(valve, disease, "", "", head, called.first, called.last, implied) for valve in called.valves]


def _excepted(view: SentenceView, mention: Mention) -> bool:
    return any(
        m.kind is Kind.STOP and m.first > mention.last and view.words[m.first] in _EXCEPTIVES for m in view.mentions
    )


def _stands_alone(view: SentenceView, mention: Mention) -> bool:
    after = mention.last + 1
    return after > view.last or view.words[after] in _FOLLOWS


def _right(view: SentenceView, mention: Mention) -> _Called | None:
    """``normal mitral valve``, ``normal appearance of the tricuspid and mitral valves``."""
    place = mention.last + 1
    while place <= view.last:
        following = view.owner.get(place)
        if following is None or following.kind not in {Kind.FILLER, Kind.VALVE}:
            return None
        if following.kind is Kind.VALVE:
            valves, last = view.group_from(following)
            noun = view.owner[last].term.form not in {"adjective", "part"}
            return _Called(valves, mention.first, last) if noun and not _goes_on(view, last) else None
        place = following.last + 1
    return None


def _goes_on(view: SentenceView, last: int) -> bool:
    """Whether ``normal`` speaks of something of the valve, not of the valve: ``normal aortic valve area``."""
    return last < view.last and view.words[last + 1] in _CAPABLE | {"area"}


def _left(view: SentenceView, mention: Mention) -> _Called | None:
    """``the pulmonic and tricuspid valves were both normal``; or a subject carried from the sentence before."""
    if not {"valve", "valvular"}.isdisjoint(view.words[mention.first : mention.last + 1]):
        return _Called(ALL_VALVES, mention.first, mention.last)
    for before in reversed(view.mentions):
        if before.first >= mention.first:
            continue
        if before.kind in _NOT_BETWEEN and before.term.value != "verb":
            return None
        if before.kind is Kind.VALVE:
            near = mention.first - before.last <= _FARTHEST
            if not near or not view.can_be_subject(before) or _belongs_to_motion(view, before):
                return None
            valves, first = view.group_to(before)
            return _Called(valves, first, mention.last)
    carried = view.context.subject
    bare = all(word in _BARE_SUBJECT or not word.isalpha() for word in view.words[view.first : mention.first])
    return _Called(carried, mention.first, mention.last) if carried and bare else None


def _belongs_to_motion(view: SentenceView, valve: Mention) -> bool:
    """Whether the subject is a motion or flow *of* the valve: ``opening of the aortic valve is normal``."""
    return any(
        m.kind is Kind.STRUCTURE and 0 < valve.first - m.last <= 4 and view.words[m.last + 1] not in {",", "and"}
        for m in view.mentions
    )
