"""Connection to the catalog's database: SQLite with a write-ahead log, or PostgreSQL by URL."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from echomine.domain.errors import ConfigurationError, WorkspaceError

HEAD_REVISION = "0002"
BUSY_TIMEOUT_MS = 60_000
_CHUNK = 500
_WRITING = "echomine_writing"

Row = Mapping[str, Any]


class Database:
    """An open database at the newest schema.

    Each :meth:`write` is one transaction: after a kill at any moment either all of it is there or nothing.
    """

    def __init__(self, url: str) -> None:
        """Connects, and brings the schema up to date.

        Raises:
            ConfigurationError: If the URL names another kind of database, or its driver is not installed.
            WorkspaceError: If the database cannot be opened, or was made by a newer echomine.
        """
        self._name = "the catalog"
        with self._translated():
            self.engine = _engine(url)
            self._writing = self.engine.execution_options(**{_WRITING: True})
            self._migrate()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for queries."""
        with self._translated(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction, committed at the end of the block and undone by an exception."""
        with self._translated(), self._writing.begin() as connection:
            yield connection

    def close(self) -> None:
        """Gives back the connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise WorkspaceError(_sentence(error)) from error

    def _migrate(self) -> None:
        with self.engine.connect() as connection:
            revision = _revision(connection)
        if revision == HEAD_REVISION:
            return
        if revision is not None and revision > HEAD_REVISION:
            raise WorkspaceError(
                f"the catalog has schema {revision}, this echomine knows up to {HEAD_REVISION}; update echomine"
            )
        with self._writing.begin() as connection:
            if _revision(connection) != HEAD_REVISION:
                upgrade(connection)


def sqlite_url(path: Path) -> str:
    """URL of a SQLite file."""
    return f"sqlite:///{path}"


def upgrade(connection: Connection) -> None:
    """Runs the migrations within the transaction of a connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def insert_ignoring(connection: Connection, table: Table, rows: Sequence[Row]) -> int:
    """Inserts the rows that break no key; the number of new ones."""
    new = 0
    for chunk in _chunks(rows, len(table.columns)):
        statement = _insert(connection, table).values(list(chunk)).on_conflict_do_nothing()
        new += len(connection.execute(statement.returning(*table.primary_key.columns)).all())
    return new


def insert_replacing(connection: Connection, table: Table, rows: Sequence[Row], *, key: Sequence[str]) -> None:
    """Inserts rows of the same columns; where the key is taken, the new values replace the old."""
    if not rows:
        return
    statement = _insert(connection, table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=changed)
    connection.execute(statement, list(rows))  # one statement of many rows would be compiled anew each time


def insert_selected(
    connection: Connection, table: Table, columns: Sequence[str], rows: Select[Any], *, key: Sequence[str]
) -> int:
    """Inserts the rows of a query, as :func:`insert_replacing`; how many. The query needs a WHERE."""
    statement = _insert(connection, table).from_select(columns, rows)
    changed = {name: statement.excluded[name] for name in columns if name not in key}
    return int(connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=changed)).rowcount)


def _insert(connection: Connection, table: Table) -> Any:  # noqa: ANN401 - one of two dialects' statements
    build = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return build(table)


def _chunks(rows: Sequence[Row], columns: int) -> Iterable[Sequence[Row]]:
    """Slices below the databases' limit of 32,766 bound values."""
    size = min(_CHUNK, 32_000 // columns)
    return (rows[first : first + size] for first in range(0, len(rows), size))


def _engine(url: str) -> Engine:
    try:
        kind = make_url(url).get_backend_name()
        if kind not in ("sqlite", "postgresql"):
            raise ConfigurationError(f"a catalog lives in SQLite or PostgreSQL, not in {kind}")
        engine = create_engine(url)
    except (ArgumentError, ImportError) as error:
        raise ConfigurationError(
            "the database URL cannot be used: it needs the form postgresql+psycopg://user@host/name, "
            "and its driver installed (pip install 'echomine[postgres]')"
        ) from error
    if kind == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:  # noqa: ANN401 - SQLAlchemy's event signature
    connection.isolation_level = None  # the driver's own BEGIN would leave schema changes outside
    connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    """Who is going to write waits for its turn at once: a reader cannot become a writer behind another's back."""
    writing = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


_SENTENCES = {
    ("disk is full", "no space"): "the disk of the workspace is full; free some space and run the same command again",
    ("readonly", "read-only", "permission", "unable to open"): (
        "the catalog cannot be written; give this user write access to the workspace, or choose another"
    ),
    ("malformed", "not a database"): (
        "the catalog is damaged; restore catalog.sqlite from a backup, or ingest into a new workspace"
    ),
    ("locked",): "the catalog is locked by another program; wait for it to end, then run the same command again",
}


def _sentence(error: Exception) -> str:
    words = str(getattr(error, "orig", None) or error).lower()
    for signs, sentence in _SENTENCES.items():
        if any(sign in words for sign in signs):
            return sentence
    return f"the catalog cannot be used ({type(error).__name__}); see `echomine doctor`"
