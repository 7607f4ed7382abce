"""Labelling by Prefect against plain labelling, on copies of one workspace."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client

from echomine.pipeline import stages
from flows import label_archive as module
from flows.label_archive import label_archive, label_batch

pytestmark = pytest.mark.usefixtures("prefect_server")

LABELS = """select subject, valve, disease, severity_low, severity_high, confidence, abstained, evidence, model
            from labels where source = 'retrieval' order by 1, 2, 3"""
STATES = "select image_id, model, state, reason, vector from ledger order by 1, 2"


def rows(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(workspace / "catalog.sqlite") as connection:
        return connection.execute(query).fetchall()


def forget(workspace: Path) -> None:
    with sqlite3.connect(workspace / "catalog.sqlite") as connection:
        connection.execute("delete from ledger")
        connection.execute("delete from labels where source = 'retrieval'")


def artifacts() -> dict[str, Any]:
    with get_client(sync_client=True) as client:
        return {one.key: one for one in client.read_artifacts()}


def test_it_labels_as_the_plain_command_does_and_then_only_what_is_new(mined_workspace: Any, mined_copy: Any) -> None:
    workspace = mined_copy.workspace
    forget(workspace)
    first = label_archive(str(workspace), batch_size=30)
    assert first["batches"] == 3
    assert sum(first["counts"].values()) == 80  # type: ignore[attr-defined]
    assert rows(workspace, LABELS) == rows(mined_workspace.workspace, LABELS)
    assert rows(workspace, STATES) == rows(mined_workspace.workspace, STATES)

    with sqlite3.connect(workspace / "catalog.sqlite") as connection:
        connection.execute("delete from ledger where image_id in (select image_id from ledger limit 5)")
    second = label_archive(str(workspace), batch_size=30)
    assert (second["batches"], sum(second["counts"].values())) == (1, 5)  # type: ignore[attr-defined]
    assert rows(workspace, LABELS) == rows(mined_workspace.workspace, LABELS)

    third = label_archive(str(workspace), batch_size=30)
    assert (third["batches"], third["counts"]) == (0, {})

    shown = artifacts()
    assert shown["label-archive-progress"].type == "progress"
    assert shown["label-archive-progress"].data == 100.0
    assert shown["label-archive-counts"].type == "table"


def test_a_batch_that_fails_on_io_is_tried_again(mined_copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(mined_copy.workspace)
    calls: list[tuple[int, int]] = []

    def fails_once(workspace: str, *, run: str, first: int, last: int) -> dict[str, int]:
        calls.append((first, last))
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        return done(workspace, run=run, first=first, last=last)

    done = stages.label_batch
    monkeypatch.setattr(stages, "label_batch", fails_once)
    monkeypatch.setattr(module, "label_batch", label_batch.with_options(retry_delay_seconds=0))
    document = label_archive(str(mined_copy.workspace), batch_size=40)
    assert sorted(calls) == [(0, 39), (0, 39), (40, 79)]
    assert sum(document["counts"].values()) == 80  # type: ignore[attr-defined]


def test_parameters_hold_identifiers_and_numbers_alone(mined_copy: Any) -> None:
    forget(mined_copy.workspace)
    label_archive(str(mined_copy.workspace), batch_size=50)
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
    labelling = [one.parameters for one in runs if "batch_size" in one.parameters]
    assert labelling
    for parameters in labelling:
        assert set(parameters) == {"workspace", "batch_size", "workers", "cluster"}
