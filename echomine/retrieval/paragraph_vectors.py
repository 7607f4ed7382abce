"""Text spaces by paragraph vectors (gensim Doc2Vec): PV-DM, PV-DBOW, or both side by side.

References:
    Le and Mikolov, Distributed Representations of Sentences and Documents, ICML 2014.

We differ from gensim in the inference: the first vector comes from the seed and not from Python's salted ``hash``,
and the random state is set before each text, so the same text gives the same vector in any process.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ConfigurationError, WorkspaceError
from echomine.domain.records import Paragraph
from echomine.retrieval.array_files import (
    Array,
    arrays_from_bytes,
    arrays_to_bytes,
    json_from_bytes,
    json_to_bytes,
)
from echomine.retrieval.text_space import (
    NearWord,
    TextSpaceConfig,
    TextSpaceKind,
    TrainedParagraphs,
    document_of,
    nearest_rows,
    unit_rows,
)

_MODELS: dict[TextSpaceKind, tuple[str, ...]] = {
    TextSpaceKind.PV_DM: ("dm",),
    TextSpaceKind.PV_DBOW: ("dbow",),
    TextSpaceKind.PV_BOTH: ("dm", "dbow"),
}
_LAST_ALPHA = 1e-4
_SWEEPS = 4
_LONGEST_DOCUMENT = 10_000
"""Tokens of one document that gensim reads; it passes over the rest."""


class ParagraphVectorSpace:
    """A text space of one or two gensim Doc2Vec models, each unit-norm before they are joined."""

    def __init__(self, config: TextSpaceConfig, models: Mapping[str, Any], trained: TrainedParagraphs) -> None:
        self.config = config
        self.trained = trained
        self._models = dict(models)

    @property
    def size(self) -> int:
        """Length of a vector."""
        return self.config.size

    def infer(self, paragraphs: Sequence[Paragraph]) -> NDArray[np.float32]:
        """(N, size) unit vectors, each a function of its own tokens only."""
        documents = [document_of(paragraph, self.config) for paragraph in paragraphs]
        distinct, rows = distinct_documents(documents)
        vectors = _joined(_infer(model, distinct, self.config) for model in self._models.values())
        return np.asarray(vectors[rows])

    def nearest_words(self, word: str, k: int = 10) -> tuple[NearWord, ...]:
        """By the input vectors of PV-DM where there are any, else by the output vectors of PV-DBOW."""
        model = next(iter(self._models.values()))
        row = model.wv.key_to_index.get(word)
        if row is None:
            return ()
        words = unit_rows(model.wv.vectors if "dm" in self._models else model.syn1neg)
        found = nearest_rows(words, words[row], k + 1)
        near = [NearWord(word=model.wv.index_to_key[at], score=score) for at, score in found if at != row]
        return tuple(near[:k])

    def to_files(self) -> dict[str, bytes]:
        """JSON for settings, vocabulary and ids; safetensors for the arrays."""
        first = next(iter(self._models.values()))
        description = {
            "config": config_to_dict(self.config),
            "vocabulary": first.wv.index_to_key,
            "paragraph_ids": self.trained.paragraph_ids,
        }
        arrays: dict[str, Array] = {"rows": self.trained.rows, "distinct": self.trained.distinct}
        for name, model in self._models.items():
            arrays |= {f"{name}.{key}": value for key, value in _arrays_of(model).items()}
        return {
            "text_space.json": json_to_bytes(description),
            "text_space.safetensors": arrays_to_bytes(arrays),
        }

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "ParagraphVectorSpace":
        """The space that :meth:`to_files` wrote, bit for bit."""
        description = json_from_bytes(files, "text_space.json")
        arrays = arrays_from_bytes(files, "text_space.safetensors")
        config = config_from(TextSpaceConfig, description["config"])
        models = {name: _restored(description["vocabulary"], arrays, name, config) for name in _MODELS[config.kind]}
        trained = TrainedParagraphs(
            paragraph_ids=tuple(description["paragraph_ids"]),
            rows=arrays["rows"],
            distinct=arrays["distinct"],
        )
        return cls(config, models, trained)


def learn_paragraph_vectors(
    paragraphs: Sequence[Paragraph],
    config: TextSpaceConfig,
    *,
    progress: Callable[[float], None] | None = None,
) -> ParagraphVectorSpace:
    """A space learnt from paragraphs; documents that occur several times are learnt once.

    Args:
        paragraphs: The corpus, at least one.
        config: With a ``pv_*`` kind.
        progress: Told the share done, 0..1, after each epoch.

    Raises:
        ConfigurationError: If no token occurs ``min_count`` times.
    """
    documents = [document_of(paragraph, config) for paragraph in paragraphs]
    distinct, rows = distinct_documents(documents)
    names = _MODELS[config.kind]
    report = _epoch_counter(progress, len(names) * config.epochs)
    with _corpus_file(distinct) as corpus:
        models = {name: train_on_file(corpus, name, config, on_epoch=report) for name in names}
    ids = tuple(paragraph.paragraph_id for paragraph in paragraphs)
    vectors = _joined(_trained_vectors(model, distinct, config) for model in models.values())
    trained = TrainedParagraphs(paragraph_ids=ids, rows=rows, distinct=vectors)
    return ParagraphVectorSpace(config, models, trained)


def train_on_file(
    corpus: Path, name: str, config: TextSpaceConfig, *, on_epoch: Callable[[], None] | None = None
) -> Any:  # noqa: ANN401 - gensim has no types
    """A gensim Doc2Vec (``dm`` or ``dbow``) trained on a file of one document a line.

    Raises:
        ConfigurationError: If no token occurs ``min_count`` times.
    """
    model = _blank_model(name, config)
    model.build_vocab(corpus_file=str(corpus))
    if not model.wv.key_to_index:
        raise ConfigurationError(
            f"no token occurs {config.min_count} times in the corpus: lower min_count or add reports"
        )
    model.train(
        corpus_file=str(corpus),
        total_examples=model.corpus_count,
        total_words=model.corpus_total_words,
        epochs=config.epochs,
        callbacks=[_callback(on_epoch)] if on_epoch else (),
    )
    return model


@contextmanager
def _corpus_file(documents: list[list[str]]) -> Iterator[Path]:
    """A file of one document a line, in a folder that only this user can read and that is gone afterwards.

    It is the only file that retrieval writes: gensim trains faster from a file than from memory.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="echomine-", ignore_cleanup_errors=True)
    except OSError as error:
        raise WorkspaceError(f"no temporary folder for the corpus ({error}); set TMPDIR to one") from error
    with folder as name:
        corpus = Path(name) / "corpus.txt"
        try:
            corpus.write_text("".join(" ".join(document) + "\n" for document in documents), encoding="utf-8")
        except OSError as error:
            raise WorkspaceError(f"the corpus does not fit into {name} ({error}); free space or set TMPDIR") from error
        yield corpus


