"""Image models: trained from a data set into the workspace, judged, and used on new pictures."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from echomine.archive.artifacts import ArtifactStore, Generation
from echomine.archive.durable_files import write_bytes
from echomine.archive.tables import csv_bytes
from echomine.archive.training_data import BadSample, LoadedSet
from echomine.archive.training_sets import load_training_set, read_pretrained
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ArtifactError, EchomineError, UsageError
from echomine.domain.vocabulary import Split
from echomine.learning.image_model import ImageModel, Runtime, config_document, train_image_model
from echomine.learning.images import device_of
from echomine.learning.onnx_network import OnnxNetwork, to_onnx
from echomine.learning.samples import Sample, parts_of
from echomine.metrics.boxes import PictureObjects
from echomine.models.entries import Task
from echomine.pipeline.model_card import TrainingFacts, figure_rows, learning_curve, model_card
from echomine.pipeline.model_scores import ModelScores, check_distances, judge
from echomine.pipeline.overlays import box_overlay, contact_sheet, mask_overlay
from echomine.pipeline.progress import SILENT, Progress, steps_of
from echomine.pipeline.training_file import TrainingFile, artifact_kind

ONNX, KNOWN_PATIENTS = "model.onnx", "known_patients.json"
REPORTS = "image_models"
_SHOWN = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """What a training run left.

    Attributes:
        name: Of the model.
        generation: Its artifact.
        scores: On the test part; None without one.
        minutes: Wall-clock time of the training.
        folder: Where card, curve, table and overlays are.
        problems: Pictures that were left out.
        notes: What else to know.
    """

    name: str
    generation: Generation
    scores: ModelScores | None
    minutes: float
    folder: Path
    problems: tuple[BadSample, ...]
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "model": self.name,
            "generation": self.generation.generation_id,
            "minutes": round(self.minutes, 2),
            "scores": self.scores.document() if self.scores else None,
            "folder": str(self.folder),
            "problems": [one.document() for one in self.problems],
            "notes": list(self.notes),
        }

    def rows(self) -> list[tuple[str, str]]:
        """Rows of a table."""
        return figure_rows(self.scores.figures) if self.scores else []


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How a trained model was judged.

    Attributes:
        scores: Its figures.
        problems: Pictures that were left out.
        known_patients: Patients of the judged part that the model was learnt from, or that chose its epoch.
    """

    scores: ModelScores
    problems: tuple[BadSample, ...]
    known_patients: int

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return self.scores.document() | {
            "known_patients": self.known_patients,
            "problems": [one.document() for one in self.problems],
        }


def train(
    workspace: Path,
    file: TrainingFile,
    *,
    data: Path | None = None,
    log_dir: Path | None = None,
    progress: Progress = SILENT,
) -> TrainedModel:
    """Train, judge on the test part, and write a new generation; an interrupted run goes on where it was.

    Args:
        workspace: Directory of the workspace; it is made when needed.
        file: Settings.
        data: Folder of the data instead of the file's.
        log_dir: Folder for TensorBoard; None puts it beside the report.
        progress: Told of the steps.

    Raises:
        UsageError: If data are missing or do not fit.
        ConfigurationError: If a setting does not fit the data or the network.
    """
    with progress.stage("Read the data", 1):
        loaded, parts = _loaded(file, data)
    if file.model.network.task is Task.SEGMENTATION:
        check_distances(parts[Split.TEST], file.evaluation)  # now, not when hours of training are over
    folder = workspace / REPORTS / file.name
    start = time.monotonic()
    model = _trained(workspace, file, loaded, parts, log_dir or folder / "logs", progress)
    minutes = (time.monotonic() - start) / 60
    with progress.stage("Judge on the test part", 1):
        scores = judge(model, parts[Split.TEST], file.evaluation) if parts[Split.TEST] else None
    with progress.stage("Export as ONNX", 1):
        onnx, notes = _onnx_of(model)
    known = {KNOWN_PATIENTS: json.dumps(_groups(parts[Split.TRAIN], parts[Split.VALIDATION])).encode()}
    files = model.to_files() | known | ({ONNX: onnx} if onnx else {})
    generation = _write(workspace, file, files, scores, minutes)
    facts = TrainingFacts(
        parts={part.value: (len(rows), len({row.group for row in rows})) for part, rows in parts.items()},
        minutes=minutes,
        left_out=len(loaded.problems),
        device=_device_words(file),
    )
    with progress.stage("Write card and pictures", 1):
        _write_report(folder, file, model, scores, facts, parts[Split.TEST])
    return TrainedModel(
        name=file.name,
        generation=generation,
        scores=scores,
        minutes=minutes,
        folder=folder,
        problems=loaded.problems,
        notes=notes,
    )


