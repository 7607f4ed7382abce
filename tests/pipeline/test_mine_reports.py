"""Findings of a report file: the JSON lines, the page beside it, and the reasons of one report."""

import json
import os

import pytest

from echomine.domain.errors import EchomineError, Reason, UsageError
from echomine.pipeline import mine_reports as module
from echomine.pipeline import report_processes
from echomine.pipeline.mine_reports import explain_report, mine_reports


@pytest.fixture
def reports(tmp_path):
    path = tmp_path / "reports.jsonl"
    rows = ('{"id": "a", "text": "Moderate mitral regurgitation. No aortic stenosis."}', "[]", '{"text": "Mild TR."}')
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_lines_counts_and_problems(reports, tmp_path):
    mined = mine_reports(reports, tmp_path / "out.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == ["a", "3"]
    assert (mined.reports, mined.findings, mined.shown) == (2, 3, 0)
    assert [problem.reason for problem in mined.problems] == [Reason.BAD_ROW]
    assert mined.document()["problems"][0]["reason"] == "bad_row"


def test_the_page_shows_the_first_reports_only(reports, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "PAGE_REPORTS", 1)
    mined = mine_reports(reports, tmp_path / "out.jsonl", page=tmp_path / "new" / "page.html")
    page = (tmp_path / "new" / "page.html").read_text(encoding="utf-8")
    assert (mined.reports, mined.shown) == (2, 1)
    assert "Moderate mitral regurgitation" in page
    assert "Mild TR" not in page


def test_each_finding_names_its_rules(reports):
    explained = {one.finding: one for one in explain_report(reports, "a")}
    assert explained["present: moderate mitral regurgitation"].quote == "Moderate mitral regurgitation"
    assert explained["negated: aortic stenosis"].assertion == "the cue 'No'"


def test_an_unknown_report_is_named(reports):
    with pytest.raises(UsageError, match=r"no report 'b' in reports.jsonl"):
        explain_report(reports, "b")


def test_two_processes_write_the_same_file_in_the_same_order(tmp_path, monkeypatch):
    monkeypatch.setattr(report_processes, "BATCH_CHARACTERS", 50)
    source = tmp_path / "reports.jsonl"
    rows = [{"id": str(number), "text": f"Mild MR. Peak gradient {10 + number} mmHg."} for number in range(40)]
    source.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    one = mine_reports(source, tmp_path / "one.jsonl")
    two = mine_reports(source, tmp_path / "two.jsonl", processes=2, page=tmp_path / "page.html")
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
    assert (one.reports, one.findings) == (two.reports, two.findings) == (40, 40)


def test_a_process_that_ends_is_one_sentence(monkeypatch):
    monkeypatch.setattr(report_processes, "_mined_batch", os._exit)
    monkeypatch.setattr(report_processes, "_batches", lambda texts: iter([3]))
    with pytest.raises(EchomineError, match="fewer --processes"):
        list(report_processes.mine_texts([report_processes.Text("a", "Mild MR.")], processes=2))


@pytest.mark.slow
def test_a_report_of_five_megabytes_on_one_line_is_read(tmp_path):
    source = tmp_path / "reports.jsonl"
    said = "Mild mitral regurgitation and "
    text = (said + "the patient went home without any complaint of pain and " * 20) * (5 * 1024 * 1024 // 1150)
    source.write_text(json.dumps({"id": "long", "text": text}), encoding="utf-8")
    mined = mine_reports(source, tmp_path / "out.jsonl")
    assert (mined.reports, mined.problems) == (1, [])
    assert mined.findings > 4000
