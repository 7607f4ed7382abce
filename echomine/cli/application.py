"""The application, and the options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    name="echomine",
    help="Turns an archive of Doppler echocardiograms and reports into labelled data. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", envvar="ECHOMINE_WORKSPACE", help="Directory of catalog and models.")
]
UnusedWorkspaceOption = Annotated[
    Path | None, typer.Option("--workspace", help="Taken as by every command; nothing of it is needed here.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed; the same seed gives the same answer.")]
DEFAULT_WORKSPACE = Path("echomine-workspace")
