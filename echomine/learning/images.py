"""Arrays of displays as the networks take them."""

from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Images: TypeAlias = NDArray[np.float32] | NDArray[np.uint8]
"""(N, 1, H, W): float32 in 0..1, or uint8 in 0..255."""


def to_tensor(images: Images) -> Tensor:
    """The array as a tensor of its own type."""
    return torch.from_numpy(np.ascontiguousarray(images))


def network_input(images: Tensor, channels: int) -> Tensor:
    """Images (N, 1, H, W) as float32 in 0..1, with the axis as a second channel where ``channels`` is 2.

    The axis runs from 1 in the first row to -1 in the last: on a fixed grid that is the velocity.
    """
    values = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    if channels == 1:
        return values
    axis = torch.linspace(1, -1, values.shape[2], device=values.device)[None, None, :, None]
    return torch.cat([values, axis.expand_as(values)], dim=1)


def device_of(accelerator: str) -> torch.device:
    """The device for Lightning's word: the GPU for ``auto`` and ``gpu`` where there is one."""
    return torch.device("cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu")
