"""The main job on a fresh synthetic archive, end to end."""

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echomine.archive.synthetic_writer import write_archive
from echomine.archive.truth import read_truth
from echomine.archive.workspace import Workspace
from echomine.domain.config import config_to_dict
from echomine.domain.errors import UsageError
from echomine.domain.records import TrueFinding
from echomine.domain.severity import is_disease
from echomine.domain.splits import unit_hash
from echomine.pipeline.evaluate import EvaluationRequest, evaluate
from echomine.pipeline.evaluation_plots import evaluation_figures
from echomine.pipeline.evaluation_result import EvaluationResult
from echomine.pipeline.export_labels import ExportRequest, ExportResult, export_labels
from echomine.pipeline.find_similar import find_similar
from echomine.pipeline.html_report import ReportPage, ReportQuery, write_html_report
from echomine.pipeline.ingest import IngestResult, ingest
from echomine.pipeline.label_archive import LabelResult, label_archive
from echomine.pipeline.learn import learn, learning_patients_of
from echomine.pipeline.measure_archive import MeasureResult, ReviewItem, measure_archive, review_order
from echomine.pipeline.progress import Progress, steps_of
from echomine.pipeline.review_table import review_documents, review_table
from echomine.pipeline.settings import read_settings
from echomine.pipeline.tables import TextTable
from echomine.synthetic.config import LECTURE, SMALL, ArchiveConfig

ARCHIVE, DEMO_KEY = "synthetic-archive", b"synthetic patients need no secret"
SHOWN_QUERIES, SHOWN_REVIEWS = 6, 10
WRITERS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """What the demo made.

    Attributes:
        ingested, labelled, measured, exported: What the stages came to.
        review: What to review first, by how far the measurement differs.
        evaluation: On the patients that nothing was learnt from.
        export: Where the labels lie.
        report: The HTML page.
        seconds: How long all of it took.
    """

    ingested: IngestResult
    labelled: LabelResult
    measured: MeasureResult
    review: tuple[ReviewItem, ...]
    exported: ExportResult
    evaluation: EvaluationResult
    report: Path
    seconds: float

    @property
    def export(self) -> Path:
        """Where the labels lie."""
        return self.exported.path

    def tables(self) -> tuple[TextTable, ...]:
        """The tables that the terminal and the page show."""
        return (self._job(), *self.evaluation.tables(), review_table(self.review))

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "ingest": self.ingested.document(),
            "label": self.labelled.document(),
            "measure": self.measured.document(),
            "review": review_documents(self.review),
            "evaluation": self.evaluation.document(),
            "export": str(self.export),
            "report": str(self.report),
            "seconds": round(self.seconds, 1),
        }

    def _job(self) -> TextTable:
        counts = self.ingested.counts
        rows = (
            ("images", f"{counts['images_added'] + counts['images_known']}"),
            (
                "exams with images and report",
                f"{counts['exams'] - counts['exams_without_report']} of {counts['exams']}",
            ),
            ("paragraphs that name a valve", f"{self.evaluation.retrieval.pool if self.evaluation.retrieval else '-'}"),
            ("labelled in this run", _state_words(self.labelled.counts) or "none: all were labelled before"),
            ("measured in this run", _state_words(self.measured.counts) or "none: all were measured before"),
            ("rows exported", str(sum(_row_counts(self.exported).values()))),
        )
        return TextTable(title="The job", headers=("what", "number"), rows=rows)


def _state_words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in counts.items())


def _row_counts(exported: ExportResult) -> Mapping[str, int]:
    return {name: number for name, number in exported.counts.items() if name == "labels"}


