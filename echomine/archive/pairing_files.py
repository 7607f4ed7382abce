"""Hand-made tables: ``pairs.csv`` (image to paragraph), ``views.csv`` (valve and flow), the mapping file."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.report_files import problem_of
from echomine.archive.safe_names import safe_uid, stored_path
from echomine.archive.source_images import ReadLimits
from echomine.archive.spectral_files import read_bounded
from echomine.archive.text_decoding import decode_text
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.records import View
from echomine.domain.vocabulary import FlowKind, Valve

LARGEST_TABLE_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRow:
    """One row of ``pairs.csv``: the paragraph is known by its exam and its words.

    Attributes:
        image_id: The image.
        study_uid: The exam whose report holds the paragraph.
        quote: Text of the paragraph.
        origin: Place in the file.
    """

    image_id: str
    study_uid: str
    quote: str = field(repr=False)
    origin: str


def read_pairs(path: Path) -> Iterator[PairRow | ItemProblem]:
    """Rows of ``sop_uid, study_uid, quote``.

    Raises:
        UsageError: If the file cannot be read or a column is missing.
    """
    for place, row in _rows(path, ("sop_uid", "study_uid", "quote")):
        if not all((row["sop_uid"], row["study_uid"], row["quote"])):
            yield _bad_row(place, ItemKind.PAIR, "a pair needs sop_uid, study_uid and quote")
            continue
        yield PairRow(
            image_id=safe_uid(row["sop_uid"]),
            study_uid=safe_uid(row["study_uid"]),
            quote=row["quote"],
            origin=place,
        )


def read_views(path: Path) -> Iterator[View | ItemProblem]:
    """Rows of ``sop_uid, valve, flow``.

    Raises:
        UsageError: If the file cannot be read or a column is missing.
    """
    for place, row in _rows(path, ("sop_uid", "valve", "flow")):
        try:
            view = View(
                image_id=safe_uid(row["sop_uid"]),
                valve=Valve(row["valve"].strip().lower()),
                flow=FlowKind(row["flow"].strip().lower()),
            )
        except ValueError:
            known = f"{', '.join(Valve)} and {', '.join(FlowKind)}"
            yield _bad_row(place, ItemKind.VIEW, f"a view needs a valve and a flow of {known}")
            continue
        if not view.image_id:
            yield _bad_row(place, ItemKind.VIEW, "a view needs a sop_uid")
            continue
        yield view


@dataclass(frozen=True, slots=True)
class Mapping:
    """Links of files to exams, by path below the source or by bare name.

    Attributes:
        studies: Stored path or name to StudyInstanceUID.
        patients: Stored path or name to patient id, where the file has that column.
    """

    studies: dict[str, str] = field(default_factory=dict)
    patients: dict[str, str] = field(default_factory=dict, repr=False)

    def study_of(self, stored: str) -> str:
        """The exam of a file, ``""`` when it is not mapped."""
        return _looked_up(self.studies, stored)

    def patient_of(self, stored: str) -> str:
        """The patient of a file, ``""`` when it is not mapped."""
        return _looked_up(self.patients, stored)


def read_mapping(path: Path) -> Mapping:
    """Rows of ``file, study_uid`` and optionally ``patient``.

    Raises:
        UsageError: If the file cannot be read or a column is missing.
    """
    mapping = Mapping()
    for _, row in _rows(path, ("file", "study_uid")):
        name = stored_path(Path(row["file"].strip()))
        if row["study_uid"].strip():
            mapping.studies[name] = safe_uid(row["study_uid"])
        if row.get("patient", "").strip():
            mapping.patients[name] = row["patient"].strip()
    return mapping


def _looked_up(table: dict[str, str], stored: str) -> str:
    return table.get(stored) or table.get(PurePosixPath(stored).name) or ""


def _rows(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Place and cells of each row; missing cells are ``""``."""
    try:
        data = read_bounded(path, limits=ReadLimits(file_bytes=LARGEST_TABLE_BYTES))
        text = decode_text(data).text
    except ItemError as error:
        raise UsageError(f"{path} cannot be used: {error}") from error
    csv.field_size_limit(LARGEST_TABLE_BYTES)
    rows = csv.DictReader(io.StringIO(text, newline=""), restval="")
    missing = [name for name in columns if name not in (rows.fieldnames or ())]
    if missing:
        raise UsageError(f"{path} needs the columns {', '.join(columns)}; {', '.join(missing)} is missing")
    origin = stored_path(Path(path.name))
    try:
        for number, row in enumerate(rows, start=1):
            yield f"{origin}#{number}", {name: cell for name, cell in row.items() if isinstance(cell, str)}
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV table: {error}") from error


def _bad_row(place: str, kind: ItemKind, message: str) -> ItemProblem:
    return problem_of(ItemError(Reason.BAD_ROW, message), place, kind=kind)
