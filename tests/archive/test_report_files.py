"""Report sources: every form and encoding, and every kind of damage with a reason."""

import csv
import json
import time
from datetime import date

import pytest

from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.pairing_files import PairRow, read_mapping, read_pairs, read_views
from echomine.archive.report_files import (
    ReportEntry,
    ReportLimits,
    count_reports,
    date_of,
    read_reports,
)
from echomine.archive.text_decoding import decode_text
from echomine.archive.truth import read_truth
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.records import TrueFinding, View
from echomine.domain.vocabulary import Disease, FlowKind, Severity, Valve

ROW = {"id": "A-1", "study_uid": "1.2.3", "patient": "MRN-1", "date": "2020-01-31", "text": "Mild MR.\nNo AS."}


def split(path, **options):
    items = list(read_reports(path, **options))
    return (
        [item for item in items if isinstance(item, ReportEntry)],
        [item for item in items if isinstance(item, ItemProblem)],
    )


def write_lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_json_lines(tmp_path):
    path = write_lines(tmp_path / "r.jsonl", ROW, {"text": "Only text."}, {"id": 7, "text": "x y", "kind": "other"})
    entries, problems = split(path)
    assert problems == []
    first = entries[0]
    assert (first.name, first.study_uid, first.patient_id, first.text) == ("A-1", "1.2.3", "MRN-1", ROW["text"])
    assert first.performed == date(2020, 1, 31)
    assert [entry.origin for entry in entries] == ["r.jsonl#1", "r.jsonl#2", "r.jsonl#3"]
    assert (entries[1].name, entries[2].name) == ("", "7")
    assert "MRN-1" not in repr(first)
    assert count_reports(path) == 3


def test_csv(tmp_path):
    path = tmp_path / "r.csv"
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(stream, ROW)
        writer.writeheader()
        writer.writerows([ROW, ROW | {"id": "A-2", "text": ""}])
    entries, problems = split(path)
    assert [entry.text for entry in entries] == [ROW["text"]]
    assert [(problem.reason, problem.relative_path) for problem in problems] == [(Reason.EMPTY_REPORT, "r.csv#2")]


def test_a_folder_of_texts_in_order_with_uids_as_names(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "1.2.840.5.txt").write_text("first")
    (tmp_path / "deep" / "c.TXT").write_text("third")
    (tmp_path / "x.docx").write_text("no")
    entries, problems = split(tmp_path)
    assert [(entry.text, entry.study_uid) for entry in entries] == [
        ("first", "1.2.840.5"),
        ("second", ""),
        ("third", ""),
    ]
    assert problems == []
    assert count_reports(tmp_path) == 3
    assert split(tmp_path / "b.txt")[0][0].text == "second"


def test_what_is_no_source_is_said(tmp_path):
    (tmp_path / "x.docx").write_text("x")
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    for name in ("x.docx", "none.jsonl"):
        with pytest.raises(UsageError):
            read_reports(tmp_path / name)
    with pytest.raises(UsageError, match="column named text"):
        list(read_reports(tmp_path / "x.csv"))


def test_damaged_lines_do_not_stop_the_others(tmp_path):
    path = tmp_path / "r.jsonl"
    lines = [b'{"text": "good one"}', b"{broken", b"[1, 2]", b'{"text": 5}', b'{"text": "  "}', b"", b"[" * 100_000]
    path.write_bytes(b"\n".join([*lines, b'{"text": "good two"}']))
    entries, problems = split(path)
    assert [entry.text for entry in entries] == ["good one", "good two"]
    reasons = [problem.reason for problem in problems]
    assert reasons == [Reason.BAD_ROW, Reason.BAD_ROW, Reason.BAD_ROW, Reason.EMPTY_REPORT, Reason.BAD_ROW]
    assert all(problem.kind is ItemKind.REPORT and problem.where.startswith("file-") for problem in problems)


def test_empty_files(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "empty.txt").write_text("")
    (tmp_path / "t" / "blank.txt").write_text(" \n\t\n")
    (tmp_path / "none.jsonl").write_text("")
    (tmp_path / "none.csv").write_text("")
    assert [problem.reason for problem in split(tmp_path / "t")[1]] == [Reason.EMPTY_REPORT] * 2
    assert split(tmp_path / "none.jsonl") == ([], [])
    assert [problem.reason for problem in split(tmp_path / "none.csv")[1]] == [Reason.EMPTY_REPORT]


