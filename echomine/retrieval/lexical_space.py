"""The baseline text space: TF-IDF weights of the tokens, reduced by a truncated SVD."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Paragraph
from echomine.retrieval.array_files import (
    Array,
    arrays_from_bytes,
    arrays_to_bytes,
    json_from_bytes,
    json_to_bytes,
)
from echomine.retrieval.paragraph_vectors import distinct_documents
from echomine.retrieval.text_space import (
    NearWord,
    TextSpaceConfig,
    TrainedParagraphs,
    document_of,
    nearest_rows,
    unit_rows,
)


class LexicalSpace:
    """TF-IDF with sublinear counts, projected on the leading right singular vectors of the corpus."""

    def __init__(
        self,
        config: TextSpaceConfig,
        vocabulary: Sequence[str],
        *,
        idf: NDArray[np.float64],
        axes: NDArray[np.float64],
        trained: TrainedParagraphs,
    ) -> None:
        self.config = config
        self.trained = trained
        self._vocabulary = list(vocabulary)
        self._place = {word: row for row, word in enumerate(self._vocabulary)}
        self._idf = idf
        self._axes = axes

    @property
    def size(self) -> int:
        """Length of a vector: ``config.size``, or less where the corpus has fewer dimensions."""
        return int(self._axes.shape[1])

    def infer(self, paragraphs: Sequence[Paragraph]) -> NDArray[np.float32]:
        """(N, size) unit vectors; a paragraph without a known token gives the first axis."""
        documents = [document_of(paragraph, self.config) for paragraph in paragraphs]
        return self._project(documents)

    def nearest_words(self, word: str, k: int = 10) -> tuple[NearWord, ...]:
        """By the rows of the projection."""
        row = self._place.get(word)
        if row is None:
            return ()
        words = unit_rows(self._axes)
        found = nearest_rows(words, words[row], k + 1)
        near = [NearWord(word=self._vocabulary[at], score=score) for at, score in found if at != row]
        return tuple(near[:k])

    def to_files(self) -> dict[str, bytes]:
        """JSON for settings, vocabulary and ids; safetensors for the arrays."""
        description = {
            "config": config_to_dict(self.config),
            "vocabulary": self._vocabulary,
            "paragraph_ids": self.trained.paragraph_ids,
        }
        arrays: dict[str, Array] = {
            "idf": self._idf,
            "axes": self._axes,
            "rows": self.trained.rows,
            "distinct": self.trained.distinct,
        }
        return {
            "text_space.json": json_to_bytes(description),
            "text_space.safetensors": arrays_to_bytes(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "LexicalSpace":
        """The space that :meth:`to_files` wrote, bit for bit."""
        description = json_from_bytes(files, "text_space.json")
        arrays = arrays_from_bytes(files, "text_space.safetensors")
        trained = TrainedParagraphs(
            paragraph_ids=tuple(description["paragraph_ids"]),
            rows=arrays["rows"],
            distinct=arrays["distinct"],
        )
        config = config_from(TextSpaceConfig, description["config"])
        return cls(config, description["vocabulary"], idf=arrays["idf"], axes=arrays["axes"], trained=trained)

    def _project(self, documents: Sequence[list[str]]) -> NDArray[np.float32]:
        rows = [_project_one(document, self._place, self._idf, self._axes) for document in documents]
        return unit_rows(np.array(rows).reshape(len(rows), self.size))


def learn_lexical_space(paragraphs: Sequence[Paragraph], config: TextSpaceConfig) -> LexicalSpace:
    """A TF-IDF + SVD space of the paragraphs; documents that occur several times are learnt once.

    Raises:
        ConfigurationError: If no token occurs in ``min_count`` documents.
    """
    from sklearn.decomposition import TruncatedSVD

    documents, rows = distinct_documents([document_of(paragraph, config) for paragraph in paragraphs])
    vocabulary, idf = _vocabulary_of(documents, config.min_count)
    weights = _weight_matrix(documents, vocabulary, idf)
    size = min(config.size, *weights.shape)
    svd = TruncatedSVD(n_components=size, random_state=config.seed, n_iter=7).fit(weights)
    space = LexicalSpace(
        config,
        vocabulary,
        idf=idf,
        axes=np.ascontiguousarray(svd.components_.T),
        trained=TrainedParagraphs(paragraph_ids=(), rows=rows, distinct=np.zeros((0, size), np.float32)),
    )
    space.trained = TrainedParagraphs(
        paragraph_ids=tuple(paragraph.paragraph_id for paragraph in paragraphs),
        rows=rows,
        distinct=space._project(documents),  # noqa: SLF001 - its own module
    )
    return space


def _vocabulary_of(documents: list[list[str]], min_count: int) -> tuple[list[str], NDArray[np.float64]]:
    frequency = Counter(chain.from_iterable(set(document) for document in documents))
    vocabulary = sorted(word for word, count in frequency.items() if count >= min_count)
    if not vocabulary:
        raise ConfigurationError(f"no token occurs in {min_count} documents: lower min_count or add reports")
    counts = np.array([frequency[word] for word in vocabulary], dtype=float)
    return vocabulary, np.log((1 + len(documents)) / (1 + counts)) + 1


def _weights_of(
    document: list[str], place: Mapping[str, int], idf: NDArray[np.float64]
) -> tuple[list[int], NDArray[np.float64]]:
    """Columns and unit-norm weights ``(1 + ln count) * idf`` of one document."""
    counts = Counter(place[word] for word in document if word in place)
    columns = sorted(counts)
    weights = (1 + np.log(np.array([counts[column] for column in columns], dtype=float))) * idf[columns]
    norm = float(np.linalg.norm(weights))
    return columns, weights / norm if norm else weights


def _weight_matrix(documents: list[list[str]], vocabulary: list[str], idf: NDArray[np.float64]) -> Any:  # noqa: ANN401
    from scipy.sparse import csr_array

    place = {word: row for row, word in enumerate(vocabulary)}
    parts = [_weights_of(document, place, idf) for document in documents]
    starts = np.cumsum([0, *(len(columns) for columns, _ in parts)])
    columns = np.concatenate([np.array(columns, dtype=np.int64) for columns, _ in parts])
    values = np.concatenate([weights for _, weights in parts])
    return csr_array((values, columns, starts), shape=(len(documents), len(vocabulary)))


def _project_one(
    document: list[str], place: Mapping[str, int], idf: NDArray[np.float64], axes: NDArray[np.float64]
) -> NDArray[np.float64]:
    columns, weights = _weights_of(document, place, idf)
    return np.asarray((weights[:, None] * axes[columns]).sum(axis=0))
