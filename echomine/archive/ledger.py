"""Runs of labelling, the state of each image for each model version, and the labels."""

import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Select, and_, delete, exists, func, insert, literal, select, tuple_, update

from echomine.archive.database import Database, insert_replacing, insert_selected
from echomine.archive.image_table import image_file_of, image_query
from echomine.archive.rows import label_of, label_row
from echomine.archive.schema import images, labels, ledger, runs
from echomine.archive.spectral_files import ImageFile
from echomine.domain.errors import Reason, UsageError
from echomine.domain.records import Label
from echomine.domain.vocabulary import ItemState, LabelSource, Valve

PAGE = 500
_DONE = frozenset(ItemState) - {ItemState.PENDING}
_PASSING = (Reason.SOURCE_MISSING, Reason.SOURCE_CHANGED, Reason.UNREADABLE)
"""Reasons that lie with the place of a file: every run looks again, as it may be mounted or ingested by then."""
_LABEL_ORDER = (labels.c.subject, labels.c.source, labels.c.valve, labels.c.disease, labels.c.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageResult:
    """What labelling one image came to.

    Attributes:
        image_id: The image.
        state: Labelled, abstained, quarantined or skipped.
        labels: Its labels; run and model are set when they are recorded.
        reason: Why it was quarantined or skipped, else None.
        message: One sentence about that, ``""`` otherwise.
        vector: Its place in text space, little-endian float16, for finding similar cases; ``b""`` without.
    """

    image_id: str
    state: ItemState
    labels: tuple[Label, ...] = ()
    reason: Reason | None = None
    message: str = ""
    vector: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedImage:
    """An image with its place in text space.

    Attributes:
        image_id: The image.
        patient: Pseudonym.
        vector: As in :class:`ImageResult`.
    """

    image_id: str
    patient: str
    vector: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of labelling.

    Attributes:
        run_id: Its identifier, on every label it wrote.
        model: Version of the models.
    """

    run_id: str
    kind: str
    model: str
    lexicon: str
    started: datetime
    finished: datetime | None = None
    config: Mapping[str, Any]
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelFilter:
    """Which labels are wanted; None means all.

    Attributes:
        source: Where they come from.
        valve: Of which valve.
        models: Of which model versions; labels that no model made have ``""``.
        min_confidence: Least confidence.
        abstained: Only those abstained from (True) or not (False).
    """

    source: LabelSource | None = None
    valve: Valve | None = None
    models: tuple[str, ...] | None = None
    min_confidence: float = 0.0
    abstained: bool | None = None


class Ledger:
    """What is done and what is not, one row per image and model version; an image without a row is pending.

    So is one whose file was missing, changed or closed to us: the next run looks again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin_run(self, kind: str, *, model: str, lexicon: str = "", config: Mapping[str, Any] | None = None) -> Run:
        """A new run, written to the catalog."""
        run = Run(
            run_id=f"run-{uuid.uuid4().hex[:16]}",
            kind=kind,
            model=model,
            lexicon=lexicon,
            started=datetime.now(UTC).replace(tzinfo=None),
            config=dict(config or {}),
            counts={},
        )
        row = {name: getattr(run, name) for name in runs.columns.keys()}  # noqa: SIM118 - no mapping
        with self._database.write() as connection:
            connection.execute(insert(runs).values(**row))
        return run

    def finish_run(self, run: Run, counts: Mapping[str, int]) -> None:
        """Notes that a run ended, with its counts."""
        with self._database.write() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.run_id == run.run_id)
                .values(finished=datetime.now(UTC).replace(tzinfo=None), counts=dict(counts))
            )

    def runs(self, *, kind: str | None = None) -> tuple[Run, ...]:
        """All runs, the newest first."""
        query = select(runs).order_by(runs.c.started.desc(), runs.c.run_id)
        if kind is not None:
            query = query.where(runs.c.kind == kind)
        with self._database.read() as connection:
            return tuple(Run(**row._mapping) for row in connection.execute(query))  # noqa: SLF001 - public name

    def pending(self, model: str, *, batch: int = 256) -> Iterator[tuple[ImageFile, ...]]:
        """Batches of images without a result of a model version, in order of image id.

        The batches are read one by one: results may be recorded in between.
        """
        last = ""
        while True:
            query = _without_result(image_query(), model).where(images.c.image_id > last)
            with self._database.read() as connection:
                page = connection.execute(query.order_by(images.c.image_id).limit(batch)).all()
            if page:
                yield tuple(map(image_file_of, page))
            if len(page) < batch:
                return
            last = page[-1].image_id

    def count_pending(self, model: str) -> int:
        """Number of images without a result of a model version."""
        query = _without_result(select(func.count()).select_from(images), model)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def plan(self, run: Run) -> int:
        """Marks every image without a result of the run's models as pending in this run; how many there are.

        The marks give each image a place in the run, 0 first, that no other run or later ingest moves.
        """
        marks = _without_result(
            select(
                images.c.image_id,
                literal(run.model),
                literal(ItemState.PENDING.value),
                literal(""),
                literal(""),
                literal(run.run_id),
            ),
            run.model,
        )
        columns = ("image_id", "model", "state", "reason", "message", "run_id")
        with self._database.write() as connection:
            return insert_selected(connection, ledger, columns, marks, key=("image_id", "model"))

    def planned(self, run: Run, *, first: int, last: int) -> tuple[ImageFile, ...]:
        """The images at places ``first`` to ``last`` of a planned run that have no result yet."""
        places = (
            select(ledger.c.image_id)
            .where(ledger.c.run_id == run.run_id)
            .order_by(ledger.c.image_id)
            .offset(first)
            .limit(last - first + 1)
        )
        query = _without_result(image_query(), run.model).where(images.c.image_id.in_(places))
        with self._database.read() as connection:
            return tuple(map(image_file_of, connection.execute(query.order_by(images.c.image_id)).all()))

    def run(self, run_id: str) -> Run:
        """One run.

        Raises:
            UsageError: If the catalog knows none of that identifier.
        """
        with self._database.read() as connection:
            row = connection.execute(select(runs).where(runs.c.run_id == run_id)).one_or_none()
        if row is None:
            raise UsageError(f"the catalog knows no run {run_id}")
        return Run(**row._mapping)  # noqa: SLF001 - public name

    def record(self, run: Run, results: Sequence[ImageResult]) -> None:
        """Writes states and labels of a batch in one transaction, in place of earlier ones of the same model."""
        ids = [result.image_id for result in results]
        states = [_ledger_row(run, result) for result in results]
        rows = [
            label_row(label) | {"run_id": run.run_id, "model": run.model}
            for result in results
            for label in result.labels
        ]
        with self._database.write() as connection:
            insert_replacing(connection, ledger, states, key=("image_id", "model"))
            connection.execute(
                delete(labels).where(
                    labels.c.subject.in_(ids),
                    labels.c.model == run.model,
                    labels.c.source != LabelSource.REPORT.value,
                )
            )
            if rows:
                connection.execute(insert(labels), rows)

    def forget(self, model: str, *, reasons: Collection[Reason] | None = None) -> int:
        """Makes images pending again for a model version: all, or those with one of the reasons; how many."""
        statement = delete(ledger).where(ledger.c.model == model)
        if reasons is not None:
            statement = statement.where(ledger.c.reason.in_([reason.value for reason in reasons]))
        with self._database.write() as connection:
            return connection.execute(statement).rowcount

    def states(self, model: str) -> dict[ItemState, int]:
        """Numbers of images by state for a model version, every state named."""
        query = select(ledger.c.state, func.count()).where(ledger.c.model == model).group_by(ledger.c.state)
        with self._database.read() as connection:
            found = {ItemState(state): number for state, number in connection.execute(query)}
            total = connection.execute(select(func.count()).select_from(images)).scalar_one()
        counts = {state: found.get(state, 0) for state in ItemState}
        counts[ItemState.PENDING] = total - sum(number for state, number in found.items() if state in _DONE)
        return counts

    def results(self, model: str, *, states: Collection[ItemState] | None = None) -> Iterator[ImageResult]:
        """States of images for a model version in order of image id, without their labels."""
        last = ""
        while True:
            query = select(ledger).where(ledger.c.model == model, ledger.c.image_id > last)
            if states is not None:
                query = query.where(ledger.c.state.in_([state.value for state in states]))
            with self._database.read() as connection:
                page = connection.execute(query.order_by(ledger.c.image_id).limit(PAGE)).all()
            yield from map(_result_of, page)
            if len(page) < PAGE:
                return
            last = page[-1].image_id

    def placed_images(self, model: str) -> Iterator[PlacedImage]:
        """Images that a model version placed in text space, in order of image id."""
        last = ""
        while True:
            query = (
                select(ledger.c.image_id, images.c.patient, ledger.c.vector)
                .join(images, images.c.image_id == ledger.c.image_id)
                .where(ledger.c.model == model, ledger.c.image_id > last, ledger.c.vector.is_not(None))
            )
            with self._database.read() as connection:
                page = connection.execute(query.order_by(ledger.c.image_id).limit(PAGE)).all()
            for row in page:
                yield PlacedImage(image_id=row.image_id, patient=row.patient, vector=row.vector)
            if len(page) < PAGE:
                return
            last = page[-1].image_id

    def labels(self, wanted: LabelFilter | None = None) -> Iterator[Label]:
        """Labels in the order of subject, source, valve and disease, a page in memory at a time."""
        place: tuple[Any, ...] = ()
        while True:
            query = _label_query(wanted or LabelFilter(), place)
            with self._database.read() as connection:
                page = connection.execute(query.limit(PAGE)).all()
            yield from map(label_of, page)
            if len(page) < PAGE:
                return
            place = tuple(getattr(page[-1], column.name) for column in _LABEL_ORDER)

    def labels_of_images(self, image_ids: Collection[str], *, model: str) -> Iterator[Label]:
        """Labels of the given images by a model version, in order of image."""
        wanted = sorted(set(image_ids))
        for first in range(0, len(wanted), PAGE):
            query = (
                select(labels)
                .where(labels.c.subject.in_(wanted[first : first + PAGE]), labels.c.model == model)
                .order_by(labels.c.subject, labels.c.valve, labels.c.disease)
            )
            with self._database.read() as connection:
                page = connection.execute(query).all()
            yield from map(label_of, page)

    def labels_beside(
        self, study_uids: Collection[str], image_ids: Collection[str], *, models: Collection[str] | None
    ) -> Iterator[Label]:
        """Labels of exams, of their images and of further images, by the given model versions (None for all)."""
        for column, names in ((labels.c.study_uid, study_uids), (labels.c.subject, image_ids)):
            wanted = sorted(set(names))
            for first in range(0, len(wanted), PAGE):
                query = select(labels).where(column.in_(wanted[first : first + PAGE])).order_by(*_LABEL_ORDER)
                if models is not None:
                    query = query.where(labels.c.model.in_(models))
                with self._database.read() as connection:
                    page = connection.execute(query).all()
                yield from map(label_of, page)


