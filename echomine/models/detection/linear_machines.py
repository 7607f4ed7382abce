"""The linear machines and the ridge regression of R-CNN, learnt with scikit-learn and kept as tensors.

References:
    Girshick et al., CVPR 2014, section 2.3 and appendix C; hard negatives as in Felzenszwalb et al., TPAMI 2010.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC
from torch import Tensor, nn

from echomine.models.detection.box_offsets import applied


@dataclass(frozen=True, slots=True, kw_only=True)
class SvmConfig:
    """Settings of the linear machines; the defaults are the authors'.

    Attributes:
        c: Weight of the errors.
        positive_weight: How much more an error on an object weighs.
        bias: Scale of the constant feature.
        negative_overlap: Proposals below that overlap with a class are its negatives.
        hard_margin: Negatives that score above it are added.
        easy_margin: Kept negatives below it are left out again.
        rounds: Passes over the pictures.
    """

    c: float = 1e-3
    positive_weight: float = 2.0
    bias: float = 10.0
    negative_overlap: float = 0.3
    hard_margin: float = -1.0001
    easy_margin: float = -1.2
    rounds: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RidgeConfig:
    """Settings of the regression of boxes; the defaults are the authors'.

    Attributes:
        penalty: Weight of the squared coefficients.
        least_overlap: Proposals above that overlap with a true box are learnt from.
    """

    penalty: float = 1000.0
    least_overlap: float = 0.6


@dataclass(frozen=True, slots=True)
class Machine:
    """Weights (d,) and constant of one class."""

    weight: NDArray[np.float64]
    constant: float


class LinearMachines(nn.Module):
    """One linear machine and one regression of four offsets a class, as buffers.

    Attributes:
        classes: Without the background.
    """

    weight: Tensor
    constant: Tensor
    moves: Tensor
    moves_constant: Tensor
    feature_scale: Tensor
    deep_scale: Tensor

    def __init__(self, classes: int, width: int, deep_width: int) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("weight", torch.zeros(classes, width))
        self.register_buffer("constant", torch.full((classes,), -1e4))  # a class without an object is never found
        self.register_buffer("moves", torch.zeros(classes, 4, deep_width))
        self.register_buffer("moves_constant", torch.zeros(classes, 4))
        self.register_buffer("feature_scale", torch.tensor(1.0))
        self.register_buffer("deep_scale", torch.tensor(1.0))

    def scaled(self, features: Tensor) -> NDArray[np.float64]:
        """Features as the machines learn them: of mean length 20, as the authors scale theirs."""
        return np.asarray((features * self.feature_scale).double().cpu().numpy())

    def scores(self, features: Tensor) -> Tensor:
        """Margins through a sigmoid: (M, classes) in 0..1."""
        return (features * self.feature_scale @ self.weight.T + self.constant).sigmoid()

    def moved(self, deep: Tensor, boxes: Tensor) -> Tensor:
        """Boxes (M, classes, 4) that the regressions make of proposals (M, 4)."""
        moves = torch.einsum("md,ckd->mck", deep * self.deep_scale, self.moves) + self.moves_constant
        return applied(moves, boxes[:, None].expand(-1, self.classes, -1))

    def set_machine(self, row: int, machine: Machine) -> None:
        """Take the machine of a class."""
        self.weight[row] = torch.from_numpy(machine.weight).to(self.weight)
        self.constant[row] = machine.constant

    def set_regression(self, row: int, weight: NDArray[np.float64], constant: NDArray[np.float64]) -> None:
        """Take the regression of a class: weights (4, d), constants (4,)."""
        self.moves[row] = torch.from_numpy(weight).to(self.moves)
        self.moves_constant[row] = torch.from_numpy(constant).to(self.moves_constant)


def fit_machines(positive: NDArray[np.float64], negatives: Sequence[NDArray[np.float64]], config: SvmConfig) -> Machine:
    """A machine that tells a class from everything else, its negatives mined picture by picture.

    Args:
        positive: (P, d) features of objects, at least one.
        negatives: (M, d) features of what is none, of each picture.
        config: Settings.
    """
    kept = next((some for some in negatives if len(some)), np.zeros((1, positive.shape[1])))
    machine = _fit(positive, kept, config)
    for _ in range(config.rounds):
        for some in negatives:
            if len(some) == 0:
                continue
            hard = some[some @ machine.weight + machine.constant > config.hard_margin]
            still = kept[kept @ machine.weight + machine.constant > config.easy_margin]
            pooled = np.unique(np.concatenate([still, hard]), axis=0)
            kept = pooled if len(pooled) else some[:1]
            machine = _fit(positive, kept, config)
    return machine


def _fit(positive: NDArray[np.float64], negative: NDArray[np.float64], config: SvmConfig) -> Machine:
    features = np.concatenate([positive, negative])
    truth = np.concatenate([np.ones(len(positive), dtype=int), np.zeros(len(negative), dtype=int)])
    svm = LinearSVC(
        C=config.c,
        loss="hinge",
        intercept_scaling=config.bias,
        class_weight={1: config.positive_weight},
        random_state=0,
        max_iter=2000,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a looser fit is mined again at the next picture
        svm.fit(features, truth)
    return Machine(svm.coef_[0], float(svm.intercept_[0]))


def fit_box_regression(
    deep: Tensor, moves: Tensor, config: RidgeConfig
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ridge regression of offsets on features: weights (4, d) and constants (4,).

    The offsets are first made uncorrelated and of variance 1, as the authors do; fewer than two of them, or equal ones,
    are only centred.
    """
    wanted = moves.double().cpu().numpy()
    mean = wanted.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(wanted - mean, rowvar=False) if len(wanted) > 1 else np.zeros((4, 4)))
    spread = np.sqrt(values.clip(min=0) + 1e-3)
    white = (wanted - mean) @ vectors / spread
    ridge = Ridge(alpha=config.penalty).fit(deep.double().cpu().numpy(), white)
    back = (vectors * spread).T
    return (ridge.coef_.T @ back).T, np.atleast_1d(ridge.intercept_) @ back + mean
