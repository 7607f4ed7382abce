"""What every text space is: paragraphs in, unit vectors out, the same ones on each call."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Paragraph
from echomine.reports.tokens import concept_tokens, tokens_of

EMPTY_DOCUMENT = "<empty>"
"""Stands for a text without any token, so that each document has one."""


class TextSpaceKind(StrEnum):
    """How text becomes a vector."""

    PV_DM = "pv_dm"
    PV_DBOW = "pv_dbow"
    PV_BOTH = "pv_both"
    TFIDF_SVD = "tfidf_svd"
    TRANSFORMER = "transformer"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpaceConfig:
    """Settings of a text space; those of another kind are ignored.

    The defaults were chosen by how well the neighbours of held-out paragraphs tell what those say (valve, disease and
    grade; ``benchmarks/text_space.py``). There, PV-DBOW with concept tokens came first and PV-DM far behind.

    Attributes:
        kind: Which encoder.
        size: Length of a vector; ``pv_both`` gives half of it to each model. A transformer has its own.
        window: Words on either side that PV-DM averages.
        epochs: Passes over the corpus.
        infer_epochs: Passes over a text that comes later.
        min_count: Tokens seen less often than this are dropped.
        negative: Negative samples per token.
        sample: Threshold above which frequent tokens are thinned out; 0 keeps all.
        alpha: First learning rate.
        seed: Seed of training and of inference.
        workers: Training threads; only 1 retrains to identical vectors.
        concept_repeats: How often the concept tokens of a paragraph are added; 0 leaves them out.
        model: Folder of a transformers model, or a hub id if the user names one.
        max_tokens: Longest input of a transformer.
    """

    kind: TextSpaceKind = TextSpaceKind.PV_DBOW
    size: int = 128
    window: int = 5
    epochs: int = 20
    infer_epochs: int = 12
    min_count: int = 2
    negative: int = 5
    sample: float = 0.0
    alpha: float = 0.05
    seed: int = 0
    workers: int = 1
    concept_repeats: int = 5
    model: str = ""
    max_tokens: int = 256

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", TextSpaceKind(self.kind))
        positive = ["size", "window", "epochs", "infer_epochs", "min_count", "negative", "alpha"]
        positive += ["workers", "max_tokens"]
        natural = ["concept_repeats", "sample", "seed"]
        bad = [name for name in positive if getattr(self, name) <= 0]
        bad += [name for name in natural if getattr(self, name) < 0]
        if bad:
            raise ConfigurationError(f"a text space needs positive settings, got a bad {', '.join(bad)}")
        if self.kind is TextSpaceKind.PV_BOTH and self.size % 2:
            raise ConfigurationError(f"pv_both halves its size, so it must be even, got {self.size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedParagraphs:
    """The vectors of the corpus that a space was learnt on; equal documents share one.

    Attributes:
        paragraph_ids: N ids.
        rows: (N,) row of each paragraph in ``distinct``.
        distinct: (U, size) unit vectors.
    """

    paragraph_ids: tuple[str, ...]
    rows: NDArray[np.int64]
    distinct: NDArray[np.float32]

    @property
    def vectors(self) -> NDArray[np.float32]:
        """(N, size) unit vectors in the order of ``paragraph_ids``."""
        return np.asarray(self.distinct[self.rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class NearWord:
    """A word near another one, with its cosine."""

    word: str
    score: float


class TextSpace(Protocol):
    """Paragraphs to unit vectors: the same paragraph, the same vector, in any batch and after a reload."""

    @property
    def config(self) -> TextSpaceConfig:
        """The settings it was learnt with."""

    @property
    def size(self) -> int:
        """Length of a vector."""

    @property
    def trained(self) -> TrainedParagraphs:
        """The corpus it was learnt on."""

    def infer(self, paragraphs: Sequence[Paragraph]) -> NDArray[np.float32]:
        """(N, size) unit vectors of paragraphs, known or new; none give (0, size)."""

    def nearest_words(self, word: str, k: int = 10) -> tuple[NearWord, ...]:
        """The k words nearest to one of the vocabulary; none for an unknown word."""

    def to_files(self) -> dict[str, bytes]:
        """The space as named files, without pickle; equal spaces give equal bytes."""


def document_of(paragraph: Paragraph, config: TextSpaceConfig) -> list[str]:
    """The tokens that a space works on: words, then the concept tokens ``concept_repeats`` times."""
    concepts = concept_tokens(paragraph.findings) if config.concept_repeats else []
    return tokens_of(paragraph.text) + concepts * config.concept_repeats or [EMPTY_DOCUMENT]


def unit_rows(matrix: NDArray[Any]) -> NDArray[np.float32]:
    """(N, D) rows divided by their length, float32; a zero row becomes the first axis."""
    rows = np.array(matrix, dtype=np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if rows.shape[1]:
        rows[norms[:, 0] == 0, 0] = 1.0
    return np.asarray(rows / np.where(norms == 0, 1.0, norms), dtype=np.float32)


def nearest_rows(matrix: NDArray[np.float32], query: NDArray[np.float32], k: int) -> list[tuple[int, float]]:
    """(row, cosine) of the k rows of a unit matrix nearest to a unit query, best first, ties by row."""
    scores = matrix @ query
    order = np.lexsort((np.arange(scores.size), -scores))[:k]
    return [(int(row), float(scores[row])) for row in order]
