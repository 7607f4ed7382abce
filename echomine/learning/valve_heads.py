"""Which valve a display shows, from its feature: ridge heads of which none has seen the patient it judges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.splits import unit_hash
from echomine.domain.vocabulary import Valve

SHARPNESS = 8.0
"""Factor of the scores before they become probabilities."""

DOUBT = 0.5 - 1 / len(Valve)
"""Score of being none of the valves, which all share: halfway between what a head is taught of a display of its valve,
1 - 1/4, and of another, -1/4. A display that none of them knows, of another machine say, is told by no head for sure.
"""

Rows = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class ValveHeads:
    """One linear head for each fold of the patients, learnt on the other folds.

    A head that judges an image it was learnt on is too sure of itself, and what is learnt on top of it trusts it too
    far. So images of learning patients are judged by the head that did not see them, all others by the mean.

    Attributes:
        weights: (folds, d, valves).
    """

    weights: NDArray[np.float32]

    def probabilities(self, features: Rows, patients: Sequence[str] | None = None) -> Rows:
        """(N, valves) of features (N, d); ``patients`` names those that may have been learnt from."""
        scores = np.einsum("nd,fdv->nfv", features, self.weights)
        if patients is None:
            chosen = scores.mean(axis=1)
        else:
            chosen = scores[np.arange(len(features)), [fold_of(name, len(self.weights)) for name in patients]]
        top = np.maximum(chosen.max(axis=1, keepdims=True), DOUBT)  # the largest power is 1, whatever the scores
        powers = np.exp(SHARPNESS * (chosen - top)) + np.exp(SHARPNESS * (DOUBT - top))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def fold_of(patient: str, folds: int) -> int:
    """Fold of a patient, the same whatever other patients there are."""
    return int(unit_hash(f"valve\0{patient}") * folds)


def train_valve_heads(
    features: Rows, valves: Sequence[Valve], patients: Sequence[str], *, folds: int, ridge: float
) -> ValveHeads:
    """Heads learnt on viewed displays.

    Args:
        features: (N, d); none give heads that find all valves alike.
        valves: The valve of each view.
        patients: The patient of each.
        folds: Heads; 1 learns a single one on all.
        ridge: Strength of the penalty, as a share of the mean squared length of a feature.
    """
    own = np.array([fold_of(name, folds) for name in patients], dtype=int)
    goals = np.eye(len(Valve), dtype=np.float64)[[list(Valve).index(one) for one in valves]] - 1 / len(Valve)
    heads = [_head(features, goals, (own != fold) | (folds == 1), ridge) for fold in range(folds)]
    return ValveHeads(np.stack(heads).astype(np.float32))


def _head(features: Rows, goals: NDArray[np.float64], chosen: NDArray[np.bool_], ridge: float) -> NDArray[np.float64]:
    rows = features[chosen].astype(np.float64)
    if not len(rows):
        return np.zeros((features.shape[1], len(Valve)))
    penalty = ridge * float(np.mean(np.square(rows).sum(axis=1))) + 1e-12
    if len(rows) > rows.shape[1]:  # the same weights, solved where the matrix is smaller
        inner = rows.T @ rows + penalty * np.eye(rows.shape[1])
        return np.asarray(np.linalg.solve(inner, rows.T @ goals[chosen]))
    outer = rows @ rows.T + penalty * np.eye(len(rows))
    return np.asarray(rows.T @ np.linalg.solve(outer, goals[chosen]))
