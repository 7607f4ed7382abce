"""How a use case tells its caller that it moves on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]
"""Called with the number of items done since the last call."""


class Progress(Protocol):
    """Something that shows stages of work."""

    def stage(self, description: str, total: int) -> AbstractContextManager[Advance]:
        """A context that shows one stage of ``total`` items and gives the function that advances it."""
        ...


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, description: str, total: int) -> Iterator[Advance]:  # noqa: ARG002
        """A stage nobody sees."""
        yield lambda _items: None


SILENT = Silent()


def steps_of(advance: Advance) -> Callable[[int, int], None]:
    """An ``on_progress(done, total)`` callback that feeds an ``advance(items)`` one."""
    seen = 0

    def on_progress(done: int, total: int) -> None:  # noqa: ARG001
        nonlocal seen
        advance(done - seen)
        seen = done

    return on_progress
