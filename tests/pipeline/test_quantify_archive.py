import csv
import json

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from echomine.archive.report_table import MinedReport
from echomine.archive.scan_list import read_scan_list, scan_digest
from echomine.archive.workspace import Workspace
from echomine.cli import app
from echomine.domain.errors import UsageError
from echomine.domain.records import Report
from echomine.domain.vocabulary import ItemState, Valve
from echomine.pipeline import quantify_archive as quantify_archive_module
from echomine.pipeline.echo_frames import listed_views
from echomine.pipeline.export_labels import ExportRequest, export_labels
from echomine.pipeline.quantify_archive import quantify_archive
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape


def _instant(folder, name, cavity):
    shape = HeartShape(cavity_mm=cavity, wall_mm=9, septum_angle=2.8, rv_depth_mm=26)
    mask = np.repeat(draw_heart_shape(shape, size=(96, 90), pixel_mm=1.5).T[..., None], 4, axis=2)
    for suffix, values in (("", mask.astype(np.int16) * 100), ("_mask", mask)):
        nibabel.save(nibabel.Nifti1Image(values, np.diag([1.5, 1.5, 8, 1])), folder / f"{name}{suffix}.nii.gz")


@pytest.fixture
def archive(tmp_path):
    _instant(tmp_path, "ed", 26)
    _instant(tmp_path, "es", 18)
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    (tmp_path / "scans.csv").write_text(
        "kind,study_uid,patient,files,masks\n"
        "mr,1.2.3,MRN-77,ed.nii.gz;es.nii.gz,ed_mask.nii.gz;es_mask.nii.gz\n"
        "mr,1.2.4,MRN-78,broken.nii.gz,broken.nii.gz\n"
        "echo,1.2.5,,none.nii.gz,none.nii.gz\n"
    )
    workspace = Workspace.open(tmp_path / "workspace", create=True)
    text = "The left ventricular ejection fraction is 30 %. LVEF 50 percent by another method."
    workspace.catalog.reports.put(
        [
            MinedReport(
                report=Report(report_id="r-1", text=text, study_uid="1.2.3"),
                content_sha256="0",
                origin="x",
                paragraphs=(),
                lexicon="",
            )
        ]
    )
    yield workspace, tmp_path / "scans.csv"
    workspace.close()


def test_scans_join_their_exam_and_conflicts_with_its_report_are_told(archive):
    workspace, scans = archive
    result = quantify_archive(workspace, scans)
    assert result.counts == {"measured": 1, "quarantined": 2, "already_done": 0, "conflicts": 1}
    assert [(line, reason) for line, reason, _ in result.problems] == [(3, "undecodable"), (4, "source_missing")]
    (row,) = workspace.catalog.scans.of_study("1.2.3")
    assert row.result["values"]["lv_ef"]["value"] == pytest.approx(52, abs=1)
    (conflict,) = row.conflicts
    assert (conflict["reported"], conflict["report"]) == (30, "r-1")
    assert row.patient.startswith("p-")
    assert "MRN" not in repr(row)
    assert workspace.catalog.scans.of_study("1.2.4")[0].state is ItemState.QUARANTINED


def test_the_ejection_fraction_is_a_label_of_its_exam_with_the_conflict(archive, tmp_path):
    workspace, scans = archive
    quantify_archive(workspace, scans)
    export_labels(workspace, ExportRequest(form="jsonl", out=tmp_path / "labels.jsonl", abstained=True))
    (row,) = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert (row["study_uid"], row["valve"], row["disease"]) == ("1.2.3", "left_ventricle", "reduced_ejection_fraction")
    assert row["source"] == "measurement"
    assert row["patient"].startswith("p-")
    assert row["split"] in {"train", "validation", "test"}
    measured, conflict = row["evidence"]
    assert measured["score"] == pytest.approx(52, abs=1)
    assert conflict["reference"] == "r-1"
    assert "the report states LVEF 30 %" in conflict["note"]
    # 52 % is at the limit of normal, so it is hardly more likely normal than not
    assert 0.5 <= row["confidence"] < 0.6
    sure = export_labels(workspace, ExportRequest(form="jsonl", out=tmp_path / "sure.jsonl", min_confidence=0.9))
    assert sure.counts["labels"] == 0
    assert sure.excluded["labels below the least confidence"] == 1
    other = export_labels(workspace, ExportRequest(form="jsonl", out=tmp_path / "valve.jsonl", valve=Valve.MITRAL))
    assert other.counts["labels"] == 0


def test_what_was_measured_is_not_measured_again(archive):
    workspace, scans = archive
    quantify_archive(workspace, scans)
    again = quantify_archive(workspace, scans)
    assert again.counts["already_done"] == 3
    assert workspace.catalog.scans.count() == 3
    (scans.parent / "broken.nii.gz").write_bytes((scans.parent / "ed.nii.gz").read_bytes())
    assert quantify_archive(workspace, scans).counts["already_done"] == 2


def test_what_a_library_or_the_disk_does_to_one_scan_does_not_stop_the_others(archive, monkeypatch):
    workspace, scans = archive
    real_result, real_digest = quantify_archive_module._result, quantify_archive_module.scan_digest

    def result(workspace, scan):
        if scan.study_uid == "1.2.4":
            raise RuntimeError("PATIENT^NAME in the words of a library")
        return real_result(workspace, scan)

    def digest(scan):
        if scan.study_uid == "1.2.5":
            raise OSError(5, "Input/output error")
        return real_digest(scan)

    monkeypatch.setattr(quantify_archive_module, "_result", result)
    monkeypatch.setattr(quantify_archive_module, "scan_digest", digest)
    done = quantify_archive(workspace, scans)
    assert (done.counts["measured"], done.counts["quarantined"]) == (1, 2)
    assert {(line, reason) for line, reason, _ in done.problems} == {(3, "failed"), (4, "source_missing")}
    assert "PATIENT" not in str(done.document())


