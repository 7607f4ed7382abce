"""Findings of a file of reports, line by line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from echomine.archive.durable_files import write_lines
from echomine.archive.item_problems import ItemProblem
from echomine.archive.report_files import ReportEntry, read_reports
from echomine.reports.document import findings_document


@dataclass(slots=True, kw_only=True)
class MinedFile:
    """What a file of reports gave.

    Attributes:
        reports: Reports read.
        findings: Findings in them.
        problems: Reports that could not be read.
    """

    reports: int
    findings: int
    problems: list[ItemProblem]


def mine_reports(source: Path, out: Path) -> MinedFile:
    """Writes one JSON document a report: its findings, measurements and conflicts.

    Raises:
        UsageError: If the source is not there or no report file.
        WorkspaceError: If the output cannot be written.
    """
    mined = MinedFile(reports=0, findings=0, problems=[])
    write_lines(out, _documents(source, mined))
    return mined


def _documents(source: Path, mined: MinedFile) -> Iterator[str]:
    for number, entry in enumerate(read_reports(source), start=1):
        if isinstance(entry, ItemProblem):
            mined.problems.append(entry)
            continue
        document = findings_document(_name(entry, number), entry.text)
        mined.reports += 1
        mined.findings += len(document["findings"])
        yield json.dumps(document, ensure_ascii=False)


def _name(entry: ReportEntry, number: int) -> str:
    """The id that the user gave, who gets it back; without one, the number of the report."""
    return entry.name or str(number)
