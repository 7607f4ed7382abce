"""Files of a source: which of them may be images, which are tables that lie beside."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from echomine.archive.safe_names import stored_path
from echomine.domain.errors import UsageError

REPORT_TABLES = ("reports.jsonl", "reports.csv")
PAIRS, VIEWS = "pairs.csv", "views.csv"
NO_IMAGES = frozenset(
    {".csv", ".html", ".ini", ".json", ".jsonl", ".log", ".md", ".ndjson", ".parquet", ".pdf", ".py"}
    | {".rst", ".toml", ".tsv", ".txt", ".xml", ".yaml", ".yml", ".sealed", ".key", ".sqlite"}
)
"""Suffixes of files that lie beside images; they are counted and not read."""
REPORT_SUFFIXES = frozenset({".txt", ".csv", ".jsonl", ".ndjson"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file that may be an image.

    Attributes:
        path: Where it is.
        relative_path: Its stored path below the source.
        mark: Its size and time of change; ``""`` when it cannot be looked at.
    """

    path: Path
    relative_path: str
    mark: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source directory, listed.

    Attributes:
        root: The directory.
        files: What may be images, in order of path.
        reports, pairs, views: Tables that lie in the root.
        ignored: Number of other files.
    """

    root: Path
    files: tuple[SourceFile, ...] = ()
    reports: tuple[Path, ...] = ()
    pairs: Path | None = None
    views: Path | None = None
    ignored: int = 0


def list_source(path: Path) -> Source:
    """What a directory (with all below) or a single file holds. Links to directories are not followed.

    A directory of ``.txt`` files and no images is a source of reports; hidden files are left out.

    Raises:
        UsageError: If there is nothing at the path, or it cannot be listed.
    """
    if path.is_file():
        return _single_file(path)
    if not path.is_dir():
        raise UsageError(f"there is no source {path}; name a directory or a file")
    if not os.access(path, os.R_OK | os.X_OK):
        raise UsageError(f"the source {path} cannot be read; give this user read access")
    images: list[SourceFile] = []
    texts = others = 0
    for entry in _walk(path):
        suffix = entry.suffix.lower()
        if suffix not in NO_IMAGES:
            images.append(_source_file(path, entry))
        texts += suffix == ".txt"
        others += suffix in NO_IMAGES
    tables = tuple(path / name for name in REPORT_TABLES if (path / name).is_file())
    return Source(
        root=path,
        files=tuple(images),
        reports=tables or ((path,) if texts and not images else ()),
        pairs=_present(path / PAIRS),
        views=_present(path / VIEWS),
        ignored=others,
    )


def _single_file(path: Path) -> Source:
    if path.suffix.lower() in REPORT_SUFFIXES:
        return Source(root=path.parent, reports=(path,))
    return Source(root=path.parent, files=(_source_file(path.parent, path),))


def _walk(root: Path) -> Iterator[Path]:
    """All files below a directory, and the directories that cannot be listed: reading those says why."""
    closed: list[Path] = []
    for folder, names, files in os.walk(root, onerror=lambda error: closed.append(Path(error.filename))):
        names[:] = sorted(name for name in names if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(files) if not name.startswith("."))
    yield from closed


def _source_file(root: Path, path: Path) -> SourceFile:
    try:
        status = path.stat()
        mark = f"{status.st_size}-{status.st_mtime_ns}"
    except OSError:
        mark = ""
    return SourceFile(path=path, relative_path=stored_path(path.relative_to(root)), mark=mark)


def _present(path: Path) -> Path | None:
    return path if path.is_file() else None
