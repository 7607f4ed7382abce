"""Vectors by row number, searched by inner product (FAISS): exact up to a size, by an index factory beyond."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ArtifactError, ConfigurationError

NOBODY = -1
_BYTE_LIMIT = 1 << 36
_LOOP_LIMIT = 1 << 24
_GPU_MOST = 2048
_SLACK = 16
_TOLERANCE = 1e-5
_CELL_ROUNDS, _POINTS_PER_CELL = 10, 64
"""Training of the cells: FAISS's own 25 and 256 take four times longer at 200,000 vectors and find no more, for a
search looks into many cells."""


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
class RowOwners:
    """Who owns each row and each query: no query is answered with a row of its own.

    Attributes:
        of_rows: (N,) codes.
        of_queries: (Q,) codes; ``NOBODY`` owns no row.
    """

    of_rows: NDArray[np.int64]
    of_queries: NDArray[np.int64]

    def most_rows(self, mask: NDArray[np.bool_]) -> int:
        """The largest number of rows in the mask that the owner of a query has."""
        own = self.of_rows[mask & np.isin(self.of_rows, self.of_queries)]
        return int(np.bincount(own).max()) if own.size else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Rows near one query, best first, equal scores by row number."""

    rows: NDArray[np.int64]
    scores: NDArray[np.float64]


