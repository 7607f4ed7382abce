"""Independent random streams and identifiers, each derived from the archive's seed and a key."""

import hashlib
from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What a random stream is for: first part of its key."""

    PLAN = 0
    PATIENT = 1
    EXAM = 2
    IMAGE = 3
    REPORT = 4
    SPECKLE = 5


def generator(seed: int, stream: Stream, *key: int) -> np.random.Generator:
    """A generator that depends on the seed, the stream and the key alone, whatever else was drawn before."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(int(stream), *key)))


def unique_uid(seed: int, kind: str, *key: int) -> str:
    """A DICOM UID under the root 2.25 (a UUID as one integer, PS3.5 B.2), the same for the same arguments."""
    text = ":".join(["echomine", str(seed), kind, *(str(part) for part in key)])
    return f"2.25.{int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], 'big')}"
