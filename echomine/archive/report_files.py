"""Reports read from a folder of files, a CSV table, JSON lines, HL7 v2, FHIR, DICOM or PDF.

Fields of a table are ``text`` (needed), ``id``, ``study_uid``, ``patient`` and ``date``. What is wrong with one report
becomes an :class:`ItemProblem`, the others go on.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.report_dicom import dicom_row
from echomine.archive.report_fhir import fhir_rows, resource_rows
from echomine.archive.report_hl7 import hl7_rows
from echomine.archive.report_pdf import pdf_text
from echomine.archive.safe_names import is_uid, item_name, safe_uid, stored_path
from echomine.archive.source_images import ReadLimits
from echomine.archive.spectral_files import read_bounded
from echomine.archive.text_decoding import decode_text
from echomine.domain.errors import ItemError, Reason, UsageError

DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S")
TEXT_SUFFIXES = frozenset({".txt", ".text"})
TABLE_SUFFIXES = frozenset({".csv", ".jsonl", ".ndjson"})
DOCUMENT_SUFFIXES = frozenset({".hl7", ".json", ".dcm", ".pdf"})
"""HL7 v2 messages, FHIR resources, DICOM reports and PDF files: read whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportLimits:
    """Sizes above which reports are refused.

    Attributes:
        text_bytes: Bytes of one report; a long one has some ten thousand, but a patient's notes may be put into one.
        file_bytes: Bytes of one CSV table of reports; JSON lines are read one by one and may be longer.
        document_bytes: Bytes of one HL7, FHIR, DICOM or PDF file.
    """

    text_bytes: int = 16 * 1024**2
    file_bytes: int = 256 * 1024**2
    document_bytes: int = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportEntry:
    """One report as a source states it: identity in clear, for memory only.

    Attributes:
        name: What the source calls it; ``""`` when it has no name of its own.
        origin: Its place below the source, printable.
        text: Its text.
        study_uid: Made safe; ``""`` when unknown.
        patient_id: As stated; ``""`` when unknown.
        performed: Date, when stated in a form that has one meaning.
        note: How its encoding was guessed, or ``""``.
    """

    name: str = field(repr=False)
    origin: str
    text: str = field(repr=False)
    study_uid: str = ""
    patient_id: str = field(default="", repr=False)
    performed: date | None = None
    note: str = ""


def is_report_source(path: Path) -> bool:
    """Whether a file has the suffix of a table of reports, of a report text or of a document that may hold one."""
    return path.suffix.lower() in TABLE_SUFFIXES | TEXT_SUFFIXES | DOCUMENT_SUFFIXES


def read_reports(path: Path, *, limits: ReportLimits | None = None) -> Iterator[ReportEntry | ItemProblem]:
    """The reports of a ``.csv`` table, a ``.jsonl`` file, a document, or a folder of texts and documents, in order.

    A document is HL7 v2 (``.hl7``), FHIR R4 (``.json``; a line of ``.jsonl`` or ``.ndjson`` may be a resource too), a
    DICOM report (``.dcm``) or a ``.pdf``. Sound files of a folder that are no reports, images among them, are passed
    over. A text file or PDF whose name is a UID belongs to that exam.

    Raises:
        UsageError: If the path is none of these.
    """
    chosen = limits or ReportLimits()
    if path.is_dir():
        return _read_folder(path, chosen)
    if not path.is_file():
        raise UsageError(f"there is no file or folder {path}; name reports in a file or in a folder of .txt files")
    suffix = path.suffix.lower()
    readers = {".csv": _read_csv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl}
    if suffix in readers:
        return readers[suffix](path, chosen)
    if suffix in TEXT_SUFFIXES | DOCUMENT_SUFFIXES:
        return _read_one(path, stored_path(Path(path.name)), chosen)
    raise UsageError(
        f"reports come as .jsonl, .csv, .txt, .hl7, .json (FHIR), .dcm, .pdf or a folder of them, not as "
        f"{path.suffix or path}"
    )


