"""Synthetic displays as training sets in the common forms: classes of valve and flow, beats, envelopes."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from echomine.archive.coco_files import coco_document
from echomine.archive.durable_files import write_bytes
from echomine.archive.exports import check_free, png_of
from echomine.archive.image_folders import METADATA
from echomine.domain.severity import is_disease
from echomine.domain.splits import split_of
from echomine.domain.vocabulary import Severity, Split
from echomine.metrics.boxes import PictureObjects
from echomine.pipeline.progress import SILENT, Progress
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.flow_objects import FlowObject, FlowShape
from echomine.synthetic.images import DrawnImage, beats_of, draw_image, true_findings, view_of
from echomine.synthetic.plan import ImagePlan, plan_archive

_SPARE = 3
"""Displays planned for one that is kept."""


class DrawnKind(StrEnum):
    """What a drawn training set teaches."""

    VIEWS = "views"
    BEATS = "beats"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnSet:
    """A training set that was drawn."""

    out: Path
    pictures: int
    counts: dict[str, int]


def draw_training_set(
    kind: DrawnKind, out: Path, *, count: int, seed: int, width: int = 320, progress: Progress = SILENT
) -> DrawnSet:
    """Draw displays of patients who do not exist, cropped to the spectral display, split by patient.

    ``views``: an image folder, the class valve and flow; displays with a trace lesion, neither healthy nor ill, are
    left out. ``beats``: a COCO file with box and mask of each beat of which enough is shown, and ``masks`` of all that
    lies under the envelope (value 1), parts of beats at the edges too; displays whose flow nobody could outline are
    left out.

    Args:
        kind: What it teaches.
        out: Folder to make.
        count: Displays.
        seed: Of patients and displays.
        width: Columns of the pictures of beats; views keep their own size, for the physical grid.
        progress: Told of each display.

    Raises:
        UsageError: If the place is taken.
        WorkspaceError: If it cannot be written.
    """
    check_free(out)
    config = ArchiveConfig(
        n_reported_pairs=0,
        n_unreported_images=_SPARE * count,
        n_valve_paragraphs=0,
        n_views=0,
        compact=True,
        pw_share=0,
    )
    plans = plan_archive(config, seed)[0].images
    draw = _draw_views if kind is DrawnKind.VIEWS else _draw_beats
    with progress.stage(f"Draw {kind}", count) as advance:
        counts: dict[str, int] = {}
        rows: list[dict[str, Any]] = []
        for name, row in draw(config, seed, plans, (out, width)):
            for one in name:
                counts[one] = counts.get(one, 0) + 1
            rows.append(row)
            advance(1)
            if len(rows) == count:
                break
    _write_tables(kind, out, rows)
    return DrawnSet(out=out, pictures=len(rows), counts=dict(sorted(counts.items())))


def _draw_views(
    config: ArchiveConfig, seed: int, plans: tuple[ImagePlan, ...], place: tuple[Path, int]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for plan in plans:
        drawn = draw_image(config, seed, plan)
        found = true_findings(plan, drawn.exam)
        if any(one.severity is not Severity.NONE and not is_disease(one.severity) for one in found):
            continue
        view, split = view_of(plan, drawn.exam), split_of(drawn.exam.patient.patient_id)
        name, settings = _name(drawn), drawn.settings
        write_bytes(place[0] / split.value / name, png_of(_strip(drawn)))
        label = f"{view.valve}_{view.flow}"
        yield (
            (label,),
            {
                "file_name": name,
                "split": split.value,
                "patient": drawn.exam.patient.patient_id,
                "class": label,
                "mps_per_px": settings.mps_per_px,
                "baseline_y": settings.baseline_row,
                "s_per_px": settings.s_per_px,
            },
        )


def _draw_beats(
    config: ArchiveConfig, seed: int, plans: tuple[ImagePlan, ...], place: tuple[Path, int]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    out, width = place
    for plan in plans:
        outlines = beats_of(config, seed, plan)
        if outlines is None or not outlines.beats:
            continue
        beats = outlines.beats
        drawn = draw_image(config, seed, plan)
        strip = _strip(drawn)
        size = (round(strip.shape[0] * width / strip.shape[1]), width)
        name = _name(drawn)
        small = Image.fromarray(strip).resize((size[1], size[0]), Image.Resampling.BOX)
        write_bytes(out / "images" / name, png_of(np.asarray(small)))
        objects = _objects(beats, strip.shape[:2], size)
        envelope = _shrunk(outlines.envelope, size)
        write_bytes(out / "masks" / name, png_of(envelope.astype(np.uint8)))
        patient = drawn.exam.patient.patient_id
        row = {"name": name, "patient": patient, "split": split_of(patient).value, "objects": objects}
        yield tuple(beat.shape.value for beat in beats), row


def _name(drawn: DrawnImage) -> str:
    """Before the underscore the patient, by whom pictures are split."""
    return f"{drawn.exam.patient.patient_id}_{drawn.plan.image_index:05d}.png"


def _strip(drawn: DrawnImage) -> np.ndarray[Any, np.dtype[np.uint8]]:
    layout = drawn.settings.layout
    return drawn.levels[layout.y0 : layout.y0 + layout.height, layout.x0 : layout.x0 + layout.width]


def _objects(beats: tuple[FlowObject, ...], old: tuple[int, ...], new: tuple[int, int]) -> PictureObjects:
    scale = np.array([new[1] / old[1], new[0] / old[0]] * 2)
    shapes = tuple(FlowShape)
    masks = tuple(_shrunk(beat.mask, new) for beat in beats)
    return PictureObjects(
        size=new,
        boxes=np.array([beat.box for beat in beats], dtype=np.float64) * scale,
        classes=np.array([shapes.index(beat.shape) + 1 for beat in beats], dtype=np.int64),
        scores=np.zeros(0),
        masks=masks,
    )


def _shrunk(mask: np.ndarray[Any, np.dtype[np.bool_]], size: tuple[int, int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize((size[1], size[0]), Image.Resampling.BOX)
    return np.asarray(picture) >= 128


def _write_tables(kind: DrawnKind, out: Path, rows: list[dict[str, Any]]) -> None:
    if kind is DrawnKind.BEATS:
        extra = [{"patient": row["patient"], "split": row["split"]} for row in rows]
        names, objects = [row["name"] for row in rows], [row["objects"] for row in rows]
        document = coco_document(names, objects, [shape.value for shape in FlowShape], extra)
        write_bytes(out / "annotations.json", json.dumps(document).encode())
        return
    for split in Split:
        own = [row for row in rows if row["split"] == split]
        lines = [json.dumps({key: value for key, value in row.items() if key != "split"}) for row in own]
        if lines:
            write_bytes(out / split.value / METADATA, ("\n".join(lines) + "\n").encode())