def test_a_kind_without_networks_is_told_item_by_item_until_there_are_some(archive, monkeypatch):
    workspace, scans = archive
    with scans.open("a") as stream:
        stream.write("mr,1.2.6,MRN-79,ed.nii.gz;es.nii.gz,\necho,1.2.7,,ed.nii.gz,\n")
        stream.write("mr,1.2.8,MRN-80,ed.nii.gz;es.nii.gz,ed_mask.nii.gz;es_mask.nii.gz\n")
    first = quantify_archive(workspace, scans)
    assert first.counts == {"measured": 2, "quarantined": 4, "already_done": 0, "conflicts": 1}
    untrained = [(line, message) for line, reason, message in first.problems if reason == "no_networks"]
    assert [line for line, _ in untrained] == [5, 6]
    assert "echomine cardiac train mr" in untrained[0][1]
    assert workspace.catalog.ledger.run(first.run).counts == first.counts
    assert workspace.catalog.scans.of_study("1.2.6")[0].model == "none"
    again = quantify_archive(workspace, scans)
    assert again.counts == {"measured": 0, "quarantined": 2, "already_done": 4, "conflicts": 0}
    masked = scans.read_text().replace("ed.nii.gz;es.nii.gz,\n", "ed.nii.gz;es.nii.gz,ed_mask.nii.gz;es_mask.nii.gz\n")
    scans.write_text(masked)
    assert quantify_archive(workspace, scans).counts["quarantined"] == 1


def test_a_model_that_cannot_be_named_is_told_item_by_item(archive):
    workspace, scans = archive
    scans.write_text(scans.read_text() + "mr,1.2.6,,ed.nii.gz;es.nii.gz,\n")
    current = workspace.path / "artifacts" / "cine_mr" / "CURRENT"
    current.parent.mkdir(parents=True)
    current.write_bytes(b"\xff\xfe")
    done = quantify_archive(workspace, scans)
    assert done.counts["measured"] == 1
    assert done.problems[-1][:2] == (5, "no_networks")


def test_the_command_lists_what_was_quarantined(archive):
    workspace, scans = archive
    done = CliRunner().invoke(app, ["cardiac", "archive", str(scans), "--workspace", str(workspace.path), "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["counts"]["quarantined"] == 2


def test_lists_are_checked(tmp_path):
    path = tmp_path / "scans.csv"
    with pytest.raises(UsageError, match="no list"):
        read_scan_list(path)
    path.write_text("kind,study_uid\nmr,1\n")
    with pytest.raises(UsageError, match="missing are files"):
        read_scan_list(path)
    path.write_bytes(bytes(range(256)) * 9)
    with pytest.raises(UsageError, match="no list of scans: it is no text"):
        read_scan_list(path)
    longest = csv.field_size_limit(1000)
    try:
        path.write_text("kind,files\nmr," + "a" * 1001)
        with pytest.raises(UsageError, match="no list of scans: field larger"):
            read_scan_list(path)
    finally:
        csv.field_size_limit(longest)
    path.write_bytes("kind,files,patient\n\nmr,a.nii,M\u00fcller\n".encode("latin-1"))
    (scan,) = read_scan_list(path)
    assert (scan.line, scan.patient, scan.problem) == (3, "M\u00fcller", "")


def test_a_row_that_names_no_scan_stops_no_other(archive):
    workspace, scans = archive
    scans.write_text(
        "kind,files,masks\nxray,a.nii,\nmr,,\n\nmr,ed.nii.gz;es.nii.gz,ed_mask.nii.gz;es_mask.nii.gz\necho\n"
    )
    result = quantify_archive(workspace, scans)
    assert result.counts == {"measured": 1, "quarantined": 3, "already_done": 0, "conflicts": 0}
    assert [(line, reason) for line, reason, _ in result.problems] == [(at, "bad_row") for at in (2, 3, 6)]


def test_digest_is_of_content(archive):
    _, scans = archive
    first, second, _ = read_scan_list(scans)
    assert scan_digest(first) == scan_digest(first)
    assert scan_digest(first) != scan_digest(second)


def test_pictures_of_echo_are_pairs_of_instants_and_clips_are_views(tmp_path):
    def written(name, shape):
        path = tmp_path / name
        nibabel.save(nibabel.Nifti1Image(np.zeros(shape, np.uint8), np.diag([1, 1, 1, 1.0])), path)
        return path

    pictures = [written(f"{at}.nii.gz", (8, 9)) for at in range(4)]
    clips = [written(f"clip{at}.nii.gz", (8, 9, 3)) for at in range(3)]
    (view,) = listed_views(pictures[:2], pictures[2:])
    assert view.images == tuple(pictures[:2])
    assert view.masks == tuple(pictures[2:])
    assert [one.images for one in listed_views(pictures, ())] == [tuple(pictures[:2]), tuple(pictures[2:])]
    assert [one.images for one in listed_views(clips[:2], ())] == [(clips[0],), (clips[1],)]
    assert [one.images for one in listed_views(pictures[:1], ())] == [(pictures[0],)]
    for wrong in (clips, pictures[:3]):
        with pytest.raises(UsageError, match="one or two clips, or pictures in pairs"):
            listed_views(wrong, ())
