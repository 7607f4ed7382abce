"""What commands print: tables and JSON on stdout, progress and notes on stderr."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from echomine.domain.errors import UsageError

if TYPE_CHECKING:
    from echomine.pipeline.progress import Advance

MAX_LISTED_PROBLEMS = 20
PIPED_WIDTH = 120


class RichProgress:
    """Progress bars on stderr."""

    @contextmanager
    def stage(self, description: str, total: int) -> "Iterator[Advance]":
        """A bar for one stage of ``total`` items."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=stderr()) as bars:
            task = bars.add_task(description, total=total)
            yield lambda items: bars.advance(task, items)
            bars.update(task, completed=total)


def stderr() -> Any:  # noqa: ANN401  rich is imported only where something is shown
    """The console for notes and progress."""
    from rich.console import Console

    return Console(stderr=True)


def stdout() -> Any:  # noqa: ANN401
    """The console for results; a fixed width when piped."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def print_table(title: str, headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on stdout."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    stdout().print(table)


def check_png(picture: Path | None) -> None:
    """Refuses the name of a picture to be written that does not end in .png.

    Raises:
        UsageError: If it does not.
    """
    if picture is not None and picture.suffix.lower() != ".png":
        raise UsageError(f"pictures are written as PNG: give a name that ends in .png, not {picture.name}")


def finish(problems: int) -> None:
    """Exit code 1 when items were quarantined, else 0."""
    if problems:
        raise typer.Exit(1)


def print_problems(rows: Sequence[tuple[str, ...]]) -> None:
    """The first problems of a batch: item, reason code, sentence."""
    if not rows:
        return
    print_table("Not taken in", ("item", "reason", "what to know"), rows[:MAX_LISTED_PROBLEMS])
    if len(rows) > MAX_LISTED_PROBLEMS:
        stdout().print(f"... and {len(rows) - MAX_LISTED_PROBLEMS} more (--json lists all)")