def refuse_overwriting(source: Path, outputs: Sequence[Path]) -> None:
    """Nothing is written over the reports that are read, nor two outputs over each other.

    Raises:
        UsageError: If an output is the source, a report in it, another output or a folder.
    """
    places = [out.resolve() for out in outputs]
    read = source.resolve()
    for out, place in zip(outputs, places, strict=True):
        if place.is_dir():
            raise UsageError(f"{out} is a folder; name a file to write")
        within = place.is_relative_to(read) and place.is_file() and is_report_source(place)
        if place == read or within:
            raise UsageError(f"{out} holds the reports that are to be read; name another file to write")
        if places.count(place) > 1:
            raise UsageError(f"two outputs cannot be one file, {out}")


def count_reports(path: Path) -> int:
    """About how many reports there are to read, for a progress bar: text files, or lines of a table."""
    try:
        if path.is_dir():
            return sum(entry.suffix.lower() in TEXT_SUFFIXES | DOCUMENT_SUFFIXES for entry in path.rglob("*"))
        if path.suffix.lower() in TEXT_SUFFIXES | DOCUMENT_SUFFIXES or not path.is_file():  # a pipe would be waited for
            return 1
        with path.open("rb") as stream:
            return sum(piece.count(b"\n") for piece in iter(lambda: stream.read(1 << 20), b""))
    except OSError:
        return 0


def _read_folder(folder: Path, limits: ReportLimits) -> Iterator[ReportEntry | ItemProblem]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in TEXT_SUFFIXES | DOCUMENT_SUFFIXES and path.is_file():
            for item in _read_one(path, stored_path(path.relative_to(folder)), limits):
                if not (isinstance(item, ItemProblem) and item.reason is Reason.WRONG_MODALITY):
                    yield item


def _read_one(path: Path, origin: str, limits: ReportLimits) -> Iterator[ReportEntry | ItemProblem]:
    """The report of a text file, or those of a document."""
    if path.suffix.lower() in TEXT_SUFFIXES:
        yield _read_text(path, origin, limits)
        return
    try:
        data = _bytes_of(path, limits.document_bytes)
        for number, row in enumerate(_rows_of(path, data, limits), start=1):
            yield _row_or_problem(row, origin if number == 1 else f"{origin}#{number}", limits)
    except ItemError as error:
        yield problem_of(error, origin)


def _rows_of(path: Path, data: bytes, limits: ReportLimits) -> Iterable[Mapping[str, Any] | ItemError]:
    """The reports of one document as rows of a table would state them."""
    suffix, longest = path.suffix.lower(), limits.text_bytes
    if suffix == ".hl7":
        return hl7_rows(data, max_characters=longest)
    if suffix == ".json":
        return fhir_rows(data, max_characters=longest)
    if suffix == ".dcm":
        return (dicom_row(data, max_characters=longest),)
    study_uid = path.stem if is_uid(path.stem) else ""
    return ({"text": pdf_text(data, max_characters=longest), "study_uid": study_uid},)


def _row_or_problem(row: Mapping[str, Any] | ItemError, place: str, limits: ReportLimits) -> ReportEntry | ItemProblem:
    return problem_of(row, place) if isinstance(row, ItemError) else _entry_or_problem(row, place, limits, "")


def _read_text(path: Path, origin: str, limits: ReportLimits) -> ReportEntry | ItemProblem:
    try:
        decoded = decode_text(_bytes_of(path, limits.text_bytes))
        study_uid = path.stem if is_uid(path.stem) else ""
        return _entry({"text": decoded.text, "study_uid": study_uid}, origin, limits, decoded.note)
    except ItemError as error:
        return problem_of(error, origin)


def _bytes_of(path: Path, limit: int) -> bytes:
    try:
        return read_bounded(path, limits=ReadLimits(file_bytes=limit))
    except ItemError as error:
        if error.reason is Reason.EMPTY_FILE:
            raise ItemError(Reason.EMPTY_REPORT, "the report is empty") from error
        raise


