"""A workspace: one directory with catalog, artifacts, exports, and the key of its pseudonyms."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from echomine.archive.artifacts import ArtifactStore
from echomine.archive.catalog import Catalog
from echomine.archive.database import sqlite_url
from echomine.archive.durable_files import sync_directory, workspace_error
from echomine.domain.errors import WorkspaceError

CATALOG, KEY = "catalog.sqlite", "pseudonym.key"
KEY_BYTES = 32
DATABASE_VARIABLE = "ECHOMINE_DATABASE_URL"


class Workspace:
    """An open workspace.

    Attributes:
        path: Its directory.
        catalog: Images, reports, ledger and labels.
        artifacts: Generations of models.
    """

    def __init__(self, path: Path, *, catalog: Catalog, key: bytes) -> None:
        self.path = path
        self.catalog = catalog
        self.artifacts = self.artifacts_of(path)
        self._key = key

    @classmethod
    def open(
        cls, path: Path, *, create: bool = False, database_url: str = "", pseudonym_key: bytes | None = None
    ) -> "Workspace":
        """The workspace in a directory.

        Args:
            path: The directory.
            create: Whether to make it when it is not there.
            database_url: SQLAlchemy URL of a catalog elsewhere; ``""`` takes the one that ECHOMINE_DATABASE_URL names,
                else SQLite in the workspace.
            pseudonym_key: Key of the pseudonyms of a new workspace, for archives without real patients whose results
                are to be the same everywhere; None draws a secret one.

        Raises:
            WorkspaceError: If it is not there and not to be made, or cannot be written.
        """
        if not create and not (path / KEY).is_file():
            raise WorkspaceError(
                f"there is no workspace in {path}; run `echomine ingest` first or name it by --workspace"
            )
        try:
            if not path.exists():
                path.mkdir(mode=0o750, parents=True)  # the catalog holds the texts of reports
            for part in ("artifacts", "exports"):
                (path / part).mkdir(parents=True, exist_ok=True)
            key = _read_or_make_key(path / KEY, pseudonym_key)
        except OSError as error:
            raise workspace_error(error, doing=f"open the workspace {path}") from error
        url = database_url or os.environ.get(DATABASE_VARIABLE) or sqlite_url(path / CATALOG)
        return cls(path, catalog=Catalog(url), key=key)

    @staticmethod
    def artifacts_of(path: Path) -> ArtifactStore:
        """The artifacts of the workspace in a directory, without opening its catalog."""
        return ArtifactStore(path / "artifacts")

    @property
    def exports(self) -> Path:
        """Directory where exports go by default."""
        return self.path / "exports"

    def pseudonym(self, patient_id: str) -> str:
        """Pseudonym of a patient, the same for the same id within this workspace only; ``""`` stays ``""``."""
        return self._keyed("patient", patient_id, prefix="p-")

    def report_id(self, name: str) -> str:
        """Identifier of a report, made from the name its source gave it."""
        return self._keyed("report", name, prefix="r-")

    def derived_key(self, purpose: str) -> bytes:
        """32 secret bytes for one purpose, the same each time; they do not give the workspace's own key away."""
        return hmac.new(self._key, f"key for {purpose}".encode(), hashlib.sha256).digest()

    def close(self) -> None:
        """Gives back the catalog's connections."""
        self.catalog.close()

    def _keyed(self, purpose: str, text: str, *, prefix: str) -> str:
        cleaned = text.strip()
        if not cleaned:
            return ""
        message = f"{purpose}\0{cleaned}".encode("utf-8", "surrogatepass")
        return prefix + hmac.new(self._key, message, hashlib.sha256).hexdigest()[:16]


def _read_or_make_key(path: Path, given: bytes | None) -> bytes:
    """The key of the file, made with a mode that only its owner reads when it is not there."""
    if not path.exists():
        _make_key(path, given or secrets.token_bytes(KEY_BYTES))
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError as error:
        raise WorkspaceError(f"{path.name} of the workspace is damaged; restore it from a backup") from error
    if not key:
        raise WorkspaceError(f"{path.name} of the workspace is empty; restore it from a backup")
    return key


def _make_key(path: Path, key: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    beside.unlink(missing_ok=True)
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(key.hex() + "\n")
        stream.flush()
        os.fsync(stream.fileno())
    try:
        os.link(beside, path)  # unlike a rename it does not replace a key that another process just made
    except FileExistsError:
        pass
    finally:
        beside.unlink(missing_ok=True)
    sync_directory(path.parent)