def test_five_megabytes_are_read_and_twenty_are_refused(tmp_path):
    long = "The mitral valve is normal. " * (5_000_000 // 28)
    path = write_lines(tmp_path / "r.jsonl", {"text": long}, ROW, {"text": "x" * 20_000_000}, ROW)
    started = time.monotonic()
    entries, problems = split(path)
    assert time.monotonic() - started < 5
    assert [len(entry.text) for entry in entries] == [len(long), len(ROW["text"]), len(ROW["text"])]
    assert [problem.reason for problem in problems] == [Reason.TOO_LARGE]
    with (tmp_path / "r.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["text"])
        writer.writeheader()
        writer.writerows([{"text": long}, {"text": "x" * 20_000_000}, {"text": "short"}])
    entries, problems = split(tmp_path / "r.csv")
    assert [len(entry.text) for entry in entries] == [len(long), 5]
    assert [problem.reason for problem in problems] == [Reason.TOO_LARGE]


def test_an_endless_line_is_skipped_without_being_held(tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_bytes(b'{"text": "' + b"x" * 300_000 + b'"}\n{"text": "next"}\n' + b"y" * 200_000)
    entries, problems = split(path, limits=ReportLimits(text_bytes=1000))
    assert [entry.text for entry in entries] == ["next"]
    assert [problem.reason for problem in problems] == [Reason.TOO_LARGE] * 2


@pytest.mark.parametrize(
    ("data", "text", "noted"),
    [
        ("Klappe verkürzt".encode(), "Klappe verkürzt", False),
        ("\ufeffvalve".encode(), "valve", False),
        ("Klappe verkürzt".encode("latin-1"), "Klappe verkürzt", True),
        ("valve µ".encode("utf-16"), "valve µ", True),
        (b"one\r\ntwo\rthree", "one\ntwo\nthree", False),
        (b"a\x00b", "a\ufffdb", False),
    ],
)
def test_encodings(data, text, noted):
    decoded = decode_text(data)
    assert decoded.text == text
    assert bool(decoded.note) is noted


@pytest.mark.parametrize("data", [bytes(range(256)) * 4, b"\x00" * 100, b"\xff\xfe\x00"])
def test_what_is_no_text_has_a_reason(data):
    with pytest.raises(ItemError) as caught:
        decode_text(data)
    assert caught.value.reason is Reason.BAD_ENCODING


def test_latin_1_reports_are_read_with_a_note(tmp_path):
    (tmp_path / "r.txt").write_bytes("Aortenklappe verkürzt".encode("latin-1"))
    ((entry,), _) = split(tmp_path / "r.txt")
    assert entry.text.endswith("verkürzt")
    assert "Latin-1" in entry.note


def test_surrogates_in_json_do_not_break_the_catalog(tmp_path):
    (tmp_path / "r.jsonl").write_text('{"text": "valve \\ud800 x", "patient": "\\udfff"}\n')
    ((entry,), _) = split(tmp_path / "r.jsonl")
    entry.text.encode("utf-8")


def test_hostile_uids_of_reports_are_hashed(tmp_path):
    ((entry,), _) = split(write_lines(tmp_path / "r.jsonl", ROW | {"study_uid": "../../x"}))
    assert entry.study_uid.startswith("sha256-")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2020-01-31", date(2020, 1, 31)),
        ("20200131", date(2020, 1, 31)),
        ("2020-01-31T10:11:12", date(2020, 1, 31)),
        ("03/04/2020", None),
        ("", None),
        ("2020-13-01", None),
    ],
)
def test_dates(text, wanted):
    assert date_of(text) == wanted


def test_the_real_reports_are_read(real_data):
    folder = real_data / "reports" / "dev"
    assert [len(split(folder / name)[0]) for name in ("reports.jsonl", "corpus_cardiovascular.jsonl")] == [65, 324]


# --- hand-made tables -----------------------------------------------------------------------------------------------


def test_pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text('sop_uid,study_uid,quote\n1.2,1.1,"Mild, MR"\n1.3,,x\n')
    good, bad = list(read_pairs(path))
    assert good == PairRow(image_id="1.2", study_uid="1.1", quote="Mild, MR", origin="pairs.csv#1")
    assert isinstance(bad, ItemProblem)
    assert (bad.reason, bad.kind, bad.relative_path) == (Reason.BAD_ROW, ItemKind.PAIR, "pairs.csv#2")


def test_views(tmp_path):
    path = tmp_path / "views.csv"
    path.write_text("sop_uid,valve,flow\n1.2,Aortic,stenosis\n1.3,lung,normal\n,mitral,normal\n1.4,mitral\n")
    good, *bad = list(read_views(path))
    assert good == View(image_id="1.2", valve=Valve.AORTIC, flow=FlowKind.STENOSIS)
    assert [problem.reason for problem in bad] == [Reason.BAD_ROW] * 3


def test_tables_that_cannot_be_used_are_said(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    for read in (read_pairs, read_views):
        with pytest.raises(UsageError, match="columns"):
            list(read(tmp_path / "x.csv"))
        with pytest.raises(UsageError):
            list(read(tmp_path / "none.csv"))


def test_mapping(tmp_path):
    (tmp_path / "m.csv").write_text("file,study_uid,patient\nreports/a.txt,1.2.3,MRN\nb.png,1.2.4,\n")
    mapping = read_mapping(tmp_path / "m.csv")
    assert mapping.study_of("reports/a.txt") == "1.2.3"
    assert mapping.study_of("deep/er/b.png") == "1.2.4"
    assert mapping.study_of("c.png") == ""
    assert (mapping.patient_of("reports/a.txt"), mapping.patient_of("b.png")) == ("MRN", "")
    assert "MRN" not in repr(mapping)


def test_truth(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("sop_uid,valve,disease,severity\n1.2,aortic,stenosis,mild_moderate\n")
    assert read_truth(path) == (
        TrueFinding(image_id="1.2", valve=Valve.AORTIC, disease=Disease.STENOSIS, severity=Severity.MILD_MODERATE),
    )
    path.write_text("sop_uid,valve,disease,severity\n1.2,aortic,stenosis,awful\n")
    with pytest.raises(UsageError, match="awful"):
        read_truth(path)
    with pytest.raises(UsageError):
        read_truth(tmp_path / "none.csv")
