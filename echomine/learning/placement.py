"""How a picture of any size comes onto the fixed input of a network, and the answer back onto the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError, ItemError, Reason
from echomine.learning.samples import Pixels, Sample

_PERCENTILES = (1.0, 99.0)


class Intensity(StrEnum):
    """What becomes 0 and 1."""

    RANGE = "range"
    PERCENTILE = "percentile"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputConfig:
    """What the network sees of a picture.

    Attributes:
        size: Rows and columns.
        channels: Channels of the pictures: 1 grey, 3 colour.
        spacing_mm: Size of a pixel that all pictures are resampled to, then cut or filled around the middle; 0 keeps
            the shape of the picture and makes it as large as fits.
        zoom: How much larger than what fits the picture is made; above 1 the network sees its middle alone.
        intensity: ``range``: bytes, or the least to the largest value of each other picture, become 0..1;
            ``percentile``: the 1st to 99th percentile of the shown part do, so that what is bright outside it, such as
            the chest wall beside a heart, does not make it dark.
        with_axis: Whether a second channel tells the row, from 1 at the top to -1: the velocity of a display on a
            fixed grid.
    """

    size: tuple[int, int] = (192, 192)
    channels: int = 1
    spacing_mm: float = 0.0
    zoom: float = 1.0
    intensity: Intensity = Intensity.RANGE
    with_axis: bool = False

    def __post_init__(self) -> None:
        if min(self.size, default=0) < 16 or self.channels not in (1, 3) or self.spacing_mm < 0:
            raise ConfigurationError(
                f"an input needs two sizes of 16 or more, 1 or 3 channels and a spacing of 0 or more, got "
                f"{self.size}, {self.channels} and {self.spacing_mm}"
            )
        if self.zoom <= 0:
            raise ConfigurationError(f"input.zoom is above 0, got {self.zoom}")
        if self.intensity not in set(Intensity):
            raise ConfigurationError(f"intensity is one of {', '.join(Intensity)}, got {self.intensity!r}")
        object.__setattr__(self, "intensity", Intensity(self.intensity))

    @property
    def network_channels(self) -> int:
        """Channels that the network is made for."""
        return self.channels + int(self.with_axis)


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a picture lies on the input of a network.

    Attributes:
        picture: Rows and columns of the picture.
        scaled: Rows and columns that it is resampled to.
        canvas: Rows and columns of the input, which shows the middle.
    """

    picture: tuple[int, int]
    scaled: tuple[int, int]
    canvas: tuple[int, int]

    @classmethod
    def of(cls, sample: Sample, config: InputConfig) -> "Placement":
        """The placement of a sample.

        Raises:
            ItemError: ``bad_spacing`` if a spacing is wanted and the sample has none.
        """
        height, width = sample.size
        if config.spacing_mm > 0:
            if sample.spacing_mm is None:
                raise ItemError(
                    Reason.BAD_SPACING,
                    f"{sample.name} states no pixel spacing, and none is ever taken as 1 mm: give data.spacing_mm, "
                    "or set input.spacing_mm to 0",
                )
            scales = [own / config.spacing_mm for own in sample.spacing_mm]
        else:
            scales = [config.zoom * min(config.size[0] / height, config.size[1] / width)] * 2
        scaled = (max(1, round(height * scales[0])), max(1, round(width * scales[1])))
        return cls((height, width), scaled, config.size)

    def image(self, pixels: Tensor) -> Tensor:
        """(C, H, W) floats on the canvas, 0 around them."""
        scaled = F.interpolate(pixels[None], self.scaled, mode="bilinear", antialias=True, align_corners=False)[0]
        return _centred(scaled, self.canvas)

    def shown(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that reach the canvas."""
        rows, columns = (
            int(max(0, scaled - canvas) // 2 * own / scaled)
            for own, scaled, canvas in zip(self.picture, self.scaled, self.canvas, strict=True)
        )
        return slice(rows, self.picture[0] - rows), slice(columns, self.picture[1] - columns)

    def labels(self, labels: Tensor) -> Tensor:
        """(H, W) class numbers on the canvas, background around them."""
        scaled = F.interpolate(labels[None, None].float(), self.scaled, mode="nearest-exact")[0]
        return _centred(scaled, self.canvas)[0].to(labels.dtype)

    def boxes(self, boxes: Tensor) -> Tensor:
        """(N, 4) boxes of the picture as boxes on the canvas."""
        return boxes * self._scale4() + self._shift4()

    def boxes_back(self, boxes: Tensor) -> Tensor:
        """(N, 4) boxes on the canvas as boxes of the picture, cut at its edges."""
        own = (boxes - self._shift4()) / self._scale4()
        height, width = self.picture
        return torch.minimum(own.clamp(min=0), torch.tensor([width, height, width, height], dtype=own.dtype))

    def maps_back(self, maps: Tensor, *, outside: Sequence[float]) -> Tensor:
        """(K, canvas) maps at the picture's own size; ``outside`` are the values where the canvas does not reach."""
        whole = torch.stack(
            [_centred(one[None], self.scaled, value)[0] for one, value in zip(maps, outside, strict=True)]
        )
        return F.interpolate(whole[None], self.picture, mode="bilinear", align_corners=False)[0]

    def _scale4(self) -> Tensor:
        rows, columns = (new / old for new, old in zip(self.scaled, self.picture, strict=True))
        return torch.tensor([columns, rows, columns, rows], dtype=torch.float32)

    def _shift4(self) -> Tensor:
        top, left = ((canvas - size) // 2 for canvas, size in zip(self.canvas, self.scaled, strict=True))
        return torch.tensor([left, top, left, top], dtype=torch.float32)


def network_picture(sample: Sample, config: InputConfig) -> Tensor:
    """(C, H, W) what a network sees of a sample, the row channel left out: floats in 0..1 on the canvas.

    Raises:
        ItemError: If its channels or its missing spacing do not fit the input.
    """
    where = Placement.of(sample, config)
    return where.image(unit_pixels(sample.pixels, config, where.shown()))


def unit_pixels(pixels: Pixels, config: InputConfig, shown: tuple[slice, slice] = (slice(None), slice(None))) -> Tensor:
    """Pixels (C, H, W) as floats in 0..1, in the channels of the input; percentiles are those of the shown part."""
    values = _in_channels(np.asarray(pixels, dtype=np.float32), config.channels)
    if config.intensity is Intensity.PERCENTILE:
        low, high = np.percentile(values[:, shown[0], shown[1]], _PERCENTILES)
    elif pixels.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low, high = values.min(), values.max()
    return torch.from_numpy(((values - low) / max(float(high - low), 1e-6)).clip(0, 1).astype(np.float32))


def with_axis(images: Tensor, config: InputConfig) -> Tensor:
    """Images (..., C, H, W) with the row as a further channel, if it is wanted."""
    if not config.with_axis:
        return images
    axis = torch.linspace(1, -1, images.shape[-2], device=images.device)[:, None]
    return torch.cat([images, axis.expand(*images.shape[:-3], 1, *images.shape[-2:])], dim=-3)


def _in_channels(values: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    if len(values) == channels:
        return values
    if channels == 1:
        return np.asarray(values.mean(axis=0, keepdims=True))
    if len(values) == 1:
        return np.repeat(values, channels, axis=0)
    raise ItemError(
        Reason.BAD_PIXELS, f"a picture has {len(values)} channels, the network takes {channels}: set input.channels"
    )


def _centred(maps: Tensor, size: tuple[int, int], value: float = 0.0) -> Tensor:
    """(C, H, W) cut or filled around the middle to another size."""
    change: list[Any] = []
    for new, old in zip(reversed(size), reversed(maps.shape[-2:]), strict=True):
        before = (new - old) // 2
        change += [before, new - old - before]
    return F.pad(maps, change, value=value)
