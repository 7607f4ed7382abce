"""Processes that read displays while this one computes: decoding is Python's own work, so threads would not do.

A process that a decoder brings down takes no batch with it: its files are read again one by one in a new process, and
the one that brings that down too is a bad file.
"""

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from echomine.archive.grid_reading import READY, Answer, answers, question, read_on_grid
from echomine.archive.spectral_files import ImageFile
from echomine.domain.errors import ItemError, Reason
from echomine.doppler.display import PhysicalGrid

MOST_PROCESSES = 4
"""More of them read faster than one process labels."""
_MODULE = "echomine.archive.grid_reading"
_ROOT = str(Path(__file__).parents[2])
_PATIENCE_S = 5.0
_CRASHED = "its decoder crashed; export it uncompressed"


def reading_processes() -> int:
    """How many processes read beside this one: one for each further processor, up to ``MOST_PROCESSES``."""
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere
    processors = len(affinity(0)) if affinity else os.cpu_count() or 1
    return min(processors - 1, MOST_PROCESSES)


class ReadingPool:
    """Some reading processes, each started with its first work and alive until :meth:`close`.

    Args:
        processes: How many, 1 or more.
    """

    def __init__(self, processes: int) -> None:
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="reading")
        self._own = threading.local()
        self._started: list[ReadingProcess] = []
        self._is_usable = True

    def submit(self, files: Sequence[ImageFile], grid: PhysicalGrid) -> "Future[list[Answer]]":
        """The answers on some files, in their order, when they are there."""
        return self._threads.submit(self._read, files, grid)

    def close(self) -> None:
        """Ends the processes once their work is done."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in self._started:
            process.end()

    def _read(self, files: Sequence[ImageFile], grid: PhysicalGrid) -> list[Answer]:
        try:
            return self._process().ask(files, grid) if self._is_usable else [read_on_grid(one, grid) for one in files]
        except ProcessGoneError as gone:
            self._own.process = None
            self._is_usable &= gone.was_ready  # one that never came up says nothing about the files
        if self._is_usable and len(files) == 1:
            return [ItemError(Reason.UNDECODABLE, _CRASHED)]
        return [answer for one in files for answer in self._read([one], grid)]

    def _process(self) -> "ReadingProcess":
        process: ReadingProcess | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = ReadingProcess()
            self._started.append(process)
        return process


class ProcessGoneError(Exception):
    """A reading process ended or never came up.

    Attributes:
        was_ready: Whether it had come up.
    """

    def __init__(self, *, was_ready: bool) -> None:
        super().__init__("a reading process ended")
        self.was_ready = was_ready


class ReadingProcess:
    """One process; for one thread at a time.

    It finds the package where this one found it, and nothing in the current directory.
    """

    def __init__(self) -> None:
        paths = [_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self._ready = False
        try:
            self._process = subprocess.Popen(  # noqa: S603  nothing of it comes from outside
                [sys.executable, "-P", "-m", _MODULE, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders print values of the file
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            )
        except OSError as error:
            raise ProcessGoneError(was_ready=False) from error

    def ask(self, files: Sequence[ImageFile], grid: PhysicalGrid) -> list[Answer]:
        """The answers on some files.

        Raises:
            ProcessGoneError: If the process is gone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if not self._ready:
                self._ready = self._process.stdout.readline() == READY
            self._process.stdin.write(question(files, grid))
            self._process.stdin.flush()
            return answers(self._process.stdout, grid)
        except (OSError, EOFError) as error:
            self.end()
            raise ProcessGoneError(was_ready=self._ready) from error

    def end(self) -> None:
        """Ends it by ending its input, or by force when it does not listen."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@lru_cache(maxsize=1)
def _pool_of(_process_id: int) -> ReadingPool:
    pool = ReadingPool(max(1, reading_processes()))
    atexit.register(pool.close)
    return pool


def shared_pool() -> ReadingPool:
    """The pool of this process: of its own even after a fork."""
    return _pool_of(os.getpid())
