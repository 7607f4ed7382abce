"""How the labels of different sources stand to each other: report, retrieval and measurement are never merged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from echomine.archive.ledger import Ledger
from echomine.domain.records import Evidence, Label
from echomine.domain.vocabulary import Assertion, LabelSource, Severity

AGREEMENT = "agreement"
"""Kind of the evidence that says what another source says of the same lesion."""
AGREES, CONFLICT = "agrees", "conflict"
LARGEST_AGREEING = 1
"""Grades that lie side by side agree: readers differ by as much."""
_AT_ONCE = 2000


def grade_distance(one: Label, other: Label) -> int:
    """Steps between the nearest grades of two labels of a lesion: 0 where their intervals meet.

    A lesion named without a grade is any grade but none; a negated one is none.
    """
    low, high = _bounds(one)
    other_low, other_high = _bounds(other)
    return max(0, low - other_high, other_low - high)


def _bounds(label: Label) -> tuple[int, int]:
    if label.assertion is Assertion.NEGATED:
        return int(Severity.NONE), int(Severity.NONE)
    if label.severity.high is Severity.UNSPECIFIED:
        return int(Severity.TRACE), int(Severity.SEVERE)
    return max(0, int(label.severity.low)), int(label.severity.high)


def with_agreement(label: Label, others: Iterable[Label]) -> Label:
    """The label with one piece of evidence for each other label of the lesion by another source, in place of old ones.

    Grades that meet or lie side by side agree; those farther apart are a conflict. The score is the distance in grades.
    """
    own = (piece for piece in label.evidence if piece.kind != AGREEMENT)
    pieces = dict.fromkeys(
        Evidence(
            kind=AGREEMENT,
            reference=other.source.value,
            score=float(distance),
            note=f"{AGREES if distance <= LARGEST_AGREEING else CONFLICT}: {other.source.value} says {_words(other)}",
        )
        for other in others
        if (other.valve, other.disease) == (label.valve, label.disease) and other.source is not label.source
        for distance in (grade_distance(label, other),)
    )
    return replace(label, evidence=(*own, *pieces))


def in_conflict(label: Label) -> bool:
    """Whether another source contradicts a label of :func:`with_agreement`."""
    return any(piece.kind == AGREEMENT and (piece.score or 0) > LARGEST_AGREEING for piece in label.evidence)


def _words(label: Label) -> str:
    low, high = label.severity.low.word, label.severity.high.word
    if label.assertion is Assertion.NEGATED:
        return "none"
    return low if low == high else f"{low} to {high}"


def beside_each_other(labels: Iterable[Label], ledger: Ledger, *, models: Sequence[str] | None) -> Iterator[Label]:
    """Labels in their order, each set beside what the other sources say.

    A label of an image is set beside the other labels of this image and the report of its exam, a label of a report
    beside those of the exam's images. What was abstained from has no say.

    Args:
        labels: A stream of labels; some thousand are in memory at a time.
        ledger: Where the others are.
        models: Model versions of the others; reports have ``""``. None for all.
    """
    stream = iter(labels)
    while chunk := list(islice(stream, _AT_ONCE)):
        exams = {one.study_uid for one in chunk if one.study_uid}
        alone = {one.image_id for one in chunk if not one.study_uid}
        speaking = [one for one in ledger.labels_beside(exams, alone, models=models) if not one.abstained]
        of_exams, of_images = _grouped(speaking)
        for label in chunk:
            yield with_agreement(label, _beside(label, of_exams, of_images))


def _grouped(labels: Iterable[Label]) -> tuple[dict[str, list[Label]], dict[str, list[Label]]]:
    of_exams: dict[str, list[Label]] = {}
    of_images: dict[str, list[Label]] = {}
    for one in labels:
        if one.study_uid:
            of_exams.setdefault(one.study_uid, []).append(one)
        if one.image_id:
            of_images.setdefault(one.image_id, []).append(one)
    return of_exams, of_images


def _beside(
    label: Label, of_exams: Mapping[str, Sequence[Label]], of_images: Mapping[str, Sequence[Label]]
) -> list[Label]:
    exam = of_exams.get(label.study_uid, ()) if label.study_uid else ()
    if not label.image_id:
        return list(exam)
    reported = [one for one in exam if one.source is LabelSource.REPORT]
    return [*of_images.get(label.image_id, ()), *reported]
