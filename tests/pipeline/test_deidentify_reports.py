"""Reports written without their patients: pseudonyms of the workspace, dates moved by patient."""

import json
from datetime import date

import pytest

from echomine.archive.workspace import Workspace
from echomine.domain.errors import Reason, UsageError
from echomine.pipeline.deidentify_reports import deidentify_reports

ROWS = (
    {"id": "a", "patient": "4711", "date": "2020-03-10", "text": "Patient: John Smith. Seen on 03/10/2020. Mild MR."},
    {"id": "b", "patient": "4711", "date": "2020-03-20", "text": "Mr. Smith returned on 03/20/2020. Moderate MR."},
    {"id": "c", "text": "Dr. Jane Miller read the study of 2020-03-20. Phone (212) 555-0147."},
)


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "reports.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)) + "\n[]\n", encoding="utf-8")
    return path


def rows(workspace, source, out):
    result = deidentify_reports(workspace, source, out)
    return result, [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def test_nothing_of_the_patient_is_left(tmp_path, source):
    workspace = Workspace.open(tmp_path / "w", create=True)
    result, written = rows(workspace, source, tmp_path / "out.jsonl")
    text = json.dumps(written)
    for word in ("John", "Smith", "Miller", "4711", "0147", "03/10/2020", "2020-03-10"):
        assert word not in text
    assert "Mild MR." in written[0]["text"]
    assert (result.reports, result.replaced["phone"]) == (3, 1)
    assert [problem.reason for problem in result.problems] == [Reason.BAD_ROW]
    assert result.document()["replaced"] == dict(result.replaced)


def test_pseudonyms_are_those_of_the_catalog_and_time_between_exams_stays(tmp_path, source):
    workspace = Workspace.open(tmp_path / "w", create=True)
    written = rows(workspace, source, tmp_path / "out.jsonl")[1]
    assert written[0]["patient"] == written[1]["patient"] == workspace.pseudonym("4711")
    assert written[0]["id"] == workspace.report_id("a")
    first, second = (date.fromisoformat(row["performed"]) for row in written[:2])
    assert (second - first).days == 10
    assert first < date(2020, 3, 10)
    assert written[2]["performed"] is None


def test_the_key_of_the_workspace_decides(tmp_path, source):
    one = Workspace.open(tmp_path / "one", create=True)
    again = rows(one, source, tmp_path / "b.jsonl")[1]
    assert rows(one, source, tmp_path / "a.jsonl")[1] == again
    assert rows(Workspace.open(tmp_path / "two", create=True), source, tmp_path / "c.jsonl")[1] != again
    assert one.derived_key("x") != one.derived_key("y")


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"none\.jsonl"):
        deidentify_reports(Workspace.open(tmp_path / "w", create=True), tmp_path / "none.jsonl", tmp_path / "o.jsonl")


def test_the_reports_are_not_written_over(tmp_path, source):
    before = source.read_bytes()
    with pytest.raises(UsageError, match="name another file"):
        deidentify_reports(Workspace.open(tmp_path / "workspace", create=True), source, source)
    assert source.read_bytes() == before
