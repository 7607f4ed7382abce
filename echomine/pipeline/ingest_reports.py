"""Ingest of reports: pseudonyms, paragraphs, findings, and the labels that they state."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from echomine.archive.image_table import NewProblem
from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.report_files import ReportEntry, count_reports, read_reports
from echomine.archive.report_table import MinedReport
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import Report
from echomine.pipeline.ingest_context import IngestContext, Tally, in_batches
from echomine.reports import lexicon_version, valve_paragraphs

_TWICE = ItemError(Reason.DUPLICATE_UID, "another report of the same id has another text; keep one of them")


def ingest_reports(context: IngestContext, path: Path) -> None:
    """Takes the reports of one file or folder into the catalog; unchanged ones are not mined again."""
    root = path if path.is_dir() else path.parent
    source = context.workspace.catalog.images.source(root)
    with context.progress.stage("Mining reports", count_reports(path)) as advance:
        for batch in in_batches(read_reports(path)):
            entries = [item for item in batch if isinstance(item, ReportEntry)]
            problems = [item for item in batch if isinstance(item, ItemProblem)]
            problems += _ingest_batch(context, entries)
            context.workspace.catalog.images.keep_problems(
                source,
                [NewProblem(problem=problem) for problem in problems],
                sound=[entry.origin for entry in entries],
            )
            context.tally.problems.extend(problems)
            advance(len(batch))


def _ingest_batch(context: IngestContext, entries: Sequence[ReportEntry]) -> list[ItemProblem]:
    """Mines the new reports of a batch; gives those that could not be taken in."""
    table, tally = context.workspace.catalog.reports, context.tally
    tally.counts["reports_encoding_guessed"] += sum(bool(entry.note) for entry in entries)
    reports = [(_report(context, entry), entry) for entry in entries]
    states = table.states([report.report_id for report, _ in reports])
    mined: list[MinedReport] = []
    problems: list[ItemProblem] = []
    for report, entry in reports:
        digest = _digest(report)
        if tally.report_digests.setdefault(report.report_id, digest) != digest:
            problems.append(_problem(report, entry, _TWICE))
        elif states.get(report.report_id) == (digest, lexicon_version()):
            tally.counts["reports_known"] += 1
        else:
            try:
                mined.append(_mined(report, entry, digest))
                states[report.report_id] = (digest, lexicon_version())
            except ItemError as error:
                problems.append(_problem(report, entry, error))
    if mined:
        table.put(mined, run=context.run().run_id)
    _count(tally, mined)
    return problems


def _mined(report: Report, entry: ReportEntry, digest: str) -> MinedReport:
    try:
        paragraphs = valve_paragraphs(report)
    except Exception as error:
        raise ItemError(Reason.FAILED, f"mining it failed ({type(error).__name__}); please report this") from error
    return MinedReport(
        report=report,
        paragraphs=paragraphs,
        lexicon=lexicon_version(),
        content_sha256=digest,
        origin=entry.origin,
    )


def _count(tally: Tally, mined: Sequence[MinedReport]) -> None:
    tally.counts["reports_added"] += len(mined)
    tally.counts["paragraphs_added"] += sum(len(item.paragraphs) for item in mined)
    tally.counts["findings_added"] += sum(len(p.findings) for item in mined for p in item.paragraphs)


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


def _problem(report: Report, entry: ReportEntry, error: ItemError) -> ItemProblem:
    return ItemProblem(
        where=report.report_id,
        kind=ItemKind.REPORT,
        reason=error.reason,
        message=str(error),
        relative_path=entry.origin,
    )
