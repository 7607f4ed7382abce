"""What is measured of the main flow of a display, and which valve it tells, whatever the display looks like.

Brightness, clutter and the range that was chosen differ from machine to machine, so a head that sees them errs on
another machine's displays. Here there are velocities, times and what physiology takes each flow for, of the main flow
and of a flow on the other side only where it is about as strong: a slow flow beside a fast one is mostly that of a
neighbour. The valve of a display is told by the viewed displays that it lies near (kernel ridge regression).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.vocabulary import Valve
from echomine.doppler.display_numbers import LEVEL, NUMBERS, RECOGNISED
from echomine.doppler.envelope import Side
from echomine.learning.valve_heads import ValveHeads, train_valve_heads

Rows = NDArray[np.float32]

MEASURED = ("vmax", "duration", "acceleration", "share_of_cycle", "waves", "fullness", *RECOGNISED)
"""The numbers of a flow that no setting of the machine changes: they tell the valve."""

GRADED = ("vmax", "mean_gradient", "vti", "pht", "duration", "acceleration", "fullness", LEVEL)
"""The numbers that a grade can depend on."""

LEAST_STRENGTH = 1.0
"""A flow weaker than the main one by more than this, in logarithms of its strength, is left out."""

_WIDEST, _LEAST_SPREAD = 3.0, 1e-3
_WIDTH = 0.2
_RIDGE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredValves:
    """Heads on the nearness to viewed displays, and the scale of the numbers that grades depend on.

    Attributes:
        mean, spread: (q,) of the ``MEASURED`` numbers of the viewed displays.
        graded_mean, graded_spread: (g,) of their ``GRADED`` numbers.
        landmarks: (L, q + 2) their standardised numbers, and on which sides they have a flow.
        heads: On the nearness to each landmark.
    """

    mean: Rows
    spread: Rows
    graded_mean: Rows
    graded_spread: Rows
    landmarks: Rows
    heads: ValveHeads

    def probabilities(self, numbers: Rows, patients: Sequence[str] | None = None) -> Rows:
        """(N, valves) of :func:`doppler.display_numbers` (N, numbers); ``patients`` as for :class:`ValveHeads`."""
        rows = _valve_rows(main_flow_numbers(numbers, MEASURED), self.mean, self.spread)
        return self.heads.probabilities(_nearness(rows, self.landmarks), patients)

    def graded(self, numbers: Rows) -> Rows:
        """(N, 2 g) of (N, numbers): the ``GRADED`` ones, standardised, and which are missing; length about 1."""
        known = main_flow_numbers(numbers, GRADED)
        rows = np.concatenate([_standard(known, self.graded_mean, self.graded_spread), np.isnan(known)], axis=1)
        return np.asarray(rows / np.sqrt(known.shape[1]), dtype=np.float32)

    def arrays(self) -> dict[str, Rows]:
        """What :meth:`from_arrays` needs, by name."""
        names = ("mean", "spread", "graded_mean", "graded_spread", "landmarks")
        own = {name: getattr(self, name) for name in names} | {"heads": self.heads.weights}
        return {name: np.ascontiguousarray(value) for name, value in own.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Rows]) -> "MeasuredValves":
        """The heads whose arrays these are."""
        own = dict(arrays)
        return cls(heads=ValveHeads(own.pop("heads")), **own)


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
    known = main_flow_numbers(numbers, MEASURED)
    mean, spread = _scale(known)
    graded_mean, graded_spread = _scale(main_flow_numbers(numbers, GRADED))
    landmarks = _valve_rows(known, mean, spread)
    heads = train_valve_heads(_nearness(landmarks, landmarks), valves, patients, folds=folds, ridge=_RIDGE)
    return MeasuredValves(mean, spread, graded_mean, graded_spread, landmarks, heads)


def main_flow_numbers(numbers: Rows, names: Sequence[str]) -> Rows:
    """(N, 2 x names) of (N, numbers): those named of either side, as if a much weaker flow were not there."""
    excess = numbers[:, _place(Side.ABOVE, "strength")] - numbers[:, _place(Side.BELOW, "strength")]
    parts = []
    for side, weaker in ((Side.ABOVE, excess < -LEAST_STRENGTH), (Side.BELOW, excess > LEAST_STRENGTH)):
        for name in names:
            own = numbers[:, _place(side, name)]
            absent = np.float32(0 if name in RECOGNISED else np.nan)
            parts.append(own if name == LEVEL else np.where(weaker, absent, own))
    return np.stack(parts, axis=1).astype(np.float32)


def _valve_rows(known: Rows, mean: Rows, spread: Rows) -> Rows:
    """The numbers standardised, and whether each side has a flow (1) or not (-1)."""
    there = np.where(np.isnan(known[:, [0, len(MEASURED)]]), np.float32(-1), np.float32(1))
    return np.concatenate([_standard(known, mean, spread), there], axis=1)


def _place(side: Side, name: str) -> int:
    return NUMBERS.index((side, name))


def _scale(known: Rows) -> tuple[Rows, Rows]:
    """Mean and spread of each column, of the values that are there; 0 and least where none is."""
    empty = np.isnan(known).all(axis=0) if len(known) else np.ones(known.shape[1], dtype=bool)
    there = np.where(empty, np.float32(0), known) if len(known) else np.zeros((1, known.shape[1]), np.float32)
    mean, spread = np.nanmean(there, axis=0), np.nanstd(there, axis=0) + _LEAST_SPREAD
    return mean.astype(np.float32), spread.astype(np.float32)


def _standard(rows: Rows, mean: Rows, spread: Rows) -> Rows:
    return np.asarray(np.nan_to_num(np.clip((rows - mean) / spread, -_WIDEST, _WIDEST)), dtype=np.float32)


def _nearness(rows: Rows, landmarks: Rows) -> Rows:
    """(N, L) Gaussian nearness; row by row, so that it does not depend on the batch."""
    width = 2 * _WIDTH * landmarks.shape[1]
    near = [np.exp(-np.square(landmarks - row).sum(axis=1) / width) for row in rows]
    return np.asarray(near, dtype=np.float32).reshape(len(rows), len(landmarks))
