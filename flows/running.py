"""What every flow shares: retries, counts as a table, the command line of ``python -m flows.NAME``."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prefect.artifacts import create_table_artifact
from prefect.tasks import exponential_backoff

from echomine.domain.errors import EchomineError

IO_RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=2),
    "retry_jitter_factor": 0.5,
    "result_serializer": "json",
}
"""Options of a task that touches disk or database: three tries more, after about 2, 4 and 8 s."""


def publish_counts(key: str, title: str, counts: Mapping[str, int]) -> None:
    """Show counts as a table artifact of the running flow; they hold no identity."""
    rows = [{"what": name, "number": number} for name, number in counts.items()]
    create_table_artifact(key=key, table=rows, description=title)


def default_workspace() -> str:
    """The workspace of the environment, else ``echomine-workspace`` here."""
    return os.environ.get("ECHOMINE_WORKSPACE", "echomine-workspace")


def run_as_module(flow: Callable[..., Any], options: Sequence[tuple[str, type, Any]] = ()) -> None:
    """Run a flow by ``python -m``: its options become flags, its result one JSON document on stdout.

    Args:
        flow: The flow; its first parameter is ``workspace``.
        options: Name, type and default of each further parameter.
    """
    parser = argparse.ArgumentParser(description=(flow.__doc__ or "").split("\n")[0])
    parser.add_argument("--workspace", default=default_workspace())
    for name, kind, default in options:
        parser.add_argument("--" + name.replace("_", "-"), type=kind, default=default)
    try:
        document = flow(**vars(parser.parse_args()))
    except EchomineError as error:
        sys.stderr.write(f"echomine: {error}\n")
        raise SystemExit(error.exit_code) from None
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
