"""Changes that leave the labels of a display alone: shifts in time, gain, noise; never the velocity scale."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How much is changed.

    Attributes:
        time_shift: Largest shift, as a share of the width; what leaves at one edge comes in at the other.
        gain: Largest change of the exponent of brightness, as a share.
        noise: Standard deviation of the grain where there is signal.
    """

    time_shift: float = 0.5
    gain: float = 0.2
    noise: float = 0.02


def augment(images: Tensor, augmentation: Augmentation, generator: torch.Generator) -> Tensor:
    """Displays shifted along time, brightened or darkened, with grain.

    Args:
        images: (N, 1, H, W) in 0..1.
        augmentation: How much.
        generator: Source of all randomness.

    Returns:
        New images (N, 1, H, W) in 0..1.
    """
    moved = _shifted(images, int(augmentation.time_shift * images.shape[3]), generator)
    exponents = 1 + augmentation.gain * (2 * torch.rand(len(images), 1, 1, 1, generator=generator) - 1)
    grain = augmentation.noise * torch.randn(images.shape, generator=generator)
    brightened = moved.clamp(min=1e-6).pow(exponents)
    return (brightened + grain * (moved > 0)).clamp(0, 1)


def _shifted(images: Tensor, reach: int, generator: torch.Generator) -> Tensor:
    width = images.shape[3]
    shifts = torch.randint(-reach, reach + 1, (len(images), 1), generator=generator)
    columns = (torch.arange(width)[None] + shifts) % width
    return images.gather(3, columns[:, None, None].expand_as(images))
