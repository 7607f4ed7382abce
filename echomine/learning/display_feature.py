"""The display feature: fixed kernels over time, what is measured, and, if wanted, a trained network, by valve.

Three descriptions of a display on the physical grid stand side by side: the numbers of :mod:`models.time_kernels`, the
measurements of :mod:`doppler.display_numbers` and the feature of a network trained on the coarse task. They are scaled
alike and reduced to their principal components, without any label. The hand-made views teach which valve a display
shows; the feature is given once plain and once more for each valve, weighted with the valve's probability, because
what a velocity means depends on the valve and few pairs cannot teach that.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from echomine.domain.config import config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.vocabulary import Valve
from echomine.learning.coarse_task import CoarseTarget
from echomine.learning.display_description import (
    BlockScale,
    DisplayFeatureConfig,
    Rows,
    describe,
    display_feature_config,
    fitted_kernels,
    loaded_kernels,
    pooled,
    widths_of,
)
from echomine.learning.image_feature import ImageFeature, ImageFeatureConfig, check_grid, train_image_feature
from echomine.learning.images import Images
from echomine.learning.measured_valves import MeasuredValves, train_measured_valves
from echomine.learning.valve_heads import ValveHeads, train_valve_heads
from echomine.models.time_kernels import TimeKernels

_CONFIG, _WEIGHTS = "image_feature.json", "image_feature.safetensors"
_NETWORK = "network-"
_MEASURED = "measured."
_LEAST_PROBABILITY = 1e-3


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Displays as rows.

    Attributes:
        features: (N, d).
        numbers: (N, numbers) as :func:`doppler.display_numbers` gives them; NaN throughout where nothing is measured.
        valves: (N, valves) probability of each valve.
    """

    features: Rows
    numbers: Rows
    valves: Rows


@dataclass(frozen=True, slots=True, eq=False)
class DisplayFeature:
    """From displays on the grid to features.

    Attributes:
        config: Its settings.
        kernels: Fixed kernels; None without.
        network: Trained network; None without.
        scale: Of the descriptions of some displays.
        components: (D, r) principal components.
        heads: Which valve, by all that is described.
        measured_valves: Which valve, by what is measured alone; None where nothing is.
    """

    config: DisplayFeatureConfig
    kernels: TimeKernels | None
    network: ImageFeature | None
    scale: BlockScale
    components: Rows
    heads: ValveHeads
    measured_valves: MeasuredValves | None = None

    @property
    def width(self) -> int:
        """Length d of a feature."""
        graded = 0 if self.measured_valves is None else 2 * len(self.measured_valves.graded_mean)
        return int(self.components.shape[1]) * (1 + len(Valve)) + len(Valve) * (1 + graded)

    def embed(self, images: Images, patients: Sequence[str] | None = None, *, numbers: Rows | None = None) -> Embedded:
        """Features of images (N, 1, H, W); no images give (0, d).

        Args:
            images: Displays on the grid.
            patients: The patient of each, where the feature may have been learnt from them: the valve is then told by
                a head that was not.
            numbers: (N, numbers) what :func:`doppler.display_numbers` gives; measured here by default.

        Raises:
            ConfigurationError: If the images are not of the grid's size.
        """
        check_grid(images, self.config.grid)
        described, numbers = describe(images, self.config, self.kernels, self.network, numbers=numbers)
        return self.place(described, numbers, patients)

    def place(self, described: Rows, numbers: Rows, patients: Sequence[str] | None) -> Embedded:
        """The rows of displays that are described already."""
        # Row by row: the last digits of a product of matrices depend on where in the batch a row stands.
        rows = [scaled @ self.components for scaled in self.scale(described)]
        reduced = np.asarray(rows, dtype=np.float32).reshape(len(described), self.components.shape[1])
        valves = self._valves(reduced, numbers, patients)
        parts = [np.float32(self.config.plain) * reduced, _by_valve(reduced, valves, self.config.gate), valves]
        if self.measured_valves is not None:
            parts.append(_by_valve(self.measured_valves.graded(numbers), valves, self.config.graded))
        features = np.concatenate(parts, axis=1)
        return Embedded(features=features.astype(np.float32), numbers=numbers, valves=valves)

    def _valves(self, reduced: Rows, numbers: Rows, patients: Sequence[str] | None) -> Rows:
        """(N, valves) probabilities: the weighted geometric mean of what both kinds of heads say."""
        seen = self.heads.probabilities(reduced, patients)
        if self.measured_valves is None:
            return seen
        measured = self.measured_valves.probabilities(numbers, patients)
        joined = (seen + _LEAST_PROBABILITY) ** self.config.seen_weight
        joined = joined * (measured + _LEAST_PROBABILITY) ** self.config.measured_weight
        return np.asarray(joined / joined.sum(axis=1, keepdims=True), dtype=np.float32)

    def to_files(self) -> dict[str, bytes]:
        """Settings and weights, by file name."""
        arrays = {
            "mean": self.scale.mean,
            "spread": self.scale.spread,
            "share": self.scale.share,
            "components": np.ascontiguousarray(self.components),
            "heads": np.ascontiguousarray(self.heads.weights),
        }
        if self.kernels is not None:
            arrays |= {f"kernels.{name}": value.numpy() for name, value in self.kernels.state_dict().items()}
        if self.measured_valves is not None:
            arrays |= {f"{_MEASURED}{name}": value for name, value in self.measured_valves.arrays().items()}
        config = json.dumps(config_to_dict(self.config), indent=1, sort_keys=True)
        files = {_CONFIG: config.encode(), _WEIGHTS: bytes(save(arrays))}
        network = self.network.to_files() if self.network is not None else {}
        return files | {f"{_NETWORK}{name}": content for name, content in network.items()}

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "DisplayFeature":
        """The feature saved by :meth:`to_files`.

        Raises:
            ArtifactError: If a file is missing or does not fit.
        """
        try:
            config = display_feature_config(json.loads(files[_CONFIG]))
            arrays = load(files[_WEIGHTS])
            own = {name.removeprefix(_NETWORK): data for name, data in files.items() if name.startswith(_NETWORK)}
            return cls(
                config=config,
                kernels=loaded_kernels(config, arrays),
                network=ImageFeature.from_files(own) if config.network else None,
                scale=BlockScale(arrays["mean"], arrays["spread"], arrays["share"]),
                components=arrays["components"],
                heads=ValveHeads(arrays["heads"]),
                measured_valves=_loaded_valves(arrays) if config.measured else None,
            )
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"this is no display feature ({error}); learn it again") from error


