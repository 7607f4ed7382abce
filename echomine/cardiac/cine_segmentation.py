"""Masks of short-axis volumes by an ensemble: mean softmax over networks and mirrors, largest pieces kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echomine.cardiac.apical_volumes import largest_piece
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.errors import MeasurementError
from echomine.models.segmentation.cine_preparation import (
    CinePreparation,
    Mask,
    padded,
    prepared_volume,
    restored_classes,
)

SLICES_AT_ONCE = 4


def segment_cine(
    networks: Sequence[nn.Module],
    volume: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    plan: CinePreparation,
    *,
    mirrors: bool = True,
    turned: bool = True,
) -> Mask:
    """The mask of a short-axis volume, at the volume's own size.

    Args:
        networks: 2D networks in evaluation mode, whose softmax is averaged.
        volume: (Z, Y, X) grey values in any unit.
        spacing_mm: Of z, y, x.
        plan: The scale that the networks were trained at.
        mirrors: Whether each slice is also seen mirrored along either axis and both.
        turned: Whether the volume is also seen turned by 90 degrees, and the surer of both masks taken: networks that
            learnt turns up to 45 degrees lose the right ventricle of a heart that lies across.

    Returns:
        (Z, Y, X) of the networks' classes; of each class the largest piece in three dimensions.

    Raises:
        MeasurementError: If there is no network, the volume is no volume, or the spacing is bad.
    """
    checked_spacing_mm(spacing_mm, dimensions=3)
    if not networks or np.ndim(volume) != 3:
        raise MeasurementError(f"a volume of three dimensions and a network are needed, got {np.shape(volume)}")
    prepared, place = padded(prepared_volume(volume, spacing_mm, plan), plan)
    images = torch.from_numpy(prepared)[:, None]
    shares = mean_softmax(networks, images, mirrors=mirrors)
    if turned:
        across = mean_softmax(networks, torch.rot90(images, 1, (2, 3)), mirrors=mirrors)
        shares = max(shares, torch.rot90(across, -1, (2, 3)), key=sureness)
    cut = shares[..., place[0], place[1]].numpy().transpose(1, 0, 2, 3)
    return largest_pieces(restored_classes(np.ascontiguousarray(cut), (volume.shape[1], volume.shape[2])))


def sureness(shares: Tensor) -> float:
    """Mean probability of the likeliest class over all pixels of a structure; 0 where none is seen.

    Args:
        shares: (N, K, H, W) class probabilities, background first.
    """
    best, classes = shares.max(dim=1)
    seen = best[classes > 0]
    return float(seen.mean()) if len(seen) else 0.0


def mean_softmax(networks: Sequence[nn.Module], images: Tensor, *, mirrors: bool) -> Tensor:
    """(N, K, H, W) mean class probabilities of (N, C, H, W) over networks and mirrors."""
    axes = ((), (2,), (3,), (2, 3)) if mirrors else ((),)
    with torch.inference_mode():
        return torch.cat([_of_some(networks, part, axes) for part in torch.split(images, SLICES_AT_ONCE)])


def _of_some(networks: Sequence[nn.Module], images: Tensor, axes: Sequence[tuple[int, ...]]) -> Tensor:
    seen = (
        torch.flip(network(torch.flip(images, turned)).float().softmax(dim=1), turned)
        for network in networks
        for turned in axes
    )
    return torch.stack(list(seen)).mean(dim=0)


def largest_pieces(mask: Mask) -> Mask:
    """The mask with the largest piece of each class only; what is dropped becomes background."""
    kept = np.zeros_like(mask)
    for label in np.unique(mask[mask > 0]):
        kept[largest_piece(mask == label)] = label
    return kept
