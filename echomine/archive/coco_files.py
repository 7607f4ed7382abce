"""COCO files: objects of pictures as boxes, polygons and run lengths, read and written."""

import json
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.picture_bytes import read_pixels
from echomine.archive.training_data import BadSample, DataConfig, LoadedSet, collected, group_of
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.vocabulary import Split
from echomine.learning.samples import Sample
from echomine.metrics.boxes import PictureObjects

Row = Mapping[str, Any]

_KEYS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "images": {"id": int | str, "file_name": str},
        "annotations": {"image_id": int | str},
        "categories": {"id": int | str, "name": str},
    }
)
"""What the rows of each table must have."""


def load_coco(config: DataConfig, folder: Path) -> LoadedSet:
    """The pictures of a COCO file with their objects; a picture without annotations has none.

    Raises:
        UsageError: If the file is missing or no COCO file.
    """
    document = _document(folder / config.annotations)
    categories = sorted(document["categories"], key=lambda row: row["id"])
    numbers = {row["id"]: number for number, row in enumerate(categories, start=1)}
    by_picture: dict[Any, list[Row]] = defaultdict(list)
    for row in document["annotations"]:
        by_picture[row["image_id"]].append(row)
    loaded = collected(
        _reads(document["images"], by_picture, numbers, config, folder), tuple(str(row["name"]) for row in categories)
    )
    lost = [_lost(number) for number in by_picture.keys() - {row["id"] for row in document["images"]}]
    return replace(loaded, problems=(*loaded.problems, *sorted(lost, key=lambda one: one.name)))


def _lost(picture: object) -> BadSample:
    name = f"image_id {picture}"
    return BadSample(
        name=name, reason=Reason.BAD_ROW, message=f"annotations are of {name}, which no picture has: correct the file"
    )


def coco_document(
    names: Sequence[str],
    objects: Sequence[PictureObjects],
    classes: Sequence[str],
    extra: Sequence[Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """A COCO document of objects, masks as compressed run lengths; ``extra`` joins the rows of pictures."""
    more = extra or [{} for _ in names]
    images = [
        {"id": number, "file_name": name, "height": one.size[0], "width": one.size[1], **row}
        for number, (name, one, row) in enumerate(zip(names, objects, more, strict=True), start=1)
    ]
    rows = [row for number, one in enumerate(objects, start=1) for row in _annotations(one, number)]
    return {
        "info": {"description": "made by echomine; research use only"},
        "images": images,
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes, start=1)],
        "annotations": [row | {"id": number} for number, row in enumerate(rows, start=1)],
    }


def _annotations(objects: PictureObjects, picture: int) -> Iterator[dict[str, Any]]:
    for at, (box, number) in enumerate(zip(objects.boxes, objects.classes, strict=True)):
        x0, y0, x1, y1 = (round(float(edge), 3) for edge in box)
        row: dict[str, Any] = {
            "image_id": picture,
            "category_id": int(number),
            "bbox": [x0, y0, round(x1 - x0, 3), round(y1 - y0, 3)],
            "area": round((x1 - x0) * (y1 - y0), 3),
            "iscrowd": 0,
        }
        if len(objects.scores):
            row["score"] = round(float(objects.scores[at]), 6)
        if objects.masks:
            row |= _run_lengths(objects.masks[at])
        yield row


def _run_lengths(mask: NDArray[np.bool_]) -> dict[str, Any]:
    from pycocotools import mask as coder

    code = coder.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "segmentation": {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")},
        "area": float(mask.sum()),
    }


