"""Masks and motion of all frames of an apical clip by networks that see them at once."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from echomine.cardiac.cine_segmentation import largest_pieces, mean_softmax
from echomine.cardiac.volumes import checked_spacing_mm
from echomine.domain.errors import MeasurementError
from echomine.models.segmentation.cine_preparation import CinePreparation, padded, prepared_volume, restored_classes
from echomine.models.segmentation.warping import with_neighbours


def segment_clip(
    networks: Sequence[nn.Module],
    clip: NDArray[Any],
    spacing_mm: Sequence[float],
    plan: CinePreparation,
    *,
    frame_networks: Sequence[nn.Module] = (),
) -> NDArray[np.uint8]:
    """The masks of a clip at its own size, of each class the largest piece of every frame.

    The probabilities of the clip networks are averaged with those of networks of single frames, where there are any,
    and each frame then with its two neighbours, carried to it by the motion that the clip networks see. Wei et al.
    take the clip network's answer as it is; with our short training that is less accurate and less smooth
    (docs/figures.md).

    Args:
        networks: Clip networks in evaluation mode, whose softmax is averaged.
        clip: (T, Y, X) grey values in any unit.
        spacing_mm: Of y and x.
        plan: The scale that the networks were trained at.
        frame_networks: Networks of single frames, trained at the same scale.

    Returns:
        (T, Y, X) class numbers.

    Raises:
        MeasurementError: If there is no network, the clip is none, or the spacing is bad.
    """
    rows_mm, columns_mm = checked_spacing_mm(spacing_mm, dimensions=2)
    if not networks or np.ndim(clip) != 3:
        raise MeasurementError(f"a clip of three dimensions and a network are needed, got {np.shape(clip)}")
    prepared, place = padded(prepared_volume(clip, (1.0, rows_mm, columns_mm), plan), plan)
    images = torch.from_numpy(prepared)[None]
    with torch.inference_mode():
        seen = [network(images) for network in networks]
        shares = torch.stack([logits[0].float().softmax(dim=1) for logits, _ in seen]).mean(dim=0)
        motion = torch.stack([moved[0].float() for _, moved in seen]).mean(dim=0)
    if frame_networks:
        shares = (shares + mean_softmax(frame_networks, images[0][:, None], mirrors=False)) / 2
    shares = with_neighbours(shares, motion)
    cut = shares[..., place[0], place[1]].numpy().transpose(1, 0, 2, 3)
    masks = restored_classes(np.ascontiguousarray(cut), (clip.shape[1], clip.shape[2]))
    return np.stack([largest_pieces(mask) for mask in masks])