def distinct_documents(documents: Sequence[list[str]]) -> tuple[list[list[str]], NDArray[np.int64]]:
    """The different documents in the order of their first appearance, and the row of each one among them."""
    place: dict[tuple[str, ...], int] = {}
    rows = [place.setdefault(tuple(document), len(place)) for document in documents]
    return [list(document) for document in place], np.array(rows, dtype=np.int64)


def _joined(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    return unit_rows(np.hstack([unit_rows(part) for part in parts]))


def _trained_vectors(model: Any, documents: list[list[str]], config: TextSpaceConfig) -> NDArray[np.float32]:  # noqa: ANN401
    """The vectors that training left, or for PV-DM those inferred afterwards.

    PV-DM's vectors of training and of inference lie apart: a new text finds no neighbours among the former.
    """
    return np.asarray(model.dv.vectors if model.sg else _infer(model, documents, config))


def _blank_model(name: str, config: TextSpaceConfig) -> Any:  # noqa: ANN401 - gensim has no types
    from gensim.models.doc2vec import Doc2Vec

    return Doc2Vec(
        dm=int(name == "dm"),
        vector_size=config.size // len(_MODELS[config.kind]),
        window=config.window,
        min_count=config.min_count,
        negative=config.negative,
        sample=config.sample,
        alpha=config.alpha,
        min_alpha=_LAST_ALPHA,
        epochs=config.epochs,
        seed=config.seed,
        workers=config.workers,
    )


def _infer(model: Any, documents: list[list[str]], config: TextSpaceConfig) -> NDArray[np.float32]:  # noqa: ANN401
    """(N, size) vectors by gradient steps on each document alone, the words frozen.

    A few sweeps of falling rate, each over the document several times: one call of gensim each, twice as fast as a call
    for each pass and as good.
    """
    size = model.dv.vector_size
    start = ((np.random.default_rng(config.seed).random(size) - 0.5) / size).astype(np.float32)
    vectors = np.tile(start, (len(documents), 1))
    rates = np.linspace(config.alpha, _LAST_ALPHA, _SWEEPS).tolist()
    passes = -(-config.infer_epochs // _SWEEPS)
    train = _step_of(model)
    for row, document in enumerate(documents):
        model.random = np.random.RandomState(config.seed)
        repeated = document * max(1, min(passes, _LONGEST_DOCUMENT // len(document)))
        for rate in rates:
            train(repeated, rate, vectors[row : row + 1])
    return vectors


def _step_of(model: Any) -> Callable[[list[str], float, NDArray[np.float32]], None]:  # noqa: ANN401
    from gensim.models.doc2vec_inner import train_document_dbow, train_document_dm

    train = train_document_dbow if model.sg else train_document_dm
    work = np.zeros(model.layer1_size, dtype=np.float32)
    spare = {} if model.sg else {"neu1": np.zeros(model.layer1_size, dtype=np.float32)}
    unlocked = np.ones(1, dtype=np.float32)

    def step(document: list[str], rate: float, vector: NDArray[np.float32]) -> None:
        train(
            model,
            document,
            [0],
            rate,
            work=work,
            learn_words=False,
            learn_hidden=False,
            doctag_vectors=vector,
            doctags_lockf=unlocked,
            **spare,
        )

    return step


def _arrays_of(model: Any) -> dict[str, NDArray[Any]]:  # noqa: ANN401 - gensim has no types
    return {
        "words": model.wv.vectors,
        "output": model.syn1neg,
        "cumulative": model.cum_table,
        "count": model.wv.expandos["count"],
        "sample_int": model.wv.expandos["sample_int"],
    }


def _restored(vocabulary: list[str], arrays: Mapping[str, NDArray[Any]], name: str, config: TextSpaceConfig) -> Any:  # noqa: ANN401 - gensim has no types
    model = _blank_model(name, config)
    model.wv.index_to_key = list(vocabulary)
    model.wv.key_to_index = {word: row for row, word in enumerate(vocabulary)}
    model.wv.vectors = arrays[f"{name}.words"]
    model.wv.vectors_lockf = np.ones(1, dtype=np.float32)
    model.wv.expandos = {key: arrays[f"{name}.{key}"] for key in ("count", "sample_int")}
    model.syn1neg = arrays[f"{name}.output"]
    model.cum_table = arrays[f"{name}.cumulative"]
    return model


def _epoch_counter(progress: Callable[[float], None] | None, total: int) -> Callable[[], None] | None:
    if progress is None:
        return None
    done = iter(range(1, total + 1))
    return lambda: progress(next(done) / total)


def _callback(on_epoch: Callable[[], None]) -> Any:  # noqa: ANN401 - gensim has no types
    from gensim.models.callbacks import CallbackAny2Vec

    class EpochEnd(CallbackAny2Vec):  # type: ignore[misc]
        def on_epoch_end(self, model: Any) -> None:  # noqa: ANN401, ARG002
            on_epoch()

    return EpochEnd()
