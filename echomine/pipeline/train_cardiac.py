"""One way to train the networks of every cardiac command."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from echomine.domain.errors import UsageError
from echomine.domain.heart_choices import TrainedKind
from echomine.pipeline.cardiac_models import APICAL_ECHO, CINE_MR, CINE_MR_3D
from echomine.pipeline.progress import SILENT, Progress
from echomine.pipeline.train_calcium import CalciumTrainingRequest, train_calcium
from echomine.pipeline.train_clips import ClipTrainingRequest, train_clips
from echomine.pipeline.train_groups import train_groups
from echomine.pipeline.train_slices import SliceTrainingRequest, train_slices

SLICE_KINDS = {TrainedKind.MR: CINE_MR, TrainedKind.MR3D: CINE_MR_3D, TrainedKind.ECHO: APICAL_ECHO}


@dataclass(frozen=True, slots=True, kw_only=True)
class CardiacTraining:
    """What is asked; each kind takes what it needs.

    Attributes:
        kind: What is trained.
        data: Folder of scans with masks, or the table of groups; not for calcium.
        folds, base, window, pixel_mm: Networks, width, windows and pixel side, of mr, mr3d and echo.
        epochs: None for the usual number.
        phantoms: Synthetic CTs, for calcium.
        generation: What clips start from; the current one by default.
    """

    kind: TrainedKind
    data: Path | None = None
    folds: int = 5
    epochs: int | None = None
    base: int | None = None
    window: int | None = None
    pixel_mm: float | None = None
    phantoms: int = 30
    generation: str = ""


def train_cardiac(asked: CardiacTraining, workspace: Path, *, seed: int, progress: Progress = SILENT) -> dict[str, Any]:
    """The new generation with its figures, as plain JSON.

    Raises:
        UsageError: If the folder is missing or holds too little.
        ArtifactError: If clips have nothing to start from.
        ItemError: If a file cannot be used.
    """
    if asked.kind is TrainedKind.CALCIUM:
        request = CalciumTrainingRequest(phantoms=asked.phantoms, epochs=asked.epochs)
        return asdict(train_calcium(request, workspace, seed=seed, progress=progress))
    if asked.data is None:
        raise UsageError(f"name the folder, or the table, that {asked.kind} is learnt from")
    if asked.kind is TrainedKind.GROUPS:
        return asdict(train_groups(asked.data, workspace, seed=seed))
    if asked.kind is TrainedKind.CLIPS:
        clips = ClipTrainingRequest(data=asked.data, generation=asked.generation, epochs=asked.epochs)
        return asdict(train_clips(clips, workspace, seed=seed, progress=progress))
    slices = SliceTrainingRequest(
        kind=SLICE_KINDS[asked.kind],
        data=asked.data,
        folds=asked.folds,
        epochs=asked.epochs,
        base=asked.base,
        window=asked.window,
        pixel_mm=asked.pixel_mm,
    )
    return asdict(train_slices(slices, workspace, seed=seed, progress=progress))
