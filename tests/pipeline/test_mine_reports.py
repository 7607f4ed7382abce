"""Findings of a report file: the JSON lines, the page beside it, and the reasons of one report."""

import json

import pytest

from echomine.domain.errors import Reason, UsageError
from echomine.pipeline import mine_reports as module
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
