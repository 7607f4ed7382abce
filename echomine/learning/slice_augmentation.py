"""Random windows of labelled slices: turned, scaled, mirrored, bent, brightened, for networks that segment."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceAugmentation:
    """How far slices are changed; all ranges are symmetric about no change.

    Attributes:
        window: Side of the square window in pixels, a multiple of 16.
        degrees: Largest turn.
        log_scale: Largest logarithm of the magnification.
        bend_px: Standard deviation of the control points of the elastic bend, in pixels.
        mirrors: Whether both axes may be mirrored.
        jitter_px: Standard deviation of the window's centre about the target's.
        anywhere: Share of windows whose centre is anywhere in the picture.
        noise: Largest standard deviation of added noise, in standard deviations of the picture.
    """

    window: int = 128
    degrees: float = 45.0
    log_scale: float = 0.25
    bend_px: float = 2.5
    mirrors: bool = True
    jitter_px: float = 12.0
    anywhere: float = 0.15
    noise: float = 0.2

    def __post_init__(self) -> None:
        if self.window < 16 or self.window % 16 or not 0 <= self.anywhere <= 1:
            raise ConfigurationError(f"a window is a multiple of 16 pixels, got {self.window}")


BEND_CONTROLS = 5


def random_windows(
    images: Tensor, masks: Tensor, centres: Tensor, plan: SliceAugmentation, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """One changed window of each slice.

    Args:
        images: (N, C, H, W).
        masks: (N, H, W) class numbers, or (N, D, H, W) where each channel has its own.
        centres: (N, 2) row and column of what is to be seen; NaN where the slice shows nothing.
        plan: How far.
        generator: Source of every draw.

    Returns:
        Images (N, C, window, window) and masks (N, window, window) or (N, D, window, window), int64.
    """
    places = _places(images, centres, plan, generator)
    seen = F.grid_sample(images, places, mode="bilinear", padding_mode="border", align_corners=False)
    labels = (masks[:, None] if masks.ndim == 3 else masks).to(images.dtype)
    labelled = F.grid_sample(labels, places, mode="nearest", padding_mode="zeros", align_corners=False)
    return _grey_changed(seen, plan, generator), (labelled[:, 0] if masks.ndim == 3 else labelled).long()


def _uniform(count: int, generator: torch.Generator, *, low: float = -1.0, high: float = 1.0) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=generator)


def _places(images: Tensor, centres: Tensor, plan: SliceAugmentation, generator: torch.Generator) -> Tensor:
    """(N, window, window, 2) sampling places in grid_sample's -1..1."""
    count, _, rows, columns = images.shape
    size = torch.tensor([rows, columns], dtype=torch.float32)
    free = torch.rand(count, 2, generator=generator) * size
    near = centres + plan.jitter_px * torch.randn(count, 2, generator=generator)
    wander = (torch.rand(count, generator=generator) < plan.anywhere)[:, None] | centres.isnan()
    centre = torch.where(wander, free, near)
    steps = torch.arange(plan.window, dtype=torch.float32) - (plan.window - 1) / 2
    offsets = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), dim=-1).reshape(-1, 2)
    turned = torch.einsum("nij,pj->npi", _turns(count, plan, generator), offsets)
    bent = turned.reshape(count, plan.window, plan.window, 2) + _bends(count, plan, generator)
    pixels = bent + centre[:, None, None]
    return (2 * (pixels + 0.5) / size - 1).flip(-1)


def _turns(count: int, plan: SliceAugmentation, generator: torch.Generator) -> Tensor:
    angle = math.radians(plan.degrees) * _uniform(count, generator)
    scale = torch.exp(plan.log_scale * _uniform(count, generator))
    aspect = torch.exp(plan.log_scale / 3 * _uniform(count, generator))
    signs = torch.where(torch.rand(count, 2, generator=generator) < 0.5 * plan.mirrors, -1.0, 1.0)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    turn = torch.stack([torch.stack([cosine, -sine], -1), torch.stack([sine, cosine], -1)], -2)
    stretch = torch.stack([scale * aspect, scale / aspect], -1) * signs
    return turn * stretch[:, None]


def _bends(count: int, plan: SliceAugmentation, generator: torch.Generator) -> Tensor:
    controls = plan.bend_px * torch.randn(count, 2, BEND_CONTROLS, BEND_CONTROLS, generator=generator)
    bent = F.interpolate(controls, size=(plan.window, plan.window), mode="bicubic", align_corners=True)
    return bent.permute(0, 2, 3, 1)


def _grey_changed(images: Tensor, plan: SliceAugmentation, generator: torch.Generator) -> Tensor:
    """Gamma, contrast, brightness, a slow field across the picture, noise; none where the plan has no noise."""
    if plan.noise == 0:
        return images
    count = len(images)

    def draw(reach: float) -> Tensor:
        return (reach * _uniform(count, generator))[:, None, None, None]

    low, high = images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)
    unit = (images - low) / (high - low).clamp(min=1e-6)
    changed = unit ** torch.exp(draw(0.45)) * (high - low) + low
    field = 0.25 * torch.randn(count, 1, 3, 3, generator=generator)
    slow = F.interpolate(field, size=images.shape[2:], mode="bicubic", align_corners=True)
    changed = changed * torch.exp(slow + draw(0.2)) + draw(0.25)
    noise = torch.randn(changed.shape, generator=generator)
    deviation = plan.noise * torch.rand(count, generator=generator) ** 2
    return changed + deviation[:, None, None, None] * noise
