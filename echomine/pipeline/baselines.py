"""What every evaluation prints beside the method: answers that need no transform."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echomine.domain.vocabulary import Severity, Valve
from echomine.learning.direct import LESIONS, NOT_STATED, train_direct_heads
from echomine.pipeline.scoring import Claim, Pair, Truth
from echomine.pipeline.taught_rows import PairedFeatures
from echomine.retrieval.vote import Reading

Claims = dict[Pair, Claim]
Readings = Mapping[str, tuple[Reading, ...]]


def claims_of_paragraph(readings: Sequence[Reading]) -> Claims:
    """What a paragraph says of stenosis and regurgitation."""
    return {
        (one.valve, one.disease): Claim(grade=one.severity.grade)
        for one in readings
        if (one.valve, one.disease) in LESIONS
    }


def random_paragraph(readings: Readings, count: int, rng: np.random.Generator) -> list[Claims]:
    """What paragraphs drawn at random say."""
    names = sorted(readings)
    return [claims_of_paragraph(readings[names[at]]) for at in rng.integers(len(names), size=count).tolist()]


def commonest_of_true_valve(readings: Readings, truths: Sequence[Truth]) -> list[Claims]:
    """What reports most often say of the valve that the image really shows: it is told the valve."""
    said: dict[Valve, Counter[tuple[tuple[Pair, Severity], ...]]] = {valve: Counter() for valve in Valve}
    for one in readings.values():
        statement = tuple(sorted((pair, claim.grade) for pair, claim in claims_of_paragraph(one).items()))
        valves = {pair[0] for pair, _ in statement}
        for valve in valves:
            said[valve][tuple(entry for entry in statement if entry[0][0] is valve)] += 1
    commonest = {valve: dict(counts.most_common(1)[0][0]) if counts else {} for valve, counts in said.items()}
    return [_told(commonest, truth) for truth in truths]


def _told(commonest: Mapping[Valve, Mapping[Pair, Severity]], truth: Truth) -> Claims:
    valve = next(iter(truth))[0]
    return {pair: Claim(grade=grade) for pair, grade in commonest[valve].items()}


def image_neighbours(paired: PairedFeatures, features: NDArray[np.float32], readings: Readings) -> list[Claims]:
    """The paragraph of the paired image with the nearest feature (cosine, standardised), without any text space."""
    mean, scale = paired.features.mean(axis=0), paired.features.std(axis=0) + 1e-6
    known, asked = _unit((paired.features - mean) / scale), _unit((features - mean) / scale)
    nearest = np.argmax(asked @ known.T, axis=1).tolist()
    return [claims_of_paragraph(readings[paired.paragraph_ids[row]]) for row in nearest]


def direct_heads(
    paired: PairedFeatures, features: NDArray[np.float32], readings: Readings, *, seed: int
) -> list[Claims]:
    """Softmax heads on the same feature, learnt on what the paired paragraphs say."""
    grades = [
        _grade_row({pair: claim.grade for pair, claim in claims_of_paragraph(readings[name]).items()})
        for name in paired.paragraph_ids
    ]
    heads = train_direct_heads(paired.features, np.array(grades, dtype=np.int64), paired.patients, seed=seed)
    return _medians(heads.probabilities(features))


def _grade_row(grades: Truth) -> list[int]:
    """Grades of all lesions, none where nothing is said: the image shows one valve and the heads must learn which."""
    row = [int(grades.get(pair, Severity.NONE)) for pair in LESIONS]
    return [NOT_STATED if grade < 0 else grade for grade in row]


def _medians(probabilities: NDArray[np.float32]) -> list[Claims]:
    medians = (probabilities.cumsum(axis=2) < 0.5).sum(axis=2).clip(max=int(Severity.SEVERE))
    return [
        {pair: Claim(grade=Severity(grade)) for pair, grade in zip(LESIONS, row, strict=True)}
        for row in medians.tolist()
    ]


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), dtype=np.float32)
