"""Reports of the catalog with their paragraphs, findings and report labels; pairs and views."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from echomine.archive.database import Database, insert_ignoring, insert_replacing
from echomine.archive.report_labels import labels_of_exam
from echomine.archive.rows import (
    finding_of,
    finding_row,
    label_row,
    paragraph_of,
    paragraph_row,
    report_of,
    report_row,
)
from echomine.archive.schema import findings, images, labels, pairs, paragraphs, reports, views
from echomine.domain.records import Finding, Pair, Paragraph, Report, View
from echomine.domain.vocabulary import FlowKind, LabelSource, Valve

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MinedReport:
    """A report with what was read in it.

    Attributes:
        report: The report.
        paragraphs: Its paragraphs that name a valve.
        lexicon: Version of the lexicon that read them.
        content_sha256: Digest of text and links, to see later that nothing changed.
        origin: Where it came from, printable.
    """

    report: Report
    paragraphs: tuple[Paragraph, ...]
    lexicon: str
    content_sha256: str
    origin: str = ""


class ReportTable:
    """Reports, idempotent by report id, content and lexicon version."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def states(self, report_ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Content digest and lexicon version of the given reports that the catalog has."""
        query = select(reports.c.report_id, reports.c.content_sha256, reports.c.lexicon).where(
            reports.c.report_id.in_(report_ids)
        )
        with self._database.read() as connection:
            return {row.report_id: (row.content_sha256, row.lexicon) for row in connection.execute(query)}

    def put(self, mined: Sequence[MinedReport], *, run: str = "") -> None:
        """Adds or replaces reports, and the report labels of their exams, in one transaction of a run."""
        newest = {item.report.report_id: item for item in mined}
        with self._database.write() as connection:
            before = _places(connection, newest)
            connection.execute(delete(paragraphs).where(paragraphs.c.report_id.in_(list(newest))))
            insert_replacing(connection, reports, [_report_row(item) for item in newest.values()], key=("report_id",))
            _insert_paragraphs(connection, [p for item in newest.values() for p in item.paragraphs])
            _label_exams(connection, before | _places(connection, newest), run)

    def get(self, report_id: str) -> Report | None:
        """One report; None when the catalog has none of that id."""
        with self._database.read() as connection:
            row = connection.execute(select(reports).where(reports.c.report_id == report_id)).one_or_none()
        return report_of(row) if row else None

    def all(self) -> Iterator[Report]:
        """All reports in order of their ids, a page in memory at a time."""
        for page in self._pages():
            yield from map(report_of, page)

    def of_study(self, study_uid: str) -> tuple[Report, ...]:
        """The reports of one exam."""
        query = select(reports).where(reports.c.study_uid == study_uid).order_by(reports.c.report_id)
        with self._database.read() as connection:
            return tuple(map(report_of, connection.execute(query)))

    def paragraphs(self, *, patients: Collection[str] | None = None) -> Iterator[Paragraph]:
        """Paragraphs with findings in order of report and place, of all or of the given patients.

        A page of reports is in memory at a time.
        """
        wanted = None if patients is None else frozenset(patients)
        for page in self._pages():
            chosen = [row.report_id for row in page if wanted is None or row.patient in wanted]
            with self._database.read() as connection:
                found = list(_paragraphs(connection, paragraphs.c.report_id.in_(chosen)))
            yield from found

    def some_paragraphs(self, paragraph_ids: Collection[str]) -> dict[str, Paragraph]:
        """The paragraphs of the given ids that the catalog has."""
        wanted = sorted(set(paragraph_ids))
        with self._database.read() as connection:
            return {
                paragraph.paragraph_id: paragraph
                for first in range(0, len(wanted), PAGE)
                for paragraph in _paragraphs(connection, paragraphs.c.paragraph_id.in_(wanted[first : first + PAGE]))
            }

    def paragraphs_of_study(self, study_uid: str) -> tuple[Paragraph, ...]:
        """The paragraphs of one exam's reports, in order."""
        with self._database.read() as connection:
            return tuple(_paragraphs(connection, reports.c.study_uid == study_uid))

    def put_pairs(self, rows: Sequence[tuple[Pair, str, str]]) -> int:
        """Keeps pairs with study and quote; the number of new ones."""
        values = [
            {
                "image_id": pair.image_id,
                "paragraph_id": pair.paragraph_id,
                "study_uid": study_uid,
                "quote": quote,
                "weight": pair.weight,
            }
            for pair, study_uid, quote in rows
        ]
        with self._database.write() as connection:
            return insert_ignoring(connection, pairs, values)

    def pairs(self) -> tuple[Pair, ...]:
        """All hand-made pairs whose paragraph and image are in the catalog, in order of image."""
        query = (
            select(pairs)
            .join(paragraphs, paragraphs.c.paragraph_id == pairs.c.paragraph_id)
            .join(images, images.c.image_id == pairs.c.image_id)
            .order_by(pairs.c.image_id, pairs.c.paragraph_id)
        )
        with self._database.read() as connection:
            return tuple(
                Pair(image_id=row.image_id, paragraph_id=row.paragraph_id, weight=row.weight)
                for row in connection.execute(query)
            )

    def put_views(self, given: Sequence[View]) -> int:
        """Keeps views; a later one for the same image replaces the earlier. The number of new or changed ones."""
        with self._database.write() as connection:
            known = {row.image_id: _view_of(row) for row in connection.execute(select(views))}
            fresh = {view.image_id: view for view in given if known.get(view.image_id) != view}
            rows = [
                {"image_id": view.image_id, "valve": view.valve.value, "flow": view.flow.value}
                for view in fresh.values()
            ]
            insert_replacing(connection, views, rows, key=("image_id",))
        return len(rows)

    def views(self) -> tuple[View, ...]:
        """All hand-made views whose image is in the catalog, in order of image."""
        query = select(views).join(images, images.c.image_id == views.c.image_id).order_by(views.c.image_id)
        with self._database.read() as connection:
            return tuple(map(_view_of, connection.execute(query)))

    def count(self) -> int:
        """Number of reports."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(reports)).scalar_one()

    def _pages(self) -> Iterator[Sequence[Row[Any]]]:
        last = ""
        while True:
            query = select(reports).where(reports.c.report_id > last).order_by(reports.c.report_id)
            with self._database.read() as connection:
                page = connection.execute(query.limit(PAGE)).all()
            yield page
            if len(page) < PAGE:
                return
            last = page[-1].report_id


def _view_of(row: Row[Any]) -> View:
    return View(image_id=row.image_id, valve=Valve(row.valve), flow=FlowKind(row.flow))


def _report_row(item: MinedReport) -> dict[str, Any]:
    return report_row(item.report) | {
        "content_sha256": item.content_sha256,
        "origin": item.origin,
        "lexicon": item.lexicon,
    }


def _insert_paragraphs(connection: Connection, mined: Sequence[Paragraph]) -> None:
    if mined:
        connection.execute(insert(paragraphs), [paragraph_row(paragraph) for paragraph in mined])
    stated = [finding_row(paragraph.paragraph_id, finding) for paragraph in mined for finding in paragraph.findings]
    if stated:
        connection.execute(insert(findings), stated)


def _places(connection: Connection, report_ids: Collection[str]) -> set[tuple[str, str]]:
    """Exam and report of the given reports; the exam stands for all its reports, ``""`` for none."""
    query = select(reports.c.study_uid, reports.c.report_id).where(reports.c.report_id.in_(list(report_ids)))
    return {(row.study_uid, "" if row.study_uid else row.report_id) for row in connection.execute(query)}


def _label_exams(connection: Connection, places: Collection[tuple[str, str]], run: str) -> None:
    """Replaces the report labels of exams by those of all their reports together."""
    exams = [study for study, _ in places if study]
    single = [report for study, report in places if not study]
    connection.execute(
        delete(labels).where(labels.c.source == LabelSource.REPORT.value, labels.c.subject.in_([*exams, *single]))
    )
    lexicons = dict(
        connection.execute(
            select(reports.c.report_id, reports.c.lexicon).where(
                reports.c.study_uid.in_(exams) | reports.c.report_id.in_(single)
            )
        )
        .tuples()
        .all()
    )
    by_exam: defaultdict[str, list[Paragraph]] = defaultdict(list)
    for paragraph in _paragraphs(connection, reports.c.report_id.in_(list(lexicons))):
        by_exam[paragraph.study_uid or paragraph.report_id].append(paragraph)
    rows = [
        label_row(label)
        for exam in by_exam.values()
        for label in labels_of_exam(exam, lexicon=lexicons[exam[0].report_id], run=run)
    ]
    if rows:
        connection.execute(insert(labels), rows)


def _paragraphs(connection: Connection, condition: Any) -> Iterator[Paragraph]:  # noqa: ANN401 - SQL expression
    query = (
        select(paragraphs, reports.c.patient, reports.c.study_uid, reports.c.performed, reports.c.site)
        .join(reports)
        .where(condition)
        .order_by(paragraphs.c.report_id, paragraphs.c.start, paragraphs.c.paragraph_id)
    )
    rows = connection.execute(query).all()
    stated = _findings(connection, [row.paragraph_id for row in rows])
    for row in rows:
        yield paragraph_of(row, tuple(stated[row.paragraph_id]))


def _findings(connection: Connection, paragraph_ids: Sequence[str]) -> defaultdict[str, list[Finding]]:
    stated: defaultdict[str, list[Finding]] = defaultdict(list)
    for first in range(0, len(paragraph_ids), PAGE):
        query = (
            select(findings)
            .where(findings.c.paragraph_id.in_(paragraph_ids[first : first + PAGE]))
            .order_by(findings.c.finding_id)
        )
        for row in connection.execute(query):
            stated[row.paragraph_id].append(finding_of(row))
    return stated
