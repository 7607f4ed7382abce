"""Writing that survives a kill: beside, synced, renamed."""

import os
from pathlib import Path
from typing import Any

from echomine.domain.errors import WorkspaceError


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file and waits until the disk has it."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Puts a file in place as a whole: readers see the old content or the new."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write_durably(beside, data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Waits until the disk has the entries of a directory (nothing to do where directories cannot be opened)."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def workspace_error(error: OSError, *, doing: str) -> WorkspaceError:
    """The sentence for a disk that refuses; ``doing`` completes "cannot ..."."""
    import errno

    remedies: dict[Any, str] = {
        errno.ENOSPC: "the disk is full: free some space and run the same command again",
        errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
        errno.EROFS: "the disk is read-only: choose another --workspace",
        errno.EACCES: "permission denied: give this user write access, or choose another --workspace",
        errno.EPERM: "not permitted: give this user write access, or choose another --workspace",
    }
    return WorkspaceError(f"cannot {doing}, {remedies.get(error.errno, error.strerror or 'the disk refuses')}")
