"""``kill -9`` at random moments of labelling: a rerun completes it, nothing lost, nothing doubled."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow
KILLS, KILLS_OF_THE_COMMAND = 30, 3
LABELS = """select subject, source, valve, disease, severity_low, severity_high, assertion, confidence, abstained,
            evidence, model, lexicon from labels order by 1, 2, 3, 4"""
STATES = "select image_id, model, state, reason, message, vector from ledger order by 1, 2"
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def rows(workspace: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(workspace / "catalog.sqlite") as connection:
        return connection.execute(query).fetchall()


@pytest.fixture
def unlabelled(mined_copy: Any) -> Path:
    """A mined workspace before its first label."""
    workspace: Path = mined_copy.workspace
    with sqlite3.connect(workspace / "catalog.sqlite") as connection:
        connection.execute("delete from labels where source = 'retrieval'")
        connection.execute("delete from ledger")
    return workspace


def check_equal(workspace: Path, undisturbed: Path) -> None:
    states, labels = rows(workspace, STATES), rows(workspace, LABELS)
    assert len({state[:2] for state in states}) == len(states) == 80
    assert len({label[:4] for label in labels}) == len(labels) > 80
    assert states == rows(undisturbed, STATES)
    assert labels == rows(undisturbed, LABELS)
    assert rows(
        workspace, "select count(*) from labels where run_id != '' and run_id not in (select run_id from runs)"
    )[0] == (0,)


def test_labelling_killed_at_thirty_random_moments_ends_like_an_undisturbed_run(
    unlabelled: Path, mined_workspace: Any, tmp_path: Path
) -> None:
    script = Path(__file__).with_name("killed_labelling.py")
    done = subprocess.run(
        [sys.executable, str(script), str(unlabelled), str(tmp_path), str(KILLS), "7"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["kills"] == KILLS
    assert result["readers_left"] == 0
    undisturbed, *killed = map(Path, result["copies"])
    assert killed
    for workspace in killed:
        check_equal(workspace, undisturbed)
    check_equal(undisturbed, mined_workspace.workspace)


def test_the_command_itself_killed_at_work_and_run_again(unlabelled: Path, mined_workspace: Any) -> None:
    rng = np.random.default_rng(11)
    for _ in range(KILLS_OF_THE_COMMAND):
        _kill_at_work(unlabelled, delay_s=rng.uniform(0.0, 0.8))
    finished = subprocess.run(_command(unlabelled), env=ENVIRONMENT, capture_output=True, timeout=120, check=False)
    assert finished.returncode == 0, finished.stderr
    check_equal(unlabelled, mined_workspace.workspace)


def _command(workspace: Path) -> list[str]:
    return [sys.executable, "-m", "echomine", "label", "--no-measure", "--json", "--workspace", str(workspace)]


def _kill_at_work(workspace: Path, *, delay_s: float) -> None:
    """Starts the command, waits until its run is in the catalog and a moment longer, and kills it."""
    before = rows(workspace, "select count(*) from runs")
    process = subprocess.Popen(
        _command(workspace), env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while rows(workspace, "select count(*) from runs") == before:
            assert time.monotonic() < until
            time.sleep(0.02)
        time.sleep(delay_s)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def test_a_copy_of_a_workspace_is_a_workspace(unlabelled: Path, tmp_path: Path) -> None:
    """What the tests above rest on."""
    copy = shutil.copytree(unlabelled, tmp_path / "copy")
    assert rows(copy, STATES) == []
    assert rows(copy, "select count(*) from images") == [(80,)]
