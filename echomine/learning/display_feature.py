"""The display feature: fixed kernels over time, what is measured, and, if wanted, a trained network, by valve.

Three descriptions of a display on the physical grid stand side by side: the numbers of :mod:`models.time_kernels`, the
measurements of :mod:`doppler.display_numbers` and the feature of a network trained on the coarse task. They are scaled
alike and reduced to their principal components, without any label. The hand-made views teach which valve a display
shows; the feature is given once plain and once more for each valve, weighted with the valve's probability, because
what a velocity means depends on the valve and few pairs cannot teach that.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from echomine.domain.config import config_from, config_to_dict
from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.vocabulary import Valve
from echomine.doppler.display import PhysicalGrid, ScaleGuess
from echomine.doppler.display_numbers import NUMBERS, display_numbers
from echomine.learning.coarse_task import CoarseTarget
from echomine.learning.image_feature import ImageFeature, ImageFeatureConfig, check_grid, train_image_feature
from echomine.learning.images import Images, network_input, to_tensor
from echomine.learning.valve_heads import ValveHeads, train_valve_heads
from echomine.models.time_kernels import TimeKernels

Rows = NDArray[np.float32]

_CONFIG, _WEIGHTS = "image_feature.json", "image_feature.safetensors"
_NETWORK = "network-"
_WIDEST = 5.0
"""Standardised values beyond this are cut."""

_LEAST_SPREAD = 1e-6
_BIAS_DISPLAYS = 64
_FLAGGED = ("vmax", "pht")
"""Numbers whose absence is told beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisplayFeatureConfig:
    """Settings of the display feature.

    Attributes:
        grid: The window of velocity and time that images are resampled to before they come here.
        kernels: Fixed kernels over time, see ``models.time_kernels``; 0 leaves them out.
        bands: Velocity bands that the kernels see.
        measured: Whether velocities, gradients and half-times are measured on the display.
        network: Whether a network is trained on the coarse task (settings ``image_feature``) and joins.
        pooling: Rows and columns of the grid that are averaged for kernels and network.
        components: Principal components at most.
        sample: Images at most that scales and components are taken from.
        folds: Parts of the patients for the valve heads.
        head_ridge: Penalty of the valve heads.
        gate: Weight of the part that is given for each valve.
    """

    grid: PhysicalGrid = field(default_factory=lambda: PhysicalGrid(rows=192, columns=384, seconds=4.8))
    kernels: int = 1000
    bands: int = 32
    measured: bool = True
    network: bool = False
    pooling: int = 2
    components: int = 384
    sample: int = 1000
    folds: int = 5
    head_ridge: float = 0.1
    gate: float = 1.0

    def __post_init__(self) -> None:
        if not (self.kernels or self.measured or self.network):
            raise ConfigurationError("a display feature needs kernels, measurements or a network")
        if min(self.bands, self.pooling, self.components, self.folds) < 1 or self.sample < 2:
            raise ConfigurationError(f"a display feature needs positive counts, and a sample of 2 or more, got {self}")
        if self.grid.rows % self.pooling or self.grid.columns % self.pooling:
            raise ConfigurationError(f"the rows and columns of the grid are multiples of pooling, got {self}")

    @property
    def pooled(self) -> PhysicalGrid:
        """The grid that kernels and network see."""
        return replace(self.grid, rows=self.grid.rows // self.pooling, columns=self.grid.columns // self.pooling)


@dataclass(frozen=True, slots=True, eq=False)
class BlockScale:
    """Makes descriptions comparable: standardised, cut, and each block with the same share of the length.

    Attributes:
        mean, spread: (D,) of the values that are there.
        share: (D,) what a standardised value is divided by.
    """

    mean: Rows
    spread: Rows
    share: Rows

    @classmethod
    def of(cls, described: Rows, widths: Sequence[int]) -> "BlockScale":
        """The scale of descriptions (N, D) that consist of blocks of the given widths."""
        filled = np.where(np.isnan(described).all(axis=0), np.float32(0), described)
        share = np.concatenate([np.full(width, np.sqrt(width * len(widths))) for width in widths])
        spread = np.nanstd(filled, axis=0) + _LEAST_SPREAD
        return cls(*(np.asarray(part, np.float32) for part in (np.nanmean(filled, axis=0), spread, share)))

    def __call__(self, described: Rows) -> Rows:
        """Scaled descriptions (N, D); what was not measured counts as the mean."""
        standard = np.clip((described - self.mean) / self.spread, -_WIDEST, _WIDEST)
        return np.asarray(np.nan_to_num(standard) / self.share, dtype=np.float32)


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
        heads: Which valve.
    """

    config: DisplayFeatureConfig
    kernels: TimeKernels | None
    network: ImageFeature | None
    scale: BlockScale
    components: Rows
    heads: ValveHeads

    @property
    def width(self) -> int:
        """Length d of a feature."""
        return int(self.components.shape[1]) * (1 + len(Valve)) + len(Valve)

    def embed(self, images: Images, patients: Sequence[str] | None = None) -> Embedded:
        """Features of images (N, 1, H, W); no images give (0, d).

        Args:
            images: Displays on the grid.
            patients: The patient of each, where the feature may have been learnt from them: the valve is then told by
                a head that was not.

        Raises:
            ConfigurationError: If the images are not of the grid's size.
        """
        check_grid(images, self.config.grid)
        described, numbers = describe(images, self.config, self.kernels, self.network)
        return self.place(described, numbers, patients)

    def place(self, described: Rows, numbers: Rows, patients: Sequence[str] | None) -> Embedded:
        """The rows of displays that are described already."""
        # Row by row: the last digits of a product of matrices depend on where in the batch a row stands.
        rows = [scaled @ self.components for scaled in self.scale(described)]
        reduced = np.asarray(rows, dtype=np.float32).reshape(len(described), self.components.shape[1])
        valves = self.heads.probabilities(reduced, patients)
        gated = np.sqrt(np.float32(self.config.gate)) * valves[:, :, None] * reduced[:, None]
        features = np.concatenate(
            [reduced, gated.reshape(len(reduced), gated.shape[1] * gated.shape[2]), valves], axis=1
        )
        return Embedded(features=features.astype(np.float32), numbers=numbers, valves=valves)

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
                kernels=_loaded_kernels(config, arrays),
                network=ImageFeature.from_files(own) if config.network else None,
                scale=BlockScale(arrays["mean"], arrays["spread"], arrays["share"]),
                components=arrays["components"],
                heads=ValveHeads(arrays["heads"]),
            )
        except ArtifactError:
            raise
        except Exception as error:
            raise ArtifactError(f"this is no display feature ({error}); learn it again") from error


def display_feature_config(values: Mapping[str, object]) -> DisplayFeatureConfig:
    """Settings from a plain mapping, the grid as a mapping in it.

    Raises:
        ConfigurationError: If a key or value is none of its settings.
    """
    plain = dict(values)
    grid = plain.pop("grid", None)
    if not isinstance(grid, Mapping):
        return config_from(DisplayFeatureConfig, plain)
    inner = dict(grid)
    if isinstance(inner.get("guess"), Mapping):
        inner["guess"] = config_from(ScaleGuess, inner["guess"])
    wanted = config_from(PhysicalGrid, inner)
    return replace(config_from(DisplayFeatureConfig, plain), grid=wanted)


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
            _pooled(images, config.pooling),
            views,
            replace(network or ImageFeatureConfig(), grid=config.pooled),
            seed=seed,
            groups=patients,
            checkpoint_dir=checkpoint_dir,
            on_progress=on_progress,
        )
    rows = _sample([view is not None for view in views], config.sample, seed)
    kernels = _fitted_kernels(images[rows], config, seed)
    described, _ = describe(images[rows], config, kernels, trained, on_progress=None if config.network else on_progress)
    scale = BlockScale.of(described, _widths(config, kernels, trained))
    standard = scale(described)
    components = _principal(standard, config.components)
    reduced = np.asarray(standard @ components, dtype=np.float32)
    seen = [place for place, row in enumerate(rows) if views[row] is not None]
    heads = train_valve_heads(
        reduced[seen],
        [view.valve for row in rows if (view := views[row]) is not None],
        [patients[rows[place]] for place in seen],
        folds=config.folds,
        ridge=config.head_ridge,
    )
    return DisplayFeature(config, kernels, trained, scale, components, heads)


def describe(
    images: Images,
    config: DisplayFeatureConfig,
    kernels: TimeKernels | None,
    network: ImageFeature | None,
    *,
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[Rows, Rows]:
    """Descriptions (N, D) of images on the grid, and their measurements (N, numbers)."""
    parts, measured = [], []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        numbers = _measured(batch, config)
        parts.append(np.concatenate(_blocks(batch, numbers, config, kernels, network), axis=1))
        measured.append(numbers)
        if on_progress is not None:
            on_progress(min(start + batch_size, len(images)), len(images))
    if not parts:
        width = sum(_widths(config, kernels, network))
        return np.zeros((0, width), np.float32), np.zeros((0, len(NUMBERS)), np.float32)
    return np.concatenate(parts), np.concatenate(measured)


def _blocks(
    batch: Images,
    numbers: Rows,
    config: DisplayFeatureConfig,
    kernels: TimeKernels | None,
    network: ImageFeature | None,
) -> list[Rows]:
    blocks = []
    small = _pooled(batch, config.pooling)
    if kernels is not None:
        with torch.inference_mode():
            blocks.append(kernels(network_input(to_tensor(small), 1)).numpy())
    if config.measured:
        blocks.append(np.concatenate([numbers, np.isnan(numbers[:, _flagged()])], axis=1).astype(np.float32))
    if network is not None:
        blocks.append(network.embed(small)[:, : network.network.width])
    return blocks


def _widths(config: DisplayFeatureConfig, kernels: TimeKernels | None, network: ImageFeature | None) -> list[int]:
    widths = [kernels.width] if kernels is not None else []
    widths += [len(NUMBERS) + len(_flagged())] if config.measured else []
    return widths + ([network.network.width] if network is not None else [])


def _flagged() -> list[int]:
    return [place for place, (_, name) in enumerate(NUMBERS) if name in _FLAGGED]


def _measured(batch: Images, config: DisplayFeatureConfig) -> Rows:
    if not config.measured:
        return np.full((len(batch), len(NUMBERS)), np.nan, dtype=np.float32)
    levels = batch if batch.dtype == np.uint8 else np.rint(batch * 255).astype(np.uint8)
    return np.stack([display_numbers(image[0], config.grid) for image in levels])


def _pooled(images: Images, pooling: int) -> Images:
    """Images (N, 1, H, W) averaged over squares of pixels."""
    if pooling == 1 or not len(images):
        return images
    count, _, rows, columns = images.shape
    split = images.reshape(count, 1, rows // pooling, pooling, columns // pooling, pooling)
    means = np.asarray(split.mean(axis=(3, 5), dtype=np.float32), dtype=np.float32)
    return np.rint(means).astype(np.uint8) if images.dtype == np.uint8 else means


def _sample(viewed: Sequence[bool], most: int, seed: int) -> NDArray[np.int64]:
    """Rows to learn scales from: all that were viewed, then others drawn, up to ``most`` or the viewed."""
    first = np.flatnonzero(viewed)
    others = np.random.default_rng(seed).permutation(np.flatnonzero(~np.asarray(viewed, dtype=bool)))
    return np.sort(np.concatenate([first, others[: max(0, most - len(first))]])).astype(np.int64)


def _fitted_kernels(images: Images, config: DisplayFeatureConfig, seed: int) -> TimeKernels | None:
    if not config.kernels:
        return None
    kernels = TimeKernels(kernels=config.kernels, bands=config.bands, seed=seed)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:_BIAS_DISPLAYS])
    with torch.inference_mode():
        kernels.set_biases(network_input(to_tensor(_pooled(images[chosen], config.pooling)), 1))
    return kernels.eval()


def _loaded_kernels(config: DisplayFeatureConfig, arrays: Mapping[str, Rows]) -> TimeKernels | None:
    if not config.kernels:
        return None
    kernels = TimeKernels(kernels=config.kernels, bands=config.bands, seed=0)
    own = {name.removeprefix("kernels."): value for name, value in arrays.items() if name.startswith("kernels.")}
    kernels.load_state_dict({name: torch.from_numpy(value) for name, value in own.items()})
    return kernels.eval()


def _principal(standard: Rows, most: int) -> Rows:
    """(D, r) directions of the largest spread around zero, from the Gram matrix of the rows."""
    values, vectors = np.linalg.eigh(standard.astype(np.float64) @ standard.T.astype(np.float64))
    kept = np.flatnonzero(values > 1e-9 * values[-1])[-most:]
    return np.asarray(standard.T @ (vectors[:, kept] / np.sqrt(values[kept])), dtype=np.float32)
