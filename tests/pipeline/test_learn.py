import dataclasses
import json

import pytest

from echomine.archive import truth
from echomine.domain.errors import ArtifactError, UsageError
from echomine.domain.splits import split_of
from echomine.domain.vocabulary import Split
from echomine.models.registry import create
from echomine.models.weights import weights_to_bytes
from echomine.pipeline.learn import build_index, learn, learn_space, learning_patients_of, train_transform_network
from echomine.pipeline.model_chain import load_chain
from echomine.pipeline.settings import read_settings
from echomine.retrieval.text_spaces import text_space_from_files

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mined")]


@pytest.fixture
def settings(mined_workspace):
    return read_settings(mined_workspace.settings)


def test_the_same_seed_gives_the_same_generations_without_any_truth(workspace_copy, settings, monkeypatch):
    """Learning again ends with the generation that stands there, and never opens the truth table."""

    def refuse(_path):
        raise AssertionError("learning opened the truth table")

    monkeypatch.setattr(truth, "read_truth", refuse)
    before = load_chain(workspace_copy).version
    result = learn(workspace_copy, settings, seed=0)
    assert result.ids()["labeller"] == before
    other = learn(workspace_copy, settings, seed=1)
    assert other.ids()["labeller"] != before


def test_nothing_is_learnt_from_test_patients(workspace, settings):
    allowed = learning_patients_of(workspace, settings)
    everyone = workspace.catalog.patients()
    assert {split_of(name) for name in everyone - allowed} == {Split.TEST}
    learnt = text_space_from_files(workspace.artifacts.load("text_space").files).trained.paragraph_ids
    paragraphs = workspace.catalog.reports.some_paragraphs(learnt)
    assert {one.patient for one in paragraphs.values()} <= allowed
    pairs = json.loads(workspace.artifacts.load("transform").files["pairs.json"])
    assert pairs
    assert {patient for _, patient, *_ in pairs} <= allowed


def test_the_labeller_names_its_whole_chain(workspace):
    labeller = workspace.artifacts.load("labeller")
    for kind, name in labeller.parents.items():
        assert workspace.artifacts.load(kind, name).generation_id == name
    assert set(labeller.parents) == {"text_space", "image_feature", "transform", "index"}


def test_an_index_is_not_built_over_a_transform_of_another_text_space(workspace_copy, settings):
    learn_space(workspace_copy, settings, seed=7)
    with pytest.raises(ArtifactError, match="another text space"):
        build_index(workspace_copy, settings)


def test_a_lab_without_hand_made_files_still_learns(own_archive, settings):
    with own_archive.catalog._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM pairs")
        connection.exec_driver_sql("DELETE FROM views")
    result = learn(own_archive, settings, seed=0)
    metrics = {one.kind: one.metrics for one in result.generations}
    assert metrics["transform"]["hand_made"] is False
    assert metrics["transform"]["pairs"] > 10
    assert metrics["image_feature"]["views"] > 10


def test_pretrained_weights_that_are_not_there_or_do_not_fit(workspace_copy, settings, tmp_path):
    def with_weights(name):
        network = dataclasses.replace(settings.network, backbone="efficientnet_lite0", weights=str(tmp_path / name))
        image_feature = dataclasses.replace(settings.image_feature, network=True)
        return dataclasses.replace(settings, network=network, image_feature=image_feature)

    with pytest.raises(UsageError, match="no file of weights"):
        train_transform_network(workspace_copy, with_weights("missing.pth"))
    other = create("spectral_net", classes=3, in_channels=1)
    (tmp_path / "other.safetensors").write_bytes(weights_to_bytes(other))
    with pytest.raises(ArtifactError, match="another network"):
        train_transform_network(workspace_copy, with_weights("other.safetensors"))


def test_without_reports_the_sentence_says_what_to_do(tmp_path, settings):
    from echomine.archive.workspace import Workspace

    empty = Workspace.open(tmp_path / "empty", create=True)
    with pytest.raises(UsageError, match="at least one paragraph that names a valve"):
        learn(empty, settings)
