"""Training of the networks of ``cardiac calcium`` on synthetic chest CTs."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from echomine.archive.workspace import Workspace
from echomine.cardiac.calcium import candidates
from echomine.pipeline.cardiac_models import CALCIUM
from echomine.pipeline.progress import SILENT, Progress, steps_of
from echomine.synthetic.chest_ct import ChestConfig, ChestCt, make_chest_ct

if TYPE_CHECKING:
    from echomine.learning.calcium import CalciumScan
    from echomine.models.segmentation.calcium_preparation import CalciumPreparation

TRAINING_SEED = 1_000_000
"""Phantoms of training are drawn from here on; benchmarks draw below."""
LEAST_TRUE_SHARE = 0.25
"""Of a candidate's voxels must be calcium for it to be one."""
VOXELS_PER_CANDIDATE = 6
MOST_PLANES = 48
"""Candidates of a phantom that the second network learns from: all of calcium, and others."""
PLENTY = 0.9
"""Share of sites with calcium in the phantoms that are learnt from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumTrainingRequest:
    """What is asked.

    Attributes:
        phantoms: Synthetic CTs to learn from; they have calcium at 9 of 10 sites, so that few are enough.
        epochs: Of each axis; None for the usual number.
        steps: Batches of an epoch; None for the usual number.
        batch: Patches of a batch; None for the usual number.
        depth_mm: Height of the phantoms.
    """

    phantoms: int = 30
    epochs: int | None = None
    steps: int | None = None
    batch: int | None = None
    depth_mm: float = ChestConfig().depth_mm


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedCalcium:
    """A new generation.

    Attributes:
        generation: Its identifier.
        phantoms: What it learnt from.
        lesions: Calcified candidates in them.
    """

    generation: str
    phantoms: int
    lesions: int


def train_calcium(
    request: CalciumTrainingRequest, workspace: Path, *, seed: int, progress: Progress = SILENT
) -> TrainedCalcium:
    """Makes phantoms, trains both networks on them, and writes a generation.

    Raises:
        UsageError: If the phantoms hold no calcium.
    """
    from echomine.cardiac.calcium_finder import CalciumFinder, finder_files
    from echomine.learning.calcium import CalciumTraining, train_calcium_network, train_false_find_network
    from echomine.learning.checkpoints import CheckpointFile
    from echomine.models.segmentation.calcium_preparation import CalciumPreparation

    preparation, config = CalciumPreparation(), CalciumTraining()
    config = replace(
        config,
        axis_epochs=request.epochs or config.axis_epochs,
        axis_steps=request.steps or config.axis_steps,
        batch_size=request.batch or config.batch_size,
    )
    plan = ChestConfig(calcified=PLENTY, depth_mm=request.depth_mm)
    scans = []
    with progress.stage("synthetic CTs", request.phantoms) as advance:
        for at in range(request.phantoms):
            rng = np.random.default_rng([TRAINING_SEED + seed, at])
            scans.append(labelled_scan(make_chest_ct(rng, plan), preparation))
            advance(1)
    saved = [
        CheckpointFile(
            workspace / "training" / CALCIUM / f"axis{axis}.safetensors",
            f"{config} {preparation} {request.phantoms} {request.depth_mm} {seed} {axis}",
            is_kept=True,
        )
        for axis in range(3)
    ]
    with progress.stage("three axes", 3 * config.axis_epochs * config.axis_steps) as advance:
        first = train_calcium_network(scans, config, seed=seed, checkpoints=saved, on_progress=steps_of(advance))
    second = train_false_find_network(scans, config, seed=seed)
    finder = CalciumFinder(first=first, second=second, preparation=preparation)
    lesions = int(sum(scan.is_calcium.sum() for scan in scans))
    written = Workspace.artifacts_of(workspace).write(
        CALCIUM,
        finder_files(finder),
        config={"training": asdict(config), "phantoms": request.phantoms, "data": "synthetic"},
        seeds={"seed": seed},
        metrics={"lesions": lesions},
    )
    for one in saved:
        one.delete()
    return TrainedCalcium(generation=written.generation_id, phantoms=request.phantoms, lesions=lesions)


def labelled_scan(chest: ChestCt, preparation: "CalciumPreparation") -> "CalciumScan":
    """What the networks learn from one phantom."""
    from echomine.cardiac.calcium_finder import voxels_by_candidate
    from echomine.learning.calcium import CalciumScan
    from echomine.models.segmentation.calcium_preparation import coarse_places, coarse_volume, fine_planes

    numbered, found = candidates(chest.values_hu, chest.spacing_mm)
    voxels = voxels_by_candidate(numbered)
    truth = np.array([true_site(chest, inside) for inside in voxels])
    some = [inside[:: max(1, len(inside) // VOXELS_PER_CANDIDATE)] for inside in voxels]
    cube = coarse_volume(chest.values_hu, chest.spacing_mm, preparation)
    shown = np.sort(np.argsort(truth == 0, kind="stable")[:MOST_PLANES])
    return CalciumScan(
        cube=cube,
        places=coarse_places(np.concatenate(some), numbered.shape, tuple(cube.shape)),
        sites=np.repeat(truth, [len(part) for part in some]).astype(np.int64),
        planes=np.stack([fine_planes(chest.values_hu, chest.spacing_mm, found[at].centre) for at in shown]),
        is_calcium=truth[shown] > 0,
    )


def true_site(chest: ChestCt, voxels: NDArray[np.int64]) -> int:
    """The class of a candidate of a phantom: that of most of its calcium, 0 where it has too little.

    Args:
        chest: The phantom.
        voxels: (n, 3) of the candidate.
    """
    inside = chest.mask[tuple(voxels.T)]
    calcium = inside[inside > 0]
    if len(calcium) < LEAST_TRUE_SHARE * len(inside):
        return 0
    return int(np.bincount(calcium).argmax())
