"""Folders of pictures with a class: what `echomine export --format hf` writes, and folders named by class."""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from echomine.archive.picture_bytes import read_pixels
from echomine.archive.training_data import PICTURE_SUFFIXES, DataConfig, LoadedSet, collected, group_of
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.records import Calibration
from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import (
    FLOW_DISEASES,
    Assertion,
    CalibrationSource,
    Disease,
    DopplerMode,
    FlowKind,
    Severity,
    Split,
    Valve,
)
from echomine.doppler.display import SpectralDisplay, resample_bytes
from echomine.learning.samples import Pixels, Sample

METADATA = "metadata.jsonl"
COARSE = "coarse"
COARSE_NAMES = tuple(f"{valve}_{flow}" for valve in Valve for flow in FlowKind)

Row = Mapping[str, Any]


def load_image_folder(config: DataConfig, folder: Path) -> LoadedSet:
    """The pictures of a folder with their classes, in alphabetical order of the classes.

    Raises:
        UsageError: If the folder is of neither form.
    """
    parts = {split: folder / split.value for split in Split if (folder / split.value).is_dir()}
    places: list[tuple[Split | None, Path]] = list(parts.items()) if parts else [(None, folder)]
    rows = [(split, place, row) for split, place in places for row in _rows(place, config)]
    if not rows:
        raise UsageError(
            f"{folder} has neither a {METADATA} nor a folder of pictures for each class: export it with "
            "`echomine export --format hf`"
        )
    named = [(split, place, row, _class_name(row, config)) for split, place, row in rows]
    named = [row for row in named if not config.classes or not isinstance(row[3], str) or row[3] in config.classes]
    classes = tuple(sorted({name for *_, name in named if isinstance(name, str)}))
    return collected(_reads(named, classes, config), classes)


def coarse_class(labels: list[Row]) -> str:
    """Valve and flow, such as ``aortic_stenosis``, that labels say: the valve of the surest label, and its flow.

    Raises:
        ItemError: ``bad_target`` if no label is about a flow.
    """
    about_flow = [label for label in labels if label["disease"] in set(FLOW_DISEASES)]
    known = [label for label in about_flow if not label.get("abstained")]
    if about_flow and not known:
        raise ItemError(
            Reason.BAD_TARGET,
            "the models abstain from all its labels of flow: export without --abstained to leave it out",
        )
    if not known:
        raise ItemError(Reason.BAD_TARGET, "no label tells the flow of a valve: leave the picture out")
    surest = max(known, key=lambda label: (float(label.get("confidence", 1.0)), label["valve"], label["disease"]))
    found = {Disease(label["disease"]) for label in known if label["valve"] == surest["valve"] and _is_present(label)}
    if len(found) == 2:
        return f"{surest['valve']}_{FlowKind.MIXED}"
    return f"{surest['valve']}_{next(iter(found)) if found else FlowKind.NORMAL}"


def _is_present(label: Row) -> bool:
    severity = Severity.from_word(label["severity_low"])
    stated = label["assertion"] == Assertion.PRESENT
    return stated and (severity is Severity.UNSPECIFIED or is_disease(severity))


def _rows(place: Path, config: DataConfig) -> Iterator[Row]:
    table = place / METADATA
    if table.is_file():
        yield from _table_rows(table)
        return
    for path in sorted(place.glob("*/*")):
        if path.suffix.lower() in PICTURE_SUFFIXES and path.match(config.pattern):
            yield {"file_name": f"{path.parent.name}/{path.name}", "class": path.parent.name}


def _table_rows(table: Path) -> Iterator[Row]:
    with table.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            yield _parsed(table, number, line)


def _parsed(table: Path, number: int, line: str) -> Row:
    try:
        row: Row = json.loads(line)
        _ = PurePosixPath(row["file_name"])
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"line {number} of {table} is no JSON object with a file_name") from error
    return row


def _class_name(row: Row, config: DataConfig) -> str | ItemError:
    field = "class" if "class" in row and not config.label else (config.label or COARSE)
    try:
        return coarse_class(row["labels"]) if field == COARSE else str(row[field])
    except ItemError as error:
        return ItemError(error.reason, f"{row['file_name']}: {error}")
    except (KeyError, TypeError, ValueError):
        return ItemError(
            Reason.BAD_TARGET,
            f"{row['file_name']} has no readable field {'labels' if field == COARSE else field}: name one of "
            f"{', '.join(row)} in data.label",
        )


def _reads(
    named: list[tuple[Split | None, Path, Row, str | ItemError]], classes: tuple[str, ...], config: DataConfig
) -> Iterator[tuple[str, Callable[[], list[Sample]]]]:
    for split, place, row, name in named:
        yield str(row["file_name"]), partial(_read, split, place, row, name, (classes, config))


def _read(
    split: Split | None, place: Path, row: Row, name: str | ItemError, settings: tuple[tuple[str, ...], DataConfig]
) -> list[Sample]:
    if isinstance(name, ItemError):
        raise name
    classes, config = settings
    path = place / row["file_name"]
    if not path.resolve().is_relative_to(place.resolve()):
        raise ItemError(Reason.BAD_ROW, f"{row['file_name']} lies outside the data set")
    pixels = _on_grid(read_pixels(path), row, config)
    group = group_of(row["file_name"], config.group, str(row.get("patient") or ""))
    called = str((PurePosixPath(split or "") / row["file_name"]).with_suffix(""))
    return [Sample(name=called, group=group, pixels=pixels, target=classes.index(name), split=split)]


def read_display(path: Path, config: DataConfig) -> Pixels:
    """A picture as the networks of such a data set see it: on the grid, by the scale that metadata beside it state.

    Raises:
        UsageError: If the metadata cannot be read.
        ItemError: If the picture cannot be read.
    """
    table = path.parent / METADATA
    row: Row = {}
    if config.physical_grid is not None and table.is_file():
        row = _by_file_name(table, table.stat().st_mtime_ns).get(path.name, {})
    return _on_grid(read_pixels(path), row, config)


@lru_cache(maxsize=4)
def _by_file_name(table: Path, _changed: int) -> Mapping[str, Row]:
    return {str(row["file_name"]): row for row in _table_rows(table)}


def _on_grid(pixels: Pixels, row: Row, config: DataConfig) -> Pixels:
    return pixels if config.physical_grid is None else resample_bytes(_display(pixels, row), config.physical_grid)


def _display(pixels: Pixels, row: Row) -> SpectralDisplay:
    steps = [row.get(key) for key in ("mps_per_px", "baseline_y", "s_per_px")]
    scale = None
    if all(isinstance(step, int | float) for step in steps):
        mps, baseline, seconds = (float(step) for step in steps if step is not None)
        scale = Calibration(mps_per_px=mps, baseline_y=baseline, s_per_px=seconds, source=CalibrationSource.DICOM)
    picture = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    return SpectralDisplay(pixels=np.asarray(picture, dtype=np.uint8), calibration=scale, mode=DopplerMode.UNKNOWN)
