"""Training of the shapes that the anatomical guarantee warps to: on traced masks, or on parametric hearts alone."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.nifti_files import read_nifti
from echomine.archive.volume_geometry import stack_placement
from echomine.archive.workspace import Workspace
from echomine.cardiac.shape_coder import shape_files
from echomine.cardiac.short_axis_anatomy import short_axis_violations
from echomine.domain.errors import UsageError
from echomine.domain.structures import ShortAxis
from echomine.pipeline.cardiac_models import HEART_SHAPES
from echomine.pipeline.given_masks import check_classes
from echomine.pipeline.progress import SILENT, Progress, steps_of
from echomine.synthetic.heart_shapes import draw_heart_shape, random_heart_shape

CANVAS_PX, PIXEL_MM = 96, 1.8
FRAME_PIXEL_MM = 2.0
"""Pixel side at which decoded shapes are judged; the final check is at that of the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapeRequest:
    """What is asked.

    Attributes:
        data: Folder of ``NAME_gt.nii.gz`` short-axis masks to learn from beside the parametric hearts; None for none.
        hearts: Parametric hearts.
        epochs: Passes over all.
        latents: Valid vectors to keep at most.
    """

    data: Path | None = None
    hearts: int = 1600
    epochs: int = 25
    latents: int = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedShapes:
    """A new generation.

    Attributes:
        generation: Its identifier.
        masks: Slices it learnt from.
        latents: Valid vectors kept.
    """

    generation: str
    masks: int
    latents: int


def train_shapes(request: ShapeRequest, workspace: Path, *, seed: int, progress: Progress = SILENT) -> TrainedShapes:
    """Trains the autoencoder, samples its valid vectors, and writes a generation.

    Raises:
        ItemError: If a mask cannot be used.
        UsageError: If the folder holds no masks, or there are fewer than two hearts and masks.
    """
    from echomine.learning.mask_vae import MaskVaeTraining, train_mask_vae

    traced = _traced(request.data) if request.data else []
    masks = [*traced, *_parametric(request.hearts, np.random.default_rng(seed))]
    config = MaskVaeTraining(epochs=request.epochs, latents=request.latents)
    steps = config.epochs * max(1, len(masks) // min(config.batch_size, max(1, len(masks))))
    with progress.stage("autoencoder of shapes", steps) as advance:
        network, latents = train_mask_vae(
            masks, config, is_valid=_is_valid_in_frame, seed=seed, on_progress=steps_of(advance)
        )
    written = Workspace.artifacts_of(workspace).write(
        HEART_SHAPES,
        shape_files(network, latents),
        config={"training": asdict(config), "hearts": request.hearts, "traced_slices": len(traced)},
        seeds={"seed": seed},
        metrics={"valid_latents": len(latents)},
    )
    return TrainedShapes(generation=written.generation_id, masks=len(masks), latents=len(latents))


def _is_valid_in_frame(mask: NDArray[np.uint8]) -> bool:
    return not short_axis_violations(mask, (FRAME_PIXEL_MM, FRAME_PIXEL_MM))


def _parametric(count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Valid parametric hearts; nearly all are valid, so that twice as many tries always suffice."""
    found: list[NDArray[np.uint8]] = []
    for _ in range(2 * count):
        mask = draw_heart_shape(random_heart_shape(rng), size=(CANVAS_PX, CANVAS_PX), pixel_mm=PIXEL_MM)
        if len(found) < count and not short_axis_violations(mask, (PIXEL_MM, PIXEL_MM)):
            found.append(mask)
    return found


def _traced(folder: Path) -> list[NDArray[np.uint8]]:
    """The valid slices of a folder of masks."""
    paths = sorted(folder.glob("*_gt.nii*"))
    if not paths:
        raise UsageError(f"{folder} holds no NAME_gt.nii.gz to learn shapes from")
    found: list[NDArray[np.uint8]] = []
    for path in paths:
        image = read_nifti(path, dimensions=(3,))
        placement = stack_placement(image.affine, image.spacing_mm)
        volume = placement.canonical(image.values)
        check_classes(volume, ShortAxis, path)
        spacing: Any = placement.spacing_mm[1:]
        slices = [plane.astype(np.uint8) for plane in volume if plane.any()]
        found += [plane for plane in slices if not short_axis_violations(plane, spacing)]
    return found