def run_demo(workspace: Path, *, seed: int = 0, small: bool = False, progress: Progress) -> DemoResult:
    """Writes a synthetic archive into the workspace, mines it, judges the labels, exports them, and writes one page.

    A second run takes the archive that is there and ends with the same models and labels.

    Raises:
        UsageError: If the workspace holds other sources than the demo's.
    """
    started = time.monotonic()
    config = SMALL if small else LECTURE
    archive = workspace / ARCHIVE
    opened = Workspace.open(workspace, create=True, pseudonym_key=DEMO_KEY)
    _refuse_other_sources(opened, archive)
    _write_once(archive, config, seed, progress)
    settings = read_settings(None)
    ingested = ingest(opened, [archive], progress=progress)
    learn(opened, settings, seed=seed, progress=progress)
    labelled = label_archive(opened, progress=progress)
    measured = measure_archive(opened, progress=progress)
    asked = EvaluationRequest(truth=archive / "truth.csv", out=workspace / "evaluation")
    evaluation = evaluate(opened, asked, settings, progress=progress)
    request = ExportRequest(form="jsonl", out=_free(opened.exports / "labels.jsonl"))
    exported = export_labels(opened, request, progress=progress)
    held_out = opened.catalog.patients() - learning_patients_of(opened, settings)
    queries = _queries(opened, archive / "truth.csv", held_out, progress)
    result = DemoResult(
        ingested=ingested,
        labelled=labelled,
        measured=measured,
        review=review_order(opened, limit=SHOWN_REVIEWS),
        exported=exported,
        evaluation=evaluation,
        report=workspace / "report.html",
        seconds=time.monotonic() - started,
    )
    with progress.stage("Writing the page", 1):
        write_html_report(_page(result, queries), result.report)
    return result


def _refuse_other_sources(workspace: Workspace, archive: Path) -> None:
    others = [root for root in workspace.catalog.images.roots() if root.resolve() != archive.resolve()]
    if others:
        raise UsageError("this workspace holds images of your own; give the demo another one with --workspace")


def _write_once(archive: Path, config: ArchiveConfig, seed: int, progress: Progress) -> None:
    if _is_written(archive / "archive.json", config, seed):
        return
    with progress.stage("Writing a synthetic archive", config.n_images) as advance:
        write_archive(archive, config, seed, workers=WRITERS, on_progress=steps_of(advance))


def _is_written(description: Path, config: ArchiveConfig, seed: int) -> bool:
    try:
        stated = json.loads(description.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    wanted = {"complete": True, "seed": seed, "config": config_to_dict(config)}
    return all(stated.get(name) == value for name, value in wanted.items())


def _free(path: Path) -> Path:
    """The path, numbered when it is taken."""
    candidates = (path, *(path.with_stem(f"{path.stem}-{number}") for number in range(2, 1000)))
    return next(one for one in candidates if not one.exists())


def _queries(
    workspace: Workspace, truth: Path, patients: frozenset[str], progress: Progress
) -> tuple[ReportQuery, ...]:
    """Queries with images of patients that nothing was learnt from, different lesions first."""
    shown: dict[str, list[TrueFinding]] = defaultdict(list)
    for row in read_truth(truth):
        shown[row.image_id].append(row)
    files = {one.record.image_id: one for one in workspace.catalog.images.all() if one.record.patient in patients}
    chosen = _varied({name: rows for name, rows in shown.items() if name in files})
    queries = []
    with progress.stage("Looking up similar cases", len(chosen)) as advance:
        for name in chosen:
            similar = find_similar(workspace, files[name].path, k=5)
            queries.append(ReportQuery(similar=similar, truth=_truth_words(shown[name])))
            advance(1)
    return tuple(queries)


def _varied(shown: Mapping[str, Sequence[TrueFinding]]) -> list[str]:
    """One image for each valve and gravest lesion in turn, drawn by a hash."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in sorted(shown, key=unit_hash):
        gravest = max(shown[name], key=lambda row: row.severity)
        kind = gravest.disease.value if is_disease(gravest.severity) else "normal"
        groups[gravest.valve.value, kind].append(name)
    order = sorted(groups, key=lambda key: unit_hash("/".join(key)))
    return [groups[key][0] for key in order][:SHOWN_QUERIES]


def _truth_words(rows: Sequence[TrueFinding]) -> str:
    return "; ".join(f"{row.valve.value} {row.disease.value} {row.severity.word.replace('_', '-')}" for row in rows)


def _page(result: DemoResult, queries: tuple[ReportQuery, ...]) -> ReportPage:
    return ReportPage(
        title="What echomine made of a synthetic archive",
        lead="Doppler images placed in the space of report paragraphs, labelled by the nearest ones, and judged on "
        "patients whose images and reports were never learnt from.",
        synthetic=True,
        tables=result.tables(),
        figures=tuple(evaluation_figures(result.evaluation).values()),
        queries=queries,
        model=result.labelled.model,
    )
