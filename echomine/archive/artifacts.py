"""Generations of artifacts: directories that are written once, whole, and checked at every load.

    artifacts/<kind>/<generation>/manifest.json, files
    artifacts/<kind>/CURRENT

The identifier of a generation is a digest of its files, configuration, seeds and parents: the same work gives the same
identifier, whenever it is done.
"""

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Any

from echomine.archive.durable_files import replace_file, sync_directory, workspace_error, write_durably
from echomine.domain.errors import ArtifactError

MANIFEST, CURRENT = "manifest.json", "CURRENT"
FORMAT = 1
LEFTOVER_AGE_S = 24 * 3600.0
LARGEST_MANIFEST_BYTES = 4 * 1024**2
RECORDED_PACKAGES = (
    "echomine",
    "numpy",
    "torch",
    "torchvision",
    "gensim",
    "faiss-cpu",
    "scikit-learn",
    "pydicom",
)
_AGAIN = "run the command again that made it (`echomine learn`, `echomine models train`)"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """One written artifact.

    Attributes:
        kind: ``text_space``, ``image_feature``, ``transform``, ``index``, ``labeller``, ...
        generation_id: 24 hex digits.
        files: Name to verified content.
        config, seeds, metrics: As given at writing.
        parents: Kind to generation id of what it was made from.
        created: When it was written, ISO 8601.
        packages: Versions it was made with.
    """

    kind: str
    generation_id: str
    files: Mapping[str, bytes] = field(repr=False)
    config: Mapping[str, Any]
    parents: Mapping[str, str]
    seeds: Mapping[str, int]
    metrics: Mapping[str, Any]
    created: str
    packages: Mapping[str, str]


