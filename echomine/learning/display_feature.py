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
    measured_numbers,
    pooled,
    widths_of,
)
from echomine.learning.disturbed_displays import disturbed
from echomine.learning.image_feature import ImageFeature, ImageFeatureConfig, check_grid, train_image_feature
from echomine.learning.images import Images
from echomine.learning.measured_valves import MeasuredValves, train_measured_valves
from echomine.learning.valve_heads import ValveHeads, train_valve_heads
from echomine.models.time_kernels import TimeKernels

_CONFIG, _WEIGHTS = "image_feature.json", "image_feature.safetensors"
_NETWORK = "network-"
_MEASURED = "measured."
_NO_HEADS = ValveHeads(np.zeros((1, 0, len(Valve)), dtype=np.float32))


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
        """(N, valves) probabilities: the product of what both kinds of heads say, each to the power of its weight."""
        seen = self.heads.probabilities(reduced, patients)
        if self.measured_valves is None:
            return seen
        measured = self.measured_valves.probabilities(numbers, patients)
        joined = seen**self.config.seen_weight * measured**self.config.measured_weight
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


@dataclass(frozen=True, slots=True, eq=False)
class TaughtDisplays:
    """The displays that something is taught of, described once: each as it is, and in copies of another look.

    Attributes:
        described: (N, D) of the displays as they are.
        numbers: (N, numbers) measured on them.
        copied: (C, N, D) of the copies, which show the same flow and so have the same numbers.
        patients: The patient of each.
    """

    described: Rows
    numbers: Rows
    copied: Rows
    patients: tuple[str, ...]

    def embedded(self, feature: "DisplayFeature") -> Embedded:
        """Their rows; each patient's valve told by a head that never saw him."""
        return feature.place(self.described, self.numbers, self.patients)

    def embedded_copies(self, feature: "DisplayFeature") -> tuple[Embedded, ...]:
        """The rows of the copies, told in the same way."""
        return tuple(feature.place(described, self.numbers, self.patients) for described in self.copied)


def learn_displays(  # noqa: PLR0913 - what a training run is made of
    images: Images,
    views: Sequence[CoarseTarget | None],
    config: DisplayFeatureConfig,
    network: ImageFeatureConfig | None = None,
    *,
    seed: int,
    numbers: Rows | None = None,
    taught: Sequence[bool] | None = None,
    groups: Sequence[str] | None = None,
    pretrained: bytes | None = None,
    checkpoint_dir: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[DisplayFeature, TaughtDisplays]:
    """A display feature learnt from the views of some images and the look of all, and the taught images described.

    Args:
        images: (N, 1, H, W) on ``config.grid``.
        views: N views; None for an image that nobody looked at.
        config: Settings.
        network: Settings of the network, its grid aside; used when ``config.network``.
        seed: Fixes everything.
        numbers: (N, numbers) as :func:`doppler.display_numbers` gives them; where needed, measured here by default.
        taught: N, whether something is known of the image; those that were viewed by default.
        groups: N patients; without it every image is its own.
        pretrained: What ``network.weights`` names.
        checkpoint_dir: Where an unfinished training of the network is kept.
        on_progress: Told (steps done, steps in all).

    Raises:
        ConfigurationError: If counts disagree.
    """
    patients = list(groups) if groups is not None else [str(number) for number in range(len(images))]
    known = [view is not None for view in views] if taught is None else list(taught)
    if len(images) < 2 or not len(views) == len(known) == len(patients) == len(images):
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
            pretrained=pretrained,
            checkpoint_dir=checkpoint_dir,
            on_progress=on_progress,
        )
    rows = _sample(known, config.sample, seed)
    told = None if config.network else on_progress
    numbers = numbers[rows] if numbers is not None else measured_numbers(images[rows], config, on_progress=told)
    places = np.flatnonzero([known[row] for row in rows])
    copies = _copies(images[rows[places]], numbers[places], config, seed)
    kernels = fitted_kernels(np.concatenate([images[rows], *copies[:1]]), config, seed)
    described, _ = describe(images[rows], config, kernels, trained, numbers=numbers)
    copied = [describe(copy, config, kernels, trained, numbers=numbers[places])[0] for copy in copies]
    shape = (len(copied), len(places), described.shape[1])
    owners = tuple(patients[row] for row in rows[places])
    shown = TaughtDisplays(described[places], numbers[places], np.asarray(copied, np.float32).reshape(shape), owners)
    targets = [views[row] for row in rows[places]]
    scale = BlockScale.of(np.concatenate([described, *shown.copied]), widths_of(config, kernels, trained))
    components = _principal(scale(_mixed(described, places, shown.copied)), config.components)
    return _with_heads(DisplayFeature(config, kernels, trained, scale, components, _NO_HEADS), shown, targets), shown


def _with_heads(feature: DisplayFeature, shown: TaughtDisplays, views: Sequence[CoarseTarget | None]) -> DisplayFeature:
    """The feature with heads learnt on the viewed ones of the taught displays."""
    config = feature.config
    viewed = [place for place, view in enumerate(views) if view is not None]
    valves = [view.valve for view in views if view is not None]
    owners = [shown.patients[place] for place in viewed]
    looks = [described[viewed] for described in (shown.described, *shown.copied)]
    reduced = np.asarray(feature.scale(np.concatenate(looks)) @ feature.components, dtype=np.float32)
    times = len(looks)
    heads = train_valve_heads(reduced, valves * times, owners * times, folds=config.folds, ridge=config.head_ridge)
    numbers = shown.numbers[viewed]
    measured = train_measured_valves(numbers, valves, owners, folds=config.folds) if config.measured else None
    return replace(feature, heads=heads, measured_valves=measured)


def _copies(images: Images, numbers: Rows, config: DisplayFeatureConfig, seed: int) -> list[Images]:
    """Copies of images, each image drawn from a source of its own; none where no pixel is looked at."""
    if not (config.kernels or config.network):
        return []
    levels = images if images.dtype == np.uint8 else np.rint(images * 255).astype(np.uint8)
    found = []
    for copy in range(config.copies):
        drawn = [
            disturbed(image[0], row, config.grid, np.random.default_rng((seed, copy, place)))
            for place, (image, row) in enumerate(zip(levels, numbers, strict=True))
        ]
        stacked = np.asarray(drawn, dtype=np.uint8).reshape(levels.shape)
        found.append(stacked if images.dtype == np.uint8 else stacked.astype(np.float32) / np.float32(255))
    return found


def _mixed(described: Rows, places: NDArray[np.int64], copied: Rows) -> Rows:
    """The descriptions, every second of those that have copies in the place of a copy: as many rows, both looks."""
    mixed = described.copy()
    if len(copied):
        mixed[places[::2]] = copied[0][::2]
    return mixed


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
