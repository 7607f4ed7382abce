import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load

from echomine.domain.config import config_from
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError, WorkspaceError
from echomine.domain.records import Span
from echomine.retrieval.text_space import TextSpaceConfig, TextSpaceKind, document_of, unit_rows
from echomine.retrieval.text_spaces import learn_text_space, nearest_paragraphs, text_space_from_files

LEARNT = [TextSpaceKind.PV_DM, TextSpaceKind.PV_DBOW, TextSpaceKind.PV_BOTH, TextSpaceKind.TFIDF_SVD]


@pytest.fixture(scope="module", params=LEARNT)
def space(request, corpus):
    return learn_text_space(corpus, TextSpaceConfig(kind=request.param, size=32, epochs=15))


def test_vectors_are_unit_rows_one_for_each_paragraph(space, corpus):
    assert space.trained.paragraph_ids == tuple(paragraph.paragraph_id for paragraph in corpus)
    assert space.trained.vectors.shape == (len(corpus), space.size)
    np.testing.assert_allclose(np.linalg.norm(space.trained.vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(space.infer(corpus[:20]), axis=1), 1, rtol=1e-5)
    assert space.infer([]).shape == (0, space.size)


def test_the_same_paragraph_gives_the_same_vector_in_any_batch(space, corpus):
    some = corpus[:30]
    together = space.infer(some)
    np.testing.assert_array_equal(space.infer(some[::-1])[::-1], together)
    np.testing.assert_array_equal(np.vstack([space.infer([one]) for one in some]), together)


def test_a_reloaded_space_is_the_same_to_the_bit(space, corpus):
    files = space.to_files()
    again = text_space_from_files(files)
    np.testing.assert_array_equal(again.infer(corpus[:30]), space.infer(corpus[:30]))
    np.testing.assert_array_equal(again.trained.vectors, space.trained.vectors)
    assert again.to_files() == files
    assert again.config == space.config


def test_learning_twice_gives_the_same_bytes(space, corpus):
    assert learn_text_space(corpus, space.config).to_files() == space.to_files()


def test_new_text_lies_beside_paragraphs_that_say_the_same(space, corpus):
    new = [replace(paragraph, text=paragraph.text + " as seen today") for paragraph in corpus[:60]]
    scores = space.infer(new) @ space.trained.vectors.T
    ids = [paragraph.paragraph_id for paragraph in corpus]
    hits = 0
    for row, paragraph in enumerate(new):
        scores[row, ids.index(paragraph.paragraph_id)] = -1
        near = corpus[int(scores[row].argmax())].findings[0]
        own = paragraph.findings[0]
        hits += (near.valve, near.disease, near.severity) == (own.valve, own.disease, own.severity)
    assert hits >= 48


def test_nothing_saved_is_a_pickle(space):
    files = space.to_files()
    assert set(files) == {"text_space.json", "text_space.safetensors"}
    assert files["text_space.json"].startswith(b"{")
    assert load(files["text_space.safetensors"])["rows"].dtype == np.int64


@pytest.mark.parametrize("broken", ["text_space.json", "text_space.safetensors"])
def test_broken_files_are_refused(space, broken):
    files = space.to_files()
    with pytest.raises(ArtifactError, match=broken):
        text_space_from_files({**files, broken: files[broken][:-40]})
    with pytest.raises(ArtifactError, match=broken):
        text_space_from_files({name: content for name, content in files.items() if name != broken})


def test_equal_documents_share_a_vector(corpus):
    twin = replace(corpus[0], paragraph_id="twin#0")
    space = learn_text_space([*corpus[:100], twin], TextSpaceConfig(size=16, epochs=5))
    assert len(space.trained.distinct) == 100
    np.testing.assert_array_equal(space.trained.vectors[0], space.trained.vectors[-1])


def test_nearest_paragraphs_leave_out_the_paragraph_itself(space):
    near = nearest_paragraphs(space, "r5#0", 4)
    assert len(near) == 4
    assert "r5#0" not in {one.paragraph_id for one in near}
    assert [one.score for one in near] == sorted((one.score for one in near), reverse=True)
    with pytest.raises(UsageError, match="nowhere"):
        nearest_paragraphs(space, "nowhere")


def test_nearest_words_are_words_of_the_vocabulary(space):
    assert len(space.nearest_words("severe", 3)) == 3
    assert all(near.word != "severe" for near in space.nearest_words("severe", 3))
    assert space.nearest_words("unheard-of") == ()


def test_unknown_words_still_give_a_unit_vector(space, corpus):
    stranger = replace(corpus[0], text="zzz qqq", findings=(), span=Span(0, 7))
    empty = replace(corpus[0], text="", findings=(), span=Span(0, 0))
    np.testing.assert_allclose(np.linalg.norm(space.infer([stranger, empty]), axis=1), 1, rtol=1e-5)


def test_concept_tokens_follow_the_words_as_often_as_asked(corpus):
    bare = document_of(corpus[0], TextSpaceConfig(concept_repeats=0))
    twice = document_of(corpus[0], TextSpaceConfig(concept_repeats=2))
    assert twice[: len(bare)] == bare
    assert (len(twice) - len(bare)) % 2 == 0
    assert "|" in twice[-1]


def test_progress_ends_at_one(corpus):
    told = []
    learn_text_space(corpus[:50], TextSpaceConfig(kind="pv_both", size=8, epochs=3), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_a_space_needs_paragraphs_and_frequent_words(corpus):
    with pytest.raises(UsageError, match="at least one paragraph"):
        learn_text_space([])
    for kind in (TextSpaceKind.PV_DBOW, TextSpaceKind.TFIDF_SVD):
        with pytest.raises(ConfigurationError, match="lower min_count"):
            learn_text_space(corpus[:3], TextSpaceConfig(kind=kind, min_count=99))


def test_without_room_for_the_corpus_one_sentence_says_so(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(WorkspaceError, match="TMPDIR"):
        learn_text_space(corpus[:50], TextSpaceConfig(size=8, epochs=1))


def test_unknown_settings_in_an_artifact_are_refused(space):
    files = space.to_files()
    description = files["text_space.json"].replace(b'"epochs"', b'"eqochs"')
    with pytest.raises(ArtifactError, match="eqochs"):
        text_space_from_files({**files, "text_space.json": description})


def test_settings_are_checked():
    with pytest.raises(ConfigurationError, match="epochs"):
        TextSpaceConfig(epochs=0)
    with pytest.raises(ConfigurationError, match="even"):
        TextSpaceConfig(kind=TextSpaceKind.PV_BOTH, size=33)
    with pytest.raises(ConfigurationError):
        config_from(TextSpaceConfig, {"kind": "bag_of_words"})


def test_unit_rows_of_a_zero_row_is_the_first_axis():
    np.testing.assert_array_equal(unit_rows(np.zeros((1, 3))), [[1, 0, 0]])


_PROGRAM = """
import hashlib
from echomine.domain.records import Paragraph, Span
from echomine.retrieval.text_space import TextSpaceConfig
from echomine.retrieval.text_spaces import learn_text_space

def paragraph(number):
    text = f"moderate aortic stenosis number {number % 7} with a peak of {1 + number % 5}.2 m/s"
    return Paragraph(paragraph_id=f"r{number}#0", report_id=f"r{number}", text=text, span=Span(0, len(text)))

space = learn_text_space([paragraph(n) for n in range(40)], TextSpaceConfig(kind="pv_both", size=16, epochs=4))
print(hashlib.sha256(space.infer([paragraph(3), paragraph(900)]).tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_another_process_gives_the_same_vectors():
    root = Path(__file__).parents[2]
    outputs = [
        subprocess.run(
            [sys.executable, "-c", _PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": salt, "PYTHONPATH": str(root)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for salt in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
