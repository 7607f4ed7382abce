"""Work on many files, by this process and, where they are many, by others beside it."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from typing import Generic, TypeVar

from threadpoolctl import threadpool_limits

from echomine.archive.reading_pool import FileWork, ReadingPool, processors, reading_processes, shared_pool
from echomine.archive.spectral_files import ImageFile

AnswerT = TypeVar("AnswerT")

FEW = 64
"""Up to so many files are read here: they are done before another process has come up."""
CHUNK = 16
AHEAD = 8
"""Chunks that are read ahead; their answers wait in memory."""


def answered(files: Iterable[ImageFile], work: FileWork[AnswerT]) -> Iterator[tuple[ImageFile, AnswerT]]:
    """Each file with its answer, in the order given; answers do not depend on who worked them out.

    While other processes work too, numerical libraries use the processors that those leave in this one: threads of
    theirs that wait by spinning would keep the others from work.
    """
    stream = iter(files)
    first = list(islice(stream, FEW))
    everything = chain(first, stream)
    if len(first) < FEW or reading_processes() < 1:
        return ((file, work.here(file)) for file in everything)
    return _ahead(everything, work, shared_pool(work.module))


def _ahead(
    files: Iterator[ImageFile], work: FileWork[AnswerT], pool: ReadingPool
) -> Iterator[tuple[ImageFile, AnswerT]]:
    waiting: deque[_Chunk[AnswerT]] = deque()
    own_threads = threadpool_limits(max(1, processors() - reading_processes()))
    try:
        while chunk := list(islice(files, CHUNK)):
            waiting.append(_Chunk(chunk, work, pool))
            if len(waiting) > AHEAD:
                yield from _first_of(waiting)
        while waiting:
            yield from _first_of(waiting)
    finally:
        own_threads.restore_original_limits()
        for one in waiting:
            one.future.cancel()


def _first_of(waiting: "deque[_Chunk[AnswerT]]") -> Iterator[tuple[ImageFile, AnswerT]]:
    """The answers on the first chunk; until they are there, chunks that nobody has begun are worked on here."""
    first = waiting.popleft()
    first.take_over()
    for later in waiting:
        if first.future.done():
            break
        later.take_over()
    return zip(first.files, first.future.result(), strict=True)


class _Chunk(Generic[AnswerT]):
    """Some files that another process is asked to work on."""

    def __init__(self, files: list[ImageFile], work: FileWork[AnswerT], pool: ReadingPool) -> None:
        self.files = files
        self._work = work
        self.future: Future[list[AnswerT]] = pool.submit(files, work)

    def take_over(self) -> None:
        """Works on the files here if nobody has begun to."""
        if self.future.cancel():
            self.future = Future()
            self.future.set_result([self._work.here(file) for file in self.files])
