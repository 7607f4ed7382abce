"""The mined workspace, opened."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from echomine.archive.workspace import Workspace


@pytest.fixture
def workspace(mined_workspace) -> Iterator[Workspace]:
    """The shared workspace, to look at."""
    opened = Workspace.open(mined_workspace.workspace)
    yield opened
    opened.close()


@pytest.fixture
def workspace_copy(mined_copy) -> Iterator[Workspace]:
    """A workspace of one's own, over the shared archive."""
    opened = Workspace.open(mined_copy.workspace)
    yield opened
    opened.close()


@pytest.fixture
def own_archive(mined_copy, tmp_path) -> Iterator[Workspace]:
    """A workspace of one's own over an archive of one's own, whose files may be changed."""
    archive = tmp_path / "archive"
    shutil.copytree(mined_copy.archive, archive)
    with closing(sqlite3.connect(mined_copy.workspace / "catalog.sqlite")) as connection:
        connection.execute("UPDATE sources SET root = replace(root, ?, ?)", (str(mined_copy.archive), str(archive)))
        connection.commit()
    opened = Workspace.open(mined_copy.workspace)
    yield opened
    opened.close()
