"""Ingest of images: read, check, note; in batches, on a few threads."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from echomine.archive.image_table import Addition, NewImage, NewProblem
from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.safe_names import item_name
from echomine.archive.source_files import Source, SourceFile
from echomine.archive.spectral_files import SpectralFile, read_spectral_file
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import ImageRecord
from echomine.pipeline.ingest_context import IngestContext, in_batches

MOST_THREADS = 4


def ingest_images(context: IngestContext, source: Source) -> None:
    """Takes the images of one source into the catalog; files that are there unchanged are not read again."""
    number = context.workspace.catalog.images.source(source.root)
    threads = min(MOST_THREADS, os.cpu_count() or 1)
    with (
        context.progress.stage("Reading images", len(source.files)) as advance,
        ThreadPoolExecutor(threads) as pool,
    ):
        for batch in in_batches(source.files):
            _ingest_batch(context, number, batch, pool)
            advance(len(batch))


def _ingest_batch(context: IngestContext, source: int, batch: Sequence[SourceFile], pool: ThreadPoolExecutor) -> None:
    table, tally = context.workspace.catalog.images, context.tally
    marks = table.file_marks(source, [file.relative_path for file in batch])
    unread = [file for file in batch if not file.mark or marks.get(file.relative_path) != file.mark]
    unchanged = {file.relative_path for file in batch} - {file.relative_path for file in unread}
    results = list(pool.map(lambda file: _read(context, file), unread))
    new = [result for result in results if isinstance(result, NewImage)]
    rejected = [result for result in results if isinstance(result, NewProblem)]
    outcomes = table.add(source, new, rejected)
    tally.counts["images_added"] += outcomes.count(Addition.ADDED)
    tally.counts["images_known"] += outcomes.count(Addition.KNOWN)
    tally.counts["images_added_uncalibrated"] += sum(
        outcome is Addition.ADDED and image.record.calibration is None
        for outcome, image in zip(outcomes, new, strict=True)
    )
    fresh_problems = {item.relative_path for item in new} | {item.problem.relative_path for item in rejected}
    problems = list(table.problems(source=source, relative_paths=unchanged | fresh_problems))
    tally.counts["images_known"] += len(unchanged - {problem.relative_path for problem in problems})
    tally.problems.extend(problems)


def _read(context: IngestContext, file: SourceFile) -> NewImage | NewProblem:
    try:
        spectral = read_spectral_file(file.path)
    except ItemError as error:
        return _rejected(file, error.reason, str(error))
    except Exception as error:  # noqa: BLE001 - one bad file never stops a batch
        return _rejected(file, Reason.FAILED, f"reading it failed ({type(error).__name__}); please report this")
    return NewImage(
        record=_record(context, file, spectral),
        relative_path=file.relative_path,
        file_mark=file.mark,
        notes=spectral.notes,
    )


def _record(context: IngestContext, file: SourceFile, spectral: SpectralFile) -> ImageRecord:
    identity, links = spectral.identity, context.links
    patient = identity.patient_id or links.patient_of(file.relative_path)
    return ImageRecord(
        image_id=spectral.image_id,
        content_sha256=spectral.content_sha256,
        patient=context.workspace.pseudonym(patient),
        study_uid=spectral.study_uid or links.study_of(file.relative_path),
        mode=spectral.display.mode,
        box=spectral.box,
        calibration=spectral.display.calibration,
        performed=identity.performed,
        site=context.site,
    )


def _rejected(file: SourceFile, reason: Reason, message: str) -> NewProblem:
    problem = ItemProblem(
        where=item_name(file.relative_path),
        kind=ItemKind.IMAGE,
        reason=reason,
        message=message,
        relative_path=file.relative_path,
    )
    return NewProblem(problem=problem, file_mark=file.mark)
