"""What every flow shares: retries, counts as a table, the command line of ``python -m flows.NAME``."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NoReturn

from prefect import State, Task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import TaskRun
from prefect.settings import get_current_settings
from prefect.tasks import exponential_backoff
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from echomine.domain.errors import EchomineError, WorkspaceError
from echomine.pipeline import stages

if not any(name.endswith("HEARTBEAT_FREQUENCY") for name in os.environ):
    # The thread that sends them sleeps whole seconds, and every flow waits for it at its end. A run that crashed is
    # completed by the next one, whoever notices; None cannot be said in the environment.
    get_current_settings().flows.heartbeat_frequency = None


def may_pass(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether a failure may go away by itself: disk, network and database do, a wrong setting or artifact does not."""
    failure = state.result(raise_on_failure=False)
    return isinstance(failure, OSError | WorkspaceError)


IO_RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": may_pass,
    "result_serializer": "json",
    "cache_policy": NO_CACHE,  # what is done is known to the catalog, not to Prefect
}
"""Options of a task that touches disk or database: three tries more, after about 2, 4 and 8 s."""


def publish_counts(key: str, title: str, counts: Mapping[str, int]) -> None:
    """Show counts as a table artifact of the running flow; they hold no identity."""
    rows = [{"what": name, "number": number} for name, number in counts.items()]
    create_table_artifact(key=key, table=rows, description=title)


def default_workspace() -> str:
    """The workspace of the environment, else ``echomine-workspace`` here."""
    return os.environ.get("ECHOMINE_WORKSPACE") or "echomine-workspace"


def at_least_one(text: str) -> int:
    """The number of an option that counts something."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wants 1 or more, got {text}")
    return int(text)


OPTION_HELP: Mapping[str, str] = MappingProxyType(
    {
        "workspace": "directory of catalog and models",
        "source": "folders to take in first, separated by commas",
        "config": "TOML file of settings",
        "seed": "of all learning",
        "truth": "truth.csv; without it the paired paragraphs judge",
        "protocol": "held-out or lecture",
        "seeds": "draws of the lecture's protocol",
        "form": "jsonl, csv, parquet or hf",
        "out": "file or folder to write; in the workspace, named by the time, if left out",
        "min_confidence": "leave out labels below",
        "batch_size": "images of one task",
        "workers": "tasks at a time",
        "cluster": "address of a Dask scheduler (needs the extra `cluster`)",
        "scans": "CSV with kind, study_uid, patient, files, masks",
        "data": "folder of the data in place of the file's",
    }
)
"""What each option of ``python -m flows.NAME`` is."""


class OneSentenceParser(argparse.ArgumentParser):
    """A parser that says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        """Says it and leaves with exit code 2."""
        sys.stderr.write(f"echomine: {message}; --help lists the options\n")
        raise SystemExit(2)


def quarantined_items(document: Mapping[str, Any]) -> int:
    """How many items a flow's result, or a stage in it, says were quarantined."""
    stages_in_it = (document.get(name) for name in ("counts", "ingest", "label", "measure"))
    return int(document.get("quarantined", 0)) + sum(
        quarantined_items(one) for one in stages_in_it if isinstance(one, Mapping)
    )


def run_as_module(
    flow: Callable[..., Any],
    options: Sequence[tuple[str, Callable[[str], Any], Any]] = (),
    *,
    needs_workspace: bool = True,
) -> NoReturn:
    """Run a flow by ``python -m``: its options become flags, its result one JSON document on stdout.

    Exits with 0, with 1 when items were quarantined (they are listed: Prefect is told their number only), else with the
    code of the error. Without ECHOMINE_DEBUG an error is one sentence.

    Args:
        flow: The flow; its first parameter is ``workspace``.
        options: Name, type and default of each further parameter. A flow with a ``source`` that is given makes its
            workspace, every other one needs it.
        needs_workspace: Whether the workspace must be there.
    """
    arguments = _parsed(flow, options)
    debug = bool(os.environ.get("ECHOMINE_DEBUG"))
    if not debug:
        logging.disable(logging.ERROR)  # Prefect logs each failure with two tracebacks
        _keep_stderr_from_children()
    try:
        if needs_workspace and not arguments.get("source"):
            stages.check_workspace(arguments["workspace"])
        with _sign_of_life(flow):
            document = flow(**arguments)
        if is_short := bool(quarantined_items(document)):
            document = {"problems": stages.problems(arguments["workspace"])} | document
    except Exception as error:  # the outermost edge
        if debug:
            raise
        _fail(error)
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    raise SystemExit(1 if is_short else 0)


def _keep_stderr_from_children() -> None:
    """Keeps stderr for what this process says: Prefect's temporary server writes tracebacks there as it is ended."""
    shown = sys.__stderr__
    if shown is None or sys.stderr is not shown:
        return
    shown.flush()
    ours = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = os.fdopen(ours, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


def _sign_of_life(flow: Callable[..., Any]) -> Progress:
    """Name and seconds on a terminal while a flow runs: starting Prefect alone takes some."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    shown = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    shown.add_task(f"Flow {getattr(flow, 'name', 'run')}", total=None)
    return shown


def _parsed(flow: Callable[..., Any], options: Sequence[tuple[str, Callable[[str], Any], Any]]) -> dict[str, Any]:
    parser = OneSentenceParser(
        description=(flow.__doc__ or "").split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    every: list[tuple[str, Callable[[str], Any], Any]] = [("workspace", str, default_workspace()), *options]
    for name, kind, default in every:
        parser.add_argument("--" + name.replace("_", "-"), type=kind, default=default, help=OPTION_HELP.get(name))
    return vars(parser.parse_args())


def _fail(error: Exception) -> NoReturn:
    known = isinstance(error, EchomineError)
    unknown = f"the flow failed ({type(error).__name__}); ECHOMINE_DEBUG=1 shows where"
    sys.stderr.write(f"echomine: {error if known else unknown}\n")
    raise SystemExit(error.exit_code if isinstance(error, EchomineError) else 3) from None
