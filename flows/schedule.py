"""``python -m flows.schedule --cron "0 2 * * *"``: run the nightly flow on a schedule, against a server.

Needs a Prefect server (``prefect server start --host 127.0.0.1``) and PREFECT_API_URL that names it.
"""

import argparse
import os
import sys

from prefect.schedules import Cron

from flows.nightly import nightly
from flows.running import default_workspace


def main() -> None:
    """Serve the nightly flow until stopped."""
    parser = argparse.ArgumentParser(description="Run the nightly flow on a schedule.")
    parser.add_argument("--cron", default="0 2 * * *", help="when, in cron's five fields")
    parser.add_argument("--timezone", default=None, help="for example Europe/Paris; the server's without it")
    parser.add_argument("--workspace", default=default_workspace())
    parser.add_argument("--source", default="", help="folders to take in first, separated by commas")
    arguments = parser.parse_args()
    if not os.environ.get("PREFECT_API_URL"):
        sys.stderr.write(
            "echomine: a schedule needs a server: run `prefect server start --host 127.0.0.1` and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api\n"
        )
        raise SystemExit(2)
    nightly.serve(
        name="nightly-labels",
        schedules=[Cron(arguments.cron, timezone=arguments.timezone)],
        parameters={"workspace": arguments.workspace, "source": arguments.source},
        limit=1,
        pause_on_shutdown=False,
    )


if __name__ == "__main__":
    main()