def train_display_feature(  # noqa: PLR0913 - what a training run is made of
    images: Images,
    views: Sequence[CoarseTarget | None],
    config: DisplayFeatureConfig,
    network: ImageFeatureConfig | None = None,
    *,
    seed: int,
    groups: Sequence[str] | None = None,
    checkpoint_dir: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> DisplayFeature:
    """A display feature learnt from the views of some images and the look of all.

    Args:
        images: (N, 1, H, W) on ``config.grid``.
        views: N views; None for an image that nobody looked at.
        config: Settings.
        network: Settings of the network, its grid aside; used when ``config.network``.
        seed: Fixes everything.
        groups: N patients; without it every image is its own.
        checkpoint_dir: Where an unfinished training of the network is kept.
        on_progress: Told (steps done, steps in all).

    Raises:
        ConfigurationError: If counts disagree.
    """
    patients = list(groups) if groups is not None else [str(number) for number in range(len(images))]
    if len(images) < 2 or not len(views) == len(patients) == len(images):
        raise ConfigurationError(
            "a display feature needs 2 or more images, and one view (or None) and one patient for each; got "
            f"{len(images)} images, {len(views)} views, {len(patients)} patients"
        )
    check_grid(images, config.grid)
    trained = None
    if config.network:
        trained = train_image_feature(
            pooled(images, config.pooling),
            views,
            replace(network or ImageFeatureConfig(), grid=config.pooled),
            seed=seed,
            groups=patients,
            checkpoint_dir=checkpoint_dir,
            on_progress=on_progress,
        )
    rows = _sample([view is not None for view in views], config.sample, seed)
    kernels = fitted_kernels(images[rows], config, seed)
    described, numbers = describe(
        images[rows], config, kernels, trained, on_progress=None if config.network else on_progress
    )
    scale = BlockScale.of(described, widths_of(config, kernels, trained))
    standard = scale(described)
    components = _principal(standard, config.components)
    reduced = np.asarray(standard @ components, dtype=np.float32)
    seen = [place for place, row in enumerate(rows) if views[row] is not None]
    valves = [view.valve for row in rows if (view := views[row]) is not None]
    owners = [patients[rows[place]] for place in seen]
    heads = train_valve_heads(reduced[seen], valves, owners, folds=config.folds, ridge=config.head_ridge)
    measured = train_measured_valves(numbers[seen], valves, owners, folds=config.folds) if config.measured else None
    return DisplayFeature(config, kernels, trained, scale, components, heads, measured)


def _by_valve(rows: Rows, valves: Rows, weight: float) -> Rows:
    """(N, valves x d) of (N, d): the rows once for each valve, by its probability; ``weight`` counts squared."""
    given = np.sqrt(np.float32(weight)) * valves[:, :, None] * rows[:, None]
    return np.asarray(given, dtype=np.float32).reshape(len(rows), given.shape[1] * given.shape[2])


def _loaded_valves(arrays: Mapping[str, Rows]) -> MeasuredValves:
    own = {name.removeprefix(_MEASURED): value for name, value in arrays.items() if name.startswith(_MEASURED)}
    return MeasuredValves.from_arrays(own)


def _sample(viewed: Sequence[bool], most: int, seed: int) -> NDArray[np.int64]:
    """Rows to learn scales from: all that were viewed, then others drawn, up to ``most`` or the viewed."""
    first = np.flatnonzero(viewed)
    others = np.random.default_rng(seed).permutation(np.flatnonzero(~np.asarray(viewed, dtype=bool)))
    return np.sort(np.concatenate([first, others[: max(0, most - len(first))]])).astype(np.int64)


def _principal(standard: Rows, most: int) -> Rows:
    """(D, r) directions of the largest spread around zero, from the Gram matrix of the rows."""
    values, vectors = np.linalg.eigh(standard.astype(np.float64) @ standard.T.astype(np.float64))
    kept = np.flatnonzero(values > 1e-9 * values[-1])[-most:]
    return np.asarray(standard.T @ (vectors[:, kept] / np.sqrt(values[kept])), dtype=np.float32)
