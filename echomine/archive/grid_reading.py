"""Displays of the catalog read from their files onto the physical grid, here or in a process that does only that."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import IO, Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.archive.side_process import file_document, file_of, message, received, run
from echomine.archive.spectral_files import ImageFile, read_known_display
from echomine.domain.errors import ItemError, Reason
from echomine.doppler.display import PhysicalGrid, ScaleGuess, resample_bytes

Gridded: TypeAlias = NDArray[np.uint8]
"""(1, rows, columns), 0..255."""
Answer: TypeAlias = Gridded | ItemError
"""A display, or why there is none."""


@dataclass(frozen=True, slots=True)
class GridReading:
    """Reading displays onto a grid, as work for a :class:`reading_pool.ReadingPool`."""

    module: ClassVar[str] = "echomine.archive.grid_reading"
    grid: PhysicalGrid

    def here(self, file: ImageFile) -> Answer:
        """The display on the grid; whatever is wrong with its file is the answer too."""
        return read_on_grid(file, self.grid)

    def crashed(self, problem: ItemError) -> Answer:
        """The answer on a file that brought the process down."""
        return problem

    def question(self, files: Sequence[ImageFile]) -> bytes:
        """The message that asks for files."""
        return message({"grid": asdict(self.grid), "files": [file_document(one) for one in files]})

    def answers(self, stream: IO[bytes]) -> list[Answer]:
        """The answers to one question.

        Raises:
            EOFError: If the other process is gone.
        """
        header, pixels = received(stream)
        displays = iter(np.frombuffer(pixels, dtype=np.uint8).reshape(-1, 1, self.grid.rows, self.grid.columns))
        return [next(displays) if problem is None else ItemError(Reason(problem[0]), problem[1]) for problem in header]


def read_on_grid(file: ImageFile, grid: PhysicalGrid) -> Answer:
    """The display on the grid; whatever is wrong with its file is the answer too."""
    try:
        return resample_bytes(read_known_display(file), grid)
    except ItemError as error:
        return error
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return ItemError(Reason.FAILED, f"reading it failed ({type(error).__name__}); please report this")


def _answer(asked: dict[str, Any]) -> bytes:
    guess = ScaleGuess(**asked["grid"].pop("guess"))
    grid = PhysicalGrid(**asked["grid"], guess=guess)
    found = [read_on_grid(file_of(one), grid) for one in asked["files"]]
    problems = [(one.reason.value, str(one)) if isinstance(one, ItemError) else None for one in found]
    return message(problems, *(one.tobytes() for one in found if not isinstance(one, ItemError)))


def main() -> None:
    """Be a process that reads for another."""
    run(_answer)


if __name__ == "__main__":
    main()