class VectorIndex:
    """N vectors, numbered in the order they came, in a FAISS ``IndexIDMap2``; never changed once built."""

    def __init__(self, index: Any, config: IndexConfig) -> None:  # noqa: ANN401 - faiss has no types
        import faiss

        self.config = config
        self._index = index
        self._inner = faiss.downcast_index(index.index)

    @classmethod
    def build(cls, vectors: NDArray[np.float32], config: IndexConfig) -> "VectorIndex":
        """An index of (N, D) rows.

        Raises:
            ConfigurationError: If FAISS does not know the factory string.
        """
        index = _blank_index(vectors, config)
        index.add_with_ids(vectors, np.arange(len(vectors), dtype=np.int64))
        return cls(index, config)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def size(self) -> int:
        """Length of a vector."""
        return int(self._index.d)

    @property
    def is_exact(self) -> bool:
        """Whether a search looks at each vector."""
        import faiss

        return isinstance(self._inner, faiss.IndexFlat)

    def added(self, vectors: NDArray[np.float32]) -> "VectorIndex":
        """A copy with more (M, D) rows."""
        import faiss

        index = faiss.clone_index(self._index)
        if len(vectors):
            index.add_with_ids(vectors, np.arange(len(self), len(self) + len(vectors), dtype=np.int64))
        return VectorIndex(index, self.config)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(M, D) vectors of some rows, as far as the index keeps them."""
        if not rows.size:
            return np.zeros((0, self.size), dtype=np.float32)
        return np.ascontiguousarray(self._index.reconstruct_batch(rows), dtype=np.float32)

    def nearest(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_], owners: RowOwners
    ) -> list[Ranking]:
        """The k rows of the mask nearest to each of (Q, D) queries, none of the query's own owner."""
        if not mask.any() or not len(queries):
            return [_NOTHING for _ in queries]
        search = self._nearest_exactly if self.is_exact else self._nearest_roughly
        return search(queries, k, mask, owners)

    def to_bytes(self) -> bytes:
        """The index in FAISS's own format."""
        import faiss

        return bytes(faiss.serialize_index(self._index).tobytes())

    @classmethod
    def from_bytes(cls, content: bytes, config: IndexConfig) -> "VectorIndex":
        """The index that :meth:`to_bytes` wrote, read under FAISS's own limits.

        Raises:
            ArtifactError: If the bytes are broken, or hold another kind of index.
        """
        import faiss

        faiss.set_deserialization_vector_byte_limit(min(_BYTE_LIMIT, 8 * len(content) + 4096))
        faiss.set_deserialization_loop_limit(_LOOP_LIMIT)
        try:
            index = faiss.deserialize_index(np.frombuffer(content, dtype=np.uint8))
        except RuntimeError as error:
            raise ArtifactError(f"the FAISS index is broken ({type(error).__name__}): build it anew") from error
        if not isinstance(index, faiss.IndexIDMap2) or index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise ArtifactError("the FAISS file holds no inner-product IndexIDMap2: build it anew")
        return cls(index, config)

    def _nearest_exactly(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_], owners: RowOwners
    ) -> list[Ranking]:
        """One scan for all queries; own rows are dropped from a list long enough to lose them.

        FAISS keeps any of several equal scores at the end of its list, and its last digits depend on the
        batch. So more are fetched until the k-th is clearly better than the last, and scored anew: the answer
        is the same as if each query had been searched alone, its own rows filtered first.
        """
        answers: dict[int, Ranking] = {}
        todo = np.arange(len(queries))
        allowed = int(mask.sum())
        fetch = k + owners.most_rows(mask) + _SLACK
        while todo.size:
            fetch = min(fetch, allowed)
            floors, found = self._fetch(queries[todo], fetch, mask)
            for query, floor, rows in zip(todo.tolist(), floors[:, -1], found, strict=True):
                others = rows[owners.of_rows[rows] != owners.of_queries[query]]
                ranking = self._ranked(queries[query], others, k)
                if fetch == allowed or ranking.scores[-1] > floor + _TOLERANCE:
                    answers[query] = ranking
            todo = np.array([query for query in todo.tolist() if query not in answers], dtype=np.int64)
            fetch *= 4
        return [answers[query] for query in range(len(queries))]

    def _nearest_roughly(
        self, queries: NDArray[np.float32], k: int, mask: NDArray[np.bool_], owners: RowOwners
    ) -> list[Ranking]:
        """One search for each owner: here, fetching more and dropping is not the same as filtering first."""
        answers: dict[int, Ranking] = {}
        for owner, places in _by_owner(owners.of_queries):
            allowed = mask & (owners.of_rows != owner)
            count = min(k, int(allowed.sum()))
            if not count:
                answers |= dict.fromkeys(places, _NOTHING)
                continue
            scores, found = self._fetch(queries[places], count, allowed)
            for place, some_scores, some_rows in zip(places, scores, found, strict=True):
                answers[place] = _sorted(some_rows[some_rows >= 0], some_scores[some_rows >= 0], k)
        return [answers[place] for place in range(len(queries))]

    def _fetch(
        self, queries: NDArray[np.float32], count: int, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Scores and rows (Q, count) within the mask, as FAISS gives them; row -1 where it found too few."""
        import faiss

        if self.config.gpu and self.is_exact and count <= _GPU_MOST and gpu_count():
            return self._fetch_on_gpu(queries, count, mask)
        selector = None if mask.all() else faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        scores, found = self._index.search(queries, count, params=self._parameters(selector))
        return np.asarray(scores), np.asarray(found)

    def _fetch_on_gpu(
        self, queries: NDArray[np.float32], count: int, mask: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import faiss

        rows = np.flatnonzero(mask)
        scores, found = faiss.knn_gpu(
            faiss.StandardGpuResources(),
            queries,
            self.vectors(rows),
            count,
            metric=faiss.METRIC_INNER_PRODUCT,
        )
        return np.asarray(scores), rows[np.asarray(found)]

    def _ranked(self, query: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> Ranking:
        """The rows by their inner product in double precision, each computed by itself."""
        products = self._flat()[rows].astype(np.float64) * query.astype(np.float64)
        return _sorted(rows, products.sum(axis=1), k)

    def _flat(self) -> NDArray[np.float32]:
        """(N, D) view on the vectors of an exact index."""
        import faiss

        flat = faiss.rev_swig_ptr(self._inner.get_xb(), len(self) * self.size)
        return np.asarray(flat).reshape(len(self), self.size)

    def _parameters(self, selector: Any) -> Any:  # noqa: ANN401 - faiss has no types
        import faiss

        if isinstance(self._inner, faiss.IndexIVF):
            return faiss.SearchParametersIVF(sel=selector, nprobe=self.config.probes)
        if isinstance(self._inner, faiss.IndexHNSW):
            return faiss.SearchParametersHNSW(sel=selector, efSearch=self.config.depth)
        return faiss.SearchParameters(sel=selector)


_NOTHING = Ranking(rows=np.zeros(0, np.int64), scores=np.zeros(0))


def _sorted(rows: NDArray[np.int64], scores: NDArray[Any], k: int) -> Ranking:
    order = np.lexsort((rows, -scores))[:k]
    return Ranking(rows=rows[order], scores=scores[order].astype(np.float64))


def _by_owner(owners: NDArray[np.int64]) -> Iterator[tuple[int, list[int]]]:
    for owner in np.unique(owners).tolist():
        yield owner, np.flatnonzero(owners == owner).tolist()


def _blank_index(vectors: NDArray[np.float32], config: IndexConfig) -> Any:  # noqa: ANN401 - faiss has no types
    import faiss

    size = int(vectors.shape[1])
    if len(vectors) <= config.exact_limit:
        return faiss.IndexIDMap2(faiss.IndexFlatIP(size))
    factory = config.factory.replace("{lists}", str(max(1, int(4 * len(vectors) ** 0.5))))
    try:
        inner = faiss.index_factory(size, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ConfigurationError(f"FAISS knows no index {factory!r} for vectors of {size}") from error
    ivf = faiss.try_extract_index_ivf(inner)
    if ivf is not None:
        ivf.cp.niter, ivf.cp.max_points_per_centroid = _CELL_ROUNDS, _POINTS_PER_CELL
    inner.train(vectors)
    if ivf is not None:
        ivf.make_direct_map()  # or an IVF index finds no vector by its number
    return faiss.IndexIDMap2(inner)


def gpu_count() -> int:
    """GPUs that FAISS can use; 0 with the CPU build."""
    import faiss

    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0
