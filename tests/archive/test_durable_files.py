import errno
import os

import pytest

from echomine.archive.durable_files import write_bytes
from echomine.domain.errors import WorkspaceError


def test_writes_into_a_new_folder_and_leaves_nothing_beside(tmp_path):
    write_bytes(tmp_path / "new" / "a.bin", b"123")
    assert (tmp_path / "new" / "a.bin").read_bytes() == b"123"
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["a.bin"]


def test_a_full_disk_keeps_the_old_file_and_says_so(tmp_path, monkeypatch):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceError, match="the disk is full"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.bin"]
