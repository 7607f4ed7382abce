"""What the steps of one ingest share."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from echomine.archive.item_problems import ItemProblem
from echomine.archive.ledger import Run
from echomine.archive.pairing_files import Mapping
from echomine.archive.workspace import Workspace
from echomine.pipeline.progress import Progress
from echomine.reports import lexicon_version

BATCH = 256
"""Items of one transaction."""
COUNTS = (
    "images_added",
    "images_known",
    "images_added_uncalibrated",
    "reports_added",
    "reports_known",
    "reports_encoding_guessed",
    "paragraphs_added",
    "findings_added",
    "pairs_added",
    "views_added",
    "files_ignored",
)

ItemT = TypeVar("ItemT")


@dataclass(slots=True)
class Tally:
    """What came of an ingest so far, filled as it goes on.

    Attributes:
        counts: Numbers by name.
        problems: What was not taken in.
        run: The run of this ingest in the catalog, once there was something new to read.
        report_digests: Reports met, to see two of one id with different content.
    """

    counts: Counter[str] = field(default_factory=Counter)
    problems: list[ItemProblem] = field(default_factory=list)
    run: Run | None = None
    report_digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestContext:
    """One ingest.

    Attributes:
        workspace: Where to.
        links: Files to exams, from a mapping file.
        site: Name of the sources.
        progress: Who is told.
        tally: What came of it so far.
    """

    workspace: Workspace
    links: Mapping
    site: str
    progress: Progress
    tally: Tally

    def run(self) -> Run:
        """The run that new report labels belong to; an ingest without news leaves none."""
        if self.tally.run is None:
            self.tally.run = self.workspace.catalog.ledger.begin_run("ingest", model="", lexicon=lexicon_version())
        return self.tally.run


def in_batches(items: Iterable[ItemT], size: int = BATCH) -> Iterator[list[ItemT]]:
    """Lists of up to ``size`` items in order."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
