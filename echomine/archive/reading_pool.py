"""Processes that work on files while this one computes: decoding is Python's own work, so threads would not do.

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
from typing import IO, ClassVar, Protocol, TypeVar

from echomine.archive.side_process import READY
from echomine.archive.spectral_files import ImageFile
from echomine.domain.errors import ItemError, Reason

MOST_PROCESSES = 4
"""More of them read faster than one process labels."""
_ROOT = str(Path(__file__).parents[2])
_PATIENCE_S = 5.0
_CRASHED = "its decoder crashed; export it uncompressed"
AnswerT = TypeVar("AnswerT")


class FileWork(Protocol[AnswerT]):
    """What is done with files: here, or in a process of its module, which calls :func:`side_process.run`."""

    module: ClassVar[str]

    def here(self, file: ImageFile) -> AnswerT:
        """The answer on a file, worked out in this process; it raises nothing."""
        ...

    def crashed(self, problem: ItemError) -> AnswerT:
        """The answer on a file that brings a process down."""
        ...

    def question(self, files: Sequence[ImageFile]) -> bytes:
        """The message that asks for files."""
        ...

    def answers(self, stream: IO[bytes]) -> list[AnswerT]:
        """The answers to one question; EOFError if the other process is gone."""
        ...


def processors() -> int:
    """How many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not everywhere
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def reading_processes() -> int:
    """How many processes read beside this one: one for each further processor, up to ``MOST_PROCESSES``."""
    return min(processors() - 1, MOST_PROCESSES)


class ReadingPool:
    """Some processes of one module, each started with its first work and alive until :meth:`close`.

    Args:
        processes: How many, 1 or more.
        module: Of the work that they are asked for.
    """

    def __init__(self, processes: int, module: str) -> None:
        self._module = module
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="reading")
        self._own = threading.local()
        self._started: list[ReadingProcess] = []
        self._is_usable = True

    def submit(self, files: Sequence[ImageFile], work: FileWork[AnswerT]) -> "Future[list[AnswerT]]":
        """The answers on some files, in their order, when they are there."""
        return self._threads.submit(self._answers, files, work)

    def close(self) -> None:
        """Ends the processes once their work is done."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in self._started:
            process.end()

    def _answers(self, files: Sequence[ImageFile], work: FileWork[AnswerT]) -> list[AnswerT]:
        try:
            return self._process().ask(files, work) if self._is_usable else [work.here(one) for one in files]
        except ProcessGoneError as gone:
            self._own.process = None
            self._is_usable &= gone.was_ready  # one that never came up says nothing about the files
        if self._is_usable and len(files) == 1:
            return [work.crashed(ItemError(Reason.UNDECODABLE, _CRASHED))]
        return [answer for one in files for answer in self._answers([one], work)]

    def _process(self) -> "ReadingProcess":
        process: ReadingProcess | None = getattr(self._own, "process", None)
        if process is None:
            process = self._own.process = ReadingProcess(self._module)
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

    def __init__(self, module: str) -> None:
        paths = [_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self._ready = False
        try:
            self._process = subprocess.Popen(  # noqa: S603  nothing of it comes from outside
                [sys.executable, "-P", "-m", module, str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # decoders print values of the file
                env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            )
        except OSError as error:
            raise ProcessGoneError(was_ready=False) from error

    def ask(self, files: Sequence[ImageFile], work: FileWork[AnswerT]) -> list[AnswerT]:
        """The answers on some files.

        Raises:
            ProcessGoneError: If the process is gone.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            if not self._ready:
                self._ready = self._process.stdout.readline() == READY
            self._process.stdin.write(work.question(files))
            self._process.stdin.flush()
            return work.answers(self._process.stdout)
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


@lru_cache(maxsize=4)
def _pool_of(_process_id: int, module: str) -> ReadingPool:
    pool = ReadingPool(max(1, reading_processes()), module)
    atexit.register(pool.close)
    return pool


def shared_pool(module: str) -> ReadingPool:
    """The pool of this process for the work of a module: of its own even after a fork."""
    return _pool_of(os.getpid(), module)
