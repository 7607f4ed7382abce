"""The command line of a flow, with plain functions in place of flows: no server is needed to test it."""

import io
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.states import Failed

from echomine.domain.errors import ArtifactError, UsageError, WorkspaceError
from echomine.pipeline import stages
from flows.running import IO_RETRIES, OPTION_HELP, at_least_one, may_pass, quarantined_items, run_as_module


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a function as ``python -m flows.NAME ARGUMENTS`` does; its exit code."""

    def run(flow: Callable[..., Any], *arguments: str, options: Any = ()) -> int:
        monkeypatch.setattr("sys.argv", ["flow", *arguments])
        monkeypatch.setattr("logging.disable", lambda _level: None)
        with pytest.raises(SystemExit) as left:
            run_as_module(flow, options)
        return int(left.value.code or 0)

    return run


@pytest.fixture
def empty_workspace(tmp_path: Path) -> str:
    from echomine.archive.workspace import Workspace

    Workspace.open(tmp_path / "w", create=True).close()
    return str(tmp_path / "w")


def test_the_result_is_one_json_document_on_stdout(
    run: Callable[..., int], empty_workspace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [("batch_size", at_least_one, 250)]
    code = run(lambda **given: given, "--workspace", empty_workspace, "--batch-size", "7", options=options)
    assert code == 0
    assert json.loads(capsys.readouterr().out) == {"workspace": empty_workspace, "batch_size": 7}


def test_quarantined_items_give_exit_code_one(run: Callable[..., int], empty_workspace: str) -> None:
    code = run(lambda workspace: {"counts": {"labelled": 9, "quarantined": 1}}, "--workspace", empty_workspace)
    assert code == 1


def test_quarantined_items_are_listed(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def flow(workspace: str, source: str) -> dict[str, object]:
        return {"ingest": stages.ingest(workspace, [source])}

    source = tmp_path / "source"
    source.mkdir()
    (source / "bad.dcm").touch()
    given = ("--workspace", str(tmp_path / "w"), "--source", str(source))
    assert run(flow, *given, options=[("source", str, "")]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert problem == {"item": "bad.dcm", "reason": "empty_file", "message": "the file is empty; copy it again"}


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError("u"), 2), (ArtifactError("a"), 3), (WorkspaceError("w"), 3), (KeyError("k"), 3)]
)
def test_an_error_is_one_sentence_and_its_exit_code(
    error: Exception,
    code: int,
    run: Callable[..., int],
    empty_workspace: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def flow(workspace: str) -> None:
        raise error

    assert run(flow, "--workspace", empty_workspace) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("echomine: ")
    assert err.count("\n") == 1


def test_a_workspace_that_is_not_there_is_refused_before_the_flow_starts(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[str] = []
    assert run(lambda workspace: started.append(str(workspace)), "--workspace", str(tmp_path / "none")) == 3
    assert started == []
    assert "there is no workspace" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "x", ""])
def test_an_option_out_of_range_is_wrong_usage_in_one_sentence(
    number: str, run: Callable[..., int], empty_workspace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [("batch_size", at_least_one, 250)]
    assert run(lambda **_: {}, "--workspace", empty_workspace, f"--batch-size={number}", options=options) == 2
    said = f"argument --batch-size: wants 1 or more, got {number}; --help lists the options"
    assert capsys.readouterr().err == f"echomine: {said}\n"


def test_a_terminal_sees_that_a_flow_runs(
    run: Callable[..., int], empty_workspace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")

    def flow(workspace: str) -> dict[str, str]:
        time.sleep(0.4)
        return {}

    assert run(flow, "--workspace", empty_workspace) == 0
    assert terminal.getvalue().count("Flow") > 1


def test_what_children_write_on_stderr_is_not_shown(tmp_path: Path) -> None:
    script = """
import subprocess, sys
from echomine.domain.errors import UsageError
from flows.running import run_as_module

def flow(workspace):
    subprocess.run([sys.executable, "-c", "raise ValueError"])
    raise UsageError("there is no source; name one")

run_as_module(flow, needs_workspace=False)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "echomine: there is no source; name one\n")


def test_quarantined_items_of_every_stage_count() -> None:
    document = {"ingest": {"images_added": 5, "quarantined": 2}, "label": {"counts": {"quarantined": 3}}}
    assert quarantined_items(document) == 5
    assert quarantined_items({"export": {"counts": {"labels": 4}}}) == 0


@pytest.mark.parametrize(
    ("failure", "again"),
    [
        (OSError(5, "Input/output error"), True),
        (WorkspaceError("the catalog is locked"), True),
        (UsageError("no such config"), False),
        (ArtifactError("altered"), False),
        (ZeroDivisionError(), False),
    ],
)
def test_only_failures_that_may_pass_are_tried_again(failure: Exception, *, again: bool) -> None:
    assert may_pass(None, None, Failed(data=failure)) is again  # type: ignore[arg-type]


def test_every_option_of_every_flow_has_its_help() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / "flows").glob("*.py"))
    names = set(re.findall(r'\("(\w+)", (?:str|int|float|at_least_one), ', sources))
    assert len(names) > 10
    assert names <= set(OPTION_HELP)


def test_waits_between_tries_grow() -> None:
    assert list(IO_RETRIES["retry_delay_seconds"](3)) == [2, 4, 8]
    assert IO_RETRIES["result_serializer"] == "json"
