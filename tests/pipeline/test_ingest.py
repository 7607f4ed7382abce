"""Ingest: everything once, whatever is wrong with some of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.archive.workspace import Workspace
from echomine.domain.errors import Reason, UsageError, WorkspaceError
from echomine.domain.records import Pair, View
from echomine.domain.vocabulary import FlowKind, LabelSource, Valve
from echomine.pipeline.ingest import ingest

TEXT = "The aortic valve is normal.\n\nThere is moderate mitral regurgitation."


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace.open(tmp_path / "workspace", create=True)
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path, make_dicom):
    """Two exams, one of them with a report and a pair; a picture; a report without images."""
    folder = tmp_path / "archive"
    (folder / "images" / "deep").mkdir(parents=True)
    for number, name in ((1, "a.dcm"), (2, "deep/b")):
        (folder / "images" / name).write_bytes(dicom(make_dicom, number))
    Image.fromarray(pixels(9)).save(folder / "images" / "shot.png")
    rows = [
        {"id": "A", "study_uid": "1.1", "patient": "MRN-1", "date": "2020-01-31", "text": TEXT},
        {"id": "B", "study_uid": "1.99", "patient": "MRN-9", "text": "Severe aortic stenosis."},
    ]
    write_lines(folder / "reports.jsonl", rows)
    (folder / "pairs.csv").write_text("sop_uid,study_uid,quote\n7.1,1.1,There is  moderate mitral regurgitation.\n")
    (folder / "views.csv").write_text("sop_uid,valve,flow\n7.1,mitral,regurgitation\n7.2,aortic,normal\n")
    (folder / "truth.csv").write_text("sop_uid,valve,disease,severity\n")
    return folder


def pixels(seed):
    return np.random.default_rng(seed).integers(1, 255, (200, 300), dtype=np.uint8)


def dicom(make_dicom, number, **attributes):
    given = {
        "SOPInstanceUID": f"7.{number}",
        "StudyInstanceUID": f"1.{number}",
        "PatientID": f"MRN-{number}",
    } | attributes
    return make_dicom(pixels(number), **given)


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def reasons(result):
    return sorted((problem.relative_path, problem.reason) for problem in result.problems)


def snapshot(workspace):
    catalog = workspace.catalog
    return (
        catalog.counts(),
        [file.record for file in catalog.images.all()],
        list(catalog.reports.paragraphs()),
        list(catalog.ledger.labels()),
        catalog.reports.pairs(),
        catalog.reports.views(),
        list(catalog.images.problems()),
        len(catalog.ledger.runs()),
    )


def test_an_archive_comes_in_whole(workspace, archive):
    result = ingest(workspace, [archive])
    assert result.problems == ()
    wanted = {
        "images_added": 3,
        "images_added_uncalibrated": 1,
        "reports_added": 2,
        "reports_encoding_guessed": 0,
        "paragraphs_added": 3,
        "pairs_added": 1,
        "views_added": 2,
        "exams": 2,
        "exams_without_report": 1,
        "reports_without_exam": 1,
    }
    assert {name: result.counts[name] for name in wanted} == wanted
    ((lonely_image, exam_without_report), (lonely_report, exam_without_image)) = result.unlinked.items()
    assert (lonely_image, lonely_report) == (Reason.NO_REPORT, Reason.NO_EXAM)
    assert [note.rpartition("(")[2] for note in result.notes()] == [
        f"no_report), for example {exam_without_report[0]}",
        f"no_exam), for example {exam_without_image[0]}",
    ]
    assert len(exam_without_report) == len(exam_without_image) == 1
    (pair,) = workspace.catalog.reports.pairs()
    assert pair.image_id == "7.1"
    (paragraph,) = workspace.catalog.reports.some_paragraphs([pair.paragraph_id]).values()
    assert paragraph.text == "There is moderate mitral regurgitation."
    assert workspace.catalog.reports.views() == (
        View(image_id="7.1", valve=Valve.MITRAL, flow=FlowKind.REGURGITATION),
        View(image_id="7.2", valve=Valve.AORTIC, flow=FlowKind.NORMAL),
    )


def test_image_and_report_of_one_patient_share_a_pseudonym(workspace, archive):
    ingest(workspace, [archive])
    image = workspace.catalog.images.get("7.1")
    (report,) = workspace.catalog.reports.of_study("1.1")
    assert image is not None
    assert image.record.patient == report.patient == workspace.pseudonym("MRN-1")
    everything = (workspace.path / "catalog.sqlite").read_bytes() + (workspace.path / "catalog.sqlite-wal").read_bytes()
    assert b"MRN-" not in everything
    assert b"DOE" not in everything


def test_twice_is_once(workspace, archive):
    ingest(workspace, [archive])
    before = snapshot(workspace)
    again = ingest(workspace, [archive])
    assert again.counts["images_added"] == again.counts["reports_added"] == 0
    assert (again.counts["images_known"], again.counts["reports_known"]) == (3, 2)
    assert snapshot(workspace) == before
    os.utime(archive / "images" / "a.dcm")
    ingest(workspace, [archive])
    assert snapshot(workspace) == before


def test_reports_state_labels_of_their_exam(workspace, archive):
    ingest(workspace, [archive])
    stated = {(label.study_uid, label.valve.value, label.disease.value) for label in workspace.catalog.ledger.labels()}
    assert ("1.1", "mitral", "regurgitation") in stated
    assert ("1.99", "aortic", "stenosis") in stated
    (run,) = workspace.catalog.ledger.runs(kind="ingest")
    assert {label.run for label in workspace.catalog.ledger.labels()} == {run.run_id}
    assert {label.source for label in workspace.catalog.ledger.labels()} == {LabelSource.REPORT}


def test_the_truth_is_never_opened(workspace, archive, monkeypatch):
    opened = []
    real_open = os.open

    def watched(path, *arguments, **options):
        opened.append(str(path))
        return real_open(path, *arguments, **options)

    monkeypatch.setattr(os, "open", watched)
    ingest(workspace, [archive])
    assert any("a.dcm" in path for path in opened)
    assert not any(path.endswith("truth.csv") for path in opened)


def test_one_bad_item_of_each_kind_and_the_rest_goes_on(workspace, archive, make_dicom, spectral_region):
    folder = archive / "images"
    good = dicom(make_dicom, 3)
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "cut.dcm").write_bytes(good[: len(good) // 2])
    (folder / "junk.dcm").write_bytes(b"junk" * 100)
    (folder / "mr.dcm").write_bytes(dicom(make_dicom, 4, Modality="MR", SOPClassUID="1.2.840.10008.5.1.4.1.1.4"))
    (folder / "bomb.dcm").write_bytes(dicom(make_dicom, 5, Rows=65535, Columns=65535))
    (folder / "no_pixels.dcm").write_bytes(dicom(make_dicom, 6, PixelData=None))
    (folder / "no_region.dcm").write_bytes(dicom(make_dicom, 7, regions=[]))
    outside = spectral_region | {"RegionLocationMinX0": 9000, "RegionLocationMaxX1": 9300}
    (folder / "outside.dcm").write_bytes(dicom(make_dicom, 8, regions=[outside]))
    (folder / "twin.dcm").write_bytes(dicom(make_dicom, 1, AccessionNumber="other content"))
    (folder / "copy.dcm").write_bytes((folder / "a.dcm").read_bytes())
    (folder / "good.dcm").write_bytes(good)
    result = ingest(workspace, [archive])
    assert reasons(result) == [
        ("images/bomb.dcm", Reason.TOO_LARGE),
        ("images/cut.dcm", Reason.TRUNCATED),
        ("images/empty.dcm", Reason.EMPTY_FILE),
        ("images/junk.dcm", Reason.NOT_AN_IMAGE),
        ("images/mr.dcm", Reason.WRONG_MODALITY),
        ("images/no_pixels.dcm", Reason.NO_PIXELS),
        ("images/no_region.dcm", Reason.NO_SPECTRAL_REGION),
        ("images/outside.dcm", Reason.BAD_REGION),
        ("images/twin.dcm", Reason.DUPLICATE_UID),
    ]
    assert result.counts["images_added"] == 4
    assert result.counts["images_known"] == 1
    assert (result.counts["quarantined"], result.counts["skipped"]) == (6, 3)
    assert len(result.quarantined) == 6
    for problem in result.problems:
        assert "\n" not in problem.message
        assert "images" not in problem.where
        assert ".dcm" not in problem.message
    before = snapshot(workspace)
    again = ingest(workspace, [archive])
    assert reasons(again) == reasons(result)
    assert snapshot(workspace) == before
    assert json.dumps(result.document())


def test_a_mended_file_is_taken_in(workspace, archive, make_dicom):
    path = archive / "images" / "c.dcm"
    path.write_bytes(b"")
    assert reasons(ingest(workspace, [archive])) == [("images/c.dcm", Reason.EMPTY_FILE)]
    path.write_bytes(dicom(make_dicom, 3))
    result = ingest(workspace, [archive])
    assert result.problems == ()
    assert result.counts["images_added"] == 1
    assert list(workspace.catalog.images.problems()) == []


def test_a_file_that_changed_under_its_uid_is_said(workspace, archive, make_dicom):
    ingest(workspace, [archive])
    (archive / "images" / "a.dcm").write_bytes(dicom(make_dicom, 1, AccessionNumber="now different"))
    assert reasons(ingest(workspace, [archive])) == [("images/a.dcm", Reason.SOURCE_CHANGED)]


def test_hostile_file_names(workspace, tmp_path, make_dicom):
    folder = tmp_path / "hostile"
    folder.mkdir()
    names = [
        b"\xff\xfe.dcm",
        b"line\nbreak.dcm",
        b"\x1b[31mred.dcm",
        b"'; DROP TABLE images;--.dcm",
        b"%41.dcm",
        b"-rf",
    ]
    for number, name in enumerate(names):
        (folder / os.fsdecode(name)).write_bytes(dicom(make_dicom, number) if number != 2 else b"")
    result = ingest(workspace, [folder])
    assert result.counts["images_added"] == 5
    (problem,) = result.problems
    assert problem.relative_path == "%1B[31mred.dcm"
    assert all(file.path.read_bytes() for file in workspace.catalog.images.all())
    assert ingest(workspace, [folder]).counts["images_added"] == 0


def test_a_folder_that_cannot_be_listed_is_said(workspace, archive, monkeypatch):
    real_scandir = os.scandir

    def guarded(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied", str(path))
        return real_scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    result = ingest(workspace, [archive])
    assert ("images/deep", Reason.UNREADABLE) in reasons(result)
    assert result.counts["images_added"] == 2


def test_links_out_of_the_source_and_pipes_do_no_harm(workspace, archive, tmp_path):
    (archive / "images" / "loop").symlink_to(archive)
    (archive / "images" / "dangling.dcm").symlink_to(tmp_path / "none")
    os.mkfifo(archive / "images" / "pipe.dcm")
    result = ingest(workspace, [archive])
    assert reasons(result) == [
        ("images/dangling.dcm", Reason.SOURCE_MISSING),
        ("images/pipe.dcm", Reason.UNREADABLE),
    ]


def test_reports_that_cannot_be_taken_in(workspace, tmp_path):
    path = tmp_path / "reports.jsonl"
    lines = [
        json.dumps({"id": "A", "study_uid": "1.1", "text": TEXT}).encode(),
        b'{"id": "B", "text": ""}',
        b"{broken",
        json.dumps({"id": "A", "study_uid": "1.1", "text": "Another text of the mitral valve."}).encode(),
        json.dumps({"id": "A", "study_uid": "1.1", "text": TEXT}).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    result = ingest(workspace, [], reports=[path])
    assert reasons(result) == [
        ("reports.jsonl#2", Reason.EMPTY_REPORT),
        ("reports.jsonl#3", Reason.BAD_ROW),
        ("reports.jsonl#4", Reason.DUPLICATE_UID),
    ]
    before = snapshot(workspace)
    assert reasons(ingest(workspace, [], reports=[path])) == reasons(result)
    assert snapshot(workspace) == before


def test_a_mended_report_is_no_problem_any_more(workspace, tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_text('{"id": "A", "text": ""}\n')
    assert len(ingest(workspace, [], reports=[path]).problems) == 1
    path.write_text('{"id": "A", "text": "Mild aortic stenosis."}\n')
    assert ingest(workspace, [], reports=[path]).problems == ()
    assert list(workspace.catalog.images.problems()) == []


def test_an_amended_report_replaces_the_first(workspace, tmp_path):
    path = tmp_path / "reports.jsonl"
    write_lines(path, [{"id": "A", "study_uid": "1.1", "text": "Mild aortic stenosis."}])
    ingest(workspace, [], reports=[path])
    write_lines(path, [{"id": "A", "study_uid": "1.1", "text": "Severe aortic stenosis."}])
    ingest(workspace, [], reports=[path])
    assert [report.text for report in workspace.catalog.reports.all()] == ["Severe aortic stenosis."]
    assert {label.severity.low.word for label in workspace.catalog.ledger.labels()} == {"severe"}


def test_a_report_of_five_megabytes_goes_in_and_one_of_seventeen_is_refused(workspace, tmp_path):
    sentence = "There is moderate mitral regurgitation and the aortic valve is normal. "
    lines = [
        {"id": name, "text": sentence * (size // len(sentence))} for name, size in (("A", 5 << 20), ("B", 17 << 20))
    ]
    path = tmp_path / "reports.jsonl"
    write_lines(path, [*lines, {"id": "C", "text": TEXT}])
    result = ingest(workspace, [], reports=[path])
    assert reasons(result) == [("reports.jsonl#2", Reason.TOO_LARGE)]
    assert workspace.catalog.reports.count() == 2


def test_a_text_folder_linked_by_a_mapping_file(workspace, archive, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "first.txt").write_text("Severe mitral stenosis.")
    mapping = tmp_path / "mapping.csv"
    mapping.write_text("file,study_uid,patient\nfirst.txt,1.2,MRN-2\nimages/shot.png,1.1,MRN-1\n")
    ingest(workspace, [archive], reports=[texts], mapping=mapping, site="south")
    (report,) = workspace.catalog.reports.of_study("1.2")
    assert (report.patient, report.site) == (workspace.pseudonym("MRN-2"), "south")
    assert len(workspace.catalog.images.of_study("1.1")) == 2
    assert workspace.catalog.exam_counts()["exams_without_report"] == 0


def test_who_is_unknown_takes_the_patient_of_the_exam(workspace, tmp_path, make_dicom):
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.dcm").write_bytes(dicom(make_dicom, 1))
    (folder / "b.dcm").write_bytes(dicom(make_dicom, 2, PatientID=None))
    rows = [
        {"id": "A", "study_uid": "1.1", "text": TEXT},
        {"id": "B", "study_uid": "1.2", "patient": "MRN-2", "text": TEXT},
        {"id": "C", "study_uid": "1.7", "text": TEXT},
    ]
    write_lines(folder / "reports.jsonl", rows)
    for _ in range(2):
        ingest(workspace, [folder])
        reports = {report.study_uid: report.patient for report in workspace.catalog.reports.all()}
        assert reports == {"1.1": workspace.pseudonym("MRN-1"), "1.2": workspace.pseudonym("MRN-2"), "1.7": ""}
        assert workspace.catalog.images.get("7.2").record.patient == workspace.pseudonym("MRN-2")
        assert {label.patient for label in workspace.catalog.ledger.labels() if label.study_uid == "1.1"} == {
            workspace.pseudonym("MRN-1")
        }


def test_a_source_may_be_a_report_file_or_a_folder_of_texts(workspace, archive, tmp_path):
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "a.txt").write_text("Mild tricuspid regurgitation.")
    result = ingest(workspace, [archive / "reports.jsonl", texts, archive / "images" / "a.dcm"])
    assert (result.counts["reports_added"], result.counts["images_added"]) == (3, 1)


def test_pairs_wait_for_nothing_and_say_what_they_lack(workspace, archive):
    (archive / "pairs.csv").write_text(
        "sop_uid,study_uid,quote\n7.1,1.1,No such words.\n7.1,1.7,x\n8.8,1.1,The aortic valve is normal.\n7.1,,x\n"
    )
    result = ingest(workspace, [archive])
    assert [(problem.reason, problem.kind.value) for problem in result.problems] == [
        (Reason.BAD_ROW, "pair"),
        (Reason.NO_EXAM, "pair"),
        (Reason.BAD_ROW, "pair"),
        (Reason.NO_EXAM, "pair"),
    ]
    before = snapshot(workspace)
    ingest(workspace, [archive])
    assert snapshot(workspace) == before
    (archive / "pairs.csv").write_text("sop_uid,study_uid,quote\n7.1,1.1,The aortic valve is normal.\n")
    assert ingest(workspace, [archive]).problems == ()
    assert [type(pair) for pair in workspace.catalog.reports.pairs()] == [Pair]


def test_what_is_not_there_is_a_wrong_call(workspace, tmp_path):
    with pytest.raises(UsageError, match="no source"):
        ingest(workspace, [tmp_path / "none"])
    with pytest.raises(UsageError):
        ingest(workspace, [], reports=[tmp_path / "none.jsonl"])
    with pytest.raises(UsageError):
        ingest(workspace, [], pairs=tmp_path / "none.csv")


def test_an_extractor_that_breaks_costs_one_report(workspace, tmp_path, monkeypatch):
    from echomine.pipeline import ingest_reports

    def fragile(report):
        if "boom" in report.text:
            raise ZeroDivisionError
        return ()

    monkeypatch.setattr(ingest_reports, "valve_paragraphs", fragile)
    path = tmp_path / "reports.jsonl"
    write_lines(path, [{"id": "A", "text": "boom"}, {"id": "B", "text": "fine"}])
    assert reasons(ingest(workspace, [], reports=[path])) == [("reports.jsonl#1", Reason.FAILED)]
    assert workspace.catalog.reports.count() == 1


INGEST = """
import sys
from pathlib import Path
from echomine.archive.workspace import Workspace
from echomine.pipeline import ingest_context, ingest_images, ingest_reports
for module in (ingest_images, ingest_reports):
    module.in_batches = lambda items, size=8: ingest_context.in_batches(items, 8)
