"""Writing that survives a kill: beside, synced, renamed."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from echomine.domain.errors import WorkspaceError


def write_durably(path: Path, data: bytes) -> None:
    """Writes a file and waits until the disk has it."""
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Puts a file in place as a whole: readers see the old content or the new."""
    with _in_place_of(path) as stream:
        stream.write(data)


def write_bytes(path: Path, data: bytes) -> None:
    """Writes a file for the user, its folder too where needed, whole or not at all.

    Raises:
        WorkspaceError: If the folder cannot be written or the disk is full; the old file, if any, stays.
    """
    write_chunks(path, (data,))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Writes lines of text as UTF-8 in the same way; they are taken one by one.

    Raises:
        WorkspaceError: As :func:`write_bytes`.
    """
    write_chunks(path, (line.encode("utf-8", "replace") + b"\n" for line in lines))


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Writes pieces of a file in the same way; they are taken one by one.

    Raises:
        WorkspaceError: As :func:`write_bytes`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _in_place_of(path) as stream:
            stream.writelines(chunks)
    except OSError as error:
        raise workspace_error(error, doing=f"write {path}") from error


@contextmanager
def _in_place_of(path: Path) -> Iterator[BinaryIO]:
    """A stream beside a file that takes its place once everything is on disk."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
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
    otherwise = f"{(error.strerror or 'the disk refuses').lower()}: choose another place"
    return WorkspaceError(f"cannot {doing}, {remedies.get(error.errno, otherwise)}")
