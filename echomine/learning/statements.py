"""What viewed images say in text space: the statements that agree with the view, weighed by how near they are.

A view tells valve and flow, not the grade. The paragraphs that agree with it are a handful of statements; which of
them fits is settled in rounds (expectation and maximisation): a ridge regression on the pairs places the image, the
statements near that place, and likely by what was measured on the display, share its weight, their mean becomes its
target, and the regression is learnt anew on pairs and viewed images. The place that judges an image is always that
of a regression without it (leave one out, in closed form).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ConfigurationError
from echomine.learning.transform import unit_rows

Rows = NDArray[np.float32]
_NEVER = -1e9
_TINY = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementConfig:
    """Settings of how viewed images are settled.

    Attributes:
        weight: Weight of a viewed image beside a pair; 0 leaves them out.
        rounds: Rounds of settling.
        sharpness: Factor on the cosine between a place and a statement.
        prior: Exponent of how often reports make the statement.
        evidence: Factor on the logarithmic likelihood of what was measured.
    """

    weight: float = 0.2
    rounds: int = 3
    sharpness: float = 40.0
    prior: float = 0.5
    evidence: float = 1.0

    def __post_init__(self) -> None:
        if self.weight < 0 or self.rounds < 1 or self.sharpness <= 0:
            raise ConfigurationError(f"statements need weight >= 0, rounds >= 1 and sharpness > 0, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The statements that N viewed images may make.

    Attributes:
        vectors: (C, m) unit vector of each statement.
        counts: (C,) how many paragraphs make it.
        allowed: (N, C) whether it agrees with the view; each image has one at least.
        evidence: (N, C) logarithmic likelihood of what was measured on the image.
    """

    vectors: Rows
    counts: NDArray[np.int64]
    allowed: NDArray[np.bool_]
    evidence: Rows


def settle_viewed(
    features: Rows, targets: Rows, viewed: Rows, candidates: Candidates, config: StatementConfig, *, ridge: float
) -> Rows:
    """Unit targets (N, m) of viewed images.

    Args:
        features: (P, d) of the pairs.
        targets: (P, m) unit vectors of their statements.
        viewed: (N, d) of the viewed images.
        candidates: What they may say.
        config: Settings.
        ridge: Penalty of the regression, as a share of the mean squared length of a feature.
    """
    mean = features.mean(axis=0)
    rows = np.concatenate([features, viewed]).astype(np.float64) - mean
    gram = rows @ rows.T
    penalty = ridge * float(np.mean(np.diag(gram)[: len(features)])) + _TINY
    middle = targets.mean(axis=0)
    known = targets.astype(np.float64) - middle
    places = _from_pairs(gram, known, penalty, len(features)) + middle
    weights = np.concatenate([np.ones(len(features)), np.full(len(viewed), config.weight)])
    inverse = np.linalg.inv(gram + np.diag(penalty / weights))
    found = _expected(places, candidates, config)
    for _ in range(config.rounds - 1):
        goals = np.concatenate([known, found - middle])
        solved = inverse @ goals
        unseen = goals - solved / np.diag(inverse)[:, None]
        found = _expected(unseen[len(features) :] + middle, candidates, config)
    return found


def _from_pairs(
    gram: NDArray[np.float64], known: NDArray[np.float64], penalty: float, pairs: int
) -> NDArray[np.float64]:
    solved = np.linalg.solve(gram[:pairs, :pairs] + penalty * np.eye(pairs), known)
    return np.asarray(gram[pairs:, :pairs] @ solved)


def _expected(places: NDArray[np.float64], candidates: Candidates, config: StatementConfig) -> Rows:
    """Mean of the statements, each with its share, as unit rows."""
    scores = config.sharpness * (unit_rows(places.astype(np.float32)) @ candidates.vectors.T)
    scores = scores + config.prior * np.log(candidates.counts) + config.evidence * candidates.evidence
    scores = np.where(candidates.allowed, scores, _NEVER)
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares = powers / powers.sum(axis=1, keepdims=True)
    return unit_rows((shares @ candidates.vectors).astype(np.float32))
