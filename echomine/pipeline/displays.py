"""Displays of the catalog on the physical grid, read ahead by other processes."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import chain, islice

from echomine.archive.grid_reading import Answer, Gridded, read_on_grid
from echomine.archive.reading_pool import ReadingPool, reading_processes, shared_pool
from echomine.archive.spectral_files import ImageFile, SpectralFile
from echomine.domain.errors import ItemError
from echomine.doppler.display import PhysicalGrid, resample_bytes

FEW = 64
"""Up to so many files are read here: they are done before another process has come up."""
CHUNK = 16
AHEAD = 8
"""Chunks that are read ahead; their displays wait in memory."""


@dataclass(frozen=True, slots=True)
class GriddedDisplay:
    """One image of the catalog, read and resampled, or what was wrong with it.

    Attributes:
        file: The image.
        pixels: (1, rows, columns) uint8; None when it could not be read.
        problem: Why, when it could not be read.
    """

    file: ImageFile
    pixels: Gridded | None
    problem: ItemError | None = None


def on_grid(spectral: SpectralFile, grid: PhysicalGrid) -> Gridded:
    """A display on the grid as (1, rows, columns) uint8."""
    return resample_bytes(spectral.display, grid)


def gridded_displays(files: Iterable[ImageFile], grid: PhysicalGrid) -> Iterator[GriddedDisplay]:
    """The displays in the order given, from this process and, where they are many, from others beside it."""
    stream = iter(files)
    first = list(islice(stream, FEW))
    everything = chain(first, stream)
    if len(first) < FEW or reading_processes() < 1:
        return (_display(file, read_on_grid(file, grid)) for file in everything)
    return _read_ahead(everything, grid, shared_pool())


def _read_ahead(files: Iterator[ImageFile], grid: PhysicalGrid, pool: ReadingPool) -> Iterator[GriddedDisplay]:
    waiting: deque[_Chunk] = deque()
    try:
        while chunk := list(islice(files, CHUNK)):
            waiting.append(_Chunk(chunk, grid, pool))
            if len(waiting) > AHEAD:
                yield from _first_of(waiting)
        while waiting:
            yield from _first_of(waiting)
    finally:
        for one in waiting:
            one.future.cancel()


def _first_of(waiting: "deque[_Chunk]") -> Iterator[GriddedDisplay]:
    """The displays of the first chunk; until it is there, chunks that nobody has begun are read here."""
    first = waiting.popleft()
    first.take_over()
    for later in waiting:
        if first.future.done():
            break
        later.take_over()
    return map(_display, first.files, first.future.result())


class _Chunk:
    """Some files that another process is asked to read."""

    def __init__(self, files: list[ImageFile], grid: PhysicalGrid, pool: ReadingPool) -> None:
        self.files = files
        self._grid = grid
        self.future: Future[list[Answer]] = pool.submit(files, grid)

    def take_over(self) -> None:
        """Reads the files here if nobody has begun to."""
        if self.future.cancel():
            self.future = Future()
            self.future.set_result([read_on_grid(file, self._grid) for file in self.files])


def _display(file: ImageFile, answer: Answer) -> GriddedDisplay:
    if isinstance(answer, ItemError):
        return GriddedDisplay(file, None, answer)
    return GriddedDisplay(file, answer)
