"""The paragraph index: nearest paragraphs of a query vector, filtered before the search (FAISS)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.domain.records import Paragraph
from echomine.retrieval.array_files import (
    Array,
    arrays_from_bytes,
    arrays_to_bytes,
    json_from_bytes,
    json_to_bytes,
)
from echomine.retrieval.columns import ParagraphColumns, ParagraphFilter

_BYTE_LIMIT = 1 << 36
_LOOP_LIMIT = 1 << 24


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexConfig:
    """Settings of the index.

    Attributes:
        exact_limit: Up to so many paragraphs the search is exact, by a flat scan.
        factory: FAISS ``index_factory`` string beyond, with ``{lists}`` for 4 sqrt(N) cells.
        probes: Cells that an IVF index looks into.
        depth: ``efSearch`` of an HNSW index.
        gpu: Whether a GPU is used where FAISS has one (exact search only).
    """

    exact_limit: int = 100_000
    factory: str = "IVF{lists},Flat"
    probes: int = 32
    depth: int = 128
    gpu: bool = True

    def __post_init__(self) -> None:
        if min(self.exact_limit, self.probes, self.depth) < 1 or not self.factory:
            raise ConfigurationError(f"an index needs positive settings and a factory string, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A paragraph near a query.

    Attributes:
        paragraph_id: The paragraph.
        score: Inner product of unit vectors, -1..1.
    """

    paragraph_id: str
    score: float


