"""Image models on new pictures: masks as NIfTI and PNG, objects as COCO JSON, classes as CSV, and overlays."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from echomine.archive.coco_files import coco_document
from echomine.archive.durable_files import write_bytes
from echomine.archive.exports import png_of
from echomine.archive.image_folders import read_display
from echomine.archive.nifti_files import is_nifti, write_nifti_mask
from echomine.archive.tables import csv_bytes
from echomine.archive.training_data import PICTURE_SUFFIXES, BadSample, DataConfig, pixel_spacing
from echomine.archive.training_sets import (
    from_slices,
    is_mask,
    nifti_samples,
    nifti_stem,
    pictures_of,
    read_volume,
)
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.learning.image_model import ImageModel, Runtime
from echomine.learning.samples import LabelMap, Sample
from echomine.models.entries import Task
from echomine.pipeline.image_models import load_model
from echomine.pipeline.overlays import box_overlay, mask_overlay
from echomine.pipeline.progress import SILENT, Progress

PREDICTIONS_CSV, PREDICTIONS_COCO = "predictions.csv", "predictions.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRequest:
    """What is to be predicted.

    Attributes:
        model: Name of the model in the workspace.
        sources: Files or folders of pictures and NIfTI volumes.
        out: Folder to write; it may be there.
        data: The model's data settings: spacing of pictures, grid of displays, and what files of its kind are masks.
        onnx: Whether onnxruntime answers instead of torch.
        overlays: Whether pictures with the answer are drawn.
    """

    model: str
    sources: tuple[Path, ...]
    out: Path
    data: DataConfig
    onnx: bool = False
    overlays: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictions:
    """What was predicted.

    Attributes:
        rows: One for each picture or volume, plain values.
        out: Where the files are.
        problems: Pictures without an answer.
    """

    rows: Sequence[dict[str, Any]]
    out: Path
    problems: tuple[BadSample, ...]

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "predictions": list(self.rows),
            "out": str(self.out),
            "problems": [one.document() for one in self.problems],
        }


def predict(workspace: Path, request: PredictionRequest, progress: Progress = SILENT) -> Predictions:
    """The answers of a model about files; a bad file is listed and left out.

    In folders the masks of a data set and what earlier predictions wrote to ``out`` are passed over. Answers are called
    as the file, below the folder that was named.

    Raises:
        ArtifactError: If there is no such model.
        UsageError: If no source is a picture or volume.
    """
    model, runtime = load_model(workspace, request.model, onnx=request.onnx)
    asked = list(dict.fromkeys(one for source in request.sources for one in _files(source, request)))
    if not asked:
        raise UsageError("no source is a picture (.png, .jpg) or a NIfTI volume (.nii, .nii.gz)")
    answers: list[_Answer] = []
    problems: list[BadSample] = []
    taken: set[str] = set()
    with progress.stage(f"Predict with {request.model}", len(asked)) as advance:
        for one in asked:
            try:
                _check_free_name(one, taken)
                answers.append(_answer(model, runtime, one, request))
            except ItemError as error:
                problems.append(BadSample(name=one.name, reason=error.reason, message=str(error)))
            advance(1)
    rows = [answer.row for answer in answers]
    write_bytes(request.out / PREDICTIONS_CSV, csv_bytes(rows))
    if model.task.finds_boxes:
        names, objects = [str(row["name"]) for row in rows], [answer.objects for answer in answers]
        document = coco_document(names, objects, model.classes)
        write_bytes(request.out / PREDICTIONS_COCO, json.dumps(document).encode())
    return Predictions(rows=rows, out=request.out, problems=tuple(problems))


@dataclass(frozen=True, slots=True)
class _Answer:
    row: dict[str, Any]
    objects: Any = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """A file and its name: the path below the folder that was named, or the file name."""

    path: Path
    name: str

    @property
    def stem(self) -> str:
        """The name without its ending; what is written about it is called so."""
        return nifti_stem(self.name) if is_nifti(self.path) else str(PurePosixPath(self.name).with_suffix(""))


def _files(source: Path, request: PredictionRequest) -> Iterator[_Asked]:
    if source.is_file():
        yield _Asked(source, source.name)
    elif source.is_dir():
        folder = pictures_of(source, request.data)
        written = request.out.resolve()
        for path in sorted(folder.rglob("*")):
            is_scan = path.suffix.lower() in PICTURE_SUFFIXES or (is_nifti(path) and not is_mask(path, request.data))
            if is_scan and not path.resolve().is_relative_to(written):
                yield _Asked(path, path.relative_to(folder).as_posix())
    else:
        raise UsageError(f"there is no {source}")


def _check_free_name(asked: _Asked, taken: set[str]) -> None:
    if asked.stem in taken:
        raise ItemError(
            Reason.BAD_ROW,
            f"the answer about {asked.path} would be written over that about another {asked.stem}: rename one, or name "
            "the folder that both are in",
        )
    taken.add(asked.stem)


def _answer(model: ImageModel, runtime: Runtime | None, asked: _Asked, request: PredictionRequest) -> _Answer:
    samples = _samples(asked, request.data)
    if model.task is Task.CLASSIFICATION:
        return _classified(model, runtime, asked, samples)
    if model.task is Task.SEGMENTATION:
        return _segmented(model, runtime, asked, samples, request)
    if len(samples) > 1:
        raise ItemError(
            Reason.WRONG_SHAPE,
            f"{asked.name} has {len(samples)} slices, and objects are found in one picture: write each as a picture",
        )
    return _detected(model, asked, samples[0], request)


def _samples(asked: _Asked, data: DataConfig) -> list[Sample]:
    if is_nifti(asked.path):
        return nifti_samples(asked.path, data, name=asked.name, with_mask=False)
    pixels = read_display(asked.path, data)
    return [Sample(name=asked.stem, group=asked.stem, pixels=pixels, spacing_mm=pixel_spacing(data))]


def _classified(model: ImageModel, runtime: Runtime | None, asked: _Asked, samples: Sequence[Sample]) -> _Answer:
    given = model.probabilities(samples, runtime).mean(axis=0)
    best = int(given.argmax())
    each = {f"p_{name}": round(float(value), 6) for name, value in zip(model.classes, given, strict=True)}
    return _Answer(
        {"name": asked.name, "class": model.classes[best], "probability": round(float(given[best]), 6), **each}
    )


def _segmented(
    model: ImageModel, runtime: Runtime | None, asked: _Asked, samples: Sequence[Sample], request: PredictionRequest
) -> _Answer:
    labels = np.stack(list(model.label_maps(samples, runtime)))
    if is_nifti(asked.path):
        like = read_volume(asked.path)
        write_nifti_mask(request.out / "masks" / f"{asked.stem}.nii.gz", from_slices(labels, like), like)
    else:
        write_bytes(request.out / "masks" / f"{asked.stem}.png", png_of(labels[0]))
    if request.overlays:
        for sample, one in _with_structures(samples, labels):
            write_bytes(request.out / "overlays" / f"{sample.name}.png", mask_overlay(sample.pixels, one))
    return _Answer({"name": asked.name, **_sizes(model, samples[0], labels)})


def _with_structures(samples: Sequence[Sample], labels: Iterable[LabelMap]) -> Iterator[tuple[Sample, LabelMap]]:
    for sample, one in zip(samples, labels, strict=True):
        if one.any() or not sample.volume:
            yield sample, one


def _sizes(model: ImageModel, first: Sample, labels: LabelMap) -> dict[str, Any]:
    """Pixels of each structure; its area in mm2 or volume in ml where the spacing is stated."""
    row: dict[str, Any] = {}
    for number, name in enumerate(model.classes, start=1):
        count = int((labels == number).sum())
        row[f"{name}_pixels"] = count
        if first.spacing_mm is not None:
            area = count * first.spacing_mm[0] * first.spacing_mm[1]
            unit, size = ("ml", area * first.depth_mm / 1000) if first.depth_mm else ("mm2", area)
            row[f"{name}_{unit}"] = round(size, 3)
    return row


def _detected(model: ImageModel, asked: _Asked, sample: Sample, request: PredictionRequest) -> _Answer:
    objects = next(model.objects([sample]))
    if request.overlays:
        drawn = box_overlay(sample.pixels, objects, model.classes)
        write_bytes(request.out / "overlays" / f"{asked.stem}.png", drawn)
    counts = {name: int((objects.classes == number).sum()) for number, name in enumerate(model.classes, start=1)}
    return _Answer({"name": asked.name, "objects": len(objects.boxes), **counts}, objects)
