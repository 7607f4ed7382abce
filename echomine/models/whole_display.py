"""Displays on a fixed grid made comparable: what lies beyond their end filled, their gain taken out."""

import torch
from torch import Tensor

_FEWEST_COLUMNS = 24
_BACKGROUND, _BRIGHT = 0.2, 0.98
_LEAST_CONTRAST = 0.08
_STRIDE = 2


def wrapped(displays: Tensor) -> Tensor:
    """Displays (N, H, W) whose empty end is filled with their own beginning, again and again."""
    lit = (displays.amax(dim=1) > 0).long()
    columns = torch.arange(displays.shape[2], device=displays.device)
    last = (lit * (columns + 1)).amax(dim=1).clamp(min=min(_FEWEST_COLUMNS, displays.shape[2]))
    source = columns[None] % last[:, None]
    filled: Tensor = displays.gather(2, source[:, None].expand_as(displays))
    return filled


def normalised(displays: Tensor) -> Tensor:
    """Displays (N, H, W) with background 0 and bright signal 1, whatever the gain; rows that show nothing stay out."""
    sample = displays[:, ::_STRIDE, ::_STRIDE]
    shown = (sample.amax(dim=2, keepdim=True) > 0).expand_as(sample)
    levels = torch.where(shown, sample, torch.nan).flatten(1)
    marks = torch.tensor([_BACKGROUND, _BRIGHT], dtype=displays.dtype, device=displays.device)
    low, high = torch.nanquantile(levels, marks, dim=1).nan_to_num()
    scaled: Tensor = (displays - low[:, None, None]) / (high - low).clamp(min=_LEAST_CONTRAST)[:, None, None]
    return scaled
