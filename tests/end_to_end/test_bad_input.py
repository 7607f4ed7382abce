"""Bad input as a user meets it: from the command line, a source of everything that goes wrong at once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SAMPLES = Path(__file__).parents[2] / "data_samples"
WITHOUT_POWERS = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]


def run(*arguments: object, through: list[str] | None = None) -> "subprocess.CompletedProcess[str]":
    command = [*(through or []), sys.executable, "-m", "echomine", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


Make = Callable[..., bytes]


def bad_images(make: Make, spectral: Mapping[str, Any]) -> dict[str, tuple[bytes, str]]:
    """Content and reason of files that are not taken in, by name."""
    whole = make(SOPInstanceUID="1.2.1")
    far = {**spectral, "RegionLocationMinX0": 5000, "RegionLocationMaxX1": 9000}
    back = {**spectral, "RegionLocationMinX0": 279, "RegionLocationMaxX1": 20}
    return {
        "empty.dcm": (b"", "empty_file"),
        "text.dcm": (b"Dear colleague, " * 20, "not_an_image"),
        "cut.dcm": (whole[: len(whole) // 2], "truncated"),
        "ct.dcm": (
            make(SOPInstanceUID="1.2.2", Modality="CT", SOPClassUID="1.2.840.10008.5.1.4.1.1.2"),
            "wrong_modality",
        ),
        "bomb.dcm": (make(SOPInstanceUID="1.2.3", Rows=65535, Columns=65535), "too_large"),
        "frames.dcm": (make(SOPInstanceUID="1.2.4", NumberOfFrames=2_000_000_000), "too_large"),
        "sealed.dcm": (b"0\x80" + bytes.fromhex("06092a864886f70d010703") + bytes(500), "encrypted"),
        "no pixels.dcm": (make(SOPInstanceUID="1.2.5", PixelData=None), "no_pixels"),
        "far.dcm": (make(SOPInstanceUID="1.2.6", regions=[far]), "bad_region"),
        "back.dcm": (make(SOPInstanceUID="1.2.7", regions=[back]), "bad_region"),
        "z twice.dcm": (make(np.full((200, 300), 9, np.uint8), SOPInstanceUID="1.2.99"), "duplicate_uid"),
        "\x1b[31mred\n\u202e.dcm": (b"x", "not_an_image"),
    }


def reports() -> bytes:
    """A report for no exam, three that are none, and one in Latin-1."""
    rows = [
        {"study_uid": "1.2.3.99", "patient": "P1", "text": "Moderate aortic stenosis."},
        {"study_uid": "1.2.3", "patient": "P2", "text": " \n"},
        {"study_uid": "1.2.3", "patient": "P2", "text": "Mild mitral regurgitation. " * 700_000},
    ]
    lines = [json.dumps(row).encode() for row in rows]
    return b"\n".join([*lines, b"{broken", '{"study_uid": "1.7", "text": "Sévère MR."}'.encode("latin-1")])


@pytest.fixture
def source(make_dicom: Make, spectral_region: Mapping[str, Any], tmp_path: Path) -> Path:
    """One good image among many bad ones."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "good.dcm").write_bytes(make_dicom(SOPInstanceUID="1.2.99"))
    (folder / "uid.dcm").write_bytes(make_dicom(SOPInstanceUID="../../../etc/passwd"))
    for name, (content, _) in bad_images(make_dicom, spectral_region).items():
        (folder / name).write_bytes(content)
    (folder / "gone.dcm").symlink_to("/nowhere/at/all.dcm")
    os.mkfifo(folder / "pipe.dcm")
    (folder / "reports.jsonl").write_bytes(reports())
    return folder


@pytest.mark.filterwarnings("ignore::UserWarning")  # pydicom warns of the UID that is none
def test_each_bad_item_has_a_sentence_and_a_code_and_the_rest_goes_on(
    source: Path, make_dicom: Make, spectral_region: Mapping[str, Any], tmp_path: Path
) -> None:
    ended = run("ingest", source, "--workspace", tmp_path / "workspace", "--json")
    assert ended.returncode == 1, ended.stderr
    document = json.loads(ended.stdout)
    counts = document["counts"]
    assert (counts["images_added"], counts["reports_added"], counts["reports_encoding_guessed"]) == (2, 2, 1)
    assert (counts["exams_without_report"], counts["reports_without_exam"]) == (1, 2)
    found = {one["path"]: one["reason"] for one in document["problems"]}
    wanted = {name: reason for name, (_, reason) in bad_images(make_dicom, spectral_region).items()}
    wanted["%1B[31mred%0A%E2%80%AE.dcm"] = wanted.pop("\x1b[31mred\n\u202e.dcm")
    wanted |= {"gone.dcm": "source_missing", "pipe.dcm": "unreadable"}
    wanted |= {"reports.jsonl#2": "empty_report", "reports.jsonl#3": "too_large", "reports.jsonl#4": "bad_row"}
    assert found == wanted
    assert all(one["message"] and "\n" not in one["message"] for one in document["problems"])
    assert "etc" not in ended.stdout
    again = run("ingest", source, "--workspace", tmp_path / "workspace", "--json")
    assert json.loads(again.stdout)["counts"]["images_added"] == 0


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv to give up the rights of root")
@pytest.mark.skipif(os.geteuid() != 0, reason="gives up the rights of root")
def test_a_workspace_that_cannot_be_written(mined_copy: Any) -> None:
    workspace: Path = mined_copy.workspace
    for path in [workspace, *workspace.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    for arguments in (("label", "--all"), ("ingest", SAMPLES), ("learn",)):
        ended = run(*arguments, "--workspace", workspace, through=WITHOUT_POWERS)
        assert (ended.returncode, ended.stdout) == (3, ""), ended.stderr
        assert "write access" in ended.stderr or "cannot be written" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Any:
    """A file system of 128 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", place], check=True)


@pytest.mark.slow
def test_a_disk_that_is_full(small_disk: Path, mined_workspace: Any) -> None:
    ended = run("ingest", SAMPLES, "--workspace", small_disk / "workspace")
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ended.stderr.splitlines()[-1] == (
        "echomine: the disk of the workspace is full; free some space and run the same command again"
    )
    (small_disk / "filler").write_bytes(b"x" * (64 << 10))
    shutil.rmtree(small_disk / "workspace")
    out = small_disk / "labels.jsonl"
    ended = run("export", "--out", out, "--abstained", "--workspace", mined_workspace.workspace)
    assert (ended.returncode, "disk is full" in ended.stderr, out.exists()) == (3, True, False)
