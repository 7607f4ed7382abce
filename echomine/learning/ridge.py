"""Ridge regression from image features into text space: the baseline to beat on few pairs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from echomine.domain.errors import ArtifactError
from echomine.learning.transform import check_pairs, check_width, ridge_weights, unit_rows
from echomine.learning.vectors import NARROWEST_SPREAD

_WEIGHTS = "ridge.safetensors"


@dataclass(frozen=True, slots=True, eq=False)
class RidgeTransform:
    """A linear map from features into text space.

    Attributes:
        mean, scale: (d,) of the training features.
        weights: (d, m).
        intercept: (m,).
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    intercept: NDArray[np.float32]

    def map(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Unit rows (N, m) of features (N, d).

        Raises:
            ConfigurationError: If the features are of another width.
        """
        check_width(features, len(self.mean))
        return unit_rows(np.asarray((features - self.mean) / self.scale @ self.weights + self.intercept, np.float32))

    def to_files(self) -> dict[str, bytes]:
        """The arrays, by file name."""
        arrays = {name: getattr(self, name) for name in ("mean", "scale", "weights", "intercept")}
        return {_WEIGHTS: bytes(save(arrays))}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "RidgeTransform":
        """The map saved by :meth:`to_files`.

        Raises:
            ArtifactError: If the file is missing or broken.
        """
        try:
            return cls(**load(files[_WEIGHTS]))
        except Exception as error:
            raise ArtifactError(f"this is no ridge transform ({error}); learn it again") from error


def train_ridge(
    features: NDArray[np.float32],
    targets: NDArray[np.float32],
    groups: Sequence[str],
    *,
    strength: float = 0.03,
) -> RidgeTransform:
    """The map with the least squared error plus ``strength`` times its squared weights, in closed form.

    Args:
        features: (N, d).
        targets: (N, m) vectors, made unit rows first.
        groups: N patients; only counted, so that it is called as ``train_transform`` is.
        strength: Weight of the penalty, as a share of the mean squared length of a feature.

    Raises:
        ConfigurationError: If counts disagree or there is no pair.
    """
    check_pairs(features, targets, groups)
    mean = features.mean(axis=0)
    scale = np.full(features.shape[1], max(float(np.sqrt(np.mean((features - mean) ** 2))), NARROWEST_SPREAD))
    weights, intercept = ridge_weights((features - mean) / scale, unit_rows(targets), strength)
    as_float = (np.asarray(part, dtype=np.float32) for part in (mean, scale, weights, intercept))
    return RidgeTransform(*as_float)
