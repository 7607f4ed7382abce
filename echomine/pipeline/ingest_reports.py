"""Ingest of reports: pseudonyms, paragraphs, findings, and the labels that they state."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from echomine.archive.image_table import NewProblem
from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.report_files import ReportEntry, read_reports
from echomine.archive.report_table import MinedReport
from echomine.archive.safe_names import item_name
from echomine.domain.errors import Reason
from echomine.domain.records import Report
from echomine.pipeline.ingest_context import IngestContext, in_batches
from echomine.reports import lexicon_version, valve_paragraphs


def ingest_reports(context: IngestContext, path: Path) -> None:
    """Takes the reports of one file or folder into the catalog; unchanged ones are not mined again."""
    root = path if path.is_dir() else path.parent
    source = context.workspace.catalog.images.source(root)
    with context.progress.stage(f"Mining reports of {path.name}", 0) as advance:
        for batch in in_batches(read_reports(path)):
            entries = [item for item in batch if isinstance(item, ReportEntry)]
            problems = [item for item in batch if isinstance(item, ItemProblem)]
            problems += _ingest_batch(context, entries)
            context.workspace.catalog.images.keep_problems(
                source, [NewProblem(problem=problem) for problem in problems]
            )
            context.tally.problems.extend(problems)
            advance(len(batch))


def _ingest_batch(context: IngestContext, entries: Sequence[ReportEntry]) -> list[ItemProblem]:
    """Mines the new reports of a batch; gives those that could not be mined."""
    table, counts, lexicon = context.workspace.catalog.reports, context.tally.counts, lexicon_version()
    reports = {report.report_id: (report, entry) for entry in entries for report in (_report(context, entry),)}
    states = table.states(list(reports))
    mined: list[MinedReport] = []
    problems: list[ItemProblem] = []
    for report, entry in reports.values():
        digest = _digest(report)
        if states.get(report.report_id) == (digest, lexicon):
            counts["reports_known"] += 1
            continue
        try:
            paragraphs = valve_paragraphs(report)
        except Exception as error:  # noqa: BLE001 - one bad report never stops a batch
            problems.append(_failed(report, entry, error))
            continue
        mined.append(
            MinedReport(
                report=report,
                paragraphs=paragraphs,
                lexicon=lexicon,
                content_sha256=digest,
                origin=entry.origin,
            )
        )
    table.put(mined)
    counts["reports_added"] += len(mined)
    counts["paragraphs_added"] += sum(len(item.paragraphs) for item in mined)
    counts["findings_added"] += sum(len(p.findings) for item in mined for p in item.paragraphs)
    return problems


def _report(context: IngestContext, entry: ReportEntry) -> Report:
    """The report with pseudonyms; without a name of its own it is known by exam and text."""
    workspace, links = context.workspace, context.links
    study_uid = entry.study_uid or links.study_of(entry.origin)
    name = entry.name or hashlib.sha256(entry.text.encode()).hexdigest()
    return Report(
        report_id=workspace.report_id(f"{context.site}\n{study_uid}\n{name}"),
        text=entry.text,
        patient=workspace.pseudonym(entry.patient_id or links.patient_of(entry.origin)),
        study_uid=study_uid,
        performed=entry.performed,
        site=context.site,
    )


def _digest(report: Report) -> str:
    content = "\0".join((report.text, report.patient, report.study_uid, str(report.performed), report.site))
    return hashlib.sha256(content.encode()).hexdigest()


def _failed(report: Report, entry: ReportEntry, error: Exception) -> ItemProblem:
    return ItemProblem(
        where=report.report_id or item_name(entry.origin),
        kind=ItemKind.REPORT,
        reason=Reason.FAILED,
        message=f"mining it failed ({type(error).__name__}); please report this",
        relative_path=entry.origin,
    )
