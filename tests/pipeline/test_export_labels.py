"""Export: the rows of the contract, filters, splits that stay, and files that pandas and datasets read."""

import errno
import json
import os

import numpy as np
import pandas as pd
import pytest

from echomine.archive import exports as exports_module
from echomine.archive.ledger import ImageResult
from echomine.archive.workspace import Workspace
from echomine.domain.errors import Reason, UsageError, WorkspaceError
from echomine.domain.records import Evidence, Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.splits import split_of
from echomine.domain.vocabulary import Assertion, Disease, ItemState, LabelSource, Severity, Valve
from echomine.pipeline.export_labels import FORMS, ExportRequest, export_labels
from echomine.pipeline.ingest import ingest

IMAGES = 30
CONTRACT = (
    "sop_uid",
    "study_uid",
    "patient",
    "source",
    "valve",
    "disease",
    "severity_low",
    "severity_high",
    "assertion",
    "confidence",
    "abstained",
    "evidence",
    "run",
    "split",
)


def pixels(number):
    return np.random.default_rng(number).integers(1, 255, (200, 300), dtype=np.uint8)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory, make_dicom):
    """30 images of 10 patients, a report for each third; two labels an image by old models, two by the current ones."""
    folder = tmp_path_factory.mktemp("archive")
    for number in range(IMAGES):
        (folder / f"{number:02d}.dcm").write_bytes(
            make_dicom(
                pixels(number),
                SOPInstanceUID=f"7.{number}",
                StudyInstanceUID=f"1.{number}",
                PatientID=f"MRN-{number % 10}",
            )
        )
    (folder / "broken.dcm").write_bytes(b"")
    rows = [
        {"id": str(n), "study_uid": f"1.{n}", "patient": f"MRN-{n % 10}", "text": "Severe aortic stenosis."}
        for n in range(0, IMAGES, 3)
    ]
    (folder / "reports.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    opened = Workspace.open(tmp_path_factory.mktemp("w"), create=True, pseudonym_key=b"k" * 32)
    ingest(opened, [folder])
    labeller = opened.artifacts.write(
        "labeller", {"vote.json": b"{}"}, config={}, parents={"index": "i1"}, metrics={"present": "abstains below 0.60"}
    )
    for model in ("old", labeller.generation_id):
        run = opened.catalog.ledger.begin_run("label", model=model)
        for batch in opened.catalog.ledger.pending(model):
            opened.catalog.ledger.record(run, [result(file) for file in batch])
    yield opened
    opened.close()


def result(file):
    number = int(file.record.image_id.split(".")[1])
    labels = tuple(
        Label(
            source=LabelSource.RETRIEVAL,
            valve=valve,
            disease=Disease.REGURGITATION,
            severity=SeverityInterval(Severity.MILD, Severity.MODERATE),
            assertion=Assertion.PRESENT,
            confidence=number / IMAGES,
            image_id=file.record.image_id,
            study_uid=file.record.study_uid,
            patient=file.record.patient,
            abstained=number < 10,
            evidence=(Evidence(kind="paragraph", reference="r#0", score=0.9),),
        )
        for valve in (Valve.MITRAL, Valve.TRICUSPID)
    )
    return ImageResult(image_id=file.record.image_id, state=ItemState.LABELLED, labels=labels)


def rows_of(workspace, tmp_path, **options):
    out = tmp_path / "labels.jsonl"
    export_labels(workspace, ExportRequest(form="jsonl", out=out, **options))
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_rows_keep_the_contract(workspace, tmp_path):
    rows = rows_of(workspace, tmp_path)
    assert all(tuple(row) == CONTRACT for row in rows)
    row = next(row for row in rows if row["sop_uid"] == "7.15" and row["valve"] == "mitral")
    assert row["study_uid"] == "1.15"
    assert row["patient"] == workspace.pseudonym("MRN-5")
    assert (row["source"], row["disease"], row["assertion"]) == ("retrieval", "regurgitation", "present")
    assert (row["severity_low"], row["severity_high"]) == ("mild", "moderate")
    assert (row["confidence"], row["abstained"]) == (0.5, False)
    assert row["evidence"] == [{"kind": "paragraph", "reference": "r#0", "score": 0.9, "span": None, "note": ""}]
    assert row["run"].startswith("run-")
    assert row["split"] in {"train", "validation", "test"}


def test_current_models_and_reports_without_abstained_ones(workspace, tmp_path):
    rows = rows_of(workspace, tmp_path)
    assert sum(row["source"] == "retrieval" for row in rows) == 2 * 20
    assert sum(row["source"] == "report" for row in rows) == 10
    assert all(row["study_uid"] and row["run"] for row in rows)
    assert not any(row["sop_uid"] for row in rows if row["source"] == "report")


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ({"abstained": True}, 70),
        ({"source": LabelSource.REPORT}, 10),
        ({"source": LabelSource.RETRIEVAL}, 40),
        ({"valve": Valve.MITRAL}, 20),
        ({"min_confidence": 0.5}, 2 * 15 + 10),
        ({"min_confidence": 0.5, "valve": Valve.TRICUSPID, "source": LabelSource.RETRIEVAL}, 15),
        ({"source": LabelSource.MEASUREMENT}, 0),
    ],
)
def test_filters(workspace, tmp_path, options, number):
    assert len(rows_of(workspace, tmp_path, **options)) == number


