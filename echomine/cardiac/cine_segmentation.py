"""Masks of short-axis volumes by an ensemble: mean softmax over networks and mirrors, largest pieces kept."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from echomine.cardiac.apical_volumes import largest_piece
from echomine.cardiac.ensemble import SliceEnsemble
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.errors import MeasurementError
from echomine.models.segmentation.cine_preparation import (
    CinePreparation,
    Mask,
    padded,
    prepared_volume,
    restored_shares,
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
        networks: In evaluation mode, whose softmax is averaged; of volumes where the plan has a slice distance.
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
    return largest_pieces(_classes(class_shares(networks, volume, spacing_mm, plan, mirrors=mirrors, turned=turned)))


def segment_by_all(
    ensembles: Sequence[SliceEnsemble], volume: NDArray[Any], spacing_mm: tuple[float, float, float]
) -> Mask:
    """The mask of a volume by several ensembles, of slices and of volumes: the mean of their probabilities.

    Raises:
        MeasurementError: As :func:`segment_cine`.
    """
    shares = [
        class_shares(one.networks, volume, spacing_mm, one.preparation, mirrors=one.mirrors, turned=one.mirrors)
        for one in ensembles
    ]
    return largest_pieces(_classes(np.mean(shares, axis=0)))


def class_shares(
    networks: Sequence[nn.Module],
    volume: NDArray[Any],
    spacing_mm: tuple[float, float, float],
    plan: CinePreparation,
    *,
    mirrors: bool,
    turned: bool,
) -> NDArray[np.float32]:
    """(K, Z, Y, X) class probabilities at the volume's own size; arguments as of :func:`segment_cine`.

    Raises:
        MeasurementError: As :func:`segment_cine`.
    """
    checked_spacing_mm(spacing_mm, dimensions=3)
    if not networks or np.ndim(volume) != 3:
        raise MeasurementError(f"a volume of three dimensions and a network are needed, got {np.shape(volume)}")
    if plan.between_mm is not None:
        networks = [_OfSlices(network) for network in networks]
    prepared, place = padded(prepared_volume(volume, spacing_mm, plan), plan)
    images = torch.from_numpy(prepared)[:, None]
    at_once = SLICES_AT_ONCE if plan.between_mm is None else len(images)
    shares = mean_softmax(networks, images, mirrors=mirrors, at_once=at_once)
    if turned:
        across = mean_softmax(networks, torch.rot90(images, 1, (2, 3)), mirrors=mirrors, at_once=at_once)
        shares = max(shares, torch.rot90(across, -1, (2, 3)), key=sureness)
    cut = shares[..., place[0], place[1]].numpy().transpose(1, 0, 2, 3)
    return restored_shares(np.ascontiguousarray(cut), (volume.shape[0], volume.shape[1], volume.shape[2]))


def _classes(shares: NDArray[np.float32]) -> Mask:
    classes: Mask = shares.argmax(axis=0).astype(np.uint8)
    return classes


class _OfSlices(nn.Module):
    """A network of volumes that takes and gives slices: (Z, 1, H, W) -> (Z, K, H, W)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, slices: Tensor) -> Tensor:
        logits: Tensor = self.network(slices.transpose(0, 1)[None])[0].transpose(0, 1)
        return logits


def sureness(shares: Tensor) -> float:
    """Mean probability of the likeliest class over all pixels of a structure; 0 where none is seen.

    Args:
        shares: (N, K, H, W) class probabilities, background first.
    """
    best, classes = shares.max(dim=1)
    seen = best[classes > 0]
    return float(seen.mean()) if len(seen) else 0.0


def mean_softmax(
    networks: Sequence[nn.Module], images: Tensor, *, mirrors: bool, at_once: int = SLICES_AT_ONCE
) -> Tensor:
    """(N, K, H, W) mean class probabilities of (N, C, H, W) over networks and mirrors, ``at_once`` pictures at once."""
    axes = ((), (2,), (3,), (2, 3)) if mirrors else ((),)
    with torch.inference_mode():
        return torch.cat([_of_some(networks, part, axes) for part in torch.split(images, at_once)])


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