from echomine.pipeline.ingest import ingest
workspace = Workspace.open(Path(sys.argv[1]), create=True, pseudonym_key=b"k" * 32)
print("ready", flush=True)
ingest(workspace, [Path(sys.argv[2])])
"""


def test_killed_at_any_moment_a_rerun_completes_the_ingest(tmp_path, archive, make_dicom):
    for number in range(3, 90):
        (archive / "images" / f"{number}.dcm").write_bytes(dicom(make_dicom, number))
    rows = [{"id": str(n), "study_uid": f"1.{n}", "patient": f"MRN-{n}", "text": TEXT} for n in range(1, 60)]
    write_lines(archive / "reports.jsonl", rows)
    undisturbed = Workspace.open(tmp_path / "calm", create=True, pseudonym_key=b"k" * 32)
    ingest(undisturbed, [archive])
    kills = 0
    for delay in (0.05, 0.1, 0.2, 0.35):
        worker = subprocess.Popen(
            [sys.executable, "-c", INGEST, str(tmp_path / "shaken"), str(archive)], stdout=subprocess.PIPE
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(delay)
        worker.kill()
        kills += worker.wait() != 0
        worker.stdout.close()
    assert kills
    shaken = Workspace.open(tmp_path / "shaken")
    ingest(shaken, [archive])
    calm, stirred = snapshot(undisturbed), snapshot(shaken)
    assert calm[:3] == stirred[:3]
    assert calm[4:7] == stirred[4:7]
    assert len(calm[3]) == len(stirred[3])


def test_a_read_only_workspace_is_one_sentence(workspace, archive):
    from sqlalchemy import event

    workspace.close()
    engine = workspace.catalog.images._database.engine
    event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA query_only=1"))
    with pytest.raises(WorkspaceError, match="write access") as caught:
        ingest(workspace, [archive])
    assert "\n" not in str(caught.value)


def test_the_sample_archive(workspace):
    samples = Path(__file__).parents[2] / "data_samples"
    if not samples.is_dir():
        pytest.skip("the sample archive is not here")
    result = ingest(workspace, [samples])
    assert reasons(result) == [("special/truncated.dcm", Reason.TRUNCATED)]
    assert result.counts["images_added"] >= 25


@pytest.mark.real
def test_real_files_come_in_or_say_why(workspace, real_data):
    result = ingest(
        workspace,
        [real_data / "dicom_us", real_data / "doppler" / "dev"],
        reports=[real_data / "reports" / "dev" / "reports.jsonl"],
    )
    assert result.counts["images_added"] == 19
    assert result.counts["images_added_uncalibrated"] == 0
    assert {problem.reason for problem in result.problems} == {Reason.NO_SPECTRAL_REGION, Reason.COLOUR_DOPPLER}
    assert len(result.problems) == 12
    assert result.counts["reports_added"] + result.counts["reports_known"] == 65
    assert result.counts["paragraphs_added"] > 50