def _without_result(query: Select[Any], model: str) -> Select[Any]:
    done = exists().where(
        and_(
            ledger.c.image_id == images.c.image_id,
            ledger.c.model == model,
            ledger.c.state != ItemState.PENDING.value,
            ledger.c.reason.not_in([reason.value for reason in _PASSING]),
        )
    )
    return query.where(~done)


def _ledger_row(run: Run, result: ImageResult) -> dict[str, Any]:
    return {
        "image_id": result.image_id,
        "model": run.model,
        "state": result.state.value,
        "reason": result.reason.value if result.reason else "",
        "message": result.message,
        "vector": result.vector or None,
        "run_id": run.run_id,
    }


def _result_of(row: Row[Any]) -> ImageResult:
    return ImageResult(
        image_id=row.image_id,
        state=ItemState(row.state),
        reason=Reason(row.reason) if row.reason else None,
        message=row.message,
    )


def _label_query(wanted: LabelFilter, place: tuple[Any, ...]) -> Select[Any]:
    query = select(labels).where(labels.c.confidence >= wanted.min_confidence)
    if wanted.source is not None:
        query = query.where(labels.c.source == wanted.source.value)
    if wanted.valve is not None:
        query = query.where(labels.c.valve == wanted.valve.value)
    if wanted.models is not None:
        query = query.where(labels.c.model.in_(wanted.models))
    if wanted.abstained is not None:
        query = query.where(labels.c.abstained == wanted.abstained)
    if place:
        query = query.where(tuple_(*_LABEL_ORDER) > tuple_(*place))
    return query.order_by(*_LABEL_ORDER)
