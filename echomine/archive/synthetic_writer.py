"""Writes a synthetic archive to disk: images, reports, the two hand-made tables and the truth."""

import csv
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echomine.domain.config import config_to_dict
from echomine.domain.errors import UsageError
from echomine.domain.records import TrueFlow
from echomine.synthetic.config import LECTURE, ArchiveConfig
from echomine.synthetic.images import draw_image, true_findings, true_flows, view_of
from echomine.synthetic.plan import ArchivePlan, ImagePlan, exam_state, plan_archive
from echomine.synthetic.reports import ReportDraft, write_reports

FORMAT_VERSION = 1
_BATCH = 32
_IMAGES_PER_FOLDER = 250
_TRUTH_COLUMNS = ("sop_uid", "valve", "disease", "severity")
_FLOW_COLUMNS = ("vmax_mps", "mean_vmax_mps", "mean_gradient_mmhg", "vti_cm", "pht_ms", "beats")

Progress = Callable[[int, int], None]
Row = tuple[str, ...]
"""Called with the number of images written so far and the number of all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenArchive:
    """What was written, counted.

    Attributes:
        directory: Where it stands.
        n_images, n_reports, n_valve_paragraphs, n_pairs, n_views: Counts.
        n_exams, n_reported_exams: Exams in all, and those with a report.
    """

    directory: Path
    n_images: int
    n_reports: int
    n_valve_paragraphs: int
    n_pairs: int
    n_views: int
    n_exams: int
    n_reported_exams: int


def write_archive(
    directory: Path,
    config: ArchiveConfig = LECTURE,
    seed: int = 0,
    *,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> WrittenArchive:
    """Write ``images/``, ``reports.jsonl``, ``pairs.csv``, ``views.csv``, ``truth.csv`` and ``archive.json``.

    The same configuration and seed give the same bytes, whatever the number of workers. A synthetic archive that
    stands there already is replaced. With several workers new interpreters are started, so that a script which calls
    this needs its ``if __name__ == "__main__"``.

    Raises:
        UsageError: If the directory holds files that are no synthetic archive.
    """
    _prepare(directory)
    plan, calendar = plan_archive(config, seed)
    drafts = write_reports(config, seed, plan.paired, calendar)
    _write_tables(directory, plan, drafts)
    truth: list[Row] = []
    done, total = 0, len(plan.images)
    for count, rows in _written_images(directory, plan, workers):
        truth += rows
        done += count
        if on_progress is not None:
            on_progress(done, total)
    _write_csv(directory / "truth.csv", (*_TRUTH_COLUMNS, *_FLOW_COLUMNS), truth)
    _write_json(directory / "archive.json", _description(plan))
    return _count(directory, plan, drafts)


def image_path(plan: ImagePlan) -> Path:
    """Place of an image within the archive."""
    folder = f"{plan.image_index // _IMAGES_PER_FOLDER:03d}"
    return Path("images") / folder / f"E{plan.exam.exam_index:06d}_{plan.number}.dcm"


def image_bytes(config: ArchiveConfig, seed: int, plan: ImagePlan, *, calibrated: bool = True) -> bytes:
    """One image as the bytes of its file."""
    from echomine.synthetic.dicom import dicom_bytes

    return dicom_bytes(draw_image(config, seed, plan), calibrated=calibrated)


def _prepare(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()) and not (directory / "archive.json").exists():
        raise UsageError(f"{directory} holds other files: name an empty directory for the synthetic archive")
    if (directory / "images").exists():
        shutil.rmtree(directory / "images")
    (directory / "images").mkdir(parents=True, exist_ok=True)
    _write_json(directory / "archive.json", {"synthetic": True, "complete": False})


def _write_tables(directory: Path, plan: ArchivePlan, drafts: Sequence[ReportDraft]) -> None:
    with (directory / "reports.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(_report_row(draft), ensure_ascii=False) + "\n" for draft in drafts)
    pairs = (
        (image.sop_uid, image.exam.study_uid, draft.quote_about(image.valve))
        for image, draft in zip(plan.paired, drafts, strict=False)
    )
    _write_csv(directory / "pairs.csv", ("sop_uid", "study_uid", "quote"), pairs)
    _write_csv(directory / "views.csv", ("sop_uid", "valve", "flow"), _view_rows(plan))


def _report_row(draft: ReportDraft) -> dict[str, str]:
    return {
        "id": draft.report_id,
        "study_uid": draft.exam.study_uid,
        "patient": draft.state.patient.patient_id,
        "date": draft.state.performed.isoformat(),
        "text": draft.text,
    }


def _view_rows(plan: ArchivePlan) -> Iterator[tuple[str, str, str]]:
    images = plan.images
    for index in plan.viewed:
        view = view_of(images[index], exam_state(plan.config, plan.seed, images[index].exam))
        yield view.image_id, view.valve.value, view.flow.value


def _truth_rows(config: ArchiveConfig, seed: int, images: Iterable[ImagePlan]) -> Iterator[Row]:
    for image in images:
        flows = true_flows(config, seed, image)
        for row in true_findings(image, exam_state(config, seed, image.exam)):
            said = (row.image_id, row.valve.value, row.disease.value, row.severity.word)
            yield *said, *_flow_words(flows.get(row.disease))


def _flow_words(flow: TrueFlow | None) -> tuple[str, ...]:
    if flow is None:
        return ("",) * len(_FLOW_COLUMNS)
    pht = "" if flow.pht_ms is None else f"{flow.pht_ms:.1f}"
    return (
        f"{flow.vmax_mps:.3f}",
        f"{flow.mean_vmax_mps:.3f}",
        f"{flow.mean_gradient_mmhg:.2f}",
        f"{flow.vti_cm:.2f}",
        pht,
        str(flow.beats),
    )


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _written_images(directory: Path, plan: ArchivePlan, workers: int) -> Iterator[tuple[int, list[Row]]]:
    """Draw and write all images, yielding the size of each finished batch and the truth about it."""
    images = plan.images
    for folder in sorted({image_path(image).parent for image in images}):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    batches = [
        (directory, plan.config, plan.seed, images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)
    ]
    if workers <= 1:
        yield from map(_write_batch, batches)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(_write_batch, batches)


def _write_batch(job: tuple[Path, ArchiveConfig, int, tuple[ImagePlan, ...]]) -> tuple[int, list[Row]]:
    directory, config, seed, images = job
    for image in images:
        (directory / image_path(image)).write_bytes(image_bytes(config, seed, image))
    return len(images), list(_truth_rows(config, seed, images))


def _description(plan: ArchivePlan) -> dict[str, Any]:
    return {
        "synthetic": True,
        "complete": True,
        "format": FORMAT_VERSION,
        "seed": plan.seed,
        "config": config_to_dict(plan.config),
    }


def _count(directory: Path, plan: ArchivePlan, drafts: Sequence[ReportDraft]) -> WrittenArchive:
    imaged = {image.exam.exam_index for image in plan.images}
    reported = {draft.exam.exam_index for draft in drafts}
    return WrittenArchive(
        directory=directory,
        n_images=len(plan.images),
        n_reports=len(drafts),
        n_valve_paragraphs=sum(draft.n_valve_paragraphs for draft in drafts),
        n_pairs=len(plan.paired),
        n_views=len(plan.viewed),
        n_exams=len(imaged | reported),
        n_reported_exams=len(reported),
    )
