"""Ingest of the hand-made tables: images to paragraphs, images to valve and flow."""

from collections.abc import Callable, Sequence
from pathlib import Path

from echomine.archive.image_table import NewProblem
from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.pairing_files import read_pairs, read_views
from echomine.archive.report_files import problem_of
from echomine.archive.safe_names import stored_path
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import Pair, Paragraph, View
from echomine.pipeline.ingest_context import IngestContext


def ingest_pairs(context: IngestContext, path: Path) -> None:
    """Takes ``pairs.csv`` into the catalog: the paragraph of each row is found by its exam and its words."""
    catalog = context.workspace.catalog
    rows: list[tuple[Pair, str, str]] = []
    problems: list[ItemProblem] = []
    known: dict[str, tuple[Paragraph, ...]] = {}
    for row in read_pairs(path):
        if isinstance(row, ItemProblem):
            problems.append(row)
            continue
        if row.study_uid not in known:
            known[row.study_uid] = catalog.reports.paragraphs_of_study(row.study_uid)
        try:
            paragraph = paragraph_quoted(known[row.study_uid], row.quote)
        except ItemError as error:
            problems.append(problem_of(error, row.origin, kind=ItemKind.PAIR))
            continue
        pair = Pair(image_id=row.image_id, paragraph_id=paragraph.paragraph_id)
        rows.append((pair, row.study_uid, row.quote))
    problems += _without_image(context, path, [pair.image_id for pair, _, _ in rows], ItemKind.PAIR)
    context.tally.counts["pairs_added"] += catalog.reports.put_pairs(rows)
    _keep(context, path, problems)


def ingest_views(context: IngestContext, path: Path) -> None:
    """Takes ``views.csv`` into the catalog."""
    rows = list(read_views(path))
    views = [row for row in rows if isinstance(row, View)]
    problems = [row for row in rows if isinstance(row, ItemProblem)]
    problems += _without_image(context, path, [view.image_id for view in views], ItemKind.VIEW)
    context.tally.counts["views_added"] += context.workspace.catalog.reports.put_views(views)
    _keep(context, path, problems)


def paragraph_quoted(paragraphs: Sequence[Paragraph], quote: str) -> Paragraph:
    """The paragraph of an exam that a quote is from: equal, else holding it, else held by it; white space aside.

    Raises:
        ItemError: ``no_exam`` when the exam has no paragraphs, ``bad_row`` when none fits.
    """
    if not paragraphs:
        raise ItemError(Reason.NO_EXAM, "its exam has no report with a valve paragraph; ingest the reports first")
    wanted = " ".join(quote.split())
    texts = [(" ".join(paragraph.text.split()), paragraph) for paragraph in paragraphs]
    tests: tuple[Callable[[str], bool], ...] = (
        lambda text: text == wanted,
        lambda text: wanted in text,
        lambda text: text in wanted,
    )
    for fits in tests:
        for text, paragraph in texts:
            if fits(text):
                return paragraph
    raise ItemError(Reason.BAD_ROW, "its quote stands in no paragraph of that exam's reports; correct the quote")


def _without_image(context: IngestContext, path: Path, image_ids: Sequence[str], kind: ItemKind) -> list[ItemProblem]:
    """Rows for images that the catalog has not (they count once the images come)."""
    known = context.workspace.catalog.images.some(image_ids)
    return [
        ItemProblem(
            where=image_id,
            kind=kind,
            reason=Reason.NO_EXAM,
            message="its image is not in the catalog; ingest the images, then this table again",
            relative_path=f"{stored_path(Path(path.name))}#{image_id}",
        )
        for image_id in dict.fromkeys(image_ids)
        if image_id not in known
    ]


def _keep(context: IngestContext, path: Path, problems: Sequence[ItemProblem]) -> None:
    source = context.workspace.catalog.images.source(path.parent)
    context.workspace.catalog.images.forget_table_problems(source, stored_path(Path(path.name)))
    context.workspace.catalog.images.keep_problems(source, [NewProblem(problem=item) for item in problems])
    context.tally.problems.extend(problems)
