"""How a display is described: blocks of numbers side by side, and what makes them comparable."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from echomine.domain.config import config_from
from echomine.domain.errors import ConfigurationError
from echomine.doppler.display import PhysicalGrid, ScaleGuess
from echomine.doppler.display_numbers import NUMBERS, display_numbers
from echomine.learning.image_feature import ImageFeature
from echomine.learning.images import Images, network_input, to_tensor
from echomine.models.time_kernels import TimeKernels

Rows = NDArray[np.float32]

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
        copies: Copies of each taught display, shown as other machines would (``disturbed_displays``), that the heads
            and the transform learn from too.
        folds: Parts of the patients for the valve heads.
        head_ridge: Penalty of the valve heads.
        gate: Weight of the part that is given for each valve.
        plain: Weight of the part that is given whatever the valve.
        graded: Weight of the numbers that grades depend on, given once more for each valve.
        seen_weight, measured_weight: Exponents with which the heads on all that is described and those on what is
            measured alone say the valve.
    """

    grid: PhysicalGrid = field(default_factory=lambda: PhysicalGrid(rows=192, columns=384, seconds=4.8))
    kernels: int = 1000
    bands: int = 32
    measured: bool = True
    network: bool = False
    pooling: int = 2
    components: int = 384
    sample: int = 1000
    copies: int = 1
    folds: int = 5
    head_ridge: float = 0.1
    gate: float = 1.0
    plain: float = 1.0
    graded: float = 9.0
    seen_weight: float = 1.5
    measured_weight: float = 1.5

    def __post_init__(self) -> None:
        if not (self.kernels or self.measured or self.network):
            raise ConfigurationError("a display feature needs kernels, measurements or a network")
        if min(self.bands, self.pooling, self.components, self.folds) < 1 or self.sample < 2 or self.copies < 0:
            raise ConfigurationError(f"a display feature needs positive counts, and a sample of 2 or more, got {self}")
        if self.grid.rows % self.pooling or self.grid.columns % self.pooling:
            raise ConfigurationError(f"the rows and columns of the grid are multiples of pooling, got {self}")

    @property
    def pooled(self) -> PhysicalGrid:
        """The grid that kernels and network see."""
        return replace(self.grid, rows=self.grid.rows // self.pooling, columns=self.grid.columns // self.pooling)


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


def describe(
    images: Images,
    config: DisplayFeatureConfig,
    kernels: TimeKernels | None,
    network: ImageFeature | None,
    *,
    numbers: Rows | None = None,
    batch_size: int = 64,
) -> tuple[Rows, Rows]:
    """Descriptions (N, D) of images on the grid, and their measurements (N, numbers), taken here unless given."""
    parts, measured = [], []
    for start in range(0, len(images), batch_size):
        batch = images[start : start + batch_size]
        taken = measured_numbers(batch, config) if numbers is None else numbers[start : start + batch_size]
        parts.append(np.concatenate(_blocks(batch, taken, config, kernels, network), axis=1))
        measured.append(taken)
    if not parts:
        width = sum(widths_of(config, kernels, network))
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
    small = pooled(batch, config.pooling)
    if kernels is not None:
        with torch.inference_mode():
            blocks.append(kernels(network_input(to_tensor(small), 1)).numpy())
    if config.measured:
        blocks.append(np.concatenate([numbers, np.isnan(numbers[:, _flagged()])], axis=1).astype(np.float32))
    if network is not None:
        blocks.append(network.embed(small)[:, : network.network.width])
    return blocks


def widths_of(config: DisplayFeatureConfig, kernels: TimeKernels | None, network: ImageFeature | None) -> list[int]:
    """Lengths of the blocks of a description, in their order."""
    widths = [kernels.width] if kernels is not None else []
    widths += [len(NUMBERS) + len(_flagged())] if config.measured else []
    return widths + ([network.network.width] if network is not None else [])


def _flagged() -> list[int]:
    return [place for place, (_, name) in enumerate(NUMBERS) if name in _FLAGGED]


def measured_numbers(
    images: Images, config: DisplayFeatureConfig, *, on_progress: Callable[[int, int], None] | None = None
) -> Rows:
    """(N, numbers) measured on images (N, 1, H, W) of the grid; NaN where the settings want none."""
    found = np.full((len(images), len(NUMBERS)), np.nan, dtype=np.float32)
    if not config.measured:
        return found
    for row, image in enumerate(images):
        levels = image[0] if image.dtype == np.uint8 else np.rint(image[0] * 255).astype(np.uint8)
        found[row] = display_numbers(levels, config.grid)
        if on_progress is not None:
            on_progress(row + 1, len(images))
    return found


def pooled(images: Images, pooling: int) -> Images:
    """Images (N, 1, H, W) averaged over squares of pixels."""
    if pooling == 1 or not len(images):
        return images
    count, _, rows, columns = images.shape
    split = images.reshape(count, 1, rows // pooling, pooling, columns // pooling, pooling)
    means = np.asarray(split.mean(axis=(3, 5), dtype=np.float32), dtype=np.float32)
    return np.rint(means).astype(np.uint8) if images.dtype == np.uint8 else means


def fitted_kernels(images: Images, config: DisplayFeatureConfig, seed: int) -> TimeKernels | None:
    """Kernels whose thresholds suit some displays; None where the settings want none."""
    if not config.kernels:
        return None
    kernels = TimeKernels(kernels=config.kernels, bands=config.bands, seed=seed)
    chosen = np.sort(np.random.default_rng(seed).permutation(len(images))[:_BIAS_DISPLAYS])
    with torch.inference_mode():
        kernels.set_biases(network_input(to_tensor(pooled(images[chosen], config.pooling)), 1))
    return kernels.eval()


def loaded_kernels(config: DisplayFeatureConfig, arrays: Mapping[str, Rows]) -> TimeKernels | None:
    """The kernels among saved arrays; None where the settings want none."""
    if not config.kernels:
        return None
    kernels = TimeKernels(kernels=config.kernels, bands=config.bands, seed=0)
    own = {name.removeprefix("kernels."): value for name, value in arrays.items() if name.startswith("kernels.")}
    kernels.load_state_dict({name: torch.from_numpy(value) for name, value in own.items()})
    return kernels.eval()
