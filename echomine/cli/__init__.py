"""The command line: parse, one pipeline call, show."""

import os
import sys
from io import TextIOWrapper
from typing import Annotated, NoReturn, Protocol, TextIO, runtime_checkable

import typer

from echomine.cli import cardiac, installation, main_job, measure, models, networks, reports
from echomine.cli.application import app
from echomine.cli.showing import LOADING
from echomine.domain.errors import EchomineError, UsageError

__all__ = ["app", "cardiac", "installation", "main", "main_job", "measure", "models", "networks", "reports"]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        sys.stdout.write(f"echomine {installed('echomine')}\n")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", envvar="ECHOMINE_DEBUG", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001  its callback answers, before a command is asked for
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that hold for every command."""
    os.environ["ECHOMINE_DEBUG"] = "1" if debug else ""
    LOADING.begin()
    context.call_on_close(LOADING.end)


@runtime_checkable
class Refusal(Protocol):
    """What typer raises of arguments that cannot be; its class has moved from one version to another."""

    exit_code: int

    def format_message(self) -> str:
        """What is wrong."""
        ...


def main() -> NoReturn:
    """Run the command line; errors become one sentence on stderr and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        take_any_character(stream)
    try:
        code = app(prog_name="echomine", standalone_mode=False)
    except EchomineError as error:
        _fail(error, str(error), error.exit_code)
    except FileNotFoundError as error:
        _fail(error, f"{error.filename} is not there", UsageError.exit_code)
    except OSError as error:
        _fail(error, f"{error.strerror or error}: {error.filename or 'disk'}", 3)
    except typer.Abort:
        raise SystemExit(1) from None
    except Exception as error:  # noqa: BLE001  the outermost edge
        if isinstance(error, Refusal):
            _refuse(error)
        _fail(error, f"something broke that should not ({type(error).__name__}); --debug shows where", 3)
    raise SystemExit(code if isinstance(code, int) else 0)


def take_any_character(stream: TextIO | None) -> None:
    """Lets a stream write what its encoding has not, such as the bytes of a file name that are no text, as escapes."""
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _refuse(error: Refusal) -> NoReturn:
    """Wrong arguments as one sentence; the help, where a command without any was called for it."""
    said = error.format_message()
    if "\n" not in said:
        command = getattr(getattr(error, "ctx", None), "command_path", "echomine")
        what = said.replace("Value error, ", "").replace("Input should", "it should").rstrip(".")
        said = f"echomine: {what[:1].lower()}{what[1:]}; see `{command} --help`"
    sys.stderr.write(said.rstrip() + "\n")
    raise SystemExit(error.exit_code)


def _fail(error: BaseException, sentence: str, code: int) -> NoReturn:
    LOADING.end()
    if os.environ.get("ECHOMINE_DEBUG"):
        raise error
    sys.stderr.write(f"echomine: {sentence}\n")
    raise SystemExit(code)
