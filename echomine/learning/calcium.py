"""Training of the two calcium networks (Lessmann 2018), in a form that two cores can train.

The paper trains the three axes and their combiner together on voxels. Here each axis first learns alone, with a linear
layer of its own in place of the combiner, on patches of 155 pixels that give 25 x 25 answers at once; then the combiner
learns on the features of all three. The second network learns on the candidates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.row_batches import RowBatches
from echomine.learning.training import Batch, ProgressCallback, TrainingPlan, fit, steps_after
from echomine.models.segmentation.calcium_networks import (
    CLASSES,
    FILTERS,
    RECEPTIVE_FIELD,
    TRAINING_PATCH,
    CalciumNetwork,
    FalseFindNetwork,
)
from echomine.models.segmentation.calcium_preparation import OUTSIDE, place_patches

UNJUDGED = -1
"""Target of what is no candidate."""
ANSWERS = TRAINING_PATCH - RECEPTIVE_FIELD + 1
"""Side of the square that a patch of training gives answers for."""
FARTHEST = 10
"""A candidate lies at most that far from the middle of its patch."""
SECOND_RATE = 1e-3
"""Learning rate of the second network."""
NOISE = 0.015
"""Added to patches, on the networks' scale: 17 HU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumScan:
    """What the networks learn from one CT.

    Attributes:
        cube: (Z, Y, X) coarse volume on the networks' scale.
        places: (N, 3) coarse voxels of candidates.
        sites: (N,) their classes 0..6; 0 is no calcium.
        planes: (M, 3, 65, 65) fine planes through candidates.
        is_calcium: (M,) whether these are calcium.
    """

    cube: Tensor = field(repr=False)
    places: NDArray[np.int64] = field(repr=False)
    sites: NDArray[np.int64] = field(repr=False)
    planes: NDArray[np.float32] = field(repr=False)
    is_calcium: NDArray[np.bool_] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumTraining:
    """Settings.

    Attributes:
        axis_epochs, axis_steps: Of each axis; steps of an epoch.
        combiner_epochs, second_epochs: Passes over all voxels, all finds.
        voxels_per_scan: For the combiner, at most.
        learning_rate: Of the first network, of AdamW with a cosine.
        batch_size: Patches of an axis.
        precision: ``32``, ``bf16`` or ``auto``, of the axes.
    """

    axis_epochs: int = 6
    axis_steps: int = 22
    combiner_epochs: int = 60
    second_epochs: int = 12
    voxels_per_scan: int = 16
    learning_rate: float = 2e-3
    batch_size: int = 8
    precision: str = "auto"

    def __post_init__(self) -> None:
        counts = (self.axis_epochs, self.axis_steps, self.combiner_epochs, self.second_epochs, self.voxels_per_scan)
        if min(*counts, self.batch_size) < 1:
            raise ConfigurationError(f"every stage needs a step, got {self}")