def test_patients_are_split_and_never_images(workspace, tmp_path):
    rows = rows_of(workspace, tmp_path, abstained=True, fractions=(0.5, 0.2, 0.3))
    parts = {}
    for row in rows:
        parts.setdefault(row["patient"], set()).add(row["split"])
        assert row["split"] == split_of(row["patient"], fractions=(0.5, 0.2, 0.3)).value
    assert len(parts) == 10
    assert all(len(part) == 1 for part in parts.values())


def test_the_order_is_always_the_same(workspace, tmp_path):
    first = rows_of(workspace, tmp_path)
    (tmp_path / "again").mkdir()
    assert rows_of(workspace, tmp_path / "again") == first


def test_all_tables_hold_the_same(workspace, tmp_path):
    frames = {}
    readers = {
        "jsonl": lambda path: pd.read_json(path, lines=True, dtype=False, precise_float=True),
        "csv": lambda path: pd.read_csv(path, keep_default_na=False, dtype={"study_uid": str, "sop_uid": str}),
        "parquet": pd.read_parquet,
    }
    for form, read in readers.items():
        out = tmp_path / f"labels.{form}"
        written = export_labels(workspace, ExportRequest(form=form, out=out))
        frames[form] = read(out)
        assert written.counts["labels"] == len(frames[form]) == 50
        assert tuple(frames[form].columns) == CONTRACT
    plain = [name for name in CONTRACT if name != "evidence"]
    for form in ("csv", "parquet"):
        assert frames[form][plain].to_numpy().tolist() == frames["jsonl"][plain].to_numpy().tolist()
    evidence = frames["csv"]["evidence"].map(json.loads)
    assert evidence.tolist() == frames["jsonl"]["evidence"].tolist()


