"""Files that are either there whole or not at all."""

import os
from pathlib import Path

from echomine.domain.errors import WorkspaceError


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file beside its place, flush it to disk, then rename it into place.

    Raises:
        WorkspaceError: If the folder cannot be written or the disk is full; the old file, if any, stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WorkspaceError(f"{path} cannot be written: {error.strerror}; choose another place") from error
