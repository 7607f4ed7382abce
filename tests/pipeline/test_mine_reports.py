"""Findings of a report file: the JSON lines, the page beside it, and the reasons of one report."""

import json
import os

import pytest

from echomine.domain.errors import ConfigurationError, EchomineError, Reason, UsageError
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


def _ended(batch, site):
    os._exit(len(site) + batch)


def test_a_process_that_ends_is_one_sentence(monkeypatch):
    monkeypatch.setattr(report_processes, "_mined_batch", _ended)
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


@pytest.mark.parametrize(("out", "page"), [("reports.jsonl", None), ("out.jsonl", "reports.jsonl"), ("o", "o")])
def test_no_output_is_written_over_the_reports_or_another_output(reports, tmp_path, out, page):
    before = reports.read_bytes()
    with pytest.raises(UsageError, match=r"name another file|cannot be one file"):
        mine_reports(reports, tmp_path / out, page=tmp_path / page if page else None)
    assert reports.read_bytes() == before


def test_a_folder_is_no_output(reports, tmp_path):
    with pytest.raises(UsageError, match="is a folder; name a file"):
        mine_reports(reports, tmp_path)


def test_a_text_of_the_folder_that_is_read_is_not_written_over(tmp_path):
    text = tmp_path / "texts" / "a.txt"
    text.parent.mkdir()
    text.write_text("Mild MR.", encoding="utf-8")
    with pytest.raises(UsageError, match="name another file"):
        mine_reports(text.parent, text)
    assert mine_reports(text.parent, text.parent / "findings.jsonl").reports == 1


SITE = '[[term]]\nkind = "severity"\nvalue = "severe"\nphrases = ["grade C"]\n'


@pytest.mark.parametrize("processes", [1, 2])
def test_a_site_adds_a_lexicon_file(tmp_path, processes):
    source, site = tmp_path / "reports.jsonl", tmp_path / "ours.toml"
    source.write_text('{"id": "a", "text": "Grade C mitral regurgitation."}', encoding="utf-8")
    site.write_text(SITE, encoding="utf-8")
    mine_reports(source, tmp_path / "out.jsonl", processes=processes, site=[site])
    line = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8"))
    assert line["findings"][0]["severity"] == "severe"
    assert [one.finding for one in explain_report(source, "a", site=[site])] == ["present: severe mitral regurgitation"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SITE.replace('"severe"', '"hard"').encode(), "ours.toml, line 1: value is 'hard'"),
        (b"\xff\xfe", "UTF-8"),
        (None, "read"),
    ],
)
def test_a_bad_lexicon_file_is_named_before_anything_is_written(reports, tmp_path, content, message):
    if content is not None:
        (tmp_path / "ours.toml").write_bytes(content)
    with pytest.raises((ConfigurationError, UsageError), match=message):
        mine_reports(reports, tmp_path / "out.jsonl", site=[tmp_path / "ours.toml"])
    assert not (tmp_path / "out.jsonl").exists()
