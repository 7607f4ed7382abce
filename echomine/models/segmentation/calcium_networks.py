"""The two networks of Lessmann et al. for calcium in chest CT; untrained.

The first looks at a voxel along three axes with dilated convolutions, whose receptive field is 131 pixels, and names
its class; the second looks again at each find and drops false ones. Classes: background, LAD, LCX, RCA,
aorta, aortic valve, mitral valve.

References:
    Lessmann et al., Automatic Calcium Scoring in Low-Dose Chest CT Using Deep Neural Networks With Dilated
    Convolutions, IEEE Trans Med Imaging 2018;37:615-625.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

RECEPTIVE_FIELD = 131
TRAINING_PATCH = 155
"""Gives 25 x 25 classified pixels."""
CLASSES = 7
FILTERS = 32
DILATIONS = (1, 1, 2, 4, 8, 16, 32, 1)
SECOND_PATCH, SECOND_PIXEL_MM = 65, 0.66
_LOW_HU, _HIGH_HU, _ZERO_HU, _SCALE_HU = -1000.0, 3000.0, 130.0, 1130.0


def scaled_hounsfield(values_hu: NDArray[Any]) -> NDArray[np.float32]:
    """Values as the networks want them: clipped to -1000..3000 HU, 0 at 130 HU, -1 at -1000 HU."""
    clipped = np.clip(np.asarray(values_hu, dtype=np.float32), _LOW_HU, _HIGH_HU)
    scaled: NDArray[np.float32] = (clipped - np.float32(_ZERO_HU)) / np.float32(_SCALE_HU)
    return scaled


class AxisNetwork(nn.Sequential):
    """Features of the pixels of slices along one axis: (N, 1, H, W) -> (N, 32, H - 130, W - 130)."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        inside = 1
        for dilation in DILATIONS:
            layers += [nn.Conv2d(inside, FILTERS, 3, dilation=dilation), nn.ELU()]
            inside = FILTERS
        super().__init__(*layers, nn.Conv2d(FILTERS, FILTERS, 1), nn.ELU())


class CalciumNetwork(nn.Module):
    """The class of a voxel from three slices through it; 211,655 parameters, the axes share none.

    Args:
        dropout: Share of the combined features dropped in training; the combiner alone has any.
    """

    def __init__(self, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.axes = nn.ModuleList(AxisNetwork() for _ in range(3))
        self.combiner = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(3 * FILTERS, 128), nn.ELU(), nn.Dropout(dropout), nn.Linear(128, CLASSES)
        )

    def forward(self, patches: Tensor) -> Tensor:
        """Logits (N, 7) of the voxels in the middle.

        Args:
            patches: (N, 3, 131, 131): axial, coronal and sagittal slices through each voxel.
        """
        seen = [network(patches[:, at : at + 1])[:, :, 0, 0] for at, network in enumerate(self.axes)]
        logits: Tensor = self.combiner(torch.cat(seen, dim=1))
        return logits

    def classify(self, volume: Tensor) -> Tensor:
        """Logits (7, Z, Y, X) of every voxel of a scaled volume (Z, Y, X); beyond the border lies air."""
        half = RECEPTIVE_FIELD // 2
        seen = []
        for axis, network in enumerate(self.axes):
            slices = volume.movedim(axis, 0)[:, None]
            padded = nn.functional.pad(slices, (half,) * 4, value=-1.0)
            features = torch.cat([network(part) for part in torch.split(padded, 1)])
            seen.append(features.movedim(0, 1).movedim(1, 1 + axis))
        combined = torch.cat(seen).movedim(0, -1)
        logits: Tensor = self.combiner(combined).movedim(-1, 0)
        return logits


class FalseFindNetwork(nn.Module):
    """Whether a find is calcium: (N, 3, 65, 65) slices at 0.66 mm -> logits (N, 2); the planes share their layers."""

    def __init__(self, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.planes = nn.Sequential(
            nn.Conv2d(1, 24, 5), nn.ELU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 32, 3), nn.ELU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 48, 3), nn.ELU(), nn.MaxPool2d(2),
            nn.Conv2d(48, 32, 1), nn.ELU(), nn.Flatten(),
        )  # fmt: skip
        self.judge = nn.Sequential(nn.Linear(3456, 256), nn.ELU(), nn.Dropout(dropout), nn.Linear(256, 2))

    def forward(self, patches: Tensor) -> Tensor:
        """Logits of (not calcium, calcium)."""
        seen = [self.planes(patches[:, at : at + 1]) for at in range(3)]
        logits: Tensor = self.judge(torch.cat(seen, dim=1))
        return logits
