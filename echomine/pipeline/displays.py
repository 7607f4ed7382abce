"""Displays of the catalog read from their files onto the physical grid, a few at a time."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.archive.image_table import ImageFile
from echomine.archive.spectral_files import (
    SpectralFile,
    known_display,
    read_known_bytes,
    read_spectral_file,
)
from echomine.domain.errors import ItemError, Reason
from echomine.doppler.display import PhysicalGrid, resample_bytes

Gridded = NDArray[np.uint8]
"""(1, rows, columns), 0..255."""

READERS = 2
AHEAD = 4
"""Files that wait in memory, each at most as large as the reading limit."""


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


def read_unchanged(file: ImageFile) -> SpectralFile:
    """The display of a catalogued image.

    Raises:
        ItemError: If it cannot be read, or its content is not what was taken in.
    """
    spectral = read_spectral_file(file.path)
    if spectral.content_sha256 != file.record.content_sha256:
        raise ItemError(Reason.SOURCE_CHANGED, "its content changed since it was taken in; ingest its source again")
    return spectral


def gridded_displays(files: Iterable[ImageFile], grid: PhysicalGrid) -> Iterator[GriddedDisplay]:
    """The displays in the order given.

    Threads fetch and hash the next ``AHEAD`` files. They do not decode: that is Python's own work, and threads that
    wait for the interpreter slow the network down more than they help.
    """
    waiting: deque[tuple[ImageFile, Future[bytes]]] = deque()
    with ThreadPoolExecutor(READERS) as pool:
        for file in files:
            waiting.append((file, pool.submit(read_known_bytes, file.path, file.record)))
            if len(waiting) > AHEAD:
                yield _gridded(*waiting.popleft(), grid)
        while waiting:
            yield _gridded(*waiting.popleft(), grid)


def _gridded(file: ImageFile, fetched: Future[bytes], grid: PhysicalGrid) -> GriddedDisplay:
    try:
        return GriddedDisplay(file, resample_bytes(known_display(fetched.result(), file.record), grid))
    except ItemError as error:
        return GriddedDisplay(file, None, error)
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        failed = ItemError(Reason.FAILED, f"reading it failed ({type(error).__name__}); please report this")
        return GriddedDisplay(file, None, failed)
