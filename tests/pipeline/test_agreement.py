"""How sources stand to each other: distances in grades, evidence on every label, and exports without conflicts."""

import json

import numpy as np
import pytest

from echomine.archive.ledger import ImageResult
from echomine.archive.workspace import Workspace
from echomine.domain.records import Evidence
from echomine.domain.vocabulary import ItemState, LabelSource, Severity, Valve
from echomine.pipeline.agreement import grade_distance, in_conflict, with_agreement
from echomine.pipeline.export_labels import ExportRequest, export_labels
from echomine.pipeline.ingest import ingest
from echomine.pipeline.measured_labels import measurement_model
from tests.pipeline.sample_labels import label


def test_distance_counts_grades_between_intervals() -> None:
    mild, severe = label(Severity.MILD), label(Severity.SEVERE)
    assert grade_distance(mild, severe) == 4
    assert grade_distance(severe, mild) == 4
    assert grade_distance(mild, label(Severity.NONE)) == 2
    assert grade_distance(label(Severity.UNSPECIFIED), severe) == 0
    assert grade_distance(label(Severity.UNSPECIFIED), label(Severity.NONE)) == 1


def test_agreement_names_the_other_source() -> None:
    measured = label(Severity.SEVERE, LabelSource.MEASUREMENT)
    others = [
        label(Severity.MILD),
        label(Severity.MODERATE_SEVERE, LabelSource.REPORT),
        label(Severity.MILD, valve=Valve.MITRAL),
    ]
    notes = {piece.reference: piece.note for piece in with_agreement(measured, others).evidence}
    assert notes == {
        "retrieval": "conflict: retrieval says mild",
        "report": "agrees: report says moderate_severe",
    }


def test_grades_side_by_side_are_no_conflict() -> None:
    mild = label(Severity.MILD)
    assert not in_conflict(mild)
    assert not in_conflict(with_agreement(mild, [label(Severity.MILD_MODERATE, LabelSource.REPORT)]))
    assert in_conflict(with_agreement(mild, [label(Severity.MODERATE, LabelSource.REPORT)]))


def test_what_is_said_anew_replaces_what_was_said_before() -> None:
    own = Evidence(kind="paragraph", reference="r#0", score=0.9)
    once = with_agreement(label(Severity.MILD, evidence=(own,)), [label(Severity.SEVERE, LabelSource.REPORT)])
    assert with_agreement(once, []).evidence == (own,)


RETRIEVED, MEASURED = "said by retrieval", "said by measurement"
EXAMS = {
    "1": {"report": "Severe aortic stenosis.", RETRIEVED: (Severity.NONE, False), MEASURED: None},
    "2": {"report": "Severe aortic stenosis.", RETRIEVED: (Severity.SEVERE, False), MEASURED: (Severity.SEVERE, False)},
    "3": {"report": "", RETRIEVED: (Severity.NONE, False), MEASURED: (Severity.MODERATE, False)},
    "4": {"report": "", RETRIEVED: (Severity.NONE, False), MEASURED: (Severity.MODERATE, True)},
    "5": {"report": "", RETRIEVED: (Severity.MILD, False), MEASURED: None},
}
"""Each exam has one image; the second of each pair says whether it was abstained from."""


@pytest.fixture
def workspace(tmp_path, make_dicom):
    folder = tmp_path / "archive"
    folder.mkdir()
    for exam in EXAMS:
        pixels = np.random.default_rng(int(exam)).integers(1, 255, (200, 300), dtype=np.uint8)
        made = make_dicom(pixels, SOPInstanceUID=f"7.{exam}", StudyInstanceUID=f"1.{exam}", PatientID=exam)
        (folder / f"{exam}.dcm").write_bytes(made)
    rows = [
        {"id": exam, "study_uid": f"1.{exam}", "patient": exam, "text": said["report"]}
        for exam, said in EXAMS.items()
        if said["report"]
    ]
    (folder / "reports.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = Workspace.open(tmp_path / "w", create=True, pseudonym_key=b"k" * 32)
    ingest(opened, [folder])
    labeller = opened.artifacts.write("labeller", {"vote.json": b"{}"}, config={}, parents={}, metrics={}).generation_id
    record(opened, labeller, LabelSource.RETRIEVAL, RETRIEVED)
    record(opened, measurement_model(labeller), LabelSource.MEASUREMENT, MEASURED)
    yield opened
    opened.close()


def record(workspace, model, source, place):
    ledger = workspace.catalog.ledger
    run = ledger.begin_run("label", model=model)
    for files in ledger.pending(model):
        ledger.record(run, [result(one.record, source, place) for one in files])


def result(record, source, place):
    said = EXAMS[record.image_id.split(".")[1]][place]
    names = {"image_id": record.image_id, "study_uid": record.study_uid, "patient": record.patient}
    labels = (label(said[0], source, abstained=said[1], **names),) if said else ()
    return ImageResult(image_id=record.image_id, state=ItemState.LABELLED, labels=labels)


def exported(workspace, out, **options):
    written = export_labels(workspace, ExportRequest(form="jsonl", out=out, **options))
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    said = {
        (row["source"], row["study_uid"]): sorted(p["note"] for p in row["evidence"] if p["kind"] == "agreement")
        for row in rows
    }
    assert len(said) == len(rows)
    return said, written


def test_every_exported_label_says_what_the_others_say(workspace, tmp_path) -> None:
    said, written = exported(workspace, tmp_path / "labels.jsonl")
    assert said == {
        ("report", "1.1"): ["conflict: retrieval says none"],
        ("retrieval", "1.1"): ["conflict: report says severe"],
        ("report", "1.2"): ["agrees: measurement says severe", "agrees: retrieval says severe"],
        ("retrieval", "1.2"): ["agrees: measurement says severe", "agrees: report says severe"],
        ("measurement", "1.2"): ["agrees: report says severe", "agrees: retrieval says severe"],
        ("retrieval", "1.3"): ["conflict: measurement says moderate"],
        ("measurement", "1.3"): ["conflict: retrieval says none"],
        ("retrieval", "1.4"): [],  # what was abstained from has no say
        ("retrieval", "1.5"): [],
    }
    card = written.card.read_text()
    for line in ("| the contrary | 4 |", "| the same | 3 |", "| nothing | 2 |"):
        assert line in card


def test_an_export_without_conflicts(workspace, tmp_path) -> None:
    said, written = exported(workspace, tmp_path / "labels.jsonl", without_conflicts=True)
    assert {exam for _, exam in said} == {"1.2", "1.4", "1.5"}
    assert written.excluded["labels that another source contradicts"] == 4
    only, _ = exported(workspace, tmp_path / "own.jsonl", without_conflicts=True, source=LabelSource.RETRIEVAL)
    assert {exam for _, exam in only} == {"1.2", "1.4", "1.5"}


def test_labels_measured_before_the_models_came_are_not_exported_twice(workspace, tmp_path) -> None:
    record(workspace, measurement_model(""), LabelSource.MEASUREMENT, MEASURED)
    said, _ = exported(workspace, tmp_path / "labels.jsonl", source=LabelSource.MEASUREMENT, abstained=True)
    assert len(said) == 3
