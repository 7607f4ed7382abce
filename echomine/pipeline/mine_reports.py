"""Findings of a file of reports, line by line; a page to look at; the reasons of one report."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echomine.archive.durable_files import write_chunks, write_lines
from echomine.archive.item_problems import ItemProblem
from echomine.archive.report_files import ReportEntry, count_reports, read_reports, refuse_overwriting
from echomine.domain.errors import ConfigurationError, UsageError
from echomine.domain.records import Finding
from echomine.domain.vocabulary import Severity
from echomine.pipeline.findings_page import page_foot, page_head, page_report
from echomine.pipeline.progress import SILENT, Advance, Progress
from echomine.pipeline.report_processes import Mined, SiteFiles, Text, lexicon_with, mine_texts
from echomine.pipeline.similar_cases import severity_phrase
from echomine.reports import explain_findings
from echomine.reports.lexicon_files import Lexicon
from echomine.reports.other_findings import OtherFinding

PAGE_REPORTS = 300
"""A page shows no more reports than this; a browser and a reader would not bear many more."""


@dataclass(slots=True, kw_only=True)
class MinedFile:
    """What a file of reports gave.

    Attributes:
        reports: Reports read.
        findings: Findings in them.
        shown: Reports on the page.
        problems: Reports that could not be read.
    """

    reports: int = 0
    findings: int = 0
    shown: int = 0
    problems: list[ItemProblem] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The counts and problems as plain JSON values."""
        problems = [{"where": p.where, "reason": p.reason.value, "message": p.message} for p in self.problems]
        return {"reports": self.reports, "findings": self.findings, "shown": self.shown, "problems": problems}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedFinding:
    """One finding of a report with the rules that made it, as text.

    Attributes:
        finding: Grade, valve, disease and assertion in words.
        quote: The words of the report.
        valve, grade, assertion: The rule that gave each.
    """

    finding: str
    quote: str
    valve: str
    grade: str
    assertion: str


def mine_reports(
    source: Path,
    out: Path,
    *,
    page: Path | None = None,
    processes: int = 1,
    site: Sequence[Path] = (),
    progress: Progress = SILENT,
) -> MinedFile:
    """Writes one JSON document a report: its findings, measurements and conflicts.

    Args:
        source: A file or folder of reports.
        out: JSON lines to write.
        page: HTML page to write beside it, with the first reports, or None.
        processes: Processes that read at the same time; the output is the same for any number.
        site: Lexicon files (TOML) with terms of the site, beside the standard ones.
        progress: Who is told.

    Raises:
        UsageError: If the source is not there, is no report file, or would be overwritten.
        ConfigurationError: If a lexicon file breaks the schema; the message names file and line.
        WorkspaceError: If an output cannot be written.
    """
    refuse_overwriting(source, [path for path in (out, page) if path])
    mined = MinedFile()
    shown: list[str] = []
    read = mine_texts(_texts(source, mined), processes=processes, site=_site_files(site))
    with progress.stage("Reading reports", count_reports(source)) as advance:
        write_lines(out, _documents(read, mined, shown if page else None, advance))
    if page:
        mined.shown = len(shown)
        foot = page_foot(shown=mined.shown, read=mined.reports)
        write_chunks(page, (part.encode("utf-8", "replace") for part in (page_head(source.name), *shown, foot)))
    return mined


def explain_report(source: Path, report_id: str, *, site: Sequence[Path] = ()) -> list[ExplainedFinding]:
    """Why each finding of one report was made, in the order of the text; ``site`` as for :func:`mine_reports`.

    Raises:
        UsageError: If the source is not there or holds no report of that id.
    """
    lexicon = lexicon_with(_site_files(site))
    for number, entry in enumerate(read_reports(source), start=1):
        if isinstance(entry, ReportEntry) and _name(entry, number) == report_id:
            return _explained(entry.text, lexicon)
    raise UsageError(f"there is no report {report_id!r} in {source.name}; the id is that of the findings file")


def _site_files(paths: Sequence[Path]) -> SiteFiles:
    """The lexicon files of a site, read, and checked before the first report is."""
    files = []
    for path in paths:
        try:
            files.append((path.name, path.read_text(encoding="utf-8")))
        except OSError as error:
            raise UsageError(f"the lexicon file {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"lexicon file {path.name} is no text in UTF-8") from error
    lexicon_with(tuple(files))
    return tuple(files)


def _documents(read: Iterator[Mined], mined: MinedFile, shown: list[str] | None, advance: Advance) -> Iterator[str]:
    for one in read:
        mined.reports += 1
        mined.findings += one.findings
        if shown is not None and len(shown) < PAGE_REPORTS:
            shown.append(page_report(one.source.text, json.loads(one.line)))
        yield one.line
        advance(1)


def _texts(source: Path, mined: MinedFile) -> Iterator[Text]:
    for number, entry in enumerate(read_reports(source), start=1):
        if isinstance(entry, ItemProblem):
            mined.problems.append(entry)
        else:
            yield Text(_name(entry, number), entry.text)


def _name(entry: ReportEntry, number: int) -> str:
    """The id that the user gave, who gets it back; without one, the number of the report."""
    return entry.name or str(number)


def _explained(text: str, lexicon: Lexicon) -> list[ExplainedFinding]:
    return [
        ExplainedFinding(
            finding=_finding_words(one.finding),
            quote=" ".join(one.finding.quote.split()),
            valve=one.valve,
            grade=one.grade,
            assertion=one.assertion,
        )
        for one in explain_findings(text, lexicon=lexicon)
    ]


def _finding_words(finding: Finding | OtherFinding) -> str:
    """Assertion, grade, valve and disease: ``present: mild aortic stenosis``."""
    graded = finding.severity.high not in {Severity.UNSPECIFIED, Severity.NONE}
    kind = finding.disease.value if isinstance(finding, Finding) else finding.kind
    words = (severity_phrase(finding.severity) if graded else "", finding.valve or "", kind.replace("_", " "))
    return f"{finding.assertion.value}: {' '.join(filter(None, words))}"