def evaluate(
    workspace: Path,
    file: TrainingFile,
    *,
    data: Path | None = None,
    part: Split | None = Split.TEST,
    onnx: bool = False,
    progress: Progress = SILENT,
) -> Evaluation:
    """The scores of the model of that name on a part of the data, or on all of them.

    Args:
        workspace: Directory of the workspace.
        file: Settings; its data, split and evaluation are used.
        data: Folder of the data instead of the file's.
        part: Which part of the split; None judges on every picture, as for another clinic's data.
        onnx: Whether onnxruntime answers instead of torch.
        progress: Told of the steps.

    Raises:
        ArtifactError: If there is no such model, or it was trained for other classes.
        UsageError: If the data are missing, or the part holds no picture.
    """
    model, runtime = load_model(workspace, file.name, onnx=onnx)
    with progress.stage("Read the data", 1):
        loaded = load_training_set(file.data, file.folder(data))
    chosen = loaded.samples.samples if part is None else _parts(loaded, file)[part]
    samples = _with_classes_of(model, chosen, loaded.samples.classes, file.name)
    known = _known_groups(workspace, file.name) & set(_groups(samples))
    with progress.stage(f"Judge {file.name}", 1):
        scores = judge(model, samples, file.evaluation, runtime)
    return Evaluation(scores=scores, problems=loaded.problems, known_patients=len(known))


def _with_classes_of(
    model: ImageModel, samples: Sequence[Sample], classes: Sequence[str], name: str
) -> Sequence[Sample]:
    """Samples with the class numbers of the model; a data set of pictures need not show all of its classes."""
    if tuple(classes) == model.classes:
        return samples
    if model.task is not Task.CLASSIFICATION or not set(classes) <= set(model.classes):
        raise ArtifactError(
            f"model {name} was trained for {', '.join(model.classes)}, the data show {', '.join(classes)}: train it on "
            "these data"
        )
    numbers = [model.classes.index(one) for one in classes]
    return [replace(one, target=numbers[one.target]) for one in samples if isinstance(one.target, int)]


def load_model(workspace: Path, name: str, *, onnx: bool = False) -> tuple[ImageModel, Runtime | None]:
    """A model of the workspace, and its ONNX runtime if that is wanted.

    Raises:
        ArtifactError: If there is no such model, or it has no ONNX file.
    """
    generation = _generation(workspace, name)
    model = ImageModel.from_files(generation.files)
    if not onnx:
        return model, None
    if ONNX not in generation.files:
        raise ArtifactError(f"model {name} has no ONNX file: boxes and some networks run in torch only")
    return model, OnnxNetwork(generation.files[ONNX])


def _generation(workspace: Path, name: str) -> Generation:
    store = Workspace.artifacts_of(workspace)
    if store.current(artifact_kind(name)) is None:
        there = ", ".join(model_names(store)) or "none"
        raise ArtifactError(f"there is no image model {name} in {workspace}, there are {there}; train it first")
    return store.load(artifact_kind(name))


def _known_groups(workspace: Path, name: str) -> set[str]:
    """Patients that a model has seen; none where it does not say."""
    return set(json.loads(_generation(workspace, name).files.get(KNOWN_PATIENTS, b"[]")))


def _groups(*parts: Sequence[Sample]) -> list[str]:
    return sorted({sample.group for part in parts for sample in part})


def model_names(store: ArtifactStore) -> tuple[str, ...]:
    """Names of the image models of a workspace."""
    prefix = artifact_kind("")
    return tuple(kind.removeprefix(prefix) for kind in store.kinds() if kind.startswith(prefix))


def _loaded(file: TrainingFile, data: Path | None) -> tuple[LoadedSet, dict[Split, list[Sample]]]:
    loaded = load_training_set(file.data, file.folder(data))
    parts = _parts(loaded, file)
    _check_fit(file, loaded)
    return loaded, parts


def _parts(loaded: LoadedSet, file: TrainingFile) -> dict[Split, list[Sample]]:
    chosen = parts_of(loaded.samples, file.split)
    parts: dict[Split, list[Sample]] = {part: [] for part in Split}
    for sample in loaded.samples.samples:
        parts[chosen[sample.name]].append(sample)
    return parts


