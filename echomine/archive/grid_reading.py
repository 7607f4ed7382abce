"""Displays of the catalog read from their files onto the physical grid, here or in a process that does only that.

``python -m echomine.archive.grid_reading PID`` is such a process: it is asked on stdin, answers on stdout, and ends
when stdin does, so that nothing is left of it when the process that started it is killed. See :mod:`reading_pool`.
"""

import json
import os
import select
import signal
import struct
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.archive.spectral_files import ImageFile, read_known_display
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import Calibration, ImageRecord
from echomine.domain.vocabulary import CalibrationSource, DopplerMode
from echomine.doppler.display import PhysicalGrid, ScaleGuess, resample_bytes

Gridded: TypeAlias = NDArray[np.uint8]
"""(1, rows, columns), 0..255."""
Answer: TypeAlias = Gridded | ItemError
"""A display, or why there is none."""

READY = b"ready\n"
_LENGTHS = struct.Struct("<II")
_PARENT_CHECK_S = 5.0


def read_on_grid(file: ImageFile, grid: PhysicalGrid) -> Answer:
    """The display on the grid; whatever is wrong with its file is the answer too."""
    try:
        return resample_bytes(read_known_display(file), grid)
    except ItemError as error:
        return error
    except Exception as error:  # noqa: BLE001  one bad file never stops a batch
        return ItemError(Reason.FAILED, f"reading it failed ({type(error).__name__}); please report this")


def question(files: Sequence[ImageFile], grid: PhysicalGrid) -> bytes:
    """The message that asks for files."""
    return _message({"grid": asdict(grid), "files": [_document(one) for one in files]})


def answers(stream: IO[bytes], grid: PhysicalGrid) -> list[Answer]:
    """The answers to one question.

    Raises:
        EOFError: If the other process is gone.
    """
    header, pixels = _received(stream)
    shape = (1, grid.rows, grid.columns)
    displays = iter(np.frombuffer(pixels, dtype=np.uint8).reshape(-1, *shape))
    return [next(displays) if problem is None else ItemError(Reason(problem[0]), problem[1]) for problem in header]


def _answer(asked: dict[str, Any]) -> bytes:
    guess = ScaleGuess(**asked["grid"].pop("guess"))
    grid = PhysicalGrid(**asked["grid"], guess=guess)
    found = [read_on_grid(_file(one), grid) for one in asked["files"]]
    problems = [(one.reason.value, str(one)) if isinstance(one, ItemError) else None for one in found]
    return _message(problems, *(one.tobytes() for one in found if not isinstance(one, ItemError)))


def _document(file: ImageFile) -> dict[str, Any]:
    record = file.record
    scale = record.calibration
    return {
        "path": str(file.path),
        "sha256": record.content_sha256,
        "box": record.box,
        "mode": record.mode.value,
        "scale": scale and asdict(scale),
    }


def _file(document: dict[str, Any]) -> ImageFile:
    scale = document["scale"]
    x0, y0, x1, y1 = document["box"]
    record = ImageRecord(
        image_id="",
        content_sha256=document["sha256"],
        mode=DopplerMode(document["mode"]),
        box=(x0, y0, x1, y1),
        calibration=scale and Calibration(**scale | {"source": CalibrationSource(scale["source"])}),
    )
    return ImageFile(path=Path(document["path"]), record=record)


def _message(document: object, *parts: bytes) -> bytes:
    header, payload = json.dumps(document).encode("ascii"), b"".join(parts)
    return _LENGTHS.pack(len(header), len(payload)) + header + payload


def _received(stream: IO[bytes]) -> tuple[Any, bytes]:
    sizes = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    header, payload = (_exactly(stream, size) for size in sizes)
    return json.loads(header), payload


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _serve(questions: IO[bytes], out: IO[bytes], parent: int) -> None:
    """Answers until the questions end, or the process that asks is gone without its pipe being closed."""
    out.write(READY)
    out.flush()
    while os.getppid() == parent:
        if select.select([questions], [], [], _PARENT_CHECK_S)[0]:
            out.write(_answer(_received(questions)[0]))
            out.flush()


def main() -> None:
    """Answer on what was stdout; whatever a decoder prints goes to stderr instead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one who asks decides when to stop
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        _serve(sys.stdin.buffer, out, int(sys.argv[1]))
    except (EOFError, BrokenPipeError):
        os._exit(0)  # without the flush of a broken pipe


if __name__ == "__main__":
    main()