def _document(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        tables = [document[name] for name in ("images", "annotations", "categories")]
    except FileNotFoundError as error:
        raise UsageError(f"there is no {path}: set data.annotations") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no COCO file: it needs images, annotations and categories") from error
    if not all(isinstance(table, list) for table in tables):
        raise UsageError(f"{path} is no COCO file: images, annotations and categories are lists")
    for table, keys in _KEYS.items():
        for row in document[table]:
            if not isinstance(row, dict) or any(not isinstance(row.get(key), kind) for key, kind in keys.items()):
                raise UsageError(f"{path} is no COCO file: a row of {table} has no proper {' or '.join(keys)}")
    return document


def _reads(
    pictures: Sequence[Row],
    annotations: Mapping[Any, list[Row]],
    numbers: Mapping[Any, int],
    config: DataConfig,
    folder: Path,
) -> Iterator[tuple[str, Callable[[], list[Sample]]]]:
    for row in pictures:
        read = partial(_sample, row, annotations.get(row["id"], []), numbers, config, folder)
        yield str(row["file_name"]), read


def _sample(
    row: Row, annotations: Sequence[Row], numbers: Mapping[Any, int], config: DataConfig, folder: Path
) -> list[Sample]:
    base = folder / config.images
    path = base / row["file_name"]
    if not path.resolve().is_relative_to(base.resolve()):
        raise ItemError(Reason.BAD_ROW, f"{row['file_name']} lies outside the data set")
    pixels = read_pixels(path)
    size = (int(pixels.shape[1]), int(pixels.shape[2]))
    if size != (row.get("height", size[0]), row.get("width", size[1])):
        raise ItemError(
            Reason.BAD_TARGET,
            f"{path.name} has {size[0]} x {size[1]} pixels, the COCO file says {row['height']} x {row['width']}: "
            "correct one of them",
        )
    split = Split(row["split"]) if row.get("split") in set(Split) else None
    return [
        Sample(
            name=str(PurePosixPath(row["file_name"]).with_suffix("")),
            group=group_of(row["file_name"], config.group, str(row.get("patient") or "")),
            pixels=pixels,
            target=_objects(path.name, annotations, numbers, size),
            split=split,
        )
    ]


def _objects(
    name: str, annotations: Sequence[Row], numbers: Mapping[Any, int], size: tuple[int, int]
) -> PictureObjects:
    rows = [row for row in annotations if not row.get("iscrowd")]
    try:
        boxes = np.array([row["bbox"] for row in rows], dtype=np.float64).reshape(-1, 4)
        classes = np.array([numbers[row["category_id"]] for row in rows], dtype=np.int64)
    except (KeyError, ValueError, TypeError) as error:
        raise ItemError(
            Reason.BAD_TARGET,
            f"an annotation of {name} has no bbox of four numbers or a category_id that is none of "
            f"{', '.join(map(str, numbers))}: correct it",
        ) from error
    if (boxes[:, 2:] <= 0).any() or not np.isfinite(boxes).all():
        raise ItemError(Reason.BAD_TARGET, f"a box of {name} has no width or height: correct or remove it")
    boxes[:, 2:] += boxes[:, :2]
    if (boxes < -1).any() or (boxes > np.array([size[1], size[0]] * 2) + 1).any():
        raise ItemError(Reason.BAD_TARGET, f"a box of {name} lies outside its {size[0]} x {size[1]} pixels: correct it")
    masks = tuple(_mask(name, row["segmentation"], size) for row in rows if row.get("segmentation"))
    if masks and len(masks) != len(rows):
        raise ItemError(
            Reason.BAD_TARGET, f"some objects of {name} have a segmentation and some none: give all or none"
        )
    return PictureObjects(size=size, boxes=boxes, classes=classes, scores=np.zeros(0), masks=masks)


def _mask(name: str, segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:  # noqa: ANN401 - COCO's three forms
    from pycocotools import mask as coder

    try:
        if isinstance(segmentation, list):
            code = coder.merge(coder.frPyObjects(segmentation, *size))
        elif isinstance(segmentation["counts"], list):
            code = coder.frPyObjects(segmentation, *size)
        else:
            code = segmentation
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools sets the shape of an array
            decoded: NDArray[np.uint8] = coder.decode(code)
    except Exception as error:  # pycocotools raises what it likes
        raise ItemError(Reason.BAD_TARGET, f"a segmentation of {name} cannot be read: correct it") from error
    if decoded.shape != size or not decoded.any():
        raise ItemError(Reason.BAD_TARGET, f"a segmentation of {name} is empty or of another size than the picture")
    return decoded.astype(np.bool_)
