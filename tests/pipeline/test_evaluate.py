import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from echomine.domain.errors import UsageError
from echomine.learning.display_description import measured_numbers
from echomine.pipeline.evaluate import EvaluationRequest, evaluate, fit_models
from echomine.pipeline.evaluation_runs import METHODS, OURS, WITH_HANDS
from echomine.pipeline.learning_data import load_learning_data
from echomine.pipeline.progress import SILENT
from echomine.pipeline.settings import read_settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mined")]


@pytest.fixture
def settings(mined_workspace):
    return read_settings(mined_workspace.settings)


def test_held_out_judges_the_current_models_beside_the_baselines(workspace, mined_workspace, settings, tmp_path):
    table = mined_workspace.archive / "truth.csv"
    result = evaluate(workspace, EvaluationRequest(truth=table, out=tmp_path / "out"), settings)
    assert set(result.methods) == set(METHODS) - {"ceiling", WITH_HANDS}
    assert result.synthetic
    with table.open(newline="") as stream:
        judged = {row["sop_uid"] for row in csv.DictReader(stream)}
    assert 0 < result.methods[OURS].images < len(judged)
    document = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert document["methods"][OURS]["figures"]["recall"]["value"] is not None
    markdown = (tmp_path / "out" / "evaluation.md").read_text()
    assert "All data is synthetic." in markdown
    assert "### Nearest paragraphs in text space" in markdown
    for name in METHODS.keys() - {"ceiling", WITH_HANDS}:
        assert f"| {name} |" in markdown
    assert (tmp_path / "out" / "risk_coverage.png").read_bytes().startswith(b"\x89PNG")


def test_the_lecture_protocol_draws_patients_and_adds_the_ceiling(workspace, mined_workspace, settings):
    table = mined_workspace.archive / "truth.csv"
    result = evaluate(workspace, EvaluationRequest(protocol="lecture", truth=table, seeds=2), settings)
    assert len(result.per_seed) == 2
    assert "ceiling" in result.methods
    assert result.model == ""
    assert result.retrieval is not None
    assert result.retrieval.queries == result.methods[OURS].images


def test_learning_without_hands_is_judged_beside_learning_with_them(workspace, mined_workspace, settings):
    table = mined_workspace.archive / "truth.csv"
    alone, beside = (
        evaluate(workspace, EvaluationRequest(protocol="lecture", truth=table, seeds=1, weak=weak), settings)
        for weak in (False, True)
    )
    assert beside.weak
    assert beside.methods[WITH_HANDS].document() == alone.methods[OURS].document()
    assert beside.methods[OURS].images == alone.methods[OURS].images
    assert beside.methods[OURS].document() != alone.methods[OURS].document()
    assert "with hand-made files" in beside.markdown()


def test_without_a_truth_table_the_paired_paragraphs_judge(workspace, settings):
    result = evaluate(workspace, EvaluationRequest(), settings)
    assert result.judged_by == "paired paragraphs"
    assert result.methods[OURS].images > 0


def test_a_wrong_truth_table_is_one_sentence(workspace, settings, tmp_path):
    table = tmp_path / "truth.csv"
    table.write_text("sop_uid,valve,disease,severity\n1.2,aortic,stenosis,enormous\n")
    with pytest.raises(UsageError, match="is no truth table"):
        evaluate(workspace, EvaluationRequest(truth=table), settings)


def test_learning_data_are_measured_as_they_are_read_and_no_more_are_read_than_learnt_from(workspace, settings):
    config = replace(settings.image_feature, measured=True)
    whole = load_learning_data(workspace, config, patients=None, most_unlabelled=None, progress=SILENT)
    np.testing.assert_array_equal(whole.images.numbers, measured_numbers(whole.images.pixels, config))
    few = replace(config, sample=2)
    data = load_learning_data(workspace, few, patients=None, most_unlabelled=1000, progress=SILENT)
    named = {pair.image_id for pair in data.pairs} | {view.image_id for view in data.views}
    assert set(data.images.image_ids) == named < set(whole.images.image_ids)


def test_models_fitted_in_memory_find_no_own_patient(workspace, settings):
    data = load_learning_data(workspace, settings.image_feature, patients=None, most_unlabelled=0, progress=SILENT)
    models, space = fit_models(data, data.paragraphs, settings, seed=0, progress=SILENT)
    assert space.size == settings.text_space.size
    embedded = models.feature.embed(data.images.pixels[:8])
    places, patients = models.transform.map(embedded.features), data.images.patients[:8]
    found = models.labeller.near(models.index, places, embedded.valves, patients)
    by_id = {one.paragraph_id: one.patient for one in data.paragraphs}
    for patient, near in zip(patients, found, strict=True):
        assert patient not in {by_id[hit.paragraph_id] for one in near for hit in one.neighbours}
    assert np.isfinite(embedded.features).all()
