"""What a short-axis volume goes through before a network sees it, and what a mask goes through afterwards."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError, MeasurementError

Volume = NDArray[np.float32]
"""(Z, Y, X) grey values."""
Mask = NDArray[np.uint8]
"""(Z, Y, X) or (Y, X) class numbers."""

CLIPPED_SHARE = 0.01
"""Share of the brightest and of the darkest voxels that is clipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CinePreparation:
    """How volumes are brought to one scale.

    Attributes:
        in_plane_mm: Pixel side that the network works at; 1.25 in the paper, 1.5 for two cores.
        multiple: Sides are padded to a multiple of it.
        between_mm: Slice distance that networks of volumes work at, 10 in the paper; None for networks of slices, which
            see each slice as it is.
    """

    in_plane_mm: float = 1.5
    multiple: int = 16
    between_mm: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.in_plane_mm < 10 or self.multiple < 1:
            raise ConfigurationError(f"a pixel side lies in 0..10 mm, got {self.in_plane_mm}")
        if self.between_mm is not None and not 0 < self.between_mm < 50:
            raise ConfigurationError(f"a slice distance lies in 0..50 mm, got {self.between_mm}")


def prepared_volume(volume: NDArray[Any], spacing_mm: tuple[float, float, float], plan: CinePreparation) -> Volume:
    """Grey values at the network's pixel side: clipped, mean 0, deviation 1 over the volume.

    Args:
        volume: (Z, Y, X) in any unit.
        spacing_mm: Of z, y, x.
        plan: The scale.

    Raises:
        MeasurementError: If the volume is constant or not finite.
    """
    values = np.asarray(volume, dtype=np.float32)
    if not np.isfinite(values).all() or values.min() == values.max():
        raise MeasurementError("the image holds one grey value only, or values that are no numbers; export it again")
    low, high = np.quantile(values, [CLIPPED_SHARE, 1 - CLIPPED_SHARE])
    values = np.clip(values, low, max(high, low + 1e-6))
    values = ((values - values.mean()) / max(float(values.std()), 1e-6)).astype(np.float32)
    resized = _resized(values, scaled_size(values.shape[1:], spacing_mm[1:], plan), mode="bilinear")
    return _restacked(resized, _scaled_count(len(values), spacing_mm[0], plan))


def prepared_mask(mask: Mask, spacing_mm: tuple[float, float, float], plan: CinePreparation, *, classes: int) -> Mask:
    """A mask at the network's pixel side: each class resized as a share, the largest share wins."""
    size = scaled_size(mask.shape[1:], spacing_mm[1:], plan)
    shares = np.eye(classes, dtype=np.float32)[mask].transpose(3, 0, 1, 2)
    shape = (_scaled_count(len(mask), spacing_mm[0], plan), *size)
    prepared: Mask = restored_shares(shares, shape).argmax(axis=0).astype(np.uint8)
    return prepared


def restored_classes(shares: NDArray[np.float32], size: tuple[int, int]) -> Mask:
    """The class of the largest share at another size in plane.

    Args:
        shares: (K, Z, Y, X) probabilities.
        size: Rows and columns wanted.

    Returns:
        (Z, rows, columns).
    """
    classes: Mask = restored_shares(shares, (shares.shape[1], *size)).argmax(axis=0).astype(np.uint8)
    return classes


def restored_shares(shares: NDArray[np.float32], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Class probabilities (K, Z, Y, X) at another size: slices, rows, columns."""
    return np.stack([_restacked(_resized(share, shape[1:], mode="bilinear"), shape[0]) for share in shares])


def scaled_size(shape: tuple[int, ...], spacing_mm: tuple[float, ...], plan: CinePreparation) -> tuple[int, int]:
    """Rows and columns at the network's pixel side."""
    rows, columns = (max(1, round(n * mm / plan.in_plane_mm)) for n, mm in zip(shape, spacing_mm, strict=True))
    return rows, columns


def padded(volume: Volume, plan: CinePreparation) -> tuple[Volume, tuple[slice, slice]]:
    """The volume with its border repeated up to the next multiple, and where it lies in the result."""
    extra = [-side % plan.multiple for side in volume.shape[1:]]
    before = [side // 2 for side in extra]
    pads = [(0, 0), *((first, side - first) for first, side in zip(before, extra, strict=True))]
    rows, columns = (slice(first, first + n) for first, n in zip(before, volume.shape[1:], strict=True))
    return np.pad(volume, pads, mode="edge"), (rows, columns)


def _resized(volume: Volume, size: tuple[int, int], *, mode: str) -> Volume:
    if volume.shape[1:] == size:
        return volume
    tensor = torch.from_numpy(np.ascontiguousarray(volume, dtype=np.float32))[:, None]
    shrinks = size[0] < volume.shape[1] or size[1] < volume.shape[2]
    resized: Volume = F.interpolate(tensor, size=size, mode=mode, align_corners=False, antialias=shrinks)[:, 0].numpy()
    return resized


def _scaled_count(slices: int, spacing_mm: float, plan: CinePreparation) -> int:
    return slices if plan.between_mm is None else max(1, round(slices * spacing_mm / plan.between_mm))


def _restacked(volume: Volume, slices: int) -> Volume:
    """The volume with another number of slices, by line between them."""
    if len(volume) == slices:
        return volume
    tensor = torch.from_numpy(np.ascontiguousarray(volume, dtype=np.float32))[None, None]
    size = (slices, *volume.shape[1:])
    restacked: Volume = F.interpolate(tensor, size=size, mode="trilinear", align_corners=False)[0, 0].numpy()
    return restacked
