"""A workspace: made once, opened often, its key kept."""

import errno
import os
import stat

import pytest

from echomine.archive import workspace as workspace_module
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ConfigurationError, WorkspaceError


def test_it_is_made_once_and_opened_again(tmp_path):
    first = Workspace.open(tmp_path / "w", create=True)
    again = Workspace.open(tmp_path / "w")
    assert first.pseudonym("MRN-1") == again.pseudonym("MRN-1")
    assert again.exports.is_dir()
    assert again.catalog.counts()["images"] == 0


def test_without_a_workspace_the_user_is_told(tmp_path):
    with pytest.raises(WorkspaceError, match="echomine ingest"):
        Workspace.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_pseudonyms_hide_and_separate(tmp_path):
    one = Workspace.open(tmp_path / "a", create=True)
    two = Workspace.open(tmp_path / "b", create=True)
    names = {one.pseudonym(f"MRN-{number}") for number in range(500)}
    assert len(names) == 500
    assert all(name.startswith("p-") and "MRN" not in name for name in names)
    assert one.pseudonym("MRN-1") != two.pseudonym("MRN-1")
    assert one.pseudonym(" MRN-1 ") == one.pseudonym("MRN-1")
    assert one.pseudonym("") == one.pseudonym("  ") == ""
    assert one.pseudonym("x")[2:] != one.report_id("x")[2:]


def test_a_given_key_gives_the_same_pseudonyms_everywhere(tmp_path):
    one = Workspace.open(tmp_path / "a", create=True, pseudonym_key=b"k" * 32)
    two = Workspace.open(tmp_path / "b", create=True, pseudonym_key=b"k" * 32)
    assert one.pseudonym("MRN-1") == two.pseudonym("MRN-1")


def test_only_the_owner_reads_the_key(tmp_path):
    Workspace.open(tmp_path / "w", create=True)
    assert stat.S_IMODE((tmp_path / "w" / "pseudonym.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "w").stat().st_mode) & 0o007 == 0


@pytest.mark.parametrize("content", ["", "zz", "\xff"])
def test_a_damaged_key_is_never_replaced(tmp_path, content):
    Workspace.open(tmp_path / "w", create=True)
    (tmp_path / "w" / "pseudonym.key").write_text(content, encoding="latin-1")
    with pytest.raises(WorkspaceError, match="backup"):
        Workspace.open(tmp_path / "w", create=True)


def test_a_damaged_catalog_is_one_sentence(tmp_path):
    Workspace.open(tmp_path / "w", create=True).close()
    for part in ("catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"):
        (tmp_path / "w" / part).unlink(missing_ok=True)
    (tmp_path / "w" / "catalog.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(WorkspaceError, match="damaged"):
        Workspace.open(tmp_path / "w")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only"), (errno.EACCES, "permission denied")],
)
def test_a_disk_that_refuses_is_one_sentence(tmp_path, monkeypatch, number, words):
    def refuse(*_arguments):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(workspace_module, "_read_or_make_key", refuse)
    with pytest.raises(WorkspaceError, match=words) as caught:
        Workspace.open(tmp_path / "w", create=True)
    assert "\n" not in str(caught.value)


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / "w").write_text("x")
    with pytest.raises(WorkspaceError):
        Workspace.open(tmp_path / "w", create=True)


@pytest.mark.parametrize("url", ["mysql://localhost/x", "no url"])
def test_other_databases_are_wrong_settings(tmp_path, url):
    with pytest.raises(ConfigurationError, match="SQLite or PostgreSQL|URL"):
        Workspace.open(tmp_path / "w", create=True, database_url=url)
