"""Reports without their patients, in a file to share after a look."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from echomine.archive.durable_files import write_lines
from echomine.archive.item_problems import ItemProblem
from echomine.archive.report_files import ReportEntry, count_reports, read_reports, refuse_overwriting
from echomine.archive.workspace import Workspace
from echomine.pipeline.progress import SILENT, Advance, Progress
from echomine.reports.deidentify import days_of, deidentify


@dataclass(slots=True, kw_only=True)
class DeidentifiedFile:
    """What was replaced in a file of reports; it holds no word of them.

    Attributes:
        reports: Reports written.
        replaced: Kind -> number of passages replaced.
        problems: Reports that could not be read.
    """

    reports: int = 0
    replaced: Counter[str] = field(default_factory=Counter)
    problems: list[ItemProblem] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The counts and problems as plain JSON values."""
        problems = [{"where": p.where, "reason": p.reason.value, "message": p.message} for p in self.problems]
        return {"reports": self.reports, "replaced": dict(sorted(self.replaced.items())), "problems": problems}


def deidentify_reports(
    workspace: Workspace, source: Path, out: Path, *, progress: Progress = SILENT
) -> DeidentifiedFile:
    """Writes one JSON object a report: ``id``, ``patient``, ``performed``, ``text``, ``replaced``.

    Ids and patients are the pseudonyms that the workspace's catalog knows them by; dates, ``performed`` too, move by a
    number of days that belongs to the patient, or to the report where no patient is told.

    Args:
        workspace: Its key makes the pseudonyms.
        source: A file or folder of reports.
        out: JSON lines to write.
        progress: Who is told.

    Raises:
        UsageError: If the source is not there, is no report file, or would be overwritten.
        WorkspaceError: If the output cannot be written.
    """
    refuse_overwriting(source, [out])
    result = DeidentifiedFile()
    with progress.stage("Reading reports", count_reports(source)) as advance:
        write_lines(out, _rows(workspace, source, result, advance))
    return result


def _rows(workspace: Workspace, source: Path, result: DeidentifiedFile, advance: Advance) -> Iterator[str]:
    key = workspace.derived_key("deidentified text")
    for number, entry in enumerate(read_reports(source), start=1):
        if isinstance(entry, ItemProblem):
            result.problems.append(entry)
            continue
        row = _row(workspace, key, entry, number)
        result.reports += 1
        result.replaced.update(row["replaced"])
        yield json.dumps(row, ensure_ascii=False)
        advance(1)


def _row(workspace: Workspace, key: bytes, entry: ReportEntry, number: int) -> dict[str, Any]:
    report, patient = workspace.report_id(entry.name or str(number)), workspace.pseudonym(entry.patient_id)
    whose = patient or report
    clean = deidentify(entry.text, key=key, patient=whose)
    return {
        "id": report,
        "patient": patient,
        "performed": _moved(entry.performed, days_of(key, whose)),
        "text": clean.text,
        "replaced": dict(Counter(one.kind.value for one in clean.replaced)),
    }


def _moved(day: date | None, days: int) -> str | None:
    if day is None or day.toordinal() <= days:
        return None
    return (day - timedelta(days=days)).isoformat()
