"""From cues and sections to the assertion of a statement."""

from collections.abc import Sequence

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
_REPLACEABLE = frozenset({Disease.STENOSIS, Disease.REGURGITATION, Disease.PROLAPSE, Disease.VEGETATION})


def assertion_of_statement(sentence: Sentence, statement: Statement, scopes: Sequence[Scope]) -> Assertion:
    """How a sentence speaks of one of its statements."""
    if statement.implied:
        return Assertion(statement.implied)
    if statement.grade not in {"", "none"}:
        scopes = [s for s in scopes if not statement.first <= s.cue_first < statement.head[0]]
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
    asked = sentence.kind in {"indication", "plan"}
    return Assertion.HYPOTHETICAL if asked else Assertion.PRESENT


def replaced_lesions(
    view: SentenceView, statements: Sequence[Statement], scopes: Sequence[Scope]
) -> frozenset[tuple[int, int]]:
    """Heads of the lesions that a valve replacement has done away with.

    ``Severe aortic stenosis, status post AVR`` and ``AVR for aortic stenosis`` both speak of a stenosis that was.
    """
    devices = [s for s in statements if s.disease == Disease.PROSTHESIS]
    lesions = [s for s in statements if s.disease in _REPLACEABLE] if devices else []
    pairs = [(lesion, device) for device in devices for lesion in lesions if lesion.valve == device.valve]
    return frozenset(lesion.head for lesion, device in pairs if _is_replaced(view, lesion, device, scopes))


def _is_replaced(view: SentenceView, lesion: Statement, device: Statement, scopes: Sequence[Scope]) -> bool:
    if lesion.head[0] > device.head[1]:
        between = view.words[device.head[1] + 1 : lesion.first]
        return 0 < len(between) <= _NEAR and not view.lists.causes.isdisjoint(between)
    return any(
        scope.value == AFTER and scope.first <= device.head[1] and 0 < scope.cue_first - lesion.head[1] <= _NEAR
        for scope in scopes
    )
