"""The command line: parse, one pipeline call, show."""

import os
import sys
from typing import Annotated, NoReturn

import typer

from echomine.cli import cardiac, installation, main_job, measure, models, networks, reports
from echomine.cli.application import app
from echomine.domain.errors import EchomineError, UsageError

__all__ = ["app", "cardiac", "installation", "main", "main_job", "measure", "models", "networks", "reports"]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        sys.stdout.write(f"echomine {installed('echomine')}\n")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", envvar="ECHOMINE_DEBUG", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001  its callback answers, before a command is asked for
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that hold for every command."""
    os.environ["ECHOMINE_DEBUG"] = "1" if debug else ""


def main() -> NoReturn:
    """Run the command line; errors become one sentence on stderr and an exit code."""
    try:
        app(standalone_mode=True)
    except EchomineError as error:
        _fail(error, str(error), error.exit_code)
    except FileNotFoundError as error:
        _fail(error, f"{error.filename} is not there", UsageError.exit_code)
    except OSError as error:
        _fail(error, f"{error.strerror or error}: {error.filename or 'disk'}", 3)
    except Exception as error:  # noqa: BLE001  the outermost edge
        _fail(error, f"something broke that should not ({type(error).__name__}); --debug shows where", 3)
    raise SystemExit(0)


def _fail(error: BaseException, sentence: str, code: int) -> NoReturn:
    if os.environ.get("ECHOMINE_DEBUG"):
        raise error
    sys.stderr.write(f"echomine: {sentence}\n")
    raise SystemExit(code)
