"""Quantified heart scans of the catalog: one row per scan and model, by study."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Row, func, select

from echomine.archive.database import Database, insert_replacing
from echomine.archive.schema import scans
from echomine.domain.errors import Reason
from echomine.domain.vocabulary import ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanRow:
    """What quantifying one scan came to.

    Attributes:
        scan_id: Digest of the scan's files and of the masks that were measured.
        model: Generation of the networks, or ``mask``.
        kind: ``mr``, ``echo`` or ``calcium``.
        study_uid: Its exam, or ``""``.
        patient: Pseudonym, or ``""``.
        state: Labelled or quarantined.
        reason, message: Why it was quarantined; ``""`` otherwise.
        result: The document of the result.
        conflicts: Where it disagrees with the exam's report.
        run_id: The run that wrote it.
    """

    scan_id: str
    model: str
    kind: str
    study_uid: str = ""
    patient: str = ""
    state: ItemState = ItemState.LABELLED
    reason: str = ""
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
    conflicts: Sequence[Mapping[str, Any]] = ()
    run_id: str = ""


class ScanTable:
    """Quantified scans; work is idempotent by scan and model."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def done(self) -> frozenset[tuple[str, str]]:
        """(scan, model) of everything that was quantified or quarantined, but for want of networks."""
        query = select(scans.c.scan_id, scans.c.model).where(scans.c.reason != Reason.NO_NETWORKS.value)
        with self._database.read() as connection:
            return frozenset((row.scan_id, row.model) for row in connection.execute(query))

    def put(self, row: ScanRow) -> None:
        """Writes one scan, in place of an earlier row of the same model."""
        values = asdict(row) | {"state": row.state.value, "conflicts": [dict(one) for one in row.conflicts]}
        with self._database.write() as connection:
            insert_replacing(connection, scans, [values], key=("scan_id", "model"))

    def of_study(self, study_uid: str) -> tuple[ScanRow, ...]:
        """The scans of an exam, in order of kind, scan and model; none for an unknown one."""
        query = select(scans).where(scans.c.study_uid == study_uid, scans.c.study_uid != "")
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(scans.c.kind, scans.c.scan_id, scans.c.model)).all()
        return tuple(map(_scan_row, rows))

    def labelled(self) -> tuple[ScanRow, ...]:
        """Every scan that was measured, in order of exam, kind, scan and model."""
        query = select(scans).where(scans.c.state == ItemState.LABELLED.value)
        order = (scans.c.study_uid, scans.c.kind, scans.c.scan_id, scans.c.model)
        with self._database.read() as connection:
            return tuple(map(_scan_row, connection.execute(query.order_by(*order)).all()))

    def count(self) -> int:
        """How many rows there are."""
        with self._database.read() as connection:
            return int(connection.execute(select(func.count()).select_from(scans)).scalar_one())


def _scan_row(row: Row[Any]) -> ScanRow:
    return ScanRow(**{**row._mapping, "state": ItemState(row.state)})  # noqa: SLF001 - public name