class AxisSource:
    """Patches along one axis about candidates, each class as often: (N, 1, 155, 155) and targets (N, 25, 25)."""

    def __init__(self, scans: Sequence[CalciumScan], axis: int, config: CalciumTraining) -> None:
        self.axis, self.config = axis, config
        self.cubes = [scan.cube for scan in scans]
        self.targets = [_targets(scan) for scan in scans]
        self.by_class = [
            [(at, place) for at, scan in enumerate(scans) for place in scan.places[scan.sites == site].tolist()]
            for site in range(CLASSES)
        ]
        if not any(self.by_class[1:]):
            raise UsageError("there is nothing to train on: no scan holds calcium")

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return self.config.axis_steps

    def epoch(self, generator: torch.Generator) -> Iterator[Batch]:
        """Batches drawn anew."""
        present = [places for places in self.by_class if places]
        for _ in range(self.steps_per_epoch):
            patches, targets = [], []
            for _ in range(self.config.batch_size):
                places = present[int(torch.randint(len(present), (), generator=generator))]
                at, place = places[int(torch.randint(len(places), (), generator=generator))]
                patch, target = self._patch(at, place, generator)
                patches.append(patch)
                targets.append(target)
            yield torch.stack(patches)[:, None], torch.stack(targets)

    def validation(self) -> Iterator[Batch]:
        """Nothing: the length of the training is fixed."""
        return iter(())

    def _patch(self, at: int, place: list[int], generator: torch.Generator) -> tuple[Tensor, Tensor]:
        border = TRAINING_PATCH // 2 + FARTHEST
        cube = F.pad(self.cubes[at].select(self.axis, place[self.axis]), (border,) * 4, value=OUTSIDE)
        target = F.pad(self.targets[at].select(self.axis, place[self.axis]), (ANSWERS,) * 4, value=UNJUDGED)
        middle = [place[axis] for axis in range(3) if axis != self.axis]
        off = torch.randint(-FARTHEST, FARTHEST + 1, (2,), generator=generator).tolist()
        row, column = (one + shift for one, shift in zip(middle, off, strict=True))
        top, left = row + FARTHEST, column + FARTHEST
        seen = cube[top : top + TRAINING_PATCH, left : left + TRAINING_PATCH]
        row, column = (one + ANSWERS - ANSWERS // 2 for one in (row, column))
        answers = target[row : row + ANSWERS, column : column + ANSWERS]
        return seen + NOISE * torch.randn(seen.shape, generator=generator), answers


class TensorSource(RowBatches):
    """Rows of tensors in batches."""

    def __init__(self, tensors: Sequence[Tensor], batch_size: int) -> None:
        super().__init__(len(tensors[0]), batch_size)
        self.tensors = tensors

    def batch(self, rows: Tensor, generator: torch.Generator) -> Batch:  # noqa: ARG002 - nothing is changed
        """The rows of each tensor."""
        return tuple(tensor[rows] for tensor in self.tensors)


class PlaneSource(TensorSource):
    """Planes (N, 3, 65, 65) through candidates and their labels; each candidate is mirrored or not, by chance.

    Mirroring is ours; it makes the few candidates of a training twice as many.
    """

    def batch(self, rows: Tensor, generator: torch.Generator) -> Batch:
        """Planes and labels."""
        planes, labels = (tensor[rows] for tensor in self.tensors)
        mirrored = torch.randint(2, (len(rows), 1, 1, 1), generator=generator).bool()
        return torch.where(mirrored, planes.flip(3), planes), labels


def train_calcium_network(
    scans: Sequence[CalciumScan],
    config: CalciumTraining,
    *,
    seed: int,
    checkpoints: Sequence[CheckpointFile] = (),
    on_progress: ProgressCallback | None = None,
) -> CalciumNetwork:
    """The first network, trained on the candidates of scans.

    Args:
        scans: CTs with the truth of their candidates.
        config: Settings.
        seed: Fixes weights and order.
        checkpoints: A file for each of the three axes, or none.
        on_progress: Told after each step of an axis.

    Raises:
        UsageError: If no scan holds calcium.
    """
    torch.manual_seed(seed)
    network = CalciumNetwork()
    steps = config.axis_epochs * config.axis_steps
    for axis, features in enumerate(network.axes):
        model = nn.Sequential(features, nn.Conv2d(FILTERS, CLASSES, 1))
        plan = TrainingPlan(
            epochs=config.axis_epochs, learning_rate=config.learning_rate, precision=config.precision, gradient_clip=5.0
        )
        fit(
            model,
            AxisSource(scans, axis, config),
            _axis_loss,
            plan,
            seed=seed + axis,
            checkpoint=checkpoints[axis] if checkpoints else None,
            on_progress=steps_after(axis * steps, 3 * steps, on_progress),
        )
    _train_combiner(network, scans, config, seed=seed + 3)
    return network.eval()


def train_false_find_network(scans: Sequence[CalciumScan], config: CalciumTraining, *, seed: int) -> FalseFindNetwork:
    """The second network, trained on the candidates of scans; planes may be mirrored.

    Raises:
        UsageError: If the scans hold no calcium or nothing else.
    """
    planes = torch.from_numpy(np.concatenate([scan.planes for scan in scans]))
    labels = torch.from_numpy(np.concatenate([scan.is_calcium for scan in scans]).astype(np.int64))
    if not 0 < int(labels.sum()) < len(labels):
        raise UsageError("there is nothing to tell apart: candidates of calcium and false ones are both needed")
    torch.manual_seed(seed)
    network = FalseFindNetwork()
    plan = TrainingPlan(epochs=config.second_epochs, learning_rate=SECOND_RATE, precision="32")
    fit(network, PlaneSource((planes, labels), min(32, len(labels))), _second_loss, plan, seed=seed)
    return network.eval()


def _train_combiner(
    network: CalciumNetwork, scans: Sequence[CalciumScan], config: CalciumTraining, *, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    features, sites = [], []
    for scan in scans:
        chosen = _balanced(scan.sites, config.voxels_per_scan, rng)
        patches = place_patches(scan.cube, scan.places[chosen])
        with torch.inference_mode():
            seen = [axis(patches[:, at : at + 1])[:, :, 0, 0] for at, axis in enumerate(network.axes)]
        features.append(torch.cat(seen, dim=1).clone())
        sites.append(torch.from_numpy(scan.sites[chosen]))
    rows = (torch.cat(features), torch.cat(sites))
    plan = TrainingPlan(epochs=config.combiner_epochs, learning_rate=config.learning_rate, precision="32")
    fit(network.combiner, TensorSource(rows, min(64, len(rows[1]))), _combiner_loss, plan, seed=seed)


def _balanced(sites: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of at most ``count``, each class about as often."""
    kinds = np.unique(sites)
    share = max(1, count // len(kinds))
    chosen = [rng.permutation(np.flatnonzero(sites == kind))[:share] for kind in kinds]
    return np.concatenate(chosen)


def _targets(scan: CalciumScan) -> Tensor:
    targets = torch.full(scan.cube.shape, UNJUDGED, dtype=torch.int64)
    for chosen in (scan.sites == 0, scan.sites > 0):
        places = torch.from_numpy(scan.places[chosen])
        targets[places[:, 0], places[:, 1], places[:, 2]] = torch.from_numpy(scan.sites[chosen])
    return targets


def _axis_loss(network: nn.Module, batch: Batch) -> Tensor:
    patches, targets = batch
    logits = network(patches).float().movedim(1, -1)[targets >= 0]
    return balanced_entropy(logits, targets[targets >= 0])


def _combiner_loss(network: nn.Module, batch: Batch) -> Tensor:
    features, sites = batch
    return balanced_entropy(network(features), sites)


def _second_loss(network: nn.Module, batch: Batch) -> Tensor:
    planes, labels = batch
    return F.cross_entropy(network(planes), labels)


def balanced_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, every class that is there counting alike.

    Args:
        logits: (N, K).
        targets: (N,) classes.
    """
    each = F.cross_entropy(logits, targets, reduction="none")
    sums = torch.zeros(logits.shape[1]).index_add(0, targets, each)
    counts = torch.bincount(targets, minlength=logits.shape[1])
    return (sums[counts > 0] / counts[counts > 0]).mean()
