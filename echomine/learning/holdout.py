"""Holding patients back for validation."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def held_back(groups: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Which rows belong to the validation patients.

    Args:
        groups: N patients, one a row.
        share: Share of the patients, rounded down; at least one patient stays on either side where the share is
            above 0 and there are two or more.
        seed: Fixes the choice.

    Returns:
        (N,) True for validation; all False where ``share`` is 0 or there is one patient.
    """
    patients = sorted(set(groups))
    count = min(max(1, int(share * len(patients))), len(patients) - 1) if share > 0 else 0
    chosen = set(np.random.default_rng(seed).permutation(np.array(patients))[: max(0, count)].tolist())
    return np.array([group in chosen for group in groups], dtype=bool)
