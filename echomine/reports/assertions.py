"""From cues and sections to the assertion of a statement."""

from collections.abc import Iterator, Sequence

from echomine.domain.vocabulary import Assertion, Disease
from echomine.reports.scopes import AFTER, Scope, strongest
from echomine.reports.sentence_view import SentenceView, Statement
from echomine.reports.sentences import Sentence

_SECTION_ASSERTION = {
    "indication": Assertion.HISTORICAL,
    "history": Assertion.HISTORICAL,
    "family": Assertion.FAMILY,
}
_NEAR = 4
_NEAR_BEFORE = 6
_BESIDE = 2
_NEAR_CAUSE = 3
_NOT_THERE = frozenset({Assertion.HYPOTHETICAL, Assertion.POSSIBLE, Assertion.NEGATED})
_REPLACEABLE = frozenset({Disease.STENOSIS, Disease.REGURGITATION, Disease.PROLAPSE, Disease.VEGETATION})


def assertion_of_statement(sentence: Sentence, statement: Statement, scopes: Sequence[Scope]) -> Assertion:
    """How a sentence speaks of one of its statements."""
    if statement.implied:
        return Assertion(statement.implied)
    if statement.grade not in {"", "none"}:
        scopes = [s for s in scopes if not statement.first <= s.cue_first < statement.head[0]]
    if statement.disease == Disease.PROSTHESIS:
        scopes = [s for s in scopes if s.value != Assertion.NEGATED or statement.first - s.cue_last <= _BESIDE]
    cue = strongest(scopes, *statement.head)
    if statement.disease == Disease.PROSTHESIS:
        return _of_device(sentence, cue)
    if statement.grade == "none" and not cue:
        return Assertion.NEGATED
    return assertion_of_cue(sentence, cue)


def assertion_of_cue(sentence: Sentence, cue: str) -> Assertion:
    """What a cue says, else what the section says; ``status post`` says nothing of a lesion."""
    if cue == AFTER:
        return Assertion.PRESENT
    return Assertion(cue) if cue else _SECTION_ASSERTION.get(sentence.kind, Assertion.PRESENT)


def _of_device(sentence: Sentence, cue: str) -> Assertion:
    """A prosthesis that was put in is present, however long ago; one weighed or asked about is hypothetical."""
    if cue in {AFTER, Assertion.HISTORICAL}:
        return Assertion.PRESENT
    if cue == Assertion.POSSIBLE:
        return Assertion.HYPOTHETICAL
    if cue:
        return Assertion(cue)
    return Assertion.HYPOTHETICAL if sentence.kind == "plan" else Assertion.PRESENT


def replaced_lesions(
    view: SentenceView, statements: Sequence[Statement], scopes: Sequence[Scope]
) -> frozenset[tuple[int, int]]:
    """Heads of the lesions that a valve replacement has done away with.

    ``Severe aortic stenosis, status post AVR`` and ``AVR for aortic stenosis`` both speak of a stenosis that was.
    """
    lesions = [s for s in statements if s.disease in _REPLACEABLE]
    gone = set(_treated_before(lesions, *_repairs(view, scopes)))
    for place in _done_repairs(view, scopes) if lesions else ():
        gone.update(_reasons_after(view, lesions, place))
    devices = [
        s for s in statements if s.disease == Disease.PROSTHESIS and strongest(scopes, *s.head) not in _NOT_THERE
    ]
    for device in devices:
        own = [lesion for lesion in lesions if lesion.valve == device.valve]
        gone.update(_reasons_after(view, own, device.head[1]))
        gone.update(_treated_before(own, *_cues_of(device, scopes)))
        gone.update(_reasons_before(view, own, device))
    return frozenset(gone)


def _reasons_after(view: SentenceView, lesions: Sequence[Statement], place: int) -> Iterator[tuple[int, int]]:
    """Lesions told as the reason for what ends at a token: ``AVR for aortic stenosis and regurgitation``."""
    caused = False
    for lesion in lesions:
        between = view.words[place + 1 : lesion.first]
        near = place < lesion.head[0] and len(between) <= _NEAR and view.lists.now.isdisjoint(between)
        caused = caused or not view.lists.causes.isdisjoint(between)
        if near and caused:
            yield lesion.head
            place = lesion.head[1]


def _reasons_before(view: SentenceView, lesions: Sequence[Statement], device: Statement) -> Iterator[tuple[int, int]]:
    """Lesions told as the reason before a device: ``because of severe aortic stenosis, she underwent AVR``."""
    for lesion in lesions:
        led = view.words[max(view.first, lesion.first - _NEAR_CAUSE) : lesion.first]
        if lesion.head[0] < device.head[0] and not view.lists.causes.isdisjoint(led):
            yield lesion.head


def _cues_of(device: Statement, scopes: Sequence[Scope]) -> list[int]:
    """First tokens of ``status post`` and the like before a device."""
    return [scope.cue_first for scope in scopes if scope.value == AFTER and scope.first <= device.head[1]]


def _done_repairs(view: SentenceView, scopes: Sequence[Scope]) -> Iterator[int]:
    """Places of the repairs that were done."""
    for place in range(view.first, view.last + 1):
        if view.words[place] in view.lists.relieving and strongest(scopes, place, place) not in _NOT_THERE:
            yield place


def _repairs(view: SentenceView, scopes: Sequence[Scope]) -> list[int]:
    """First tokens of ``status post`` and the like before a repair."""
    after = [scope for scope in scopes if scope.value == AFTER]
    return [s.cue_first for s in after if not view.lists.repairs.isdisjoint(view.words[s.first : s.first + _NEAR])]


def _treated_before(lesions: Sequence[Statement], *cues: int) -> Iterator[tuple[int, int]]:
    """Lesions listed just before what was done for them: ``severe MS, moderate MR, status post MVR``."""
    place = max(cues, default=-1)
    for lesion in reversed(lesions):
        if 0 < place - lesion.head[1] <= _NEAR_BEFORE:
            yield lesion.head
            place = lesion.first