def test_an_image_folder_loads_with_datasets(workspace, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    out = tmp_path / "folder"
    written = export_labels(workspace, ExportRequest(form="hf", out=out, source=LabelSource.RETRIEVAL))
    loaded = datasets.load_dataset("imagefolder", data_dir=str(out), cache_dir=str(tmp_path / "cache"))
    seen = {}
    for part, table in loaded.items():
        for row in table:
            seen[row["sop_uid"]] = row
            assert split_of(row["patient"]).value == part
    assert len(seen) == written.counts["images"] == 20
    row = seen["7.15"]
    assert np.array_equal(np.asarray(row["image"]), pixels(15)[60:180, 20:280])
    assert [label["valve"] for label in row["labels"]] == ["mitral", "tricuspid"]
    assert (row["mps_per_px"], row["baseline_y"], row["s_per_px"]) == (0.05, 40.0, 0.01)
    assert written.card == out / "README.md"


def test_exam_labels_are_counted_where_a_folder_cannot_hold_them(workspace, tmp_path):
    written = export_labels(workspace, ExportRequest(form="hf", out=tmp_path / "folder"))
    assert written.excluded["labels of exams, without an image of their own"] == 10
    assert written.counts["labels"] == 40


def test_an_image_that_is_gone_is_counted(tmp_path, make_dicom):
    folder = tmp_path / "archive"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dcm").write_bytes(make_dicom(pixels(number), SOPInstanceUID=f"7.{number}"))
    opened = Workspace.open(tmp_path / "w", create=True)
    ingest(opened, [folder])
    run = opened.catalog.ledger.begin_run("label", model="m")
    opened.catalog.ledger.record(run, [result(file) for file in opened.catalog.images.all()])
    (folder / "0.dcm").unlink()
    (folder / "1.dcm").write_bytes(make_dicom(pixels(8), SOPInstanceUID="7.1"))
    written = export_labels(opened, ExportRequest(form="hf", out=tmp_path / "out", abstained=True))
    assert written.counts["images"] == 1
    assert written.excluded[f"images whose file could not be used: {Reason.SOURCE_MISSING.value}"] == 1
    assert written.excluded[f"images whose file could not be used: {Reason.SOURCE_CHANGED.value}"] == 1
    opened.close()


def test_the_card_says_what_is_in_it_and_what_is_not(workspace, tmp_path):
    written = export_labels(
        workspace, ExportRequest(form="csv", out=tmp_path / "labels.csv", min_confidence=0.2, salt="two")
    )
    card = written.card.read_text()
    assert written.card.name == "labels.csv.card.md"
    for words in (
        "Research use only",
        "| retrieval | 40 |",
        "| least confidence | 0.2 |",
        "| abstention, present lesions | abstains below 0.60 |",
        "| salt of the split | two |",
        "| index | i1 |",
        "| labels abstained from | 8 |",
        "| labels below the least confidence | 12 |",
        "| files quarantined: empty_file | 1 |",
    ):
        assert words in card
    assert "Synthetic" not in card
    assert "MRN" not in card


def test_screenshots_are_warned_of(tmp_path, make_dicom):
    from PIL import Image

    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(make_dicom(pixels(1)))
    Image.fromarray(pixels(2)).save(folder / "shot.png")
    opened = Workspace.open(tmp_path / "w", create=True)
    ingest(opened, [folder])
    run = opened.catalog.ledger.begin_run("label", model="m")
    for file in opened.catalog.images.all():
        stated = Label(
            source=LabelSource.RETRIEVAL,
            valve=Valve.AORTIC,
            disease=Disease.STENOSIS,
            severity=SeverityInterval.exactly(Severity.MILD),
            assertion=Assertion.PRESENT,
            confidence=1.0,
            image_id=file.record.image_id,
        )
        done = ImageResult(image_id=file.record.image_id, state=ItemState.LABELLED, labels=(stated,))
        opened.catalog.ledger.record(run, [done])
    written = export_labels(opened, ExportRequest(form="hf", out=tmp_path / "out"))
    assert "1 of the pictures are screenshots" in written.card.read_text()
    opened.close()


def test_a_synthetic_archive_is_called_so(tmp_path, make_dicom):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(make_dicom(pixels(1)))
    (folder / "archive.json").write_text('{"synthetic": true}')
    opened = Workspace.open(tmp_path / "w", create=True)
    ingest(opened, [folder])
    written = export_labels(opened, ExportRequest(form="jsonl", out=tmp_path / "out.jsonl"))
    assert "**Synthetic.**" in written.card.read_text()
    opened.close()


def test_a_taken_place_is_refused(workspace, tmp_path):
    (tmp_path / "there").mkdir()
    for form in FORMS:
        with pytest.raises(UsageError, match="already"):
            export_labels(workspace, ExportRequest(form=form, out=tmp_path / "there"))


def test_wrong_requests_are_refused(tmp_path):
    with pytest.raises(UsageError, match="jsonl, csv, parquet, hf"):
        ExportRequest(form="xml", out=tmp_path / "x")
    with pytest.raises(UsageError):
        ExportRequest(form="csv", out=tmp_path / "x", min_confidence=1.5)


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk_leaves_nothing_half_written(workspace, tmp_path, monkeypatch, form):
    def full(_handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(exports_module.os, "fsync", full)
    with pytest.raises(WorkspaceError, match="disk is full"):
        export_labels(workspace, ExportRequest(form=form, out=tmp_path / "labels"))
    assert list(tmp_path.iterdir()) == []


def test_without_its_card_a_table_is_not_left(workspace, tmp_path, monkeypatch):
    def full(_out, _text):
        raise WorkspaceError("the disk is full")

    monkeypatch.setattr("echomine.pipeline.export_labels.write_card", full)
    with pytest.raises(WorkspaceError):
        export_labels(workspace, ExportRequest(form="csv", out=tmp_path / "labels.csv"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_catalog_gives_an_empty_data_set(tmp_path, form):
    opened = Workspace.open(tmp_path / "w", create=True)
    written = export_labels(opened, ExportRequest(form=form, out=tmp_path / "out"))
    assert written.counts["labels"] == 0
    assert written.card.exists()
    assert json.dumps(written.document())
    opened.close()
