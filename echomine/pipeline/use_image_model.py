"""Image models on new pictures: masks as NIfTI and PNG, objects as COCO JSON, classes as CSV, and overlays."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from echomine.archive.coco_files import coco_document
from echomine.archive.durable_files import write_bytes
from echomine.archive.exports import png_of
from echomine.archive.nifti_files import is_nifti, write_nifti_mask
from echomine.archive.picture_bytes import read_pixels
from echomine.archive.tables import csv_bytes
from echomine.archive.training_data import PICTURE_SUFFIXES, BadSample, DataConfig, pixel_spacing
from echomine.archive.training_sets import from_slices, nifti_samples, nifti_stem, read_volume
from echomine.domain.errors import ItemError, UsageError
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
        data: How files are read; only spacing and physical grid matter.
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
            "problems": [
                {"name": one.name, "reason": one.reason.value, "message": one.message} for one in self.problems
            ],
        }


def predict(workspace: Path, request: PredictionRequest, progress: Progress = SILENT) -> Predictions:
    """The answers of a model about files; a bad file is listed and left out.

    Raises:
        ArtifactError: If there is no such model.
        UsageError: If no source is a picture or volume.
    """
    model, runtime = load_model(workspace, request.model, onnx=request.onnx)
    paths = list(dict.fromkeys(path for source in request.sources for path in _files(source)))
    if not paths:
        raise UsageError("no source is a picture (.png, .jpg) or a NIfTI volume (.nii, .nii.gz)")
    answers: list[_Answer] = []
    problems: list[BadSample] = []
    with progress.stage(f"Predict with {request.model}", len(paths)) as advance:
        for path in paths:
            try:
                answers.append(_answer(model, runtime, path, request))
            except ItemError as error:
                problems.append(BadSample(name=path.name, reason=error.reason, message=str(error)))
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


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    elif source.is_dir():
        for path in sorted(source.rglob("*")):
            if path.suffix.lower() in PICTURE_SUFFIXES or is_nifti(path):
                yield path
    else:
        raise UsageError(f"there is no {source}")


def _answer(model: ImageModel, runtime: Runtime | None, path: Path, request: PredictionRequest) -> _Answer:
    samples = _samples(path, request.data)
    if model.task is Task.CLASSIFICATION:
        return _classified(model, runtime, path, samples)
    if model.task is Task.SEGMENTATION:
        return _segmented(model, runtime, path, samples, request)
    return _detected(model, path, samples[0], request)


def _samples(path: Path, data: DataConfig) -> list[Sample]:
    if is_nifti(path):
        return nifti_samples(path, data, with_mask=False)
    return [Sample(name=path.stem, group=path.stem, pixels=read_pixels(path), spacing_mm=pixel_spacing(data))]


def _classified(model: ImageModel, runtime: Runtime | None, path: Path, samples: Sequence[Sample]) -> _Answer:
    given = model.probabilities(samples, runtime).mean(axis=0)
    best = int(given.argmax())
    each = {f"p_{name}": round(float(value), 6) for name, value in zip(model.classes, given, strict=True)}
    return _Answer(
        {"name": path.name, "class": model.classes[best], "probability": round(float(given[best]), 6), **each}
    )


def _segmented(
    model: ImageModel, runtime: Runtime | None, path: Path, samples: Sequence[Sample], request: PredictionRequest
) -> _Answer:
    labels = np.stack(list(model.label_maps(samples, runtime)))
    if is_nifti(path):
        like = read_volume(path)
        write_nifti_mask(request.out / "masks" / f"{nifti_stem(path)}.nii.gz", from_slices(labels, like), like)
    else:
        write_bytes(request.out / "masks" / f"{path.stem}.png", png_of(labels[0]))
    if request.overlays:
        for sample, one in _with_structures(samples, labels):
            write_bytes(request.out / "overlays" / f"{sample.name}.png", mask_overlay(sample.pixels, one))
    return _Answer({"name": path.name, **_sizes(model, samples[0], labels)})


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


def _detected(model: ImageModel, path: Path, sample: Sample, request: PredictionRequest) -> _Answer:
    objects = next(model.objects([sample]))
    if request.overlays:
        drawn = box_overlay(sample.pixels, objects, model.classes)
        write_bytes(request.out / "overlays" / f"{path.stem}.png", drawn)
    counts = {name: int((objects.classes == number).sum()) for number, name in enumerate(model.classes, start=1)}
    return _Answer({"name": path.name, "objects": len(objects.boxes), **counts}, objects)
