"""``python -m flows.schedule --cron "0 2 * * *"``: run the nightly flow on a schedule, against a server.

Needs a Prefect server (``prefect server start --host 127.0.0.1``) and PREFECT_API_URL that names it. A run that was
due while nothing was serving is made up at the next start.
"""

import argparse
import os
import sys
import warnings
from pathlib import Path
from typing import NoReturn

from prefect.client.orchestration import get_client
from prefect.client.schemas.schedules import CronSchedule
from prefect.schedules import Cron, Schedule
from prefect.types.entrypoint import EntrypointType

from echomine.domain.errors import EchomineError
from echomine.pipeline import stages
from flows.nightly import nightly
from flows.running import OneSentenceParser, default_workspace

DEPLOYMENT = "nightly-labels"
_NO_SERVER = (
    "a schedule needs a server: run `prefect server start --host 127.0.0.1` and set "
    "PREFECT_API_URL=http://127.0.0.1:4200/api"
)


def main() -> None:
    """Serve the nightly flow until stopped."""
    arguments = _parsed()
    url = os.environ.get("PREFECT_API_URL", "")
    if not url:
        _refuse(_NO_SERVER, 2)
    schedule = _schedule(arguments.cron, arguments.timezone)
    try:
        _check_server(url)
        if not arguments.source:
            stages.check_workspace(arguments.workspace)
    except EchomineError as error:
        _refuse(str(error), error.exit_code)
    warnings.filterwarnings("ignore", message="coroutine 'Runner.astop' was never awaited")  # at its end, by Prefect
    nightly.serve(
        name=DEPLOYMENT,
        schedules=[schedule],
        parameters={"workspace": _absolute(arguments.workspace), "source": _absolute_all(arguments.source)},
        limit=1,
        pause_on_shutdown=False,
        print_starting_message=False,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _parsed() -> argparse.Namespace:
    parser = OneSentenceParser(description="Run the nightly flow on a schedule.")
    parser.add_argument("--cron", default="0 2 * * *", help="when, in cron's five fields")
    parser.add_argument("--timezone", default="UTC", help="of the cron, for example Europe/Paris")
    parser.add_argument("--workspace", default=default_workspace())
    parser.add_argument("--source", default="", help="folders to take in first, separated by commas")
    return parser.parse_args()


def _schedule(cron: str, timezone: str) -> Schedule:
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValueError:
        _refuse(f"{cron!r} in {timezone!r} is no schedule; give five fields of cron and a time zone", 2)
    return Cron(cron, timezone=timezone)


def _check_server(url: str) -> None:
    """Passes a server that answers; a schedule without one would wait in silence."""
    with get_client(sync_client=True) as client:
        if client.api_healthcheck() is not None:
            _refuse(f"no server answers at {url}; {_NO_SERVER}", 3)


def _absolute(path: str) -> str:
    """The path as the served runs need it, which start in other directories."""
    return str(Path(path).absolute())


def _absolute_all(paths: str) -> str:
    return ",".join(_absolute(one) for one in paths.split(",") if one)


def _refuse(sentence: str, code: int) -> NoReturn:
    sys.stderr.write(f"echomine: {sentence}\n")
    raise SystemExit(code)


if __name__ == "__main__":
    main()
