"""What commands print: tables and JSON on stdout, progress and notes on stderr."""

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from operator import add
from pathlib import Path
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from echomine.domain.errors import UsageError

if TYPE_CHECKING:
    from echomine.pipeline.progress import Advance
    from echomine.pipeline.tables import TextTable

MAX_LISTED_PROBLEMS = 20
PIPED_WIDTH = 10_000
"""Wider than any row: what is piped has each row on a line of its own, whatever stands in it."""
FEWEST_COLUMNS = 2
_BETWEEN = 3
"""Blanks that a column costs beside its words."""


class Loading:
    """A word on a terminal that shows nothing for a second, as libraries load; what follows takes its place."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._timer: Timer | None = None
        self._is_shown = False

    def begin(self) -> None:
        """Wait for that second; on a terminal only."""
        if sys.stderr.isatty():
            self._timer = Timer(1.0, self._show)
            self._timer.daemon = True
            self._timer.start()

    def end(self) -> None:
        """Take the word away again, or don't show it at all."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._is_shown:
                self._is_shown = False
                sys.stderr.write("\r\x1b[2K")
                sys.stderr.flush()

    def _show(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._is_shown = True
                sys.stderr.write("Loading ...")
                sys.stderr.flush()


LOADING = Loading()


class RichProgress:
    """Progress bars on stderr; a line at the end of each stage where stderr is no terminal."""

    def stage(self, description: str, total: int) -> "AbstractContextManager[Advance]":
        """A bar for one stage of ``total`` items."""
        LOADING.end()
        return _bar(description, total) if sys.stderr.isatty() else _line_at_the_end(description)


@contextmanager
def _bar(description: str, total: int) -> "Iterator[Advance]":
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<34}", markup=False),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=stderr()) as bars:
        task = bars.add_task(description, total=total if total > 1 else None)  # one step has no share: it pulses
        try:
            yield lambda items: bars.advance(task, items)
        except BaseException:
            bars.live.transient = True  # what is said of the error stands alone
            raise
        bars.update(task, total=total, completed=total)


@contextmanager
def _line_at_the_end(description: str) -> "Iterator[Advance]":
    started = time.monotonic()
    yield lambda _items: None
    sys.stderr.write(f"{description:<34} {timedelta(seconds=round(time.monotonic() - started))}\n")


def stderr() -> Any:  # noqa: ANN401  rich is imported only where something is shown
    """The console for progress."""
    from rich.console import Console

    return Console(stderr=True)


def stdout() -> Any:  # noqa: ANN401
    """The console for tables; as wide as they are when piped, unless COLUMNS says how wide."""
    from rich.console import Console

    is_told = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(width=None if is_told else PIPED_WIDTH)


def say(line: str) -> None:
    """A line on stdout as it stands: no markup, no breaks, so that a path in it can be copied."""
    LOADING.end()
    sys.stdout.write(line + "\n")


def note(sentence: str) -> None:
    """What else to know, a line on stderr."""
    LOADING.end()
    sys.stderr.write(f"Note: {sentence}\n")


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    say(json.dumps(document, indent=2, ensure_ascii=False))


def print_table(title: str, headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """A table on stdout; where it is too narrow, texts are broken between words, and last columns are left out."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    LOADING.end()
    console = stdout()
    table = Table(box=box.SIMPLE_HEAD)
    columns = fitting_columns(headers, rows, width=console.width)
    for column in columns:
        table.add_column(column.header, overflow="fold", width=column.width)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row[: len(columns)]))
    console.print(Text(title, style="italic"), soft_wrap=True)
    with console.capture() as captured:
        console.print(table)
    say("\n".join(line.rstrip() for line in captured.get().splitlines()))
    if left_out := headers[len(columns) :]:
        note(f"no room for {', '.join(left_out)}: a wider terminal, a pipe or --json shows them")


def print_text_table(table: "TextTable") -> None:
    """A table with what its reader must know."""
    from rich.text import Text

    print_table(table.title, table.headers, table.rows)
    if table.note:
        stdout().print(Text(f"{table.note}\n"))


class Column(NamedTuple):
    """A column that a table has room for: its header, and the characters that it takes."""

    header: str
    width: int


def fitting_columns(headers: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> list[Column]:
    """The columns that a table of that width has room for, two at least.

    No word is broken, unless it takes more than a quarter of the line; then the first column is kept whole, then the
    narrow ones, and the others share what is left.

    Args:
        headers: Words above the columns.
        rows: Cells, as many a row as headers.
        width: Characters of a line.
    """
    cells = list(zip(headers, *rows, strict=True))
    longest = [max(map(len, column)) for column in cells]
    words = [max((len(word) for cell in column for word in cell.split()), default=0) for column in cells]
    widths = [min(word, width // 4) for word in words]
    while len(widths) > FEWEST_COLUMNS and _room(widths, width) < 0:
        widths.pop()
    for place in sorted(range(len(widths)), key=lambda place: (place > 0, longest[place])):
        if longest[place] - widths[place] <= _room(widths, width):
            widths[place] = longest[place]
    wanted = [most - one for most, one in zip(longest, widths, strict=False)]
    left = max(0, _room(widths, width))
    shares = [one * left // max(1, sum(wanted)) for one in wanted]
    return [Column(*pair) for pair in zip(headers, map(add, widths, shares), strict=False)]


def _room(widths: Sequence[int], width: int) -> int:
    """Characters that columns of these widths leave of a line."""
    return width - 1 - sum(one + _BETWEEN for one in widths)


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
        say(f"... and {len(rows) - MAX_LISTED_PROBLEMS} more (--json lists all)")
