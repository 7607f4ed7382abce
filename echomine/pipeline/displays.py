"""Displays of the catalog on the physical grid."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from echomine.archive.grid_reading import Answer, Gridded, GridReading, Numbers
from echomine.archive.spectral_files import ImageFile, SpectralFile
from echomine.domain.errors import ItemError
from echomine.doppler.display import PhysicalGrid, resample_bytes
from echomine.pipeline.read_ahead import answered


@dataclass(frozen=True, slots=True)
class GriddedDisplay:
    """One image of the catalog, read and resampled, or what was wrong with it.

    Attributes:
        file: The image.
        pixels: (1, rows, columns) uint8; None when it could not be read.
        numbers: What is measured on it, where that was wanted.
        problem: Why, when it could not be read.
    """

    file: ImageFile
    pixels: Gridded | None
    numbers: Numbers | None = None
    problem: ItemError | None = None


def on_grid(spectral: SpectralFile, grid: PhysicalGrid) -> Gridded:
    """A display on the grid as (1, rows, columns) uint8."""
    return resample_bytes(spectral.display, grid)


def gridded_displays(
    files: Iterable[ImageFile], grid: PhysicalGrid, *, measured: bool = False
) -> Iterator[GriddedDisplay]:
    """The displays in the order given, from this process and, where they are many, from others beside it."""
    return (_display(file, answer) for file, answer in answered(files, GridReading(grid, measured=measured)))


def _display(file: ImageFile, answer: Answer) -> GriddedDisplay:
    if isinstance(answer, ItemError):
        return GriddedDisplay(file, None, problem=answer)
    return GriddedDisplay(file, answer.pixels, answer.numbers)
