"""What a CT goes through before the calcium networks see it: a coarse cube for one, fine planes for the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from echomine.domain.errors import ConfigurationError
from echomine.models.segmentation.calcium_networks import (
    RECEPTIVE_FIELD,
    SECOND_PATCH,
    SECOND_PIXEL_MM,
    scaled_hounsfield,
)

OUTSIDE = -1.0
"""Air, on the networks' scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumPreparation:
    """How scans are brought to one scale.

    Attributes:
        voxel_mm: Side of the coarse voxels that the first network names places on. At 2.5 mm its 131 pixels span the
            whole chest, and two cores can train it; the second network looks at 0.66 mm, as in the paper.
    """

    voxel_mm: float = 2.5

    def __post_init__(self) -> None:
        if not 0 < self.voxel_mm < 10:
            raise ConfigurationError(f"a voxel side lies in 0..10 mm, got {self.voxel_mm}")


def coarse_volume(values_hu: NDArray[Any], spacing_mm: Sequence[float], plan: CalciumPreparation) -> Tensor:
    """(Z', Y', X') of equal sides on the networks' scale; in plane by area, across by line.

    Args:
        values_hu: (Z, Y, X).
        spacing_mm: Of z, y, x.
        plan: The scale.
    """
    size = [max(1, round(n * mm / plan.voxel_mm)) for n, mm in zip(values_hu.shape, spacing_mm, strict=True)]
    scaled = torch.from_numpy(scaled_hounsfield(values_hu))[:, None]
    planes = F.interpolate(scaled, size=size[1:], mode="area")[:, 0]
    cube: Tensor = F.interpolate(planes[None, None], size=size, mode="trilinear", align_corners=False)[0, 0]
    return cube


def coarse_places(places: NDArray[Any], shape: Sequence[int], coarse_shape: Sequence[int]) -> NDArray[np.int64]:
    """The coarse voxels (N, 3) that voxels (N, 3) of a scan lie in."""
    inside = (np.asarray(places) + 0.5) / np.asarray(shape) * np.asarray(coarse_shape)
    whole: NDArray[np.int64] = np.clip(inside.astype(np.int64), 0, np.asarray(coarse_shape) - 1)
    return whole


def place_patches(cube: Tensor, places: NDArray[np.int64]) -> Tensor:
    """(N, 3, 131, 131): the axial, coronal and sagittal slice through each coarse voxel; beyond the border lies air."""
    half = RECEPTIVE_FIELD // 2
    padded = F.pad(cube[None, None], (half,) * 6, value=OUTSIDE)[0, 0]
    window = slice(0, RECEPTIVE_FIELD)
    return torch.stack(
        [
            torch.stack(
                [
                    padded[z + half, y:, x:][window, window],
                    padded[z:, y + half, x:][window, window],
                    padded[z:, y:, x + half][window, window],
                ]
            )
            for z, y, x in places.tolist()
        ]
    )


def fine_planes(values_hu: NDArray[Any], spacing_mm: Sequence[float], centre: Sequence[float]) -> NDArray[np.float32]:
    """(3, 65, 65) axial, coronal and sagittal planes at 0.66 mm through a place, on the networks' scale.

    Args:
        values_hu: (Z, Y, X).
        spacing_mm: Of z, y, x.
        centre: z, y, x in voxels.
    """
    reach = (np.arange(SECOND_PATCH) - SECOND_PATCH // 2) * SECOND_PIXEL_MM
    rows, columns = np.meshgrid(reach, reach, indexing="ij")
    planes = []
    for axis in range(3):
        away = [rows, columns]
        away.insert(axis, np.zeros_like(rows))
        places = [middle + mm / step for middle, mm, step in zip(centre, away, spacing_mm, strict=True)]
        planes.append(ndimage.map_coordinates(values_hu, places, order=1, mode="constant", cval=-1000.0))
    return scaled_hounsfield(np.stack(planes))
