"""Schema and migrations; transactions that hold; errors in words."""

import sqlite3
import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from echomine.archive import database as database_module
from echomine.archive.database import HEAD_REVISION, Database, insert_ignoring, insert_replacing, sqlite_url
from echomine.archive.schema import metadata, sources, views
from echomine.domain.errors import ConfigurationError, WorkspaceError


@pytest.fixture
def database(tmp_path):
    opened = Database(sqlite_url(tmp_path / "catalog.sqlite"))
    yield opened
    opened.close()


def test_the_migrations_give_the_schema(database):
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_the_newest_migration_is_the_one_the_code_asks_for():
    config = Config()
    config.set_main_option("script_location", str(database_module.__file__).replace("database.py", "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD_REVISION]


def test_migrations_can_be_undone(tmp_path):
    from alembic import command

    opened = Database(sqlite_url(tmp_path / "c.sqlite"))
    config = Config()
    config.set_main_option("script_location", str(database_module.__file__).replace("database.py", "migrations"))
    with opened.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    with opened.engine.connect() as connection:
        tables = connection.execute(text("SELECT name FROM sqlite_master WHERE type='table'")).scalars().all()
    assert set(tables) <= {"alembic_version"}
    opened.close()


def test_a_catalog_of_the_future_is_refused(database, tmp_path):
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num='9999'"))
    with pytest.raises(WorkspaceError, match="update echomine"):
        Database(sqlite_url(tmp_path / "catalog.sqlite"))


@pytest.mark.parametrize(
    ("url", "words"),
    [("mysql://user@host/name", "SQLite or PostgreSQL, not in mysql"), ("nonsense", "postgresql.psycopg://user@host")],
)
def test_a_url_that_names_no_catalog_is_a_wrong_setting(url, words):
    with pytest.raises(ConfigurationError, match=words):
        Database(url)


def test_a_block_that_fails_leaves_nothing(database):
    def write_and_fail():
        with database.write() as connection:
            connection.execute(insert(sources).values(root="/a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    with database.read() as connection:
        assert connection.execute(select(sources)).all() == []


def test_inserts_that_ignore_and_replace(database):
    rows = [{"image_id": str(number), "valve": "aortic", "flow": "normal"} for number in range(1234)]
    with database.write() as connection:
        assert insert_ignoring(connection, views, rows) == 1234
        assert insert_ignoring(connection, views, [rows[0] | {"flow": "mixed"}]) == 0
        insert_replacing(connection, views, [rows[1] | {"flow": "mixed"}], key=("image_id",))
        insert_replacing(connection, views, [], key=("image_id",))
        flows = dict(connection.execute(select(views.c.image_id, views.c.flow)).tuples().all())
    assert (flows["0"], flows["1"], len(flows)) == ("normal", "mixed", 1234)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("database or disk is full", "free some space"),
        ("attempt to write a readonly database", "write access"),
        ("unable to open database file", "write access"),
        ("database disk image is malformed", "backup"),
        ("database is locked", "locked"),
        ("something else", "doctor"),
    ],
)
def test_what_the_database_says_becomes_one_sentence(database, message, words):
    with pytest.raises(WorkspaceError, match=words) as caught, database.write():
        raise OperationalError("INSERT", {}, sqlite3.OperationalError(message))
    assert "INSERT" not in str(caught.value)


def test_a_full_disk_is_said_and_the_catalog_goes_on(database):
    with database.engine.connect() as connection:
        pages = connection.execute(text("PRAGMA page_count")).scalar_one()

    def fill():
        with database.write() as connection:
            connection.execute(text(f"PRAGMA max_page_count={pages}"))
            insert_ignoring(connection, sources, [{"root": "x" * 5000 + str(number)} for number in range(3000)])

    with pytest.raises(WorkspaceError, match="disk"):
        fill()
    database.close()
    with database.write() as connection:
        connection.execute(text("PRAGMA max_page_count=1073741823"))
        insert_ignoring(connection, sources, [{"root": "/a"}])
    with database.read() as connection:
        assert connection.execute(select(sources.c.root)).scalars().all() == ["/a"]


OPENER = "import sys; from echomine.archive.database import Database; Database(sys.argv[1]).close()"


def test_two_programs_may_open_a_new_catalog_at_once(tmp_path):
    url = sqlite_url(tmp_path / "new.sqlite")
    opening = [subprocess.Popen([sys.executable, "-c", OPENER, url]) for _ in range(3)]
    assert [process.wait(60) for process in opening] == [0, 0, 0]
