"""Silence while foreign files are read: decoders warn with values of the file in the text, names among them."""

import logging
import threading
import warnings
from types import TracebackType
from typing import Self

NIBABEL = logging.getLogger("nibabel.global")
"""Writes to the screen by itself what it finds odd in a header; we say what is wrong with a file ourselves."""


class QuietReading:
    """Ignores warnings and nibabel's log while any thread is inside; the last one that leaves lets them through again.

    ``warnings.catch_warnings`` alone would mix up the filters when threads overlap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._level = NIBABEL.level
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> Self:
        """Silences warnings."""
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
                self._level = NIBABEL.level
                NIBABEL.setLevel(logging.CRITICAL + 1)
            self._inside += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets them through again once nobody reads."""
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(kind, value, trace)
                NIBABEL.setLevel(self._level)


QUIET = QuietReading()
