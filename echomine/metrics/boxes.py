"""Average precision of detected boxes and masks, by COCO's own evaluation (pycocotools)."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import MeasurementError

Floats: TypeAlias = NDArray[np.float64]

_FROM_50_TO_95, _AT_50, _AT_75 = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureObjects:
    """The objects of one picture, true or found.

    Attributes:
        size: Height and width of the picture in pixels.
        boxes: (N, 4) x0, y0, x1, y1 in pixels, the far edges exclusive.
        classes: (N,) numbers from 1; 0 is the background.
        scores: (N,) confidence; empty for the truth.
        masks: N masks of the picture's size; empty where only boxes are known.
    """

    size: tuple[int, int]
    boxes: Floats
    classes: NDArray[np.int64]
    scores: Floats
    masks: tuple[NDArray[np.bool_], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectionScores:
    """COCO's average precision over pictures; NaN where no picture holds an object.

    Attributes:
        map: Mean over classes and over IoU .50 to .95.
        map50, map75: At one IoU.
        by_class: AP at IoU .50 of each class; NaN for a class without objects.
        pictures, objects: What was judged.
    """

    map: float
    map50: float
    map75: float
    by_class: Mapping[str, float]
    pictures: int
    objects: int


def detection_scores(
    truth: Sequence[PictureObjects],
    found: Sequence[PictureObjects],
    classes: Sequence[str],
    *,
    by_mask: bool = False,
) -> DetectionScores:
    """COCO's scores of what was found.

    Args:
        truth: The true objects, picture by picture.
        found: What was found in the same pictures, in the same order.
        classes: Names of the classes 1, 2, ...
        by_mask: Whether masks overlap instead of boxes.

    Raises:
        MeasurementError: If the numbers of pictures differ, or masks are wanted and missing.

    References:
        Lin et al., Microsoft COCO, ECCV 2014; https://cocodataset.org/#detection-eval.
    """
    if len(truth) != len(found):
        raise MeasurementError(f"every picture needs its findings: {len(truth)} pictures, {len(found)} findings")
    objects = sum(len(picture.boxes) for picture in truth)
    if not objects or not any(len(picture.boxes) for picture in found):
        nothing = 0.0 if objects else float("nan")
        shown = {int(number) for picture in truth for number in picture.classes}
        by_class = [0.0 if number in shown else float("nan") for number in range(1, len(classes) + 1)]
        return _scores(nothing, nothing, nothing, by_class, classes, truth)
    evaluation = _evaluated(truth, found, len(classes), by_mask=by_mask)
    stats = [_or_nan(float(value)) for value in evaluation.stats]
    at_50 = evaluation.eval["precision"][0, :, :, 0, -1]  # (recalls, classes) for all sizes, most detections
    by_class = [_or_nan(float(column.mean())) for column in at_50.T]
    return _scores(stats[_FROM_50_TO_95], stats[_AT_50], stats[_AT_75], by_class, classes, truth)


def _scores(
    mean: float,
    at_50: float,
    at_75: float,
    by_class: Sequence[float],
    classes: Sequence[str],
    truth: Sequence[PictureObjects],
) -> DetectionScores:
    return DetectionScores(
        map=mean,
        map50=at_50,
        map75=at_75,
        by_class=dict(zip(classes, by_class, strict=True)),
        pictures=len(truth),
        objects=sum(len(picture.boxes) for picture in truth),
    )


def _evaluated(truth: Sequence[PictureObjects], found: Sequence[PictureObjects], classes: int, *, by_mask: bool) -> Any:  # noqa: ANN401 - pycocotools has no types
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        known: Any = COCO()
        known.dataset = {
            "images": [
                {"id": number, "height": picture.size[0], "width": picture.size[1]}
                for number, picture in enumerate(truth)
            ],
            "categories": [{"id": number + 1, "name": str(number + 1)} for number in range(classes)],
            "annotations": _rows(truth, by_mask=by_mask),
        }
        known.createIndex()
        evaluation = COCOeval(known, known.loadRes(_rows(found, by_mask=by_mask)), "segm" if by_mask else "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _rows(pictures: Sequence[PictureObjects], *, by_mask: bool) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures):
        if by_mask and len(picture.masks) != len(picture.boxes):
            raise MeasurementError(f"{len(picture.boxes)} objects need as many masks, got {len(picture.masks)}")
        for at, (box, label) in enumerate(zip(picture.boxes, picture.classes, strict=True)):
            row = _row(box, int(label)) | {"id": len(rows) + 1, "image_id": number}
            if len(picture.scores):
                row["score"] = float(picture.scores[at])
            if by_mask:
                row |= _mask_row(picture.masks[at])
            rows.append(row)
    return rows


def _row(box: Floats, label: int) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(edge) for edge in box)
    return {
        "category_id": label,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "iscrowd": 0,
    }


def _mask_row(mask: NDArray[np.bool_]) -> dict[str, Any]:
    from pycocotools import mask as coder

    return {"segmentation": coder.encode(np.asfortranarray(mask.astype(np.uint8))), "area": float(mask.sum())}


def _or_nan(value: float) -> float:
    """COCO writes -1 where there is nothing to judge."""
    return value if value > -1 else float("nan")