def _read_csv(path: Path, limits: ReportLimits) -> Iterator[ReportEntry | ItemProblem]:
    origin = stored_path(Path(path.name))
    try:
        decoded = decode_text(_bytes_of(path, limits.file_bytes))
    except ItemError as error:
        yield problem_of(error, origin)
        return
    csv.field_size_limit(limits.text_bytes)
    rows = csv.DictReader(io.StringIO(decoded.text, newline=""))
    if "text" not in (rows.fieldnames or ()):
        raise UsageError(f"a table of reports needs a column named text, {path.name} has none")
    number = 0
    while True:
        number += 1
        place = f"{origin}#{number}"
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield problem_of(_csv_problem(error), place)
            continue
        yield _entry_or_problem(row, place, limits, decoded.note)


def _csv_problem(error: csv.Error) -> ItemError:
    if "field larger" in str(error):
        return ItemError(Reason.TOO_LARGE, "the row is longer than a report may be")
    return ItemError(Reason.BAD_ROW, "the row is no CSV; quote texts that hold commas or line ends")


def _read_jsonl(path: Path, limits: ReportLimits) -> Iterator[ReportEntry | ItemProblem]:
    origin = stored_path(Path(path.name))
    longest = 6 * limits.text_bytes + 4096  # JSON may write one character as six
    try:
        with path.open("rb") as stream:
            number = 0
            while line := stream.readline(longest):
                number += 1
                place = f"{origin}#{number}"
                if len(line) == longest and not line.endswith(b"\n"):
                    _skip_line(stream, longest)
                    yield problem_of(ItemError(Reason.TOO_LARGE, "the line is longer than a report may be"), place)
                elif line.strip():
                    yield from _json_line(line, place, limits)
    except OSError as error:
        yield problem_of(ItemError(Reason.UNREADABLE, f"it cannot be read ({type(error).__name__})"), origin)


def _skip_line(stream: io.BufferedReader, piece: int) -> None:
    while (rest := stream.readline(piece)) and not rest.endswith(b"\n"):
        pass


def _json_line(line: bytes, place: str, limits: ReportLimits) -> Iterator[ReportEntry | ItemProblem]:
    try:
        decoded = decode_text(line)
        row = _json_object(decoded.text)
        if "resourceType" in row and not isinstance(row.get("text"), str):
            for number, report in enumerate(resource_rows(row, max_characters=limits.text_bytes), start=1):
                yield _row_or_problem(report, place if number == 1 else f"{place}.{number}", limits)
            return
        yield _entry_or_problem(row, place, limits, decoded.note)
    except ItemError as error:
        yield problem_of(error, place)


def _json_object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ItemError(Reason.BAD_ROW, "the line is no JSON; write one object a line") from error
    if not isinstance(row, dict):
        raise ItemError(Reason.BAD_ROW, "the line is no JSON object with a field text")
    return row


def _entry_or_problem(row: Mapping[str, Any], place: str, limits: ReportLimits, note: str) -> ReportEntry | ItemProblem:
    try:
        return _entry(row, place, limits, note)
    except ItemError as error:
        return problem_of(error, place)


def _entry(row: Mapping[str, Any], origin: str, limits: ReportLimits, note: str) -> ReportEntry:
    text = row.get("text")
    if not isinstance(text, str):
        raise ItemError(Reason.BAD_ROW, "it has no text")
    if len(text) > limits.text_bytes:
        raise ItemError(Reason.TOO_LARGE, f"the report has {len(text):,} characters, too many for one report; split it")
    cleaned = decode_text(text.encode("utf-8", "replace")).text
    if not cleaned.strip():
        raise ItemError(Reason.EMPTY_REPORT, "the report is empty")
    return ReportEntry(
        name=_word(row, "id"),
        origin=origin,
        text=cleaned,
        study_uid=safe_uid(_word(row, "study_uid")),
        patient_id=_word(row, "patient"),
        performed=date_of(_word(row, "date")),
        note=note,
    )


def _word(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return str(value).strip() if isinstance(value, str | int) else ""


def date_of(text: str) -> date | None:
    """A date as ISO 8601 or DICOM writes it; None for anything else, ``03/04/2020`` among it."""
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a date without a clock
        except ValueError:
            continue
    return None


def problem_of(error: ItemError, origin: str, *, kind: ItemKind = ItemKind.REPORT) -> ItemProblem:
    """The problem of an item that is known by its place only."""
    return ItemProblem(
        where=item_name(origin), kind=kind, reason=error.reason, message=str(error), relative_path=origin
    )
