"""Splitting patients into parts, by a hash: nobody changes sides when the archive grows."""

import hashlib
import math
from collections.abc import Sequence

from echomine.domain.errors import ConfigurationError
from echomine.domain.vocabulary import Split

DEFAULT_FRACTIONS = (0.7, 0.1, 0.2)
"""Train, validation, test."""


def split_of(patient: str, *, salt: str = "", fractions: Sequence[float] = DEFAULT_FRACTIONS) -> Split:
    """The part that a patient belongs to: the same whoever else is there, and wherever it is computed.

    Args:
        patient: Pseudonym; all of one patient's exams fall into the same part.
        salt: Another salt gives another, independent split.
        fractions: Shares of train, validation and test; they sum to 1.

    Raises:
        ConfigurationError: If the fractions are not three shares that sum to 1.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not math.isclose(sum(fractions), 1.0):
        raise ConfigurationError(f"a split needs three shares that sum to 1, got {tuple(fractions)}")
    place = unit_hash(f"{salt}\0{patient}")
    if place < fractions[0]:
        return Split.TRAIN
    return Split.VALIDATION if place < fractions[0] + fractions[1] else Split.TEST


def unit_hash(text: str) -> float:
    """A number in 0 <= x < 1 that depends on the text alone, evenly spread."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
