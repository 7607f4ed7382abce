"""Offsets from a proposal to its true box, without scale, and back.

References:
    Girshick et al., CVPR 2014, appendix C, equations 1 to 9.
"""

import torch
from torch import Tensor

_LARGEST_GROWTH = 4.135
"""Log of the largest factor that a side is stretched by: 1000 / 16, as in later detectors."""


def offsets(proposals: Tensor, truth: Tensor) -> Tensor:
    """Shift of the centre by the side, log of the sides' ratio: (M, 4) from boxes (M, 4) and (M, 4)."""
    centre, side = _centre_and_side(proposals)
    wanted_centre, wanted_side = _centre_and_side(truth)
    return torch.cat([(wanted_centre - centre) / side, (wanted_side / side).log()], dim=-1)


def applied(moves: Tensor, proposals: Tensor) -> Tensor:
    """Boxes (..., 4) that the offsets (..., 4) make of proposals (..., 4)."""
    centre, side = _centre_and_side(proposals)
    new_centre = centre + moves[..., :2] * side
    half = side * moves[..., 2:].clamp(max=_LARGEST_GROWTH).exp() / 2
    return torch.cat([new_centre - half, new_centre + half], dim=-1)


def _centre_and_side(boxes: Tensor) -> tuple[Tensor, Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
