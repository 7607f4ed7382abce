"""The command line of a flow, with plain functions in place of flows: no server is needed to test it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect.states import Failed

from echomine.domain.errors import ArtifactError, UsageError, WorkspaceError
from flows.running import IO_RETRIES, at_least_one, may_pass, quarantined_items, run_as_module


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


def test_an_option_out_of_range_is_wrong_usage(
    run: Callable[..., int], empty_workspace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [("batch_size", at_least_one, 250)]
    assert run(lambda **_: {}, "--workspace", empty_workspace, "--batch-size", "0", options=options) == 2
    assert "1 or more" in capsys.readouterr().err


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


def test_waits_between_tries_grow() -> None:
    assert list(IO_RETRIES["retry_delay_seconds"](3)) == [2, 4, 8]
    assert IO_RETRIES["result_serializer"] == "json"
