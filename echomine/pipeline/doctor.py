"""Checks the installation and a workspace, each with a remedy."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryFile

from packaging.requirements import Requirement

from echomine.archive.workspace import Workspace
from echomine.domain.errors import EchomineError
from echomine.pipeline.progress import SILENT, Progress

FREE_DISK_WARNING_GB = 5.0


class Health(StrEnum):
    """Outcome of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What was looked at.
        health: How it is.
        detail: What was found.
        remedy: What to do, ``""`` where nothing is wrong or the detail says it.
    """

    name: str
    health: Health
    detail: str
    remedy: str = ""


def run_doctor(workspace: Path, *, progress: Progress = SILENT) -> tuple[Check, ...]:
    """All checks, in a fixed order; none of them changes a workspace that exists or creates one."""
    checks: tuple[Callable[[], Check], ...] = (
        _python,
        _pins,
        _accelerator,
        _index_accelerator,
        _offline,
        lambda: _disk(workspace),
        lambda: _writable(workspace),
        lambda: _catalog(workspace),
        lambda: _generations(workspace),
    )
    done = []
    with progress.stage("Checking", len(checks)) as advance:
        for check in checks:
            done.append(check())
            advance(1)
    return tuple(done)


def _python() -> Check:
    version = platform.python_version()
    good = sys.version_info >= (3, 11)
    return Check(
        name="python",
        health=Health.OK if good else Health.FAILED,
        detail=f"{version} on {platform.machine()}, {os.cpu_count()} cores",
        remedy="" if good else "use Python 3.11 or newer",
    )


def _pins() -> Check:
    wrong = [text for text in map(_unmet, metadata.requires("echomine") or ()) if text]
    return Check(
        name="packages",
        health=Health.FAILED if wrong else Health.OK,
        detail="; ".join(wrong) or "all within the ranges that were proved together",
        remedy="pip install -c constraints.txt -e ." if wrong else "",
    )


def _unmet(line: str) -> str:
    requirement = Requirement(line)
    if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
        return ""
    try:
        found = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return f"{requirement.name} is missing"
    if requirement.specifier.contains(found, prereleases=True):
        return ""
    return f"{requirement.name} {found} is not {requirement.specifier}"


def _accelerator() -> Check:
    import torch

    if torch.cuda.is_available():
        return Check(name="torch device", health=Health.OK, detail=torch.cuda.get_device_name(0))
    threads = torch.get_num_threads()
    return Check(name="torch device", health=Health.OK, detail=f"cpu, {threads} threads (a GPU is optional)")


def _index_accelerator() -> Check:
    from echomine.retrieval.vector_index import gpu_count

    where = "gpu" if gpu_count() else "cpu"
    return Check(name="index device", health=Health.OK, detail=where)


def _offline() -> Check:
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    return Check(
        name="network",
        health=Health.OK,
        detail="model hubs are off" if offline else "no hub is used unless you name one",
    )


def _existing_parent(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if _is_there(folder))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # its folder may not be looked into
        return False


def _takes_files(folder: Path) -> bool:
    """Whether a file can be made in a folder: rights alone do not say so of /proc or a read-only disk."""
    try:
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _disk(workspace: Path) -> Check:
    free_gb = shutil.disk_usage(_existing_parent(workspace)).free / 1e9
    enough = free_gb >= FREE_DISK_WARNING_GB
    return Check(
        name="disk",
        health=Health.OK if enough else Health.WARNING,
        detail=f"{free_gb:.1f} GB free",
        remedy="" if enough else "free some space or choose another --workspace",
    )


def _writable(workspace: Path) -> Check:
    folder = _existing_parent(workspace)
    good = _takes_files(folder)
    words = f"is{'' if good else ' not'} writable" if folder.is_dir() else "is no folder"
    if folder != workspace.absolute():
        words = f"is not there yet, {folder} {words}"
    return Check(
        name="workspace",
        health=Health.OK if good else Health.FAILED,
        detail=f"{workspace} {words}",
        remedy="" if good else "choose another --workspace or change its permissions",
    )


def _catalog(workspace: Path) -> Check:
    if not _is_there(workspace / "catalog.sqlite"):
        return Check(name="catalog", health=Health.OK, detail="none yet: `echomine ingest` makes it")
    try:
        counts = Workspace.open(workspace, create=False).catalog.counts()
    except EchomineError as error:
        return Check(name="catalog", health=Health.FAILED, detail=str(error))
    words = ", ".join(f"{number} {name}" for name, number in counts.items())
    return Check(name="catalog", health=Health.OK, detail=words or "empty")


def _generations(workspace: Path) -> Check:
    from echomine.pipeline.model_chain import LABELLER, load_chain

    try:
        if Workspace.artifacts_of(workspace).current(LABELLER) is None:
            return Check(name="models", health=Health.OK, detail="none yet: `echomine learn` makes them")
        version = load_chain(Workspace.open(workspace, create=False)).version
    except EchomineError as error:
        return Check(name="models", health=Health.FAILED, detail=str(error))
    return Check(name="models", health=Health.OK, detail=f"labeller {version}, every file as its manifest says")
