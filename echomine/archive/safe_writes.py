"""Files that are either there whole or not at all."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from echomine.domain.errors import WorkspaceError


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to disk, then rename it into place.

    Raises:
        WorkspaceError: If the folder cannot be written or the disk is full; the old file, if any, stays.
    """
    with _beside(path) as stream:
        stream.write(data)


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write lines of text as UTF-8 in the same way; they are taken one by one.

    Raises:
        WorkspaceError: If the folder cannot be written or the disk is full; the old file, if any, stays.
    """
    with _beside(path) as stream:
        for line in lines:
            stream.write(line.encode("utf-8", "replace") + b"\n")


@contextmanager
def _beside(path: Path) -> Iterator[BinaryIO]:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}; choose another place") from error
    finally:
        beside.unlink(missing_ok=True)
