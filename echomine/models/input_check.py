"""Pictures that do not fit a network are told in one sentence, before torch says it in its own words."""

from typing import Any

import torch
from torch import Tensor, nn

from echomine.domain.errors import UsageError
from echomine.models.entries import NetworkEntry


def check_pictures(network: nn.Module, name: str, entry: NetworkEntry, *, in_channels: int) -> nn.Module:
    """The network, now refusing pictures of other channels, of too few pixels or of no float type.

    Raises:
        UsageError: Later, when such a picture comes.
    """

    def check(_: nn.Module, given: tuple[Any, ...]) -> None:
        if torch.compiler.is_compiling():
            return
        for images in given[0] if isinstance(given[0], list | tuple) else (given[0],):
            _check_one(images, name, in_channels, entry)

    network.register_forward_pre_hook(check)
    return network


def _check_one(images: Tensor, name: str, in_channels: int, entry: NetworkEntry) -> None:
    wanted = "a list of images (C, H, W)" if entry.task.finds_boxes else "images (N, C, H, W)"
    if images.ndim != (3 if entry.task.finds_boxes else 4):
        raise UsageError(f"{name} takes {wanted}, got an array of shape {tuple(images.shape)}")
    channels, rows, columns = images.shape[-3:]
    if channels != in_channels:
        raise UsageError(
            f"{name} was made for pictures of {in_channels} channel(s), got {channels}: "
            f"convert the pictures or create it with in_channels={channels}"
        )
    if min(rows, columns) < entry.least_side:
        raise UsageError(
            f"{name} takes pictures from {entry.least_side} x {entry.least_side} pixels on, got {rows} x {columns}: "
            "enlarge them"
        )
    if not images.is_floating_point():
        raise UsageError(f"{name} takes pictures of floats in 0..1, got {images.dtype}: divide by the largest value")
