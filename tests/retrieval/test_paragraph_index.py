from dataclasses import replace
from datetime import date

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.domain.vocabulary import Valve
from echomine.retrieval.columns import ParagraphFilter
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.text_space import unit_rows
from echomine.retrieval.vector_index import IndexConfig

EXACT = IndexConfig()
CELLS = IndexConfig(exact_limit=10, factory="IVF8,Flat", probes=8)
GRAPH = IndexConfig(exact_limit=10, factory="HNSW16", depth=400)
FILTERS = [
    ParagraphFilter(),
    ParagraphFilter(valves=frozenset({Valve.MITRAL, Valve.AORTIC})),
    ParagraphFilter(first=date(2020, 3, 1), last=date(2020, 9, 1)),
    ParagraphFilter(last=date(2020, 3, 1), sites=frozenset({"south"})),
    ParagraphFilter(patients=frozenset({"p1", "p2", "p3"})),
    ParagraphFilter(without_patients=frozenset({"p1", "p2", "nobody"}), valves=frozenset({Valve.PULMONIC})),
    ParagraphFilter(sites=frozenset({"elsewhere"})),
]


@pytest.fixture(scope="module")
def vectors(corpus):
    """Unit rows, half of them twins of the other half, so that scores tie."""
    rows = np.random.default_rng(1).standard_normal((len(corpus) // 2, 24))
    return unit_rows(np.vstack([rows, rows]))


@pytest.fixture(scope="module")
def index(corpus, vectors):
    return ParagraphIndex.build(corpus, vectors, text_space="space-1")


@pytest.fixture(scope="module")
def queries(vectors):
    noise = np.random.default_rng(2).standard_normal((25, vectors.shape[1]))
    return unit_rows(vectors[::24] + 0.1 * noise)


def passes(paragraph, wanted):
    """The filter once more, one paragraph at a time."""
    named = {finding.valve for finding in paragraph.findings}
    day = paragraph.performed
    return (
        (not wanted.valves or bool(named & wanted.valves))
        and (not wanted.first or (day is not None and day >= wanted.first))
        and (not wanted.last or (day is not None and day <= wanted.last))
        and (not wanted.sites or paragraph.site in wanted.sites)
        and (not wanted.patients or paragraph.patient in wanted.patients)
        and paragraph.patient not in wanted.without_patients
    )


def best(query, corpus, vectors, allowed, k):
    """Ids by plain numpy, equal scores in the order of the corpus."""
    scores = vectors.astype(float) @ query.astype(float)
    order = sorted(allowed, key=lambda row: (-round(scores[row], 9), row))
    return [corpus[row].paragraph_id for row in order[:k]]


@pytest.mark.parametrize("wanted", FILTERS)
def test_the_filter_comes_before_the_search(index, corpus, vectors, queries, wanted):
    allowed = [row for row, paragraph in enumerate(corpus) if passes(paragraph, wanted)]
    for found, query in zip(index.search(queries, 7, wanted=wanted), queries, strict=True):
        assert [one.paragraph_id for one in found] == best(query, corpus, vectors, allowed, 7)


def test_scores_are_inner_products_in_descending_order(index, corpus, vectors, queries):
    place = {paragraph.paragraph_id: row for row, paragraph in enumerate(corpus)}
    for found, query in zip(index.search(queries, 9), queries, strict=True):
        scores = [one.score for one in found]
        assert scores == sorted(scores, reverse=True)
        np.testing.assert_allclose(scores, [vectors[place[one.paragraph_id]] @ query for one in found], atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_leaving_out_the_own_patient_is_the_same_as_filtering_it_first(index, corpus, queries, data):
    k = data.draw(st.integers(1, 40))
    owners = data.draw(st.lists(st.sampled_from(["", "p1", "p7", "p39", "nobody"]), min_size=25, max_size=25))
    wanted = data.draw(st.sampled_from(FILTERS))
    together = index.search(queries, k, wanted=wanted, own_patients=owners)
    for query, owner, found in zip(queries, owners, together, strict=True):
        without = wanted.without_patients | ({owner} - {""})
        alone = index.search(query[None], k, wanted=replace(wanted, without_patients=without))[0]
        assert found == alone


@pytest.mark.parametrize("config", [CELLS, GRAPH], ids=["ivf", "hnsw"])
def test_an_index_beyond_the_exact_limit_obeys_the_same_filters(corpus, vectors, queries, config):
    large = ParagraphIndex.build(corpus, vectors, text_space="space-1", config=config)
    exact = ParagraphIndex.build(corpus, vectors, text_space="space-1")
    wanted = ParagraphFilter(valves=frozenset({Valve.MITRAL}))
    owners = [f"p{row % 40}" for row in range(len(queries))]
    found = large.search(queries, 5, wanted=wanted, own_patients=owners)
    right = exact.search(queries, 5, wanted=wanted, own_patients=owners)
    patient = {paragraph.paragraph_id: paragraph.patient for paragraph in corpus}
    agreed = 0
    for owner, one, other in zip(owners, found, right, strict=True):
        assert owner not in {patient[near.paragraph_id] for near in one}
        agreed += len({near.paragraph_id for near in one} & {near.paragraph_id for near in other})
    assert agreed >= 0.9 * 5 * len(queries)


@pytest.mark.parametrize("config", [EXACT, CELLS, GRAPH], ids=["flat", "ivf", "hnsw"])
def test_a_reloaded_index_answers_the_same(corpus, vectors, queries, config):
    index = ParagraphIndex.build(corpus, vectors, text_space="space-1", config=config).without(["r3#0"])
    files = index.to_files()
    again = ParagraphIndex.from_files(files, text_space="space-1")
    assert again.search(queries, 6) == index.search(queries, 6)
    assert again.config == config
    assert len(again) == len(corpus) - 1
    assert again.to_files() == files


def test_an_index_of_another_text_space_is_refused(index):
    with pytest.raises(ArtifactError, match=r"space-1.*space-2"):
        ParagraphIndex.from_files(index.to_files(), text_space="space-2")


@pytest.mark.parametrize("name", ["index.faiss", "index.json", "index.safetensors"])
def test_a_broken_index_is_refused(index, name):
    files = index.to_files()
    for broken in (files[name][: len(files[name]) // 2], b"", b"nonsense" * 9):
        with pytest.raises(ArtifactError):
            ParagraphIndex.from_files({**files, name: broken}, text_space="space-1")
    with pytest.raises(ArtifactError, match="missing"):
        ParagraphIndex.from_files({key: files[key] for key in files if key != name}, text_space="space-1")


def test_faiss_reads_under_its_limits(index):
    ParagraphIndex.from_files(index.to_files(), text_space="space-1")
    assert 0 < faiss.get_deserialization_vector_byte_limit() < 1 << 40
    assert 0 < faiss.get_deserialization_loop_limit() < 1 << 32


def test_added_paragraphs_are_found_and_the_index_before_is_unchanged(corpus, vectors):
    half = ParagraphIndex.build(corpus[:300], vectors[:300], text_space="space-1")
    more = half.added(corpus[300:320], vectors[300:320])
    assert (len(half), len(more)) == (300, 320)
    twins = [near.paragraph_id for near in more.search(vectors[300:301], 2)[0]]
    assert twins == ["r0#0", "r300#0"]
    assert half.search(vectors[300:301], 1)[0][0].paragraph_id == "r0#0"
    with pytest.raises(UsageError, match="already"):
        more.added(corpus[300:301], vectors[300:301])
    assert len(more.added([], np.zeros((0, 24), np.float32))) == 320


def test_a_deleted_paragraph_is_never_found_and_may_come_back(corpus, vectors, index):
    gone = index.without(["r0#0", "unknown"])
    assert len(gone) == len(corpus) - 1
    assert gone.search(vectors[:1], 1)[0][0].paragraph_id == "r300#0"
    back = gone.added(corpus[:1], vectors[:1])
    assert [near.paragraph_id for near in back.search(vectors[:1], 2)[0]] == ["r300#0", "r0#0"]


def test_compacting_changes_no_answer(index, queries):
    thinned = index.without([f"r{number}#0" for number in range(0, 600, 3)])
    compact = thinned.compacted()
    assert compact.search(queries, 8) == thinned.search(queries, 8)
    assert len(compact.to_files()["index.faiss"]) < len(thinned.to_files()["index.faiss"])


def test_nothing_to_find_gives_empty_answers(index, queries, corpus):
    everything = index.without([paragraph.paragraph_id for paragraph in corpus])
    assert everything.search(queries[:2], 3) == [[], []]
    assert index.search(queries[:0], 3) == []
    empty = ParagraphIndex.build([], np.zeros((0, 24), np.float32), text_space="space-1")
    assert empty.search(queries[:1], 3) == [[]]


def test_wrong_calls_are_told(index, corpus, vectors, queries):
    with pytest.raises(UsageError, match=r"\(Q, 24\)"):
        index.search(queries[:, :5], 3)
    with pytest.raises(UsageError, match="k >= 1"):
        index.search(queries, 0)
    with pytest.raises(UsageError, match="own patients"):
        index.search(queries, 3, own_patients=["p1"])
    with pytest.raises(UsageError, match="twice"):
        ParagraphIndex.build([corpus[0], corpus[0]], vectors[:2], text_space="space-1")
    with pytest.raises(UsageError, match="as many vectors"):
        ParagraphIndex.build(corpus, vectors[:2], text_space="space-1")
    config = IndexConfig(exact_limit=1, factory="NoSuchIndex")
    with pytest.raises(ConfigurationError, match="NoSuchIndex"):
        ParagraphIndex.build(corpus, vectors, text_space="space-1", config=config)


def test_with_a_gpu_the_answers_are_the_same(index, queries, monkeypatch):
    """FAISS's GPU search stands in as its CPU twin: what is tested is the road to it and back."""
    calls = []

    def knn_gpu(resources, wanted, rows, k, *, metric):
        calls.append(len(rows))
        return faiss.knn(wanted, rows, k, metric)

    owners = [f"p{row % 40}" for row in range(len(queries))]
    wanted = ParagraphFilter(sites=frozenset({"south"}))
    right = index.search(queries, 6, wanted=wanted, own_patients=owners)
    monkeypatch.setattr(faiss, "StandardGpuResources", object, raising=False)
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "knn_gpu", knn_gpu, raising=False)
    assert index.search(queries, 6, wanted=wanted, own_patients=owners) == right
    assert calls == [200]
