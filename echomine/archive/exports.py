"""Labels as files: JSON lines, CSV, Parquet, or a folder of pictures that ``datasets`` loads.

A row has the columns of :data:`COLUMNS`, whatever the format; CSV holds the evidence as JSON.
"""

import csv
import io
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from echomine.archive.durable_files import replace_file, sync_directory, workspace_error
from echomine.archive.rows import evidence_document
from echomine.domain.errors import UsageError
from echomine.domain.records import ImageRecord, Label
from echomine.domain.vocabulary import Split
from echomine.doppler.display import Pixels

COLUMNS = (
    "sop_uid",
    "study_uid",
    "patient",
    "source",
    "valve",
    "disease",
    "severity_low",
    "severity_high",
    "assertion",
    "confidence",
    "abstained",
    "evidence",
    "run",
    "split",
)
_EVIDENCE_PARTS = ("kind", "reference", "score", "span", "note")
_ROWS_AT_ONCE = 2000

ExportRow = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledPicture:
    """One image of an image folder.

    Attributes:
        record: The image.
        png: Its display, cropped, as a PNG file.
        rows: Its labels.
        split: The part its patient belongs to.
    """

    record: ImageRecord
    png: bytes
    rows: tuple[ExportRow, ...]
    split: Split


def export_row(label: Label, split: Split) -> ExportRow:
    """One label as a row of plain values, the columns in their order."""
    return {
        "sop_uid": label.image_id,
        "study_uid": label.study_uid,
        "patient": label.patient,
        "source": label.source.value,
        "valve": label.valve.value,
        "disease": label.disease.value,
        "severity_low": label.severity.low.word,
        "severity_high": label.severity.high.word,
        "assertion": label.assertion.value,
        "confidence": round(label.confidence, 6),
        "abstained": label.abstained,
        "evidence": [_whole_evidence(evidence_document(piece)) for piece in label.evidence],
        "run": label.run,
        "split": split.value,
    }


def _whole_evidence(document: Mapping[str, Any]) -> dict[str, Any]:
    """Evidence with every part named, so that tables of it have one type."""
    return {part: document.get(part, "" if part == "note" else None) for part in _EVIDENCE_PARTS}


def check_free(out: Path) -> None:
    """Refuses a place that is taken.

    Raises:
        UsageError: If something is there already.
    """
    if out.exists() or out.is_symlink():
        raise UsageError(f"{out} is there already; name a new file or folder, or remove it first")


def write_jsonl(out: Path, rows: Iterable[ExportRow]) -> None:
    """One JSON object a line, UTF-8; whole or not at all.

    Raises:
        WorkspaceError: If the disk is full or read-only.
    """
    with _beside(out) as part, part.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def write_csv(out: Path, rows: Iterable[ExportRow]) -> None:
    """A table with a header, evidence as JSON; whole or not at all.

    Raises:
        WorkspaceError: If the disk is full or read-only.
    """
    with _beside(out) as part, part.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"evidence": json.dumps(row["evidence"])} for row in rows)


def write_parquet(out: Path, rows: Iterable[ExportRow]) -> None:
    """A Parquet table with nested evidence; whole or not at all.

    Raises:
        WorkspaceError: If the disk is full or read-only.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = _arrow_schema()
    with _beside(out) as part, pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for batch in _batches(rows):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))


WRITERS: dict[str, Callable[[Path, Iterable[ExportRow]], None]] = {
    "jsonl": write_jsonl,
    "csv": write_csv,
    "parquet": write_parquet,
}
"""Format to writer, for formats of one file."""


def write_image_folder(out: Path, pictures: Iterable[LabelledPicture], card: Callable[[], str]) -> None:
    """A folder that ``datasets.load_dataset("imagefolder", data_dir=...)`` reads; whole or not at all.

        out/README.md
        out/train/metadata.jsonl, out/train/<image id>.png, and so on for validation and test

    One line of metadata is one image with the list of its labels.

    Args:
        out: Folder to make.
        pictures: Images in order.
        card: Gives the text of the README once all pictures are written.

    Raises:
        WorkspaceError: If the disk is full or read-only.
    """
    with _beside(out) as part:
        part.mkdir()
        for picture in pictures:
            _write_picture(part / picture.split.value, picture)
        (part / "README.md").write_text(card(), encoding="utf-8")


def write_card(out: Path, text: str) -> None:
    """The data card as a file of its own; whole or not at all.

    Raises:
        WorkspaceError: If the disk is full or read-only.
    """
    try:
        replace_file(out, text.encode())
    except OSError as error:
        raise workspace_error(error, doing=f"write {out}") from error


def png_of(pixels: Pixels) -> bytes:
    """A display as a PNG file, without loss; fast rather than small."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, format="PNG", compress_level=1)
    return encoded.getvalue()


def _write_picture(folder: Path, picture: LabelledPicture) -> None:
    folder.mkdir(exist_ok=True)
    name = f"{picture.record.image_id}.png"
    (folder / name).write_bytes(picture.png)
    with (folder / "metadata.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(_metadata(name, picture), ensure_ascii=False) + "\n")


def _metadata(name: str, picture: LabelledPicture) -> dict[str, Any]:
    record, scale = picture.record, picture.record.calibration
    shared = ("sop_uid", "study_uid", "patient", "split")
    return {
        "file_name": name,
        "sop_uid": record.image_id,
        "study_uid": record.study_uid,
        "patient": record.patient,
        "mode": record.mode.value,
        "mps_per_px": scale.mps_per_px if scale else None,
        "baseline_y": scale.baseline_y if scale else None,
        "s_per_px": scale.s_per_px if scale else None,
        "labels": [{key: row[key] for key in row if key not in shared} for row in picture.rows],
    }


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A place beside ``out``; renamed to it at the end, removed when something fails."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove(part)
        yield part
        _sync(part)
        part.rename(out)
        sync_directory(out.parent)
    except OSError as error:
        raise workspace_error(error, doing=f"write {out}") from error
    finally:
        _remove(part)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Waits until the disk has a file, or the tables of a folder."""
    files = [path] if path.is_file() else [*path.rglob("metadata.jsonl"), *path.glob("README.md")]
    for file in files:
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())


def _batches(rows: Iterable[ExportRow]) -> Iterator[list[ExportRow]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, _ROWS_AT_ONCE)):
        yield batch


def _arrow_schema() -> Any:  # noqa: ANN401 - pyarrow is imported where it is used
    import pyarrow as pa

    evidence = pa.struct(
        [
            ("kind", pa.string()),
            ("reference", pa.string()),
            ("score", pa.float64()),
            ("span", pa.list_(pa.int64())),
            ("note", pa.string()),
        ]
    )
    kinds = {"confidence": pa.float64(), "abstained": pa.bool_(), "evidence": pa.list_(evidence)}
    return pa.schema([(name, kinds.get(name, pa.string())) for name in COLUMNS])
