"""Images of the catalog, the sources their files lie in, and the files that were not taken in."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, exists, func, select, update

from echomine.archive.database import Database, insert_ignoring, insert_replacing
from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.rows import image_of, image_row
from echomine.archive.safe_names import path_of, stored_path
from echomine.archive.schema import images, problems, sources
from echomine.archive.spectral_files import ImageFile
from echomine.domain.errors import Reason
from echomine.domain.records import ImageRecord
from echomine.domain.vocabulary import ItemState

PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImage:
    """An image to be added.

    Attributes:
        record: What was read.
        relative_path: Its stored path below the source.
        file_mark: Size and time of the file, to see later that it is the same.
        notes: What had to be assumed.
    """

    record: ImageRecord
    relative_path: str
    file_mark: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProblem:
    """A problem to be kept, with the mark of its file."""

    problem: ItemProblem
    file_mark: str = ""
    content_sha256: str = ""


class Addition(StrEnum):
    """What adding one image came to."""

    ADDED = "added"
    KNOWN = "known"
    CONFLICT = "conflict"


class ImageTable:
    """Images, idempotent by image id and content."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def source(self, root: Path) -> int:
        """Number of a source directory, new or known."""
        stored = stored_path(root.absolute())
        with self._database.write() as connection:
            insert_ignoring(connection, sources, [{"root": stored}])
            query = select(sources.c.source_id).where(sources.c.root == stored)
            return int(connection.execute(query).scalar_one())

    def roots(self) -> tuple[Path, ...]:
        """Directories of all sources that images came from."""
        query = select(sources.c.root).where(exists().where(images.c.source_id == sources.c.source_id))
        with self._database.read() as connection:
            return tuple(path_of(root) for root in connection.execute(query.order_by(sources.c.source_id)).scalars())

    @staticmethod
    def is_synthetic(root: Path) -> bool:
        """Whether a directory says of itself that it is a synthetic archive."""
        try:
            description = json.loads((root / "archive.json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(description, dict) and description.get("synthetic") is True

    def file_marks(self, source: int, relative_paths: Collection[str]) -> dict[str, str]:
        """Marks of the given files that are in the catalog, as images or as problems."""
        with self._database.read() as connection:
            return {
                row.relative_path: row.file_mark
                for table in (problems, images)
                for row in connection.execute(
                    select(table.c.relative_path, table.c.file_mark).where(
                        table.c.source_id == source, table.c.relative_path.in_(relative_paths)
                    )
                )
            }

    def add(self, source: int, new: Sequence[NewImage], rejected: Sequence[NewProblem] = ()) -> tuple[Addition, ...]:
        """Adds images and problems of one source in one transaction.

        An image whose id is taken is ``known`` when the content is the same, and lies where it was found now when its
        earlier file is gone; otherwise it is a ``conflict`` and kept as a problem: ``duplicate_uid``, or
        ``source_changed`` for the same file with another content.

        Returns:
            What became of each of ``new``, in its order.
        """
        with self._database.write() as connection:
            taken = _taken(connection, [image.record.image_id for image in new])
            outcomes, fresh, conflicts = [], [], []
            for image in new:
                row = _new_row(source, image)
                earlier = taken.setdefault(image.record.image_id, row)
                outcomes.append(_outcome(earlier, row))
                if outcomes[-1] is Addition.CONFLICT:
                    conflicts.append(_conflict(image, earlier, row))
                elif outcomes[-1] is Addition.ADDED:
                    fresh.append(row)
                elif _same_file(earlier, row):
                    _note_mark(connection, row)
                elif _is_gone(earlier):
                    _move(connection, row)
            insert_ignoring(connection, images, fresh)
            _forget_problems(connection, source, [image.relative_path for image in new])
            _keep_problems(connection, source, [*rejected, *conflicts])
        return tuple(outcomes)

    def keep_problems(self, source: int, rejected: Sequence[NewProblem], *, sound: Sequence[str] = ()) -> None:
        """Keeps problems of one source, one a place, and forgets earlier ones of places that are sound now."""
        with self._database.write() as connection:
            _forget_problems(connection, source, sound)
            _keep_problems(connection, source, rejected)

    def forget_table_problems(self, source: int, table: str) -> None:
        """Forgets the problems of all rows of a table file, before it is read again."""
        with self._database.write() as connection:
            connection.execute(
                delete(problems).where(
                    problems.c.source_id == source,
                    problems.c.relative_path.startswith(f"{table}#", autoescape=True),
                )
            )

    def problems(
        self, *, source: int | None = None, relative_paths: Collection[str] | None = None
    ) -> Iterator[ItemProblem]:
        """Everything that was not taken in, in the order it was met."""
        last = 0
        while True:
            query = select(problems).where(problems.c.problem_id > last)
            if source is not None:
                query = query.where(problems.c.source_id == source)
            if relative_paths is not None:
                query = query.where(problems.c.relative_path.in_(relative_paths))
            with self._database.read() as connection:
                page = connection.execute(query.order_by(problems.c.problem_id).limit(PAGE)).all()
            yield from map(_problem_of, page)
            if len(page) < PAGE:
                return
            last = page[-1].problem_id

    def problem_counts(self) -> dict[tuple[ItemState, Reason], int]:
        """Numbers of items not taken in, by state and reason."""
        query = select(problems.c.state, problems.c.reason, func.count()).group_by(problems.c.state, problems.c.reason)
        with self._database.read() as connection:
            return {
                (ItemState(state), Reason(reason)): number
                for state, reason, number in connection.execute(query.order_by(problems.c.reason))
            }

    def get(self, image_id: str) -> ImageFile | None:
        """One image; None when the catalog has none of that id."""
        with self._database.read() as connection:
            row = connection.execute(image_query().where(images.c.image_id == image_id)).one_or_none()
        return image_file_of(row) if row else None

    def some(self, image_ids: Collection[str]) -> dict[str, ImageFile]:
        """The images of the given ids that the catalog has."""
        wanted = sorted(set(image_ids))
        found: dict[str, ImageFile] = {}
        with self._database.read() as connection:
            for first in range(0, len(wanted), PAGE):
                query = image_query().where(images.c.image_id.in_(wanted[first : first + PAGE]))
                found |= {row.image_id: image_file_of(row) for row in connection.execute(query)}
        return found

    def all(self, *, batch: int = PAGE) -> Iterator[ImageFile]:
        """All images in order of their ids, ``batch`` of them in memory at a time."""
        last = ""
        while True:
            query = image_query().where(images.c.image_id > last).order_by(images.c.image_id).limit(batch)
            with self._database.read() as connection:
                page = connection.execute(query).all()
            yield from map(image_file_of, page)
            if len(page) < batch:
                return
            last = page[-1].image_id

    def of_study(self, study_uid: str) -> tuple[ImageFile, ...]:
        """The images of one exam."""
        query = image_query().where(images.c.study_uid == study_uid).order_by(images.c.image_id)
        with self._database.read() as connection:
            return tuple(map(image_file_of, connection.execute(query)))

    def count(self) -> int:
        """Number of images."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(images)).scalar_one()


def image_query() -> Any:  # noqa: ANN401 - a select of all image columns
    """Images joined with the roots of their sources."""
    return select(images, sources.c.root).join(sources)


def image_file_of(row: Row[Any]) -> ImageFile:
    """The image of a row of :func:`image_query`."""
    return ImageFile(record=image_of(row), path=path_of(row.root) / path_of(row.relative_path), notes=tuple(row.notes))


def _new_row(source: int, image: NewImage) -> dict[str, Any]:
    return image_row(image.record) | {
        "source_id": source,
        "relative_path": image.relative_path,
        "file_mark": image.file_mark,
        "notes": list(image.notes),
    }


def _taken(connection: Connection, image_ids: Sequence[str]) -> dict[str, Any]:
    columns = (images.c.image_id, images.c.content_sha256, images.c.source_id, images.c.relative_path, sources.c.root)
    query = select(*columns).join(sources).where(images.c.image_id.in_(image_ids))
    return {row.image_id: dict(row._mapping) for row in connection.execute(query)}  # noqa: SLF001 - public name


def _outcome(earlier: dict[str, Any], row: dict[str, Any]) -> Addition:
    if earlier is row:
        return Addition.ADDED
    same = earlier["content_sha256"] == row["content_sha256"]
    return Addition.KNOWN if same else Addition.CONFLICT


def _same_file(earlier: dict[str, Any], row: dict[str, Any]) -> bool:
    return all(earlier[name] == row[name] for name in ("source_id", "relative_path"))


def _is_gone(earlier: dict[str, Any]) -> bool:
    """Whether the file of an image of the catalog is no longer there; one of the same batch was just read."""
    if "root" not in earlier:
        return False
    try:
        return not (path_of(earlier["root"]) / path_of(earlier["relative_path"])).exists()
    except OSError:  # there, but its folder may not be looked into
        return False


def _move(connection: Connection, row: dict[str, Any]) -> None:
    place = {name: row[name] for name in ("source_id", "relative_path", "file_mark")}
    connection.execute(update(images).where(images.c.image_id == row["image_id"]).values(**place))


def _note_mark(connection: Connection, row: dict[str, Any]) -> None:
    """A file that was touched and not changed is not read a third time."""
    connection.execute(update(images).where(images.c.image_id == row["image_id"]).values(file_mark=row["file_mark"]))


def _conflict(image: NewImage, earlier: dict[str, Any], row: dict[str, Any]) -> NewProblem:
    reason, message = (
        (
            Reason.SOURCE_CHANGED,
            "its content changed since it was taken in; ingest it into a new workspace to use the new content",
        )
        if _same_file(earlier, row)
        else (
            Reason.DUPLICATE_UID,
            "another file with the same SOP instance UID and other content was taken in before; keep one of them",
        )
    )
    problem = ItemProblem(
        where=image.record.image_id,
        kind=ItemKind.IMAGE,
        reason=reason,
        message=message,
        relative_path=image.relative_path,
    )
    return NewProblem(problem=problem, file_mark=image.file_mark, content_sha256=image.record.content_sha256)


def _forget_problems(connection: Connection, source: int, relative_paths: Sequence[str]) -> None:
    connection.execute(
        delete(problems).where(problems.c.source_id == source, problems.c.relative_path.in_(relative_paths))
    )


def _keep_problems(connection: Connection, source: int, rejected: Sequence[NewProblem]) -> None:
    by_place = {item.problem.relative_path: _problem_row(source, item) for item in rejected}
    insert_replacing(connection, problems, list(by_place.values()), key=("source_id", "relative_path"))


def _problem_row(source: int, item: NewProblem) -> dict[str, Any]:
    problem = item.problem
    return {
        "source_id": source,
        "relative_path": problem.relative_path,
        "kind": problem.kind.value,
        "item": problem.where,
        "state": problem.state.value,
        "reason": problem.reason.value,
        "message": problem.message,
        "file_mark": item.file_mark,
        "content_sha256": item.content_sha256,
    }


def _problem_of(row: Row[Any]) -> ItemProblem:
    return ItemProblem(
        where=row.item,
        kind=ItemKind(row.kind),
        reason=Reason(row.reason),
        message=row.message,
        relative_path=row.relative_path,
    )
