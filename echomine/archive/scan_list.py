"""The list of scans of an archive: ``scans.csv`` with kind, study_uid, patient, files, masks."""

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from echomine.archive.text_decoding import decode_text
from echomine.domain.errors import ItemError, UsageError

COLUMNS = ("kind", "study_uid", "patient", "files", "masks")
KINDS = ("mr", "echo", "calcium")
SEPARATOR = ";"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedScan:
    """One row.

    Attributes:
        line: Of the list, counted from 1.
        kind: ``mr``, ``echo`` or ``calcium``.
        study_uid, patient: Of the exam, ``""`` when unknown; the patient as the source names him.
        files: MR: a cine stack, or end diastole and end systole. Echo: the clip of the four-chamber view, then that of
            the two-chamber one; or pictures, end diastole and end systole of each view. Calcium: a folder of slices or
            a volume.
        masks: To be measured instead of the networks' own.
        problem: What the row lacks, one sentence; ``""`` when it can be used.
    """

    line: int
    kind: str
    study_uid: str
    patient: str
    files: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    problem: str = ""


def read_scan_list(path: Path) -> tuple[ListedScan, ...]:
    """The rows of a list, also those that name no file or an unknown kind; paths are relative to its folder.

    Raises:
        UsageError: If the file is not there, is no table, or a column is missing.
    """
    if not path.is_file():
        raise UsageError(f"there is no list of scans {path}")
    try:
        reader = csv.DictReader(io.StringIO(decode_text(path.read_bytes()).text, newline=""))
        missing = [name for name in ("kind", "files") if name not in (reader.fieldnames or ())]
        if missing:
            raise UsageError(f"{path.name} needs the columns {', '.join(COLUMNS)}; missing are {', '.join(missing)}")
        return tuple(_row(reader.line_num, row, path) for row in reader)
    except (ItemError, csv.Error, OSError) as error:
        raise UsageError(f"{path.name} is no list of scans: {error}") from error


def scan_digest(scan: ListedScan) -> str:
    """``scan-`` and a digest of kind and content of all files; a file that is missing counts by its name."""
    digest = hashlib.sha256(scan.kind.encode())
    for path in _all_files((*scan.files, *scan.masks)):
        digest.update(path.name.encode())
        if path.is_file():
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return f"scan-{digest.hexdigest()[:32]}"


def _all_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(one for one in path.iterdir() if one.is_file()) if path.is_dir() else (path,)


def _row(number: int, row: dict[str, str | None], path: Path) -> ListedScan:
    kind = (row.get("kind") or "").strip().lower()
    files = _paths(row.get("files"), path.parent)
    usable = kind in KINDS and bool(files)
    return ListedScan(
        line=number,
        kind=kind,
        study_uid=(row.get("study_uid") or "").strip(),
        patient=(row.get("patient") or "").strip(),
        files=files,
        masks=_paths(row.get("masks"), path.parent),
        problem="" if usable else f"a row needs a kind of {', '.join(KINDS)}, and one or more files",
    )


def _paths(text: str | None, folder: Path) -> tuple[Path, ...]:
    return tuple(folder / part.strip() for part in (text or "").split(SEPARATOR) if part.strip())
