"""A synthetic archive on disk."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.write_samples import write_samples
from echomine.archive.synthetic_writer import WrittenArchive, write_archive
from echomine.archive.truth import read_truth
from echomine.domain.errors import UsageError
from echomine.domain.vocabulary import Disease, FlowKind, Severity, Valve
from echomine.synthetic.config import ArchiveConfig

TINY = ArchiveConfig(n_reported_pairs=3, n_unreported_images=37, n_valve_paragraphs=40, n_views=9, compact=True)
SAMPLES = Path(__file__).parents[2] / "data_samples"


def contents(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> WrittenArchive:
    return write_archive(tmp_path_factory.mktemp("archive") / "tiny", TINY, 3)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_counts(tiny: WrittenArchive) -> None:
    assert (tiny.n_images, tiny.n_pairs, tiny.n_views, tiny.n_valve_paragraphs) == (40, 3, 9, 40)
    assert len(list((tiny.directory / "images").rglob("*.dcm"))) == 40
    assert tiny.n_reported_exams < tiny.n_exams / 2


def test_pairs_quote_the_report_of_their_study(tiny: WrittenArchive) -> None:
    lines = (tiny.directory / "reports.jsonl").read_text(encoding="utf-8").splitlines()
    reports = [json.loads(line) for line in lines]
    assert all(set(report) == {"id", "study_uid", "patient", "date", "text"} for report in reports)
    by_study = {report["study_uid"]: report["text"] for report in reports}
    for pair in rows(tiny.directory / "pairs.csv"):
        assert set(pair) == {"sop_uid", "study_uid", "quote"}
        assert pair["quote"] in by_study[pair["study_uid"]].split("\n\n")


def test_tables_speak_the_domain_and_know_the_images(tiny: WrittenArchive) -> None:
    import pydicom

    uids = {
        pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID
        for path in (tiny.directory / "images").rglob("*.dcm")
    }
    truth = rows(tiny.directory / "truth.csv")
    assert {row["sop_uid"] for row in truth} == uids
    for row in truth:
        assert Valve(row["valve"])
        assert Disease(row["disease"])
        assert Severity.from_word(row["severity"]) >= 0
    read = read_truth(tiny.directory / "truth.csv")
    assert sum(row.flow is not None for row in read) > len(read) / 2
    aortic = [row.flow for row in read if (row.valve, row.disease) == (Valve.AORTIC, Disease.STENOSIS) and row.flow]
    assert all(0.8 < flow.vmax_mps < 5.5 and flow.pht_ms is None for flow in aortic)
    for row in rows(tiny.directory / "views.csv"):
        assert row["sop_uid"] in uids
        assert Valve(row["valve"])
        assert FlowKind(row["flow"])


def test_the_archive_says_that_it_is_synthetic(tiny: WrittenArchive) -> None:
    described = json.loads((tiny.directory / "archive.json").read_text(encoding="utf-8"))
    assert described["synthetic"] is True
    assert described["complete"] is True
    assert described["seed"] == 3
    assert described["config"]["n_views"] == 9


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(tiny: WrittenArchive, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    write_archive(tmp_path / "again", TINY, 3, workers=2, on_progress=lambda done, total: seen.append((done, total)))
    assert contents(tmp_path / "again") == contents(tiny.directory)
    assert seen[-1] == (40, 40)


def test_another_seed_gives_other_patients_and_studies(tiny: WrittenArchive, tmp_path: Path) -> None:
    write_archive(tmp_path, TINY, 4)
    first, second = (
        {row["sop_uid"] for row in rows(directory / "truth.csv")} for directory in (tiny.directory, tmp_path)
    )
    assert not first & second


def test_an_older_archive_is_replaced_whole(tiny: WrittenArchive, tmp_path: Path) -> None:
    write_archive(tmp_path, replace(TINY, n_unreported_images=60), 8)
    write_archive(tmp_path, TINY, 3)
    assert contents(tmp_path) == contents(tiny.directory)


def test_a_directory_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="empty directory"):
        write_archive(tmp_path, TINY, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_samples_are_what_their_command_writes(tmp_path: Path) -> None:
    write_samples(tmp_path)
    kept = contents(SAMPLES)
    kept.pop("README.md")
    written = contents(tmp_path)
    assert sorted(written) == sorted(kept)
    assert [name for name in written if written[name] != kept[name]] == []


def test_the_samples_are_small_and_hold_the_hard_cases() -> None:
    files = contents(SAMPLES)
    assert sum(map(len, files.values())) < 5_000_000
    assert {"special/truncated.dcm", "special/uncalibrated.dcm", "special/burned_in_name.dcm"} <= set(files)
    assert "special/frequency_scale.dcm" in files
    studies = {json.loads(line)["study_uid"] for line in files["reports.jsonl"].splitlines()}
    exams = {Path(name).name.split("_")[0] for name in files if name.startswith("images/")}
    assert len(exams) >= 24
    assert len(studies) >= 10
