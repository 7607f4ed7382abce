"""Ingest: images and reports of sources into the catalog, each item once, whatever is wrong with some of them."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echomine.archive.item_problems import ItemProblem
from echomine.archive.pairing_files import Mapping as Links
from echomine.archive.pairing_files import read_mapping
from echomine.archive.source_files import list_source
from echomine.archive.workspace import Workspace
from echomine.domain.errors import Reason
from echomine.domain.vocabulary import ItemState
from echomine.pipeline.ingest_context import COUNTS, IngestContext, Tally
from echomine.pipeline.ingest_images import ingest_images
from echomine.pipeline.ingest_pairing import ingest_pairs, ingest_views
from echomine.pipeline.ingest_reports import ingest_reports
from echomine.pipeline.progress import SILENT, Progress

_UNLINKED = {
    Reason.NO_REPORT: "exams with images and no report, which only retrieval and measurement label: {}",
    Reason.NO_EXAM: "exams with a report and no image, whose paragraphs teach and whose labels are the exam's: {}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestResult:
    """What an ingest came to.

    Attributes:
        counts: New and known images and reports, what the catalog links, what was not taken in.
        problems: Every item of these sources that was not taken in, earlier times included.
        unlinked: Exams of the catalog with images alone (``no_report``) or a report alone (``no_exam``).
        seconds: How long it took.
    """

    counts: Mapping[str, int]
    problems: tuple[ItemProblem, ...] = field(default=())
    unlinked: Mapping[Reason, tuple[str, ...]] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def quarantined(self) -> tuple[ItemProblem, ...]:
        """Problems of damaged or refused items, without sound files that hold no spectral display."""
        return tuple(item for item in self.problems if item.state is ItemState.QUARANTINED)

    def notes(self) -> tuple[str, ...]:
        """A sentence on each kind of exam that is half there."""
        return tuple(
            f"{_UNLINKED[reason].format(len(exams))} ({reason.value}), for example {exams[0]}"
            for reason, exams in self.unlinked.items()
            if exams
        )

    def document(self) -> dict[str, Any]:
        """The result as plain JSON."""
        return {
            "counts": dict(self.counts),
            "seconds": round(self.seconds, 3),
            "unlinked": {reason.value: list(exams) for reason, exams in self.unlinked.items()},
            "problems": [
                {
                    "item": item.where,
                    "kind": item.kind.value,
                    "state": item.state.value,
                    "reason": item.reason.value,
                    "message": item.message,
                    "path": item.relative_path,
                }
                for item in self.problems
            ],
        }


def ingest(  # noqa: PLR0913 - the options of one command
    workspace: Workspace,
    sources: Sequence[Path],
    *,
    reports: Sequence[Path] = (),
    pairs: Path | None = None,
    views: Path | None = None,
    mapping: Path | None = None,
    site: str = "",
    progress: Progress = SILENT,
) -> IngestResult:
    """Takes images and reports into the catalog; the same sources again change nothing.

    A source directory that holds ``reports.jsonl`` (or ``reports.csv``), ``pairs.csv`` or ``views.csv`` brings them
    along. Each batch is one transaction, so an ingest that was cut off is completed by running it again.

    Args:
        workspace: Where to.
        sources: Directories (with all below) or files.
        reports: More report files or folders of ``.txt``.
        pairs: Hand-made ``pairs.csv`` elsewhere.
        views: Hand-made ``views.csv`` elsewhere.
        mapping: CSV ``file, study_uid[, patient]`` that links files without tags to exams.
        site: Name of the sources, to filter by later.
        progress: Who is told.

    Raises:
        UsageError: If a source or table is not there or has not the columns it needs.
        WorkspaceError: If the workspace cannot be written.
    """
    started = time.monotonic()
    listed = [list_source(Path(source)) for source in sources]
    links = read_mapping(mapping) if mapping else Links()
    tally = Tally()
    tally.counts["files_ignored"] = sum(source.ignored for source in listed)
    context = IngestContext(workspace=workspace, links=links, site=site, progress=progress, tally=tally)
    for source in listed:
        ingest_images(context, source)
    for path in _given(reports, *(source.reports for source in listed)):
        ingest_reports(context, path)
    workspace.catalog.share_patients()
    for path in _given((pairs,), (source.pairs for source in listed)):
        ingest_pairs(context, path)
    for path in _given((views,), (source.views for source in listed)):
        ingest_views(context, path)
    counts = _counts(tally) | workspace.catalog.exam_counts()
    if tally.run is not None:
        workspace.catalog.ledger.finish_run(tally.run, counts)
    return IngestResult(
        counts=counts,
        problems=tuple(tally.problems),
        unlinked=workspace.catalog.unlinked(),
        seconds=time.monotonic() - started,
    )


def _given(*groups: Iterable[Path | None]) -> tuple[Path, ...]:
    """The paths that were given, each once, in order."""
    return tuple(dict.fromkeys(Path(path) for group in groups for path in group if path is not None))


def _counts(tally: Tally) -> dict[str, int]:
    states = Counter(item.state for item in tally.problems)
    named = {name: tally.counts[name] for name in COUNTS}
    return named | {state.value: states[state] for state in (ItemState.QUARANTINED, ItemState.SKIPPED)}
