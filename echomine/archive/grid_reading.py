"""Displays of the catalog read from their files onto the physical grid, and measured there if wanted.

Here, or in a process that does only that.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.archive.side_process import file_document, file_of, message, received, run
from echomine.archive.spectral_files import ImageFile, read_known_display
from echomine.domain.errors import ItemError, Reason
from echomine.doppler.display import PhysicalGrid, ScaleGuess, resample_bytes
from echomine.doppler.display_numbers import NUMBERS, display_numbers

Gridded: TypeAlias = NDArray[np.uint8]
"""(1, rows, columns), 0..255."""
Numbers: TypeAlias = NDArray[np.float32]
"""(numbers,) as :func:`doppler.display_numbers.display_numbers` gives them."""


@dataclass(frozen=True, slots=True, eq=False)
class OnGrid:
    """A display on the grid.

    Attributes:
        pixels: The display.
        numbers: What is measured on it; None where that was not wanted.
    """

    pixels: Gridded
    numbers: Numbers | None = None


Answer: TypeAlias = OnGrid | ItemError
"""A display, or why there is none."""


@dataclass(frozen=True, slots=True)
class GridReading:
    """Reading displays onto a grid, as work for a :class:`reading_pool.ReadingPool`.

    Attributes:
        grid: The grid.
        measured: Whether to measure each display too.
    """

    module: ClassVar[str] = "echomine.archive.grid_reading"
    grid: PhysicalGrid
    measured: bool = False

    def here(self, file: ImageFile) -> Answer:
        """The display on the grid; whatever is wrong with its file is the answer too."""
        return read_on_grid(file, self.grid, measured=self.measured)

    def crashed(self, problem: ItemError) -> Answer:
        """The answer on a file that brought the process down."""
        return problem

    def question(self, files: Sequence[ImageFile]) -> bytes:
        """The message that asks for files."""
        wanted = {"grid": asdict(self.grid), "measured": self.measured}
        return message(wanted | {"files": [file_document(one) for one in files]})

    def answers(self, stream: IO[bytes]) -> list[Answer]:
        """The answers to one question.

        Raises:
            EOFError: If the other process is gone.
        """
        header, data = received(stream)
        count = header.count(None)
        size = count * self.grid.rows * self.grid.columns
        pixels = np.frombuffer(data[:size], dtype=np.uint8).reshape(count, 1, self.grid.rows, self.grid.columns)
        numbers = np.frombuffer(data[size:], dtype=np.float32).reshape(-1, len(NUMBERS))
        displays = iter(map(OnGrid, pixels, numbers if self.measured else [None] * count))
        return [next(displays) if problem is None else ItemError(Reason(problem[0]), problem[1]) for problem in header]


def read_on_grid(file: ImageFile, grid: PhysicalGrid, *, measured: bool = False) -> Answer:
    """The display on the grid; whatever is wrong with its file is the answer too."""
    try:
        pixels = resample_bytes(read_known_display(file), grid)
        return OnGrid(pixels, display_numbers(pixels[0], grid) if measured else None)
    except ItemError as error:
        return error
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return ItemError(Reason.FAILED, f"reading it failed ({type(error).__name__}); please report this")


def _answer(asked: dict[str, Any]) -> bytes:
    guess = ScaleGuess(**asked["grid"].pop("guess"))
    grid = PhysicalGrid(**asked["grid"], guess=guess)
    found = [read_on_grid(file_of(one), grid, measured=asked["measured"]) for one in asked["files"]]
    problems = [(one.reason.value, str(one)) if isinstance(one, ItemError) else None for one in found]
    good = [one for one in found if isinstance(one, OnGrid)]
    numbers = (one.numbers.tobytes() for one in good if one.numbers is not None)
    return message(problems, *(one.pixels.tobytes() for one in good), *numbers)


def main() -> None:
    """Be a process that reads for another."""
    run(_answer)


if __name__ == "__main__":
    main()