class ArtifactStore:
    """The generations below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(
        self,
        kind: str,
        files: Mapping[str, bytes],
        *,
        config: Mapping[str, Any],
        parents: Mapping[str, str] | None = None,
        seeds: Mapping[str, int] | None = None,
        metrics: Mapping[str, Any] | None = None,
    ) -> Generation:
        """Writes a generation and makes it the current one of its kind.

        Writing the same files, configuration, seeds and parents again changes nothing but ``CURRENT``.

        Raises:
            ArtifactError: If a name is not plain or the settings are no JSON.
            WorkspaceError: If the disk is full or read-only.
        """
        for name in (kind, *files):
            _check_name(name)
        manifest = _manifest(kind, files, config=config, parents=parents or {}, seeds=seeds or {})
        generation_id = _identifier(manifest)
        manifest |= {
            "generation_id": generation_id,
            "metrics": dict(metrics or {}),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "packages": _package_versions(),
        }
        manifest["seal"] = _seal(manifest)
        try:
            self._place(kind, generation_id, files, manifest)
            replace_file(self._directory / kind / CURRENT, f"{generation_id}\n".encode())
        except OSError as error:
            raise workspace_error(error, doing=f"write the {kind}") from error
        return self.load(kind, generation_id)

    def load(self, kind: str, generation_id: str | None = None) -> Generation:
        """A generation, the current one when none is named; every file checked against the manifest.

        Raises:
            ArtifactError: If it is missing, incomplete, or a file differs from what was written.
        """
        _check_name(kind)
        chosen = generation_id or self.current(kind)
        if chosen is None:
            raise ArtifactError(f"there is no {kind} yet; run `echomine learn`")
        _check_name(chosen)
        manifest = self._checked_manifest(kind, chosen)
        files = {name: self._checked_file(kind, chosen, name, entry) for name, entry in manifest["files"].items()}
        return Generation(
            kind=kind,
            generation_id=chosen,
            files=MappingProxyType(files),
            **{name: manifest[name] for name in ("config", "parents", "seeds", "metrics", "created", "packages")},
        )

    def current(self, kind: str) -> str | None:
        """Identifier of the current generation of a kind; None when there is none.

        Raises:
            ArtifactError: If ``CURRENT`` holds no identifier.
        """
        _check_name(kind)
        try:
            name = (self._directory / kind / CURRENT).read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"{kind}/{CURRENT} cannot be read; {_AGAIN}") from error
        _check_name(name)
        return name

    def use(self, kind: str, generation_id: str) -> Generation:
        """Makes an earlier generation the current one, once it is checked."""
        generation = self.load(kind, generation_id)
        try:
            replace_file(self._directory / kind / CURRENT, f"{generation_id}\n".encode())
        except OSError as error:
            raise workspace_error(error, doing=f"choose the {kind}") from error
        return generation

    def generations(self, kind: str) -> tuple[str, ...]:
        """Identifiers of all whole generations of a kind, sorted."""
        _check_name(kind)
        folder = self._directory / kind
        if not folder.is_dir():
            return ()
        names = (entry.name for entry in folder.iterdir() if (entry / MANIFEST).is_file())
        return tuple(sorted(name for name in names if _NAME.fullmatch(name)))

    def kinds(self) -> tuple[str, ...]:
        """Kinds that have a current generation, sorted."""
        if not self._directory.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self._directory.iterdir() if (entry / CURRENT).is_file()))

    def _place(self, kind: str, generation_id: str, files: Mapping[str, bytes], manifest: Mapping[str, Any]) -> None:
        """Writes beside, syncs, renames."""
        folder = self._directory / kind
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / generation_id
        if self._is_whole(kind, generation_id):
            return
        _remove_leftovers(folder)
        beside = folder / f".{generation_id}.{os.getpid()}.part"
        shutil.rmtree(beside, ignore_errors=True)
        try:
            beside.mkdir()
            for name, data in files.items():
                write_durably(beside / name, data)
            write_durably(beside / MANIFEST, _json(manifest, indent=2))
            sync_directory(beside)
            shutil.rmtree(target, ignore_errors=True)  # an altered one is written anew
            beside.rename(target)
            sync_directory(folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _is_whole(self, kind: str, generation_id: str) -> bool:
        try:
            self.load(kind, generation_id)
        except ArtifactError:
            return False
        return True

    def _checked_manifest(self, kind: str, generation_id: str) -> dict[str, Any]:
        broken = f"the manifest of {kind} {generation_id} is missing or altered; {_AGAIN}"
        path = self._directory / kind / generation_id / MANIFEST
        try:
            if path.stat().st_size > LARGEST_MANIFEST_BYTES:
                raise ArtifactError(broken)
            manifest = json.loads(path.read_bytes())
            sealed = manifest["seal"] == _seal(manifest) and _identifier(manifest) == generation_id
            if not sealed or (manifest["format"], manifest["kind"]) != (FORMAT, kind):
                raise ArtifactError(broken)
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ArtifactError(broken) from error
        return dict(manifest)

    def _checked_file(self, kind: str, generation_id: str, name: str, entry: Mapping[str, Any]) -> bytes:
        _check_name(name)
        path = self._directory / kind / generation_id / name
        try:
            if path.stat().st_size != entry["bytes"]:
                raise ArtifactError(_altered(kind, generation_id, name))
            data = path.read_bytes()
        except OSError as error:
            raise ArtifactError(f"{name} of {kind} {generation_id} is missing; restore it or {_AGAIN}") from error
        if hashlib.sha256(data).hexdigest() != entry["sha256"]:
            raise ArtifactError(_altered(kind, generation_id, name))
        return data


def _remove_leftovers(folder: Path) -> None:
    """Removes what killed writers left behind; a writer at work is younger than a day."""
    for leftover in folder.glob(".*.part"):
        if time.time() - leftover.stat().st_mtime > LEFTOVER_AGE_S:
            shutil.rmtree(leftover, ignore_errors=True)


def _altered(kind: str, generation_id: str, name: str) -> str:
    return f"{name} of {kind} {generation_id} was altered since it was written; restore it or {_AGAIN}"


def is_artifact_name(name: str) -> bool:
    """Whether a kind or a file of a generation can have that name: it cannot lead elsewhere."""
    return bool(_NAME.fullmatch(name)) and name not in (MANIFEST, CURRENT)


def _check_name(name: str) -> None:
    if not is_artifact_name(name):
        raise ArtifactError(f"{name!r} is no name for a part of an artifact; use letters, digits, '_', '-' and '.'")


def _manifest(
    kind: str,
    files: Mapping[str, bytes],
    *,
    config: Mapping[str, Any],
    parents: Mapping[str, str],
    seeds: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "kind": kind,
        "files": {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
            for name, data in sorted(files.items())
        },
        "config": dict(config),
        "parents": dict(parents),
        "seeds": dict(seeds),
    }


def _identifier(manifest: Mapping[str, Any]) -> str:
    identity = {name: manifest[name] for name in ("format", "files", "config", "parents", "seeds")}
    return hashlib.sha256(_json(identity)).hexdigest()[:24]


def _seal(manifest: Mapping[str, Any]) -> str:
    """Digest of everything else in a manifest."""
    return hashlib.sha256(_json({name: part for name, part in manifest.items() if name != "seal"})).hexdigest()


def _json(document: Mapping[str, Any], *, indent: int | None = None) -> bytes:
    try:
        return json.dumps(document, indent=indent, sort_keys=True, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise ArtifactError(f"the settings of an artifact must be plain JSON: {error}") from error


def _package_versions() -> dict[str, str]:
    versions = {}
    for name in RECORDED_PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
