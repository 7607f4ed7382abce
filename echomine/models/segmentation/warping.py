"""Pictures moved along a motion given in pixels."""

import torch
from torch import Tensor
from torch.nn import functional as F


def warped(images: Tensor, motion: Tensor) -> Tensor:
    """Images (N, C, H, W) sampled at x + motion(x), motion (N, 2, H, W) of rows and columns in pixels."""
    rows, columns = images.shape[2:]
    grid = torch.stack(torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")).to(motion)
    size = torch.tensor([rows, columns]).to(motion)[:, None, None]
    places = (2 * (grid + motion + 0.5) / size - 1).flip(1).permute(0, 2, 3, 1)
    return F.grid_sample(images, places, mode="bilinear", padding_mode="border", align_corners=False)


def with_neighbours(shares: Tensor, motion: Tensor) -> Tensor:
    """Each frame's class shares, averaged 2 : 1 : 1 with those of the frames before and after, carried to it.

    Args:
        shares: (T, K, H, W).
        motion: (T, 4, H, W) in pixels: to the next frame, then to the frame before, rows and columns of each.

    Returns:
        (T, K, H, W); a clip of one frame comes back as it is.
    """
    total, weight = 2 * shares, torch.full((len(shares), 1, 1, 1), 2.0)
    if len(shares) > 1:
        total[:-1] += warped(shares[1:], motion[:-1, :2])
        total[1:] += warped(shares[:-1], motion[1:, 2:])
        weight[:-1] += 1
        weight[1:] += 1
    return total / weight