class ParagraphIndex:
    """Paragraph vectors of one text space with their columns.

    Rows are numbered in the order they were added and keep their number: a deleted row stays as a tombstone
        that no search
    returns, until :meth:`compacted` builds the index anew.
    """

    def __init__(
        self,
        index: Any,  # noqa: ANN401 - faiss has no types
        columns: ParagraphColumns,
        alive: NDArray[np.bool_],
        *,
        text_space: str,
        config: IndexConfig,
    ) -> None:
        self.config = config
        self.text_space = text_space
        self._index = index
        self._columns = columns
        self._alive = alive

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
        config = config or IndexConfig()
        columns = ParagraphColumns.of(paragraphs)
        rows = _checked(vectors, columns)
        index = _blank_index(rows, config)
        index.add_with_ids(rows, np.arange(len(rows), dtype=np.int64))
        alive = np.ones(len(rows), dtype=bool)
        return cls(index, columns, alive, text_space=text_space, config=config)

    def __len__(self) -> int:
        return int(self._alive.sum())

    @property
    def size(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

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
        owners = list(own_patients) if own_patients is not None else [""] * len(rows)
        self._check_query(rows, k, owners)
        mask = self._alive & self._columns.passing(wanted or ParagraphFilter())
        if not mask.any() or not len(rows):
            return [[] for _ in owners]
        if not _is_exact(self._index):
            return self._search_by_owner(rows, k, mask, owners)
        spare = self._most_rows_of_one(owners, mask)
        scores, found = self._nearest(rows, min(k + spare, int(mask.sum())), mask)
        return [self._neighbours(scores[at], found[at], k, owner=owner) for at, owner in enumerate(owners)]

    def added(self, paragraphs: Sequence[Paragraph], vectors: NDArray[np.float32]) -> "ParagraphIndex":
        """This index with more paragraphs, the ones before untouched; this one is not changed.

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
        index = _copy(self._index)
        start = len(self._columns)
        if len(rows):
            index.add_with_ids(rows, np.arange(start, start + len(rows), dtype=np.int64))
        alive = np.concatenate([self._alive, np.ones(len(rows), dtype=bool)])
        return self._with(index, self._columns.joined(more), alive)

    def without(self, paragraph_ids: Iterable[str]) -> "ParagraphIndex":
        """This index with tombstones for some paragraphs; unknown ids are passed over."""
        gone = np.isin(self._columns.paragraph_ids, sorted(set(paragraph_ids)))
        return self._with(self._index, self._columns, self._alive & ~gone)

    def compacted(self) -> "ParagraphIndex":
        """The index built anew from the paragraphs that are left, without tombstones."""
        kept = np.flatnonzero(self._alive)
        vectors = self._vectors(kept)
        columns = ParagraphColumns(
            **{entry.name: getattr(self._columns, entry.name)[kept] for entry in fields(self._columns)}
        )
        index = _blank_index(vectors, self.config)
        index.add_with_ids(vectors, np.arange(len(kept), dtype=np.int64))
        return self._with(index, columns, np.ones(len(kept), dtype=bool))

    def to_files(self) -> dict[str, bytes]:
        """FAISS's own format for the vectors, safetensors for the columns, JSON for the rest."""
        import faiss

        columns = self._columns
        description = {
            "config": config_to_dict(self.config),
            "text_space": self.text_space,
            "paragraph_ids": columns.paragraph_ids.tolist(),
            "patients": columns.patients.tolist(),
            "sites": columns.sites.tolist(),
        }
        arrays: dict[str, Array] = {"valves": columns.valves, "days": columns.days, "alive": self._alive}
        return {
            "index.faiss": faiss.serialize_index(self._index).tobytes(),
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
            index = _from_description(cls, description, files)
        except (KeyError, TypeError, ValueError) as error:
            raise ArtifactError(f"the index lacks a part ({error}): build it anew") from error
        if index.text_space != text_space:
            raise ArtifactError(
                f"the index was built for text space {index.text_space}, not for {text_space}: build it anew"
            )
        return index

    def _check_query(self, rows: NDArray[np.float32], k: int, owners: Sequence[str]) -> None:
        if rows.ndim != 2 or rows.shape[1] != self.size:
            raise UsageError(f"the index answers queries of shape (Q, {self.size}), got {rows.shape}")
        if k < 1:
            raise UsageError(f"a search returns k >= 1 paragraphs, got {k}")
        if len(owners) != len(rows):
            raise UsageError(f"{len(rows)} queries need as many own patients, got {len(owners)}")

    def _most_rows_of_one(self, owners: Sequence[str], mask: NDArray[np.bool_]) -> int:
        """The largest number of passing paragraphs that one of the owners has."""
        asked = sorted(set(owners) - {""})
        if not asked:
            return 0
        own = self._columns.patients[mask]
        own = own[np.isin(own, asked)]
        return int(np.unique(own, return_counts=True)[1].max()) if own.size else 0

    def _search_by_owner(
        self, rows: NDArray[np.float32], k: int, mask: NDArray[np.bool_], owners: Sequence[str]
    ) -> list[list[Neighbour]]:
        """One search per owner: beyond a flat scan, fetching more and dropping is not filtering first."""
        answer: list[list[Neighbour]] = [[] for _ in owners]
        for owner in sorted(set(owners)):
            at = [place for place, other in enumerate(owners) if other == owner]
            allowed = mask & (self._columns.patients != owner) if owner else mask
            if not allowed.any():
                continue
            scores, found = self._nearest(rows[at], min(k, int(allowed.sum())), allowed)
            for place, row_scores, row_found in zip(at, scores, found, strict=True):
                answer[place] = self._neighbours(row_scores, row_found, k)
        return answer

    def _nearest(
        self, rows: NDArray[np.float32], k: int, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and row numbers (Q, k) among the rows of the mask; -1 where there are fewer."""
        import faiss

        if self.config.gpu and _is_exact(self._index) and _has_gpu(k):
            return self._nearest_on_gpu(rows, k, mask)
        bits = np.packbits(mask, bitorder="little")
        selector = faiss.IDSelectorBitmap(bits)
        scores, found = self._index.search(rows, k, params=_parameters(self._index, selector, self.config))
        return np.asarray(scores), np.asarray(found)

    def _nearest_on_gpu(
        self, rows: NDArray[np.float32], k: int, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import faiss

        kept = np.flatnonzero(mask)
        scores, found = faiss.knn_gpu(
            faiss.StandardGpuResources(), rows, self._vectors(kept), k, metric=faiss.METRIC_INNER_PRODUCT
        )
        return np.asarray(scores), kept[np.asarray(found)]

    def _neighbours(
        self, scores: NDArray[np.float32], found: NDArray[np.int64], k: int, *, owner: str = ""
    ) -> list[Neighbour]:
        keep = found >= 0
        if owner:
            keep &= self._columns.patients[found] != owner
        scores, found = scores[keep], found[keep]
        order = np.lexsort((found, -scores))[:k]
        ids = self._columns.paragraph_ids[found[order]]
        return [
            Neighbour(paragraph_id=str(name), score=float(score))
            for name, score in zip(ids, scores[order], strict=True)
        ]

    def _vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        vectors = self._index.reconstruct_batch(rows) if rows.size else np.zeros((0, self.size))
        return np.ascontiguousarray(vectors, dtype=np.float32)

    def _with(self, index: Any, columns: ParagraphColumns, alive: NDArray[np.bool_]) -> "ParagraphIndex":  # noqa: ANN401
        return ParagraphIndex(index, columns, alive, text_space=self.text_space, config=self.config)


def _checked(vectors: NDArray[np.float32], columns: ParagraphColumns) -> NDArray[np.float32]:
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.ndim != 2 or len(rows) != len(columns):
        raise UsageError(f"{len(columns)} paragraphs need as many vectors, got shape {rows.shape}")
    if np.unique(columns.paragraph_ids).size != len(columns):
        raise UsageError("an index needs different paragraph ids, got some twice")
    return rows


def _blank_index(rows: NDArray[np.float32], config: IndexConfig) -> Any:  # noqa: ANN401 - faiss has no types
    import faiss

    size = int(rows.shape[1])
    if len(rows) <= config.exact_limit:
        return faiss.IndexIDMap2(faiss.IndexFlatIP(size))
    factory = config.factory.replace("{lists}", str(max(1, int(4 * len(rows) ** 0.5))))
    try:
        inner = faiss.index_factory(size, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ConfigurationError(f"FAISS knows no index {factory!r} for vectors of {size}") from error
    inner.train(rows)
    _set_direct_map(inner)
    return faiss.IndexIDMap2(inner)


def _set_direct_map(inner: Any) -> None:  # noqa: ANN401 - faiss has no types
    """An IVF index finds a vector by its number only with a direct map."""
    import faiss

    ivf = faiss.try_extract_index_ivf(inner)
    if ivf is not None:
        ivf.make_direct_map()


def _copy(index: Any) -> Any:  # noqa: ANN401 - faiss has no types
    import faiss

    return faiss.clone_index(index)


def _is_exact(index: Any) -> bool:  # noqa: ANN401 - faiss has no types
    import faiss

    return isinstance(faiss.downcast_index(index.index), faiss.IndexFlat)


def _parameters(index: Any, selector: Any, config: IndexConfig) -> Any:  # noqa: ANN401 - faiss has no types
    import faiss

    inner = faiss.downcast_index(index.index)
    if isinstance(inner, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=config.probes)
    if isinstance(inner, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(sel=selector, efSearch=config.depth)
    return faiss.SearchParameters(sel=selector)


def _has_gpu(k: int) -> bool:
    import faiss

    return hasattr(faiss, "StandardGpuResources") and k <= 2048 and faiss.get_num_gpus() > 0


def _from_description(
    cls: type[ParagraphIndex], description: Mapping[str, Any], files: Mapping[str, bytes]
) -> ParagraphIndex:
    arrays = arrays_from_bytes(files, "index.safetensors")
    columns = ParagraphColumns(
        paragraph_ids=np.array(description["paragraph_ids"], dtype=np.str_),
        patients=np.array(description["patients"], dtype=np.str_),
        sites=np.array(description["sites"], dtype=np.str_),
        valves=arrays["valves"],
        days=arrays["days"],
    )
    index = _read_index(files["index.faiss"])
    if index.ntotal != len(columns):
        raise ArtifactError(f"the index holds {index.ntotal} vectors for {len(columns)} paragraphs: build it anew")
    return cls(
        index,
        columns,
        arrays["alive"],
        text_space=description["text_space"],
        config=config_from(IndexConfig, description["config"]),
    )


def _read_index(content: bytes) -> Any:  # noqa: ANN401 - faiss has no types
    """A FAISS index out of bytes, under FAISS's limits: no part may ask for more than the file could hold."""
    import faiss

    faiss.set_deserialization_vector_byte_limit(min(_BYTE_LIMIT, 8 * len(content) + 4096))
    faiss.set_deserialization_loop_limit(_LOOP_LIMIT)
    try:
        index = faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
    except RuntimeError as error:
        raise ArtifactError(f"index.faiss is broken ({type(error).__name__}): build it anew") from error
    if not isinstance(index, faiss.IndexIDMap2):
        raise ArtifactError(f"index.faiss holds a {type(index).__name__}, not an IndexIDMap2: build it anew")
    return index
