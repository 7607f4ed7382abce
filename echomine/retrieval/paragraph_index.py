"""The paragraph index: nearest paragraphs of a query vector, filtered before the search."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.domain.records import Paragraph
from echomine.retrieval.array_files import (
    Array,
    arrays_from_bytes,
    arrays_to_bytes,
    file_of,
    json_from_bytes,
    json_to_bytes,
)
from echomine.retrieval.columns import ParagraphColumns, ParagraphFilter
from echomine.retrieval.vector_index import NOBODY, IndexConfig, Ranking, RowOwners, VectorIndex


class Neighbour(NamedTuple):
    """A paragraph near a query; a named tuple, for a batch of queries makes thousands.

    Attributes:
        paragraph_id: The paragraph.
        score: Inner product of unit vectors, -1..1.
    """

    paragraph_id: str
    score: float


class ParagraphIndex:
    """Paragraph vectors of one text space with their columns.

    Rows are numbered in the order they were added and keep their number: a deleted row stays as a tombstone
    that no search returns, until :meth:`compacted` builds the index anew. No method changes an index.
    """

    def __init__(
        self,
        vectors: VectorIndex,
        columns: ParagraphColumns,
        alive: NDArray[np.bool_],
        *,
        text_space: str,
    ) -> None:
        self.text_space = text_space
        self._vectors = vectors
        self._columns = columns
        self._alive = alive
        self._ids: list[str] = columns.paragraph_ids.tolist()
        names, codes = np.unique(columns.patients, return_inverse=True)
        self._code_of = {name: code for code, name in enumerate(names.tolist()) if name}
        self._owners = np.asarray(codes, dtype=np.int64)

    @classmethod
    def build(
        cls,
        paragraphs: Sequence[Paragraph],
        vectors: NDArray[np.float32],
        *,
        text_space: str,
        config: IndexConfig | None = None,
    ) -> "ParagraphIndex":
        """An index of paragraphs.

        Args:
            paragraphs: N records with different ids.
            vectors: (N, D) unit rows, in the same order.
            text_space: Id of the space that made the vectors.
            config: Settings, the defaults if None.

        Raises:
            UsageError: If an id occurs twice or the shapes differ.
            ConfigurationError: If FAISS does not know the factory string.
        """
        columns = ParagraphColumns.of(paragraphs)
        index = VectorIndex.build(_checked(vectors, columns), config or IndexConfig())
        return cls(index, columns, np.ones(len(columns), dtype=bool), text_space=text_space)

    def __len__(self) -> int:
        return int(self._alive.sum())

    @property
    def config(self) -> IndexConfig:
        """The settings it was built with."""
        return self._vectors.config

    @property
    def size(self) -> int:
        """Length of a vector."""
        return self._vectors.size

    @property
    def paragraph_ids(self) -> tuple[str, ...]:
        """The ids of the paragraphs that a search can return, in the order they were added."""
        return tuple(self._columns.paragraph_ids[self._alive].tolist())

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        wanted: ParagraphFilter | None = None,
        own_patients: Sequence[str] | None = None,
    ) -> list[list[Neighbour]]:
        """The k nearest paragraphs of each query, best first, equal scores in the order they were added.

        Args:
            queries: (Q, D) unit rows.
            k: At most so many for each; fewer where fewer pass.
            wanted: Filter for all queries, applied before the search.
            own_patients: Q patients, each left out of its own query; ``""`` leaves out none.

        Raises:
            UsageError: If the shapes do not fit or k is not positive.
        """
        rows = np.ascontiguousarray(queries, dtype=np.float32)
        own = list(own_patients) if own_patients is not None else [""] * len(rows)
        self._check_query(rows, k, own)
        codes = np.array([self._code_of.get(patient, NOBODY) for patient in own], dtype=np.int64)
        mask = self._alive & self._columns.passing(wanted or ParagraphFilter())
        rankings = self._vectors.nearest(rows, k, mask, RowOwners(of_rows=self._owners, of_queries=codes))
        return [self._neighbours(ranking) for ranking in rankings]

    def added(self, paragraphs: Sequence[Paragraph], vectors: NDArray[np.float32]) -> "ParagraphIndex":
        """This index with more paragraphs, without building it anew.

        Raises:
            UsageError: If an id is there already or the shapes differ.
        """
        more = ParagraphColumns.of(paragraphs)
        rows = _checked(vectors, more)
        known = set(self.paragraph_ids) & set(more.paragraph_ids.tolist())
        if known:
            raise UsageError(f"{len(known)} paragraphs are in the index already, such as {min(known)}")
        if len(rows) and rows.shape[1] != self.size:
            raise UsageError(f"the index holds vectors of {self.size}, got {rows.shape[1]}")
        alive = np.concatenate([self._alive, np.ones(len(rows), dtype=bool)])
        return self._with(self._vectors.added(rows), self._columns.joined(more), alive)

    def without(self, paragraph_ids: Iterable[str]) -> "ParagraphIndex":
        """This index with tombstones for some paragraphs; unknown ids are passed over."""
        gone = np.isin(self._columns.paragraph_ids, sorted(set(paragraph_ids)))
        return self._with(self._vectors, self._columns, self._alive & ~gone)

    def compacted(self) -> "ParagraphIndex":
        """The index built anew from the paragraphs that are left, without tombstones."""
        kept = np.flatnonzero(self._alive)
        vectors = VectorIndex.build(self._vectors.vectors(kept), self.config)
        return self._with(vectors, self._columns.at(kept), np.ones(len(kept), dtype=bool))

    def to_files(self) -> dict[str, bytes]:
        """FAISS's own format for the vectors, safetensors for the columns, JSON for the rest."""
        columns = self._columns
        description = {
            "config": config_to_dict(self.config),
            "text_space": self.text_space,
            "paragraph_ids": columns.paragraph_ids.tolist(),
            "patients": columns.patients.tolist(),
            "sites": columns.sites.tolist(),
        }
        arrays: dict[str, Array] = {
            "valves": columns.valves,
            "days": columns.days,
            "alive": self._alive,
        }
        return {
            "index.faiss": self._vectors.to_bytes(),
            "index.json": json_to_bytes(description),
            "index.safetensors": arrays_to_bytes(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes], *, text_space: str) -> "ParagraphIndex":
        """The index that :meth:`to_files` wrote.

        Args:
            files: Verified files of the generation.
            text_space: Id of the text space whose vectors will be searched for.

        Raises:
            ArtifactError: If the index was made for another text space, or a file is missing or broken.
        """
        description = json_from_bytes(files, "index.json")
        try:
            made_for = str(description["text_space"])
            config = config_from(IndexConfig, description["config"])
            columns, alive = _columns_of(description, arrays_from_bytes(files, "index.safetensors"))
        except (ConfigurationError, KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"the index lacks a part ({error}): build it anew") from error
        if made_for != text_space:
            raise ArtifactError(f"the index was built for text space {made_for}, not for {text_space}: build it anew")
        vectors = VectorIndex.from_bytes(file_of(files, "index.faiss"), config)
        if len(vectors) != len(columns) or alive.size != len(columns):
            raise ArtifactError(f"the index holds {len(vectors)} vectors for {len(columns)} paragraphs: build it anew")
        return cls(vectors, columns, alive, text_space=text_space)

    def _neighbours(self, ranking: Ranking) -> list[Neighbour]:
        ids = map(self._ids.__getitem__, ranking.rows.tolist())
        return list(map(Neighbour._make, zip(ids, ranking.scores.tolist(), strict=True)))

    def _check_query(self, rows: NDArray[np.float32], k: int, own: Sequence[str]) -> None:
        if rows.ndim != 2 or rows.shape[1] != self.size:
            raise UsageError(f"the index answers queries of shape (Q, {self.size}), got {rows.shape}")
        if k < 1:
            raise UsageError(f"a search returns k >= 1 paragraphs, got {k}")
        if len(own) != len(rows):
            raise UsageError(f"{len(rows)} queries need as many own patients, got {len(own)}")

    def _with(self, vectors: VectorIndex, columns: ParagraphColumns, alive: NDArray[np.bool_]) -> "ParagraphIndex":
        return ParagraphIndex(vectors, columns, alive, text_space=self.text_space)


def _checked(vectors: NDArray[np.float32], columns: ParagraphColumns) -> NDArray[np.float32]:
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(columns):
        raise UsageError(f"{len(columns)} paragraphs need as many vectors, got shape {rows.shape}")
    if np.unique(columns.paragraph_ids).size != len(columns):
        raise UsageError("an index needs different paragraph ids, got some twice")
    return rows


def _columns_of(
    description: Mapping[str, Any], arrays: Mapping[str, Array]
) -> tuple[ParagraphColumns, NDArray[np.bool_]]:
    columns = ParagraphColumns(
        paragraph_ids=np.array(description["paragraph_ids"], dtype=np.str_),
        patients=np.array(description["patients"], dtype=np.str_),
        sites=np.array(description["sites"], dtype=np.str_),
        valves=arrays["valves"],
        days=arrays["days"],
    )
    return columns, arrays["alive"]