def _check_fit(file: TrainingFile, loaded: LoadedSet) -> None:
    """Refuses data of another task than the network's."""
    forms = {"int": Task.CLASSIFICATION, "ndarray": Task.SEGMENTATION, "PictureObjects": Task.DETECTION}
    target = type(loaded.samples.samples[0].target).__name__
    task, form = file.model.network.task, forms.get(target)
    if form is not None and form is not (Task.DETECTION if task.finds_boxes else task):
        raise UsageError(
            f"{file.model.network.name} is for {task.value}, the data ({file.data.kind}) are for {form.value}: choose "
            "another network, see `echomine models`"
        )
    bare = [one.name for one in loaded.samples.samples if _lacks_masks(one.target)]
    if task is Task.INSTANCE_SEGMENTATION and bare:
        raise UsageError(
            f"{file.model.network.name} learns masks, and {len(bare)} picture(s) such as {bare[0]} hold boxes alone: "
            "give their objects a segmentation, or take faster_rcnn"
        )
    if task is Task.CLASSIFICATION and len(loaded.samples.classes) < 2:
        raise UsageError(f"a classifier needs two or more classes, the data show {', '.join(loaded.samples.classes)}")


def _lacks_masks(target: object) -> bool:
    return isinstance(target, PictureObjects) and len(target.masks) < len(target.boxes)


def _trained(
    workspace: Path,
    file: TrainingFile,
    loaded: LoadedSet,
    parts: Mapping[Split, Sequence[Sample]],
    log_dir: Path,
    progress: Progress,
) -> ImageModel:
    settings, weights = file.model.training, file.model.network.weights
    steps = max(1, settings.repeats * len(parts[Split.TRAIN]) // settings.batch_size)
    with progress.stage(f"Train {file.name}", max(1, steps // settings.devices) * settings.epochs) as advance:
        return train_image_model(
            parts[Split.TRAIN],
            parts[Split.VALIDATION],
            loaded.samples.classes,
            file.model,
            seed=file.seed,
            pretrained=read_pretrained(Path(weights)) if weights else None,
            checkpoint_dir=workspace / "training" / file.name,
            log_dir=log_dir,
            on_progress=steps_of(advance),
        )


def _onnx_of(model: ImageModel) -> tuple[bytes | None, tuple[str, ...]]:
    """The ONNX file, or a note why there is none."""
    if model.task.finds_boxes:
        return None, ()
    try:
        return to_onnx(model), ()
    except EchomineError as error:
        return None, (str(error),)


def _write(
    workspace: Path, file: TrainingFile, files: Mapping[str, bytes], scores: ModelScores | None, minutes: float
) -> Generation:
    figures = {name: one.value for name, one in scores.figures.items() if one.value == one.value} if scores else {}
    return Workspace.artifacts_of(workspace).write(
        file.kind,
        files,
        config=json.loads(json.dumps(config_document(file.model))),
        seeds={"seed": file.seed, "split": file.split.seed},
        metrics={"minutes": round(minutes, 2), **figures},
    )


def _write_report(
    folder: Path,
    file: TrainingFile,
    model: ImageModel,
    scores: ModelScores | None,
    facts: TrainingFacts,
    test: Sequence[Sample],
) -> None:
    assert model.summary is not None
    history = [dict(figures) for figures in model.summary.history]
    write_bytes(folder / "MODEL_CARD.md", (model_card(file, model, scores, facts) + "\n").encode())
    write_bytes(folder / "learning_curve.png", learning_curve(model.summary.history))
    write_bytes(folder / "history.json", json.dumps(history, indent=1).encode())
    if scores is None:
        return
    write_bytes(folder / "scores.json", json.dumps(scores.document(), indent=1).encode())
    write_bytes(folder / "scores.csv", csv_bytes(scores.rows))
    if model.task is not Task.CLASSIFICATION:
        write_bytes(folder / "test_overlays.png", contact_sheet(_overlays(model, test)))


def _overlays(model: ImageModel, test: Sequence[Sample]) -> list[bytes]:
    """Some test pictures, evenly spread, with answer and truth."""
    step = max(1, len(test) // _SHOWN)
    shown = test[::step][:_SHOWN]
    if model.task is Task.SEGMENTATION:
        drawn = model.label_maps(shown)
        return [mask_overlay(one.pixels, labels, one.target) for one, labels in zip(shown, drawn, strict=True)]  # type: ignore[arg-type]
    found = model.objects(shown)
    return [
        box_overlay(one.pixels, objects, model.classes, one.target)  # type: ignore[arg-type]
        for one, objects in zip(shown, found, strict=True)
    ]


def _device_words(file: TrainingFile) -> str:
    settings = file.model.training
    if device_of(settings.accelerator).type == "cuda":
        return f"{settings.devices} x {torch.cuda.get_device_name()}"
    return f"the CPU, {torch.get_num_threads()} thread(s)"
