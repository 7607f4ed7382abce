"""Which valve a display shows, from what is measured on it and not from how it looks.

Brightness, clutter and the range that was chosen differ from machine to machine, so a head that sees them errs on
another machine's displays. This one sees velocities, times and what physiology takes each flow for, of the main flow
and of a flow on the other side only where it is about as strong: a slow flow beside a fast one is mostly that of a
neighbour. A display is judged by the viewed displays that it lies near (kernel ridge regression).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.vocabulary import Valve
from echomine.doppler.display_numbers import NUMBERS, RECOGNISED, SIDES
from echomine.doppler.envelope import Side
from echomine.learning.valve_heads import ValveHeads, train_valve_heads

Rows = NDArray[np.float32]

MEASURED = ("vmax", "duration", "acceleration", "share_of_cycle", "waves", "fullness", *RECOGNISED)
"""The numbers of a flow that no setting of the machine changes."""

LEAST_STRENGTH = 1.0
"""A flow weaker than the main one by more than this, in logarithms of its strength, is left out."""

_WIDEST, _LEAST_SPREAD = 3.0, 1e-3
_WIDTH = 0.2
_RIDGE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredValves:
    """Heads on the nearness to viewed displays.

    Attributes:
        mean, spread: (q,) of the numbers of the viewed displays.
        landmarks: (L, q) their standardised numbers.
        heads: On the nearness to each landmark.
    """

    mean: Rows
    spread: Rows
    landmarks: Rows
    heads: ValveHeads

    def probabilities(self, numbers: Rows, patients: Sequence[str] | None = None) -> Rows:
        """(N, valves) of :func:`doppler.display_numbers` (N, numbers); ``patients`` as for :class:`ValveHeads`."""
        rows = _standard(main_flow_numbers(numbers), self.mean, self.spread)
        return self.heads.probabilities(_nearness(rows, self.landmarks), patients)

    def arrays(self) -> dict[str, Rows]:
        """What :meth:`from_arrays` needs, by name."""
        own = {"mean": self.mean, "spread": self.spread, "landmarks": self.landmarks, "heads": self.heads.weights}
        return {name: np.ascontiguousarray(value) for name, value in own.items()}

    @classmethod
    def from_arrays(cls, arrays: dict[str, Rows]) -> "MeasuredValves":
        """The heads whose arrays these are."""
        return cls(arrays["mean"], arrays["spread"], arrays["landmarks"], ValveHeads(arrays["heads"]))


def train_measured_valves(
    numbers: Rows, valves: Sequence[Valve], patients: Sequence[str], *, folds: int
) -> MeasuredValves:
    """Heads learnt on viewed displays.

    Args:
        numbers: (N, numbers) measured on each; none give heads that find all valves alike.
        valves: The valve of each view.
        patients: The patient of each.
        folds: Heads, each of which has not seen a part of the patients.
    """
    known = main_flow_numbers(numbers)
    there = np.where(np.isnan(known).all(axis=0), np.float32(0), known) if len(known) else np.zeros((1, known.shape[1]))
    mean = np.nanmean(there, axis=0).astype(np.float32)
    spread = (np.nanstd(there, axis=0) + _LEAST_SPREAD).astype(np.float32)
    landmarks = _standard(known, mean, spread)
    near = _nearness(landmarks, landmarks)
    return MeasuredValves(mean, spread, landmarks, train_valve_heads(near, valves, patients, folds=folds, ridge=_RIDGE))


def main_flow_numbers(numbers: Rows) -> Rows:
    """(N, q) of (N, numbers): the numbers in ``MEASURED`` of either side, as if a much weaker flow were not there."""
    excess = numbers[:, _place(Side.ABOVE, "strength")] - numbers[:, _place(Side.BELOW, "strength")]
    parts = []
    for side, weaker in ((Side.ABOVE, excess < -LEAST_STRENGTH), (Side.BELOW, excess > LEAST_STRENGTH)):
        for name in MEASURED:
            absent = np.float32(0 if name in RECOGNISED else np.nan)
            parts.append(np.where(weaker, absent, numbers[:, _place(side, name)]))
    missing = [np.isnan(parts[place * len(MEASURED)]) * 2.0 - 1.0 for place in range(len(SIDES))]
    return np.stack([*parts, *missing], axis=1).astype(np.float32)


def _place(side: Side, name: str) -> int:
    return NUMBERS.index((side, name))


def _standard(rows: Rows, mean: Rows, spread: Rows) -> Rows:
    return np.asarray(np.nan_to_num(np.clip((rows - mean) / spread, -_WIDEST, _WIDEST)), dtype=np.float32)


def _nearness(rows: Rows, landmarks: Rows) -> Rows:
    """(N, L) Gaussian nearness; row by row, so that it does not depend on the batch."""
    width = 2 * _WIDTH * landmarks.shape[1]
    near = [np.exp(-np.square(landmarks - row).sum(axis=1) / width) for row in rows]
    return np.asarray(near, dtype=np.float32).reshape(len(rows), len(landmarks))
