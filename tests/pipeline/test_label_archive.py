import pytest

from echomine.archive.ledger import LabelFilter
from echomine.domain.errors import ArtifactError, Reason
from echomine.domain.vocabulary import FLOW_DISEASES, ItemState, LabelSource
from echomine.pipeline.ingest import ingest
from echomine.pipeline.label_archive import label_archive
from echomine.pipeline.model_chain import load_chain

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mined")]


def labels_of(workspace):
    wanted = LabelFilter(source=LabelSource.RETRIEVAL)
    return sorted(
        (one.image_id, one.valve, one.disease, one.severity, one.confidence, one.abstained)
        for one in workspace.catalog.ledger.labels(wanted)
    )


def test_every_image_has_one_state_and_no_lesion_twice(workspace):
    model = load_chain(workspace).version
    states = workspace.catalog.ledger.states(model)
    assert states[ItemState.PENDING] == 0
    assert sum(states.values()) == workspace.catalog.images.count()
    labels = labels_of(workspace)
    assert len({row[:3] for row in labels}) == len(labels) > 0
    assert {row[2] for row in labels} <= set(FLOW_DISEASES)


def test_a_label_says_where_it_comes_from(workspace):
    label = next(workspace.catalog.ledger.labels(LabelFilter(source=LabelSource.RETRIEVAL)))
    chain = load_chain(workspace)
    assert label.model == chain.version
    assert label.lexicon == chain.labeller.lexicon
    assert label.run.startswith("run-")
    assert label.evidence
    known = workspace.catalog.reports.some_paragraphs([one.reference for one in label.evidence])
    assert {one.patient for one in known.values()}.isdisjoint({label.patient})


def test_a_second_run_has_nothing_to_do(workspace_copy):
    before = labels_of(workspace_copy)
    assert label_archive(workspace_copy).counts == {}
    assert labels_of(workspace_copy) == before


def test_labelling_everything_again_gives_the_same_labels(workspace_copy):
    before = labels_of(workspace_copy)
    again = label_archive(workspace_copy, everything=True, batch_size=50)
    assert sum(again.counts.values()) == workspace_copy.catalog.images.count()
    assert labels_of(workspace_copy) == before


def test_a_file_that_changed_or_went_is_quarantined_and_the_others_go_on(own_archive):
    model = load_chain(own_archive).version
    changed, gone, other = list(own_archive.catalog.images.all())[:3]
    changed.path.write_bytes(other.path.read_bytes())
    gone.path.unlink()
    result = label_archive(own_archive, everything=True)
    reasons = {one.image_id: one.reason for one in result.problems}
    assert reasons == {
        changed.record.image_id: Reason.SOURCE_CHANGED,
        gone.record.image_id: Reason.SOURCE_MISSING,
    }
    states = own_archive.catalog.ledger.states(model)
    assert states[ItemState.QUARANTINED] == 2
    assert states[ItemState.PENDING] == 0


def test_an_archive_that_moved_is_labelled_from_its_new_place(own_archive, tmp_path):
    before = labels_of(own_archive)
    (root,) = own_archive.catalog.images.roots()
    moved = root.rename(tmp_path / "moved")
    lost = label_archive(own_archive, everything=True)
    assert {one.reason for one in lost.problems} == {Reason.SOURCE_MISSING}
    counts = ingest(own_archive, [moved]).counts
    assert (counts["images_added"], counts["images_known"]) == (0, own_archive.catalog.images.count())
    found = label_archive(own_archive)
    assert (found.problems, sum(found.counts.values())) == ((), own_archive.catalog.images.count())
    assert labels_of(own_archive) == before
    assert label_archive(own_archive).counts == {}


def test_an_altered_model_is_refused_before_anything_is_labelled(workspace_copy):
    chain = load_chain(workspace_copy)
    weights = next((workspace_copy.path / "artifacts" / "transform").glob("*/transform.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    load_chain.__globals__["_load"].cache_clear()
    with pytest.raises(ArtifactError, match="transform.safetensors of transform .* was altered"):
        label_archive(workspace_copy)
    assert workspace_copy.catalog.ledger.states(chain.version)[ItemState.PENDING] == 0


def test_planned_places_cover_what_is_pending_once(workspace_copy):
    ledger = workspace_copy.catalog.ledger
    model = load_chain(workspace_copy).version
    ledger.forget(model)
    run = ledger.begin_run("label", model=model)
    total = ledger.plan(run)
    assert total == workspace_copy.catalog.images.count()
    parts = [ledger.planned(run, first=first, last=first + 49) for first in range(0, total, 50)]
    names = [one.record.image_id for part in parts for one in part]
    assert len(names) == len(set(names)) == total
