"""Unpooling by the places of the maxima, as SegNet and ENet do it."""

import torch
from torch import Size, Tensor
from torch.nn import functional as F


def unpool(maps: Tensor, places: Tensor, size: Size) -> Tensor:
    """Put each value back where its maximum over 2 x 2 was found, zeros elsewhere.

    Args:
        maps: (N, C, h, w) values.
        places: (N, C, h, w) places as ``max_pool2d`` gives them.
        size: (N, C, H, W) before pooling; odd sides too.

    Returns:
        (N, C, H, W).
    """
    if torch.compiler.is_exporting():  # ONNX knows scattering, but not unpooling
        empty = maps.new_zeros((*maps.shape[:2], size[-2] * size[-1]))
        return empty.scatter(2, places.flatten(2), maps.flatten(2)).view(size)
    return F.max_unpool2d(maps, places, [2, 2], [2, 2], [0, 0], list(size[-2:]))
