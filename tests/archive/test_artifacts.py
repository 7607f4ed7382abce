"""Generations: the same work gives the same name, and nothing altered is ever loaded."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from echomine.archive.artifacts import ArtifactStore
from echomine.domain.errors import ArtifactError, WorkspaceError

FILES = {"weights.safetensors": b"0123456789", "notes.json": b"{}"}
CONFIG = {"size": 3, "name": "x"}


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "artifacts")


def test_what_was_written_is_loaded(store):
    written = store.write(
        "index", FILES, config=CONFIG, parents={"text_space": "a1"}, seeds={"s": 4}, metrics={"m": 0.5}
    )
    loaded = store.load("index")
    assert loaded == written
    assert dict(loaded.files) == FILES
    assert (loaded.config, loaded.parents, loaded.seeds, loaded.metrics) == (
        CONFIG,
        {"text_space": "a1"},
        {"s": 4},
        {"m": 0.5},
    )
    assert "numpy" in loaded.packages


def test_the_identifier_depends_on_the_work_alone(store, tmp_path):
    first = store.write("index", FILES, config=CONFIG, metrics={"m": 1})
    again = ArtifactStore(tmp_path / "elsewhere").write("index", dict(reversed(FILES.items())), config=CONFIG)
    assert first.generation_id == again.generation_id
    others = {
        store.write("index", FILES | {"notes.json": b"[]"}, config=CONFIG).generation_id,
        store.write("index", FILES, config=CONFIG | {"size": 4}).generation_id,
        store.write("index", FILES, config=CONFIG, parents={"x": "y"}).generation_id,
        store.write("index", FILES, config=CONFIG, seeds={"s": 1}).generation_id,
    }
    assert len(others) == 4
    assert first.generation_id not in others


def test_the_last_written_is_current_and_earlier_ones_can_be_used(store):
    first = store.write("index", FILES, config=CONFIG)
    second = store.write("index", FILES, config={})
    assert store.current("index") == second.generation_id
    assert store.generations("index") == tuple(sorted((first.generation_id, second.generation_id)))
    assert store.kinds() == ("index",)
    store.use("index", first.generation_id)
    assert store.load("index") == first


def test_what_is_not_there_is_said(store):
    assert store.current("index") is None
    assert store.kinds() == store.generations("index") == ()
    with pytest.raises(ArtifactError, match="echomine learn"):
        store.load("index")
    with pytest.raises(ArtifactError):
        store.load("index", "0" * 24)


@pytest.mark.parametrize("damage", ["flip", "cut", "grow", "remove"])
def test_an_altered_file_is_never_loaded(store, tmp_path, damage):
    written = store.write("index", FILES, config=CONFIG)
    path = tmp_path / "artifacts" / "index" / written.generation_id / "weights.safetensors"
    data = path.read_bytes()
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes({"flip": b"1" + data[1:], "cut": data[:-1], "grow": data + b"x"}[damage])
    with pytest.raises(ArtifactError, match=r"weights\.safetensors") as caught:
        store.load("index")
    assert "\n" not in str(caught.value)
    assert dict(store.write("index", FILES, config=CONFIG).files) == FILES  # writing it again mends it


def test_every_flipped_bit_of_a_manifest_is_seen(store, tmp_path):
    written = store.write("index", FILES, config=CONFIG)
    path = tmp_path / "artifacts" / "index" / written.generation_id / "manifest.json"
    original = path.read_bytes()
    for place in range(0, len(original), 3):
        mutated = bytearray(original)
        mutated[place] ^= 0x01
        path.write_bytes(bytes(mutated))
        with pytest.raises(ArtifactError):
            store.load("index")
    path.write_bytes(original)
    assert store.load("index") == written


def test_a_manifest_that_names_other_paths_is_refused(store, tmp_path):
    written = store.write("index", FILES, config=CONFIG)
    path = tmp_path / "artifacts" / "index" / written.generation_id / "manifest.json"
    manifest = json.loads(path.read_bytes())
    manifest["files"]["../../../etc/passwd"] = {"sha256": "0", "bytes": 1}
    path.write_text(json.dumps(manifest))
    with pytest.raises(ArtifactError):
        store.load("index")
    path.write_text("[" * 200_000)
    with pytest.raises(ArtifactError):
        store.load("index")


def test_a_current_that_points_elsewhere_is_refused(store, tmp_path):
    store.write("index", FILES, config=CONFIG)
    (tmp_path / "artifacts" / "index" / "CURRENT").write_text("../../x")
    with pytest.raises(ArtifactError):
        store.load("index")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "manifest.json", "CURRENT", "a" * 101, "x\0"])
def test_names_are_plain(store, name):
    with pytest.raises(ArtifactError):
        store.write("index", {name: b""}, config={})
    if name not in ("manifest.json", "CURRENT"):
        with pytest.raises(ArtifactError):
            store.write(name, FILES, config={})


def test_settings_are_plain_json(store):
    with pytest.raises(ArtifactError, match="JSON"):
        store.write("index", FILES, config={"x": object()})
    with pytest.raises(ArtifactError, match="JSON"):
        store.write("index", FILES, config={"x": float("nan")})


def test_a_full_disk_leaves_the_old_generation(store, tmp_path, monkeypatch):
    first = store.write("index", FILES, config=CONFIG)

    def full(_handle):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WorkspaceError, match="disk is full"):
        store.write("index", FILES, config={})
    monkeypatch.undo()
    assert store.load("index") == first
    assert [entry.name for entry in (tmp_path / "artifacts" / "index").iterdir() if entry.name.startswith(".")] == []


WRITER = """
import sys
from pathlib import Path
from echomine.archive.artifacts import ArtifactStore
store = ArtifactStore(Path(sys.argv[1]))
print("ready", flush=True)
number = 0
while True:
    number += 1
    store.write("index", {"a.bin": bytes([number % 251]) * 400_000, "b.bin": b"x" * number}, config={"n": number})
"""


def test_a_killed_writer_leaves_whole_generations(store, tmp_path):
    folder = tmp_path / "artifacts"
    for delay in (0.02, 0.05, 0.11, 0.17):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        writer.stdout.readline()
        time.sleep(delay)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        for generation in store.generations("index"):
            store.load("index", generation)
        if store.current("index"):
            assert store.load("index").files["b.bin"]


def test_a_read_only_store_is_one_sentence(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    folder = tmp_path / "artifacts"
    folder.mkdir(mode=0o500)
    with pytest.raises(WorkspaceError, match="permission"):
        ArtifactStore(folder).write("index", FILES, config=CONFIG)


def test_a_store_in_the_way_of_a_file_is_one_sentence(tmp_path):
    (tmp_path / "artifacts").write_text("no folder")
    with pytest.raises(WorkspaceError):
        ArtifactStore(Path(tmp_path / "artifacts")).write("index", FILES, config=CONFIG)
