"""Labelling: every image without a result of the current models, in batches that are one transaction each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echomine.archive.grid_reading import OnGrid
from echomine.archive.ledger import ImageResult, Run
from echomine.archive.spectral_files import ImageFile
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import Label
from echomine.domain.vocabulary import ItemState, Valve
from echomine.pipeline.displays import GriddedDisplay, gridded_displays
from echomine.pipeline.model_chain import ModelChain, Places, load_chain
from echomine.pipeline.progress import SILENT, Progress

LABEL_RUN = "label"
BATCH_SIZE = 256
FORWARD_SIZE = 32
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelProblem:
    """An image that could not be labelled."""

    image_id: str
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelResult:
    """What a run of labelling came to.

    Attributes:
        run: Its identifier.
        model: Version of the models.
        counts: Images of this run by state.
        problems: Those quarantined.
    """

    run: str
    model: str
    counts: Mapping[str, int]
    problems: tuple[LabelProblem, ...] = field(default=())

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "run": self.run,
            "model": self.model,
            "counts": dict(self.counts),
            "problems": [
                {"image": one.image_id, "reason": one.reason.value, "message": one.message} for one in self.problems
            ],
        }


def label_archive(
    workspace: Workspace, *, everything: bool = False, batch_size: int = BATCH_SIZE, progress: Progress = SILENT
) -> LabelResult:
    """Labels every image that has no result of the current models; with ``everything`` also those that have.

    A run that is killed loses the batch in flight and nothing else; the next one takes what is left.

    Raises:
        ArtifactError: If nothing is learnt yet, or a model was altered.
        WorkspaceError: If the catalog cannot be written.
    """
    chain = load_chain(workspace)
    ledger = workspace.catalog.ledger
    if everything:
        ledger.forget(chain.version)
    run = begin_label_run(workspace, chain)
    tally = _Tally()
    with progress.stage("Labelling images", ledger.count_pending(chain.version)) as advance:
        for results in _result_batches(chain, _pending(workspace, chain.version, batch_size), batch_size):
            ledger.record(run, results)
            tally.add(results)
            advance(len(results))
    ledger.finish_run(run, tally.counts)
    return LabelResult(run=run.run_id, model=chain.version, counts=dict(tally.counts), problems=tuple(tally.problems))


def begin_label_run(workspace: Workspace, chain: ModelChain) -> Run:
    """A new run of labelling in the catalog."""
    return workspace.catalog.ledger.begin_run(LABEL_RUN, model=chain.version, lexicon=chain.labeller.lexicon)


def label_files(workspace: Workspace, chain: ModelChain, run: Run, files: Sequence[ImageFile]) -> dict[str, int]:
    """Labels some images in one transaction; how many came to each state."""
    tally = _Tally()
    for results in _result_batches(chain, files, max(len(files), 1)):
        workspace.catalog.ledger.record(run, results)
        tally.add(results)
    return dict(tally.counts)


class _Tally:
    """Counts by state, and the problems."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.problems: list[LabelProblem] = []

    def add(self, results: Sequence[ImageResult]) -> None:
        self.counts.update(one.state.value for one in results)
        self.problems += problems_of(results)


def _result_batches(chain: ModelChain, files: Iterable[ImageFile], batch_size: int) -> Iterator[list[ImageResult]]:
    """Results of files in their order, ``batch_size`` at a time; the next are read while these are computed."""
    results: list[ImageResult] = []
    for displays in _batches(gridded_displays(files, chain.grid, measured=chain.is_measured), FORWARD_SIZE):
        results += results_of(chain, displays)
        if len(results) >= batch_size:
            yield results
            results = []
    if results:
        yield results


def results_of(chain: ModelChain, displays: Sequence[GriddedDisplay]) -> list[ImageResult]:
    """One result for each of at most ``FORWARD_SIZE`` displays, in their order."""
    good = [one for one in displays if one.pixels is not None]
    places = places_of(chain, [OnGrid(one.pixels, one.numbers) for one in good if one.pixels is not None])
    labelled = chain.labels(places, [one.file.record for one in good]) if good else []
    made = {
        one.file.record.image_id: _labelled(one.file.record.image_id, labels, place)
        for one, labels, place in zip(good, labelled, places.vectors, strict=True)
    }
    return [made.get(one.file.record.image_id) or _quarantined(one) for one in displays]


def problems_of(results: Iterable[ImageResult]) -> list[LabelProblem]:
    """Those of some results that were quarantined."""
    return [
        LabelProblem(image_id=one.image_id, reason=one.reason, message=one.message)
        for one in results
        if one.reason is not None
    ]


def places_of(chain: ModelChain, displays: Sequence[OnGrid]) -> Places:
    """N places; always computed as one full batch, so that an image's place depends on itself alone."""
    if not displays:
        return Places(np.zeros((0, chain.index.size), np.float32), np.zeros((0, len(Valve)), np.float32))
    numbers = None if displays[0].numbers is None else np.full_like(displays[0].numbers, np.nan)
    blank = OnGrid(np.zeros_like(displays[0].pixels), numbers)
    return chain.places([*displays, *[blank] * (FORWARD_SIZE - len(displays))]).first(len(displays))


def _labelled(image_id: str, labels: tuple[Label, ...], place: NDArray[np.float32]) -> ImageResult:
    abstained = all(label.abstained for label in labels)
    return ImageResult(
        image_id=image_id,
        state=ItemState.ABSTAINED if abstained else ItemState.LABELLED,
        labels=labels,
        vector=place.astype("<f2").tobytes(),
    )


def _quarantined(display: GriddedDisplay) -> ImageResult:
    problem = display.problem or ItemError(Reason.FAILED, "it could not be labelled")
    return ImageResult(
        image_id=display.file.record.image_id,
        state=ItemState.QUARANTINED,
        reason=problem.reason,
        message=str(problem),
    )


def _pending(workspace: Workspace, model: str, batch_size: int) -> Iterator[ImageFile]:
    for page in workspace.catalog.ledger.pending(model, batch=batch_size):
        yield from page


def _batches(items: Iterator[ItemT], size: int) -> Iterator[list[ItemT]]:
    while batch := list(islice(items, size)):
        yield batch
