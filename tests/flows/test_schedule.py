"""The nightly schedule against a real server on loopback, every process in its own group and ended."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

ValueT = TypeVar("ValueT")
DEPLOYMENT = "nightly/nightly-labels"
pytestmark = pytest.mark.slow


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def started(*command: str, log: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with all its children."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=log.parent,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        try:
            os.killpg(process.pid, number)
            process.wait(patience)
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            break
    process.wait(1)


def waited_for(get: Callable[[], ValueT | None], *, seconds: float, what: str, log: Path) -> ValueT:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = get()
        if found:
            return found
        time.sleep(0.5)
    pytest.fail(f"no {what} after {seconds:.0f} s; the log ends: {log.read_text()[-2000:]}")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect-home"),
        "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[SyncPrefectClient]:
    port = environment["PREFECT_API_URL"].rsplit(":", 1)[1].split("/")[0]
    log = tmp_path / "server.log"
    command = ("prefect", "server", "start", "--host", "127.0.0.1", "--port", port, "--no-ui")
    with started(*command, log=log, env=environment), SyncPrefectClient(environment["PREFECT_API_URL"]) as client:
        waited_for(lambda: client.api_healthcheck() is None, seconds=120, what="server", log=log)
        yield client


def test_a_scheduled_run_labels_what_is_new(
    server: SyncPrefectClient, environment: dict[str, str], mined_copy: Any, tmp_path: Path
) -> None:
    catalog = mined_copy.workspace / "catalog.sqlite"
    with sqlite3.connect(catalog) as connection:
        connection.execute("delete from ledger")
        connection.execute("delete from labels where source = 'retrieval'")
    log = tmp_path / "schedule.log"
    command = ("flows.schedule", "--cron", "* * * * *", "--workspace", str(mined_copy.workspace))

    def finished() -> FlowRun | None:
        runs = [run for run in server.read_flow_runs() if run.auto_scheduled and run.state]
        return next((run for run in runs if run.state and run.state.is_final()), None)

    with started(*command, log=log, env=environment):
        deployment = waited_for(lambda: deployed(server), seconds=120, what="deployment", log=log)
        assert [one.schedule.cron for one in deployment.schedules] == ["* * * * *"]
        assert deployment.parameters == {"workspace": str(mined_copy.workspace), "source": ""}
        run = waited_for(finished, seconds=240, what="finished run", log=log)
    assert run.deployment_id == deployment.id
    assert run.state is not None
    assert run.state.is_completed(), f"{run.state}; the log ends: {log.read_text()[-2000:]}"
    with sqlite3.connect(catalog) as connection:
        assert connection.execute("select count(*) from ledger where state != 'pending' group by model").fetchall() == [
            (80,),
            (80,),
        ], "labelled and measured"


def deployed(server: SyncPrefectClient) -> Any:
    return next((one for one in server.read_deployments() if one.name == DEPLOYMENT.split("/")[1]), None)


@pytest.mark.parametrize(
    ("cron", "url", "code"),
    [("0 2 * * *", "", 2), ("every night", "http://127.0.0.1:9/api", 2), ("0 2 * * *", "http://127.0.0.1:9/api", 3)],
)
def test_a_schedule_that_cannot_run_is_refused_in_one_sentence(
    cron: str, url: str, code: int, environment: dict[str, str], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.schedule", "--cron", cron, "--workspace", str(tmp_path)],
        env=environment | {"PREFECT_API_URL": url},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("echomine: ")
    assert done.stderr.count("\n") == 1
