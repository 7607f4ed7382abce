"""How an image model is judged on patients it never saw, with intervals over patients."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import UsageError
from echomine.learning.image_model import ImageModel, Runtime
from echomine.learning.samples import LabelMap, Sample
from echomine.metrics.boxes import PictureObjects, detection_scores
from echomine.metrics.classes import class_scores
from echomine.metrics.intervals import Estimate, bootstrap_by_group
from echomine.metrics.structures import MeanScores, StructureScores, label_scores, mean_scores
from echomine.models.entries import Task
from echomine.pipeline.training_file import EvaluationConfig

_OVERLAPS = ("dice", "iou")
_DISTANCES = ("hausdorff_mm", "hd95_mm", "assd_mm")
_MAP_REPEATS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelScores:
    """What a model got right.

    Attributes:
        figures: Name to value and interval.
        rows: One for each picture or volume (and structure), plain values.
        items: Pictures or volumes.
        groups: Patients among them.
        counts: Missed structures and the like.
    """

    figures: Mapping[str, Estimate]
    rows: Sequence[Mapping[str, Any]]
    items: int
    groups: int
    counts: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """The scores as plain JSON values; what has no value is None."""
        return {
            "figures": {
                name: {key: _or_none(value) for key, value in asdict(one).items()} for name, one in self.figures.items()
            },
            "items": self.items,
            "groups": self.groups,
            "counts": dict(self.counts),
        }


def judge(
    model: ImageModel, samples: Sequence[Sample], config: EvaluationConfig, runtime: Runtime | None = None
) -> ModelScores:
    """The scores of a model on samples with targets.

    Raises:
        UsageError: If there are no samples, or distances are wanted of pictures without a spacing.
    """
    if not samples:
        raise UsageError("there is no test picture to judge the model on: raise split.test, or give more patients")
    if model.task is Task.CLASSIFICATION:
        return _judge_classes(model, samples, config, runtime)
    if model.task is Task.SEGMENTATION:
        return _judge_masks(model, samples, config, runtime)
    return _judge_objects(model, samples, config)


def volumes_of(samples: Sequence[Sample]) -> list[list[Sample]]:
    """The slices of each volume in order; a picture is alone."""
    together: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        together[sample.volume or sample.name].append(sample)
    return [sorted(slices, key=lambda sample: sample.position) for slices in together.values()]


def _judge_classes(
    model: ImageModel, samples: Sequence[Sample], config: EvaluationConfig, runtime: Runtime | None
) -> ModelScores:
    given = model.probabilities(samples, runtime).astype(np.float64)
    truth = np.array([sample.target for sample in samples])

    def statistic(name: str) -> Callable[[NDArray[np.int64]], float]:
        return lambda rows: float(getattr(class_scores(truth[rows], given[rows]), name))

    names = ("accuracy", "balanced_accuracy", "auroc", "kappa")
    rows = [
        {
            "name": sample.name,
            "group": sample.group,
            "truth": model.classes[int(true)],
            "predicted": model.classes[int(one.argmax())],
            "probability": round(float(one.max()), 6),
        }
        for sample, true, one in zip(samples, truth, given, strict=True)
    ]
    scores = class_scores(truth, given)
    return _scores(
        samples,
        {name: _interval(statistic(name), samples, config.repeats) for name in names},
        rows,
        counts={"classes": list(model.classes), "confusion": [list(row) for row in scores.confusion]},
    )


def _judge_masks(
    model: ImageModel, samples: Sequence[Sample], config: EvaluationConfig, runtime: Runtime | None
) -> ModelScores:
    check_distances(samples, config)
    wholes = volumes_of(samples)
    drawn = iter(model.label_maps([one for slices in wholes for one in slices], runtime))
    labels = {name: number for number, name in enumerate(model.classes, start=1)}
    scores = [_volume_scores(slices, [next(drawn) for _ in slices], labels, config) for slices in wholes]
    names = (*_OVERLAPS, *_DISTANCES) if config.distances else _OVERLAPS
    firsts = [slices[0] for slices in wholes]
    figures: dict[str, Estimate] = {}
    for name in names:
        for structure in labels:
            column = [one[structure] for one in scores]
            figures[f"{name}_{structure}"] = _interval(_mean_of(column, name), firsts, config.repeats)
        figures[name] = _interval(_mean_of_all(scores, name), firsts, config.repeats)
    rows = [
        {"name": first.volume or first.name, "group": first.group, "structure": structure, **_row(one, names)}
        for first, by_structure in zip(firsts, scores, strict=True)
        for structure, one in by_structure.items()
    ]
    counts = {structure: _counts(mean_scores([one[structure] for one in scores])) for structure in labels}
    return _scores(firsts, figures, rows, counts=counts)


def _volume_scores(
    slices: Sequence[Sample], drawn: Sequence[LabelMap], labels: Mapping[str, int], config: EvaluationConfig
) -> dict[str, StructureScores]:
    truth = np.stack([sample.target for sample in slices])  # type: ignore[misc]
    first = slices[0]
    spacing = first.spacing_mm if config.distances and first.spacing_mm else (1.0, 1.0)
    if not first.volume:
        return label_scores(truth[0], drawn[0], labels, spacing)
    depth = first.depth_mm if config.distances and first.depth_mm else 1.0
    return label_scores(truth, np.stack(drawn), labels, (depth, *spacing))


def _judge_objects(model: ImageModel, samples: Sequence[Sample], config: EvaluationConfig) -> ModelScores:
    truth = [sample.target for sample in samples if isinstance(sample.target, PictureObjects)]
    found = list(model.objects(samples))
    figures = dict(_box_figures(truth, found, model, samples, config, by_mask=False))
    if model.task is Task.INSTANCE_SEGMENTATION and all(len(one.masks) == len(one.boxes) for one in truth):
        figures |= _box_figures(truth, found, model, samples, config, by_mask=True)
    rows = [
        {"name": sample.name, "group": sample.group, "objects": len(true.boxes), "found": len(said.boxes)}
        for sample, true, said in zip(samples, truth, found, strict=True)
    ]
    return _scores(samples, figures, rows, counts={"objects": sum(len(one.boxes) for one in truth)})


def _box_figures(
    truth: Sequence[PictureObjects],
    found: Sequence[PictureObjects],
    model: ImageModel,
    samples: Sequence[Sample],
    config: EvaluationConfig,
    *,
    by_mask: bool,
) -> Iterator[tuple[str, Estimate]]:
    kind = "mask" if by_mask else "box"

    def at_50(rows: NDArray[np.int64]) -> float:
        drawn = [truth[row] for row in rows], [found[row] for row in rows]
        return detection_scores(*drawn, model.classes, by_mask=by_mask).map50

    yield f"{kind}_map50", _interval(at_50, samples, min(config.repeats, _MAP_REPEATS))
    whole = detection_scores(truth, found, model.classes, by_mask=by_mask)
    plain = {"map": whole.map, "map75": whole.map75} | {f"ap50_{name}": value for name, value in whole.by_class.items()}
    for name, value in plain.items():
        yield f"{kind}_{name}", Estimate(value=value, low=float("nan"), high=float("nan"))


def _mean_of(column: Sequence[StructureScores], name: str) -> Callable[[NDArray[np.int64]], float]:
    return lambda rows: float(getattr(mean_scores([column[row] for row in rows]), name))


def _mean_of_all(scores: Sequence[Mapping[str, StructureScores]], name: str) -> Callable[[NDArray[np.int64]], float]:
    """Mean over structures of the mean over pictures."""

    def mean(rows: NDArray[np.int64]) -> float:
        each = [getattr(mean_scores([scores[row][one] for row in rows]), name) for one in scores[0]]
        return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan")

    return mean


def _interval(statistic: Callable[[NDArray[np.int64]], float], samples: Sequence[Sample], repeats: int) -> Estimate:
    return bootstrap_by_group(
        statistic, [sample.group for sample in samples], np.random.default_rng(0), repeats=repeats
    )


def _row(scores: StructureScores, names: Sequence[str]) -> dict[str, Any]:
    return {name: _or_none(round(getattr(scores, name), 6)) for name in names} | {"presence": scores.presence.value}


def _counts(means: MeanScores) -> dict[str, int]:
    names = ("count", "missed", "false_alarms", "absent")
    return {name: getattr(means, name) for name in names}


def _scores(
    samples: Sequence[Sample],
    figures: Mapping[str, Estimate],
    rows: Sequence[Mapping[str, Any]],
    *,
    counts: Mapping[str, Any],
) -> ModelScores:
    groups = len({sample.group for sample in samples})
    return ModelScores(figures=figures, rows=rows, items=len(samples), groups=groups, counts=counts)


def check_distances(samples: Sequence[Sample], config: EvaluationConfig) -> None:
    """Refuses to give distances of pictures that state no spacing.

    Raises:
        UsageError: If distances are wanted and a picture states none.
    """
    without = [sample.name for sample in samples if sample.spacing_mm is None]
    if config.distances and without:
        raise UsageError(
            f"{len(without)} picture(s) such as {without[0]} state no pixel spacing, so there are no distances in mm: "
            "give data.spacing_mm, or set evaluation.distances = false"
        )


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else value
