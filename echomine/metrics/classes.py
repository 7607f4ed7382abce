"""How well a classifier names classes; the figures themselves are scikit-learn's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn import metrics

from echomine.domain.errors import MeasurementError


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScores:
    """Agreement of named classes over pictures.

    Attributes:
        accuracy: Share named right.
        balanced_accuracy: Mean over the true classes of the share named right.
        auroc: Mean over classes of the area under the curve of that class against the rest, over the classes that
            some pictures have and some have not; NaN where there is none.
        kappa: Cohen's, without weights; NaN where chance leaves nothing to gain.
        confusion: (K, K) counts, rows the truth.
        count: Pictures.
    """

    accuracy: float
    balanced_accuracy: float
    auroc: float
    kappa: float
    confusion: tuple[tuple[int, ...], ...]
    count: int


def class_scores(truth: ArrayLike, probabilities: ArrayLike) -> ClassScores:
    """The scores of probabilities against true classes.

    Args:
        truth: (N,) class numbers 0..K-1.
        probabilities: (N, K), rows that sum to 1.

    Raises:
        MeasurementError: If there are no rows, shapes disagree, a value is NaN or a class is outside 0..K-1.
    """
    true, given = _checked(np.asarray(truth), np.asarray(probabilities, dtype=np.float64))
    named = given.argmax(axis=1)
    confusion = metrics.confusion_matrix(true, named, labels=range(given.shape[1]))
    recalls = confusion.diagonal() / np.maximum(confusion.sum(axis=1), 1)
    return ClassScores(
        accuracy=float(metrics.accuracy_score(true, named)),
        balanced_accuracy=float(recalls[confusion.sum(axis=1) > 0].mean()),
        auroc=auroc(true, given),
        kappa=_kappa(true, named),
        confusion=tuple(tuple(int(value) for value in row) for row in confusion),
        count=len(true),
    )


def auroc(truth: NDArray[np.integer], probabilities: NDArray[np.float64]) -> float:
    """Mean one-against-rest area over the classes that can have one; NaN where none can."""
    areas = [
        metrics.roc_auc_score(truth == number, probabilities[:, number])
        for number in range(probabilities.shape[1])
        if 0 < (truth == number).sum() < len(truth)
    ]
    return float(np.mean(areas)) if areas else float("nan")


def _kappa(true: NDArray[np.integer], named: NDArray[np.integer]) -> float:
    if len(np.union1d(true, named)) < 2:
        return float("nan")
    return float(metrics.cohen_kappa_score(true, named))


def _checked(true: NDArray[np.generic], given: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if given.ndim != 2 or true.shape != given.shape[:1] or not len(true):
        raise MeasurementError(f"classes (N,) and probabilities (N, K) are wanted, got {true.shape} and {given.shape}")
    if not np.isfinite(given).all():
        raise MeasurementError("a probability is no number: the network diverged, train with a lower learning rate")
    numbers = true.astype(np.int64)
    if numbers.min() < 0 or numbers.max() >= given.shape[1]:
        raise MeasurementError(
            f"a true class lies outside 0..{given.shape[1] - 1}: {_outside(numbers, given.shape[1])}"
        )
    return numbers, given


def _outside(numbers: NDArray[np.int64], classes: int) -> Sequence[int]:
    return sorted({int(number) for number in numbers if not 0 <= number < classes})
