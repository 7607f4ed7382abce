"""What the doctor says of sick workspaces."""

from pathlib import Path
from typing import Any

import pytest

from echomine.pipeline.doctor import Health, run_doctor


def said_of(workspace: Path, name: str) -> tuple[Health, str]:
    check = next(one for one in run_doctor(workspace) if one.name == name)
    return check.health, check.detail


@pytest.mark.parametrize("folder", ["nothing", "empty"])
def test_before_the_first_ingest_nothing_is_wrong(folder: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert said_of(tmp_path / folder, "catalog")[0] is Health.OK
    assert said_of(tmp_path / folder, "models") == (Health.OK, "none yet: `echomine learn` makes them")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs Linux")
def test_a_place_that_takes_no_files_is_a_failure_whatever_its_rights_say() -> None:
    health, detail = said_of(Path("/proc/nothing/here"), "workspace")
    assert (health, detail) == (Health.FAILED, "/proc/nothing/here is not there yet, /proc is not writable")
    assert said_of(Path("/proc"), "workspace") == (Health.FAILED, "/proc is not writable")


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert said_of(tmp_path / "file", "workspace") == (Health.FAILED, f"{tmp_path / 'file'} is no folder")


def test_looking_leaves_nothing_behind(tmp_path: Path) -> None:
    assert said_of(tmp_path, "workspace") == (Health.OK, f"{tmp_path} is writable")
    assert list(tmp_path.iterdir()) == []


def test_an_altered_model_is_a_failure_with_its_remedy(mined_copy: Any) -> None:
    weights = min(mined_copy.workspace.glob("artifacts/transform/*/*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    health, detail = said_of(mined_copy.workspace, "models")
    assert health is Health.FAILED
    assert (
        "was altered since it was written; restore it or run the command again that made it (`echomine learn`,"
        in detail
    )


def test_a_catalog_that_is_none(mined_copy: Any) -> None:
    (mined_copy.workspace / "catalog.sqlite").write_bytes(b"no database at all" * 100)
    health, detail = said_of(mined_copy.workspace, "catalog")
    assert (health, "the catalog is damaged; restore catalog.sqlite" in detail) == (Health.FAILED, True)
