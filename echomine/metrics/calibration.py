"""Whether a confidence means what it says, and what abstaining by it buys."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echomine.domain.errors import MeasurementError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityBin:
    """Predictions of about one confidence: how sure they are and how often right."""

    confidence: float
    accuracy: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskCoverage:
    """What remains wrong when only the surest labels are kept.

    Attributes:
        coverage: (M,) share kept, rising to 1.
        risk: (M,) share of wrong ones among those kept.
        threshold: (M,) confidence of the least sure one kept.
        area: Area under the curve (AURC): the mean risk over all coverages; lower is better.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    threshold: NDArray[np.float64]
    area: float


def reliability_bins(confidences: ArrayLike, correct: ArrayLike, *, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Bins of equal mass, from the least sure to the surest; fewer where there are fewer rows.

    Raises:
        MeasurementError: If the shapes differ.
    """
    values, right = _checked(confidences, correct)
    order = np.argsort(values, kind="stable")
    parts = [part for part in np.array_split(order, bins) if part.size]
    return tuple(
        ReliabilityBin(confidence=float(values[part].mean()), accuracy=float(right[part].mean()), count=part.size)
        for part in parts
    )


def expected_calibration_error(confidences: ArrayLike, correct: ArrayLike, *, bins: int = 10) -> float:
    """Mean distance of confidence and accuracy over bins of equal mass (ECE); NaN without rows.

    References:
        Nixon et al., Measuring calibration in deep learning, CVPR workshops 2019 (equal mass).
    """
    parts = reliability_bins(confidences, correct, bins=bins)
    total = sum(part.count for part in parts)
    gap = sum(part.count * abs(part.confidence - part.accuracy) for part in parts)
    return gap / total if total else float("nan")


def risk_coverage(confidences: ArrayLike, correct: ArrayLike) -> RiskCoverage:
    """The risk-coverage curve, one point for each different confidence: equal ones are kept together.

    The area sums over the rows, each of a run of equal confidences with the risk at the end of its run.

    Raises:
        MeasurementError: If the shapes differ.

    References:
        Geifman and El-Yaniv, Selective classification for deep neural networks, NeurIPS 2017.
    """
    values, right = _checked(confidences, correct)
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    kept = np.arange(1, values.size + 1)
    last = np.flatnonzero(np.append(ordered[1:] < ordered[:-1], [True])) if values.size else kept
    risk = np.cumsum(1 - right[order])[last] / kept[last]
    runs = np.diff(np.concatenate([[0], kept[last]]))
    area = float((risk * runs).sum() / values.size) if values.size else float("nan")
    return RiskCoverage(coverage=kept[last] / max(1, values.size), risk=risk, threshold=ordered[last], area=area)


def _checked(confidences: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    values, right = np.asarray(confidences, dtype=float), np.asarray(correct, dtype=float)
    if values.shape != right.shape or values.ndim != 1:
        raise MeasurementError(f"confidences and outcomes need one length, got {values.shape} and {right.shape}")
    return values, right
