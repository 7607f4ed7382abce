"""Random changes of training pictures and their masks, MONAI's transforms."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from echomine.domain.errors import ConfigurationError

_CHANCE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureAugmentation:
    """How much is changed at random; 0 leaves a thing alone. Pictures with boxes change in grey levels only.

    Attributes:
        rotation_deg: Largest rotation.
        zoom: Largest change of size, as a share.
        shift: Largest shift, as a share of the size.
        flip_left_right, flip_up_down: Whether half of the pictures are mirrored.
        bend_px: Largest bend of an elastic change, in pixels of the input.
        gamma: Largest change of the exponent of brightness, as a share.
        brightness: Largest change of all levels, as a share.
        noise: Standard deviation of added noise.
        blur_px: Largest standard deviation of a blur.
    """

    rotation_deg: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    flip_left_right: bool = False
    flip_up_down: bool = False
    bend_px: float = 0.0
    gamma: float = 0.0
    brightness: float = 0.0
    noise: float = 0.0
    blur_px: float = 0.0

    def __post_init__(self) -> None:
        amounts = (self.rotation_deg, self.zoom, self.shift, self.bend_px, self.gamma, self.brightness, self.noise)
        if min(*amounts, self.blur_px) < 0 or max(self.zoom, self.shift, self.gamma, self.brightness) >= 1:
            raise ConfigurationError(f"amounts of augmentation are 0 or more, and shares below 1, got {self}")


class Augmenter:
    """Changes pictures, and label maps with them."""

    def __init__(self, config: PictureAugmentation, size: tuple[int, int]) -> None:
        from monai.transforms import Compose

        self._places = Compose(_placing(config, size))
        self._greys = Compose(_grading(config))

    def seed(self, generator: torch.Generator) -> None:
        """Begin anew from a generator: the same one gives the same changes."""
        for transforms in (self._places, self._greys):
            transforms.set_random_state(seed=int(torch.randint(2**31, (), generator=generator)))

    def picture(self, image: Tensor) -> Tensor:
        """(C, H, W) in 0..1, changed in place and grey levels."""
        return self._graded(self._places({"image": image})["image"])

    def picture_and_labels(self, image: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """(C, H, W) and (H, W), changed alike in place."""
        moved = self._places({"image": image, "label": labels[None].float()})
        return self._graded(moved["image"]), _plain(moved["label"])[0].round().to(labels.dtype)

    def greys(self, image: Tensor) -> Tensor:
        """(C, H, W), changed in grey levels alone."""
        return self._graded(image)

    def _graded(self, image: Tensor) -> Tensor:
        return _plain(self._greys({"image": image})["image"]).clamp(0, 1)


def _placing(config: PictureAugmentation, size: tuple[int, int]) -> list[Any]:
    from monai.transforms import Rand2DElasticd, RandAffined, RandFlipd

    both: dict[str, Any] = {"keys": ["image", "label"], "allow_missing_keys": True}
    moved: dict[str, Any] = {"mode": ["bilinear", "nearest"], "padding_mode": "zeros", **both}
    ranges: dict[str, Any] = {
        "rotate_range": math.radians(config.rotation_deg),
        "scale_range": (config.zoom, config.zoom),
        "translate_range": tuple(config.shift * side for side in size),
    }
    steps: list[Any] = []
    if config.flip_left_right:
        steps.append(RandFlipd(spatial_axis=1, prob=0.5, **both))
    if config.flip_up_down:
        steps.append(RandFlipd(spatial_axis=0, prob=0.5, **both))
    if config.bend_px:
        spacing = tuple(side / 6 for side in size)
        steps.append(
            Rand2DElasticd(spacing=spacing, magnitude_range=(0, config.bend_px), prob=_CHANCE, **ranges, **moved)
        )
    elif config.rotation_deg or config.zoom or config.shift:
        steps.append(RandAffined(prob=_CHANCE, **ranges, **moved))
    return steps


def _grading(config: PictureAugmentation) -> list[Any]:
    from monai.transforms import RandAdjustContrastd, RandGaussianNoised, RandGaussianSmoothd, RandScaleIntensityd

    steps: list[Any] = []
    if config.gamma:
        steps.append(RandAdjustContrastd("image", prob=_CHANCE, gamma=(1 - config.gamma, 1 + config.gamma)))
    if config.brightness:
        steps.append(RandScaleIntensityd("image", factors=config.brightness, prob=_CHANCE))
    if config.blur_px:
        reach = (0.1, max(config.blur_px, 0.1))
        steps.append(RandGaussianSmoothd("image", sigma_x=reach, sigma_y=reach, prob=0.3))
    if config.noise:
        steps.append(RandGaussianNoised("image", prob=0.5, std=config.noise))
    return steps


def _plain(values: Tensor) -> Tensor:
    """A tensor without MONAI's tags."""
    as_tensor = getattr(values, "as_tensor", None)
    plain: Tensor = as_tensor() if as_tensor else values
    return plain
