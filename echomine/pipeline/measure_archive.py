"""Measuring an archive: the third source of labels, beside report and retrieval, and the order in which to review."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echomine.archive.ledger import ImageResult, LabelFilter
from echomine.archive.spectral_files import ImageFile
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ItemError
from echomine.domain.records import Label
from echomine.domain.vocabulary import ItemState, LabelSource
from echomine.pipeline.agreement import grade_distance, in_conflict
from echomine.pipeline.label_archive import LabelProblem, problems_of
from echomine.pipeline.measured_labels import labels_of_image, measurement_model, suggested_valve
from echomine.pipeline.measuring import Measured, Measuring
from echomine.pipeline.model_chain import LABELLER
from echomine.pipeline.progress import SILENT, Progress
from echomine.pipeline.read_ahead import answered

MEASURE_RUN = "measure"
BATCH_SIZE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureResult:
    """What a run of measuring came to.

    Attributes:
        run: Its identifier.
        model: Version of the measuring and of the models that named the valves.
        counts: Images of this run by state, and ``conflicts``: labels that another source contradicts.
        problems: Images that could not be read.
    """

    run: str
    model: str
    counts: Mapping[str, int]
    problems: tuple[LabelProblem, ...] = ()

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


def measure_archive(workspace: Workspace, *, everything: bool = False, progress: Progress = SILENT) -> MeasureResult:
    """Measures every calibrated image that was not measured yet, and labels what guidelines grade.

    The valve is the one that retrieval names, where the image has such a label. What is measured is set beside what
    report and retrieval say of the same lesion.

    Args:
        workspace: Where the catalog is; models are not needed.
        everything: Also what was measured before.
        progress: Shows how far it is.
    """
    labeller = workspace.artifacts.current(LABELLER) or ""
    model = measurement_model(labeller)
    ledger = workspace.catalog.ledger
    if everything:
        ledger.forget(model)
    run = ledger.begin_run(MEASURE_RUN, model=model)
    counts: Counter[str] = Counter()
    problems: list[LabelProblem] = []
    with progress.stage("Measuring images", ledger.count_pending(model)) as advance:
        for files in ledger.pending(model, batch=BATCH_SIZE):
            others = _other_labels(workspace, files, labeller)
            work = Measuring({name: best for name, labels in others.items() if (best := suggested_valve(labels))})
            results = [_result(file, answer, others) for file, answer in answered(files, work)]
            ledger.record(run, results)
            counts.update(one.state.value for one in results)
            counts["conflicts"] += sum(map(in_conflict, _labels_of(results)))
            problems += problems_of(results)
            advance(len(results))
    ledger.finish_run(run, counts)
    return MeasureResult(run=run.run_id, model=model, counts=dict(counts), problems=tuple(problems))


def _other_labels(workspace: Workspace, files: Sequence[ImageFile], labeller: str) -> dict[str, list[Label]]:
    """What retrieval says of each image and what the report says of each exam, by image id and exam."""
    ledger = workspace.catalog.ledger
    found: dict[str, list[Label]] = {}
    if labeller:
        for label in ledger.labels_of_images([one.record.image_id for one in files], model=labeller):
            found.setdefault(label.image_id, []).append(label)
    exams = {one.record.study_uid for one in files if one.record.study_uid}
    for label in ledger.labels_of_images(exams, model=""):
        found.setdefault(label.study_uid, []).append(label)
    return found


def _result(file: ImageFile, answer: Measured, others: Mapping[str, Sequence[Label]]) -> ImageResult:
    record = file.record
    if isinstance(answer, ItemError):
        return ImageResult(
            image_id=record.image_id, state=ItemState.QUARANTINED, reason=answer.reason, message=str(answer)
        )
    beside = [*others.get(record.image_id, ()), *others.get(record.study_uid, ())]
    labels = labels_of_image(answer, record, beside)
    told = any(not label.abstained for label in labels)
    return ImageResult(
        image_id=record.image_id, state=ItemState.LABELLED if told else ItemState.ABSTAINED, labels=labels
    )


def _labels_of(results: Iterable[ImageResult]) -> Iterator[Label]:
    return (label for one in results for label in one.labels)


# ------------------------------------------------------------------ review


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """One lesion of one image on which sources differ.

    Attributes:
        measured: The measured label.
        others: What the other sources say of the same lesion.
        distance: Largest distance in grades.
        urgency: Distance times the confidences: what to look at first.
    """

    measured: Label
    others: tuple[Label, ...]
    distance: int
    urgency: float

    def said_by(self, source: LabelSource) -> Label | None:
        """What a source says, if it does."""
        return next((label for label in self.others if label.source is source), None)


def review_order(workspace: Workspace, *, limit: int | None = None) -> tuple[ReviewItem, ...]:
    """Lesions on which the measurement differs from report or retrieval, the gravest and surest difference first.

    Measurements that are abstained from are left out.
    """
    ledger = workspace.catalog.ledger
    labeller = workspace.artifacts.current(LABELLER) or ""
    wanted = LabelFilter(source=LabelSource.MEASUREMENT, models=(measurement_model(labeller),), abstained=False)
    measured = list(ledger.labels(wanted))
    beside: dict[str, list[Label]] = {}
    for model, subjects in ((labeller, [one.image_id for one in measured]), ("", [one.study_uid for one in measured])):
        for label in ledger.labels_of_images([subject for subject in subjects if subject], model=model):
            beside.setdefault(label.image_id or label.study_uid, []).append(label)
    items = [_review_item(one, [*beside.get(one.image_id, ()), *beside.get(one.study_uid, ())]) for one in measured]
    ordered = sorted(
        (item for item in items if item.distance > 0),
        key=lambda item: (-item.urgency, item.measured.image_id, item.measured.valve, item.measured.disease),
    )
    return tuple(ordered[:limit])


def _review_item(measured: Label, others: Sequence[Label]) -> ReviewItem:
    same = tuple(
        label
        for label in others
        if (label.valve, label.disease) == (measured.valve, measured.disease) and label.source is not measured.source
    )
    distances = [grade_distance(measured, label) for label in same]
    urgency = max(
        (d * measured.confidence * label.confidence for d, label in zip(distances, same, strict=True)), default=0
    )
    return ReviewItem(measured=measured, others=same, distance=max(distances, default=0), urgency=float(urgency))
