"""U-Net: the padded form is MONAI's, the original with valid convolutions (572 -> 388) is ours.

References:
    Ronneberger, Fischer, Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015.
"""

from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType

import torch
from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.models.entries import NetworkEntry, PublishedForm, Task
from echomine.models.setting_checks import check_counts, check_shares

PAPER = "Ronneberger, Fischer, Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, MICCAI 2015"
_LEVELS = 5
_NORMS = ("batch", "instance", "")
_LOST = 184
"""Rows that valid convolutions take away over the whole network."""

_FEWEST = 188


@dataclass(frozen=True, slots=True, kw_only=True)
class UNetConfig:
    """Settings of the padded form.

    Attributes:
        width: Channels of the first level; each level down doubles them.
        norm: MONAI's name of a normalisation: batch, instance; empty for none, as in the paper.
        dropout: Share of maps left out in training.
    """

    width: int = 64
    norm: str = "batch"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        check_counts(width=self.width)
        check_shares(dropout=self.dropout)
        if self.norm not in _NORMS:
            raise ConfigurationError(f"norm is batch, instance or empty, got {self.norm!r}")


def padded_unet(config: UNetConfig, *, classes: int, in_channels: int) -> nn.Module:
    """MONAI's ``BasicUNet`` with the widths and activation of the paper: (N, C, H, W) -> (N, K, H, W)."""
    from monai.networks.nets.basic_unet import BasicUNet

    widths = tuple(config.width * 2**level for level in range(_LEVELS))
    network: nn.Module = BasicUNet(
        spatial_dims=2,
        in_channels=in_channels,
        out_channels=classes,
        features=(*widths, config.width),
        act=("relu", {"inplace": True}),
        norm=(config.norm, {"affine": True}) if config.norm else None,
        dropout=config.dropout,
    )
    return network


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidUNetConfig:
    """Settings of the original form.

    Attributes:
        width: Channels of the first level.
        dropout: Share of the deepest maps left out in training.
        mirror: Whether the picture is first continued by its mirror image, the paper's way at borders, so that
            pictures of any size give logits of their own size.
    """

    width: int = 64
    dropout: float = 0.5
    mirror: bool = False

    def __post_init__(self) -> None:
        check_counts(width=self.width)
        check_shares(dropout=self.dropout)


class ValidUNet(nn.Module):
    """23 convolutions, none of them padded; the contracting maps are cropped to fit."""

    def __init__(self, config: ValidUNetConfig, *, classes: int, in_channels: int) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(_LEVELS)]
        before = [in_channels, *widths[:-1]]
        self.down = nn.ModuleList(_two(*pair) for pair in zip(before[:-1], widths[:-1], strict=True))
        self.pool = nn.MaxPool2d(2)
        self.bottom = _two(before[-1], widths[-1])
        self.dropout = nn.Dropout(config.dropout)
        steps = list(zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.up = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, stride=2) for wide, narrow in steps)
        self.merge = nn.ModuleList(_two(wide, narrow) for wide, narrow in steps)
        self.last = nn.Conv2d(widths[0], classes, 1)
        self.mirror = config.mirror
        self.apply(_initialise)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, classes, H - 184, W - 184) of images (N, in_channels, H, W); of H x W when mirrored.

        Raises:
            UsageError: If a side is none of 188, 204, 220, ... (16 n + 12) and nothing is mirrored.
        """
        if not self.mirror:
            _check_sides(images)
            return self._valid(images)
        rows, columns = images.shape[-2:]
        return self._valid(_mirrored(images))[..., :rows, :columns]

    def _valid(self, images: Tensor) -> Tensor:
        maps, kept = images, []
        for level in self.down:
            kept.append(level(maps))
            maps = self.pool(kept[-1])
        maps = self.dropout(self.bottom(maps))
        for up, merge, fine in zip(self.up, self.merge, reversed(kept), strict=True):
            coarse = up(maps)
            maps = merge(torch.cat([_centre(fine, coarse), coarse], dim=1))
        logits: Tensor = self.last(maps)
        return logits


def _check_sides(images: Tensor) -> None:
    rows, columns = images.shape[-2:]
    if torch.compiler.is_exporting():
        return
    if any(side < _FEWEST or (side - _FEWEST) % 16 for side in (rows, columns)):
        raise UsageError(
            f"unet_valid takes pictures with sides of 188, 204, 220, ... (16 more each), got {rows} x {columns}: "
            "crop or pad them, set mirror, or take unet"
        )


def _mirrored(images: Tensor) -> Tensor:
    """The picture continued by its mirror images, 92 pixels or more on each side, to sides of 16 n + 12."""
    rows, columns = (_mirror_places(side, images.device) for side in images.shape[-2:])
    return images[..., rows[:, None], columns]


def _mirror_places(side: int, device: torch.device) -> Tensor:
    """Where each row of the continued picture comes from; its output has ``side`` rows, made up to 4, 20, 36, ..."""
    before = _LOST // 2
    after = before + (4 - side) % 16
    place = torch.arange(-before, side + after, device=device)
    last = max(side - 1, 1)
    return (last - (last - place % (2 * last)).abs()).clamp(max=side - 1)


def _centre(fine: Tensor, like: Tensor) -> Tensor:
    rows, columns = like.shape[-2:]
    top, left = (fine.shape[-2] - rows) // 2, (fine.shape[-1] - columns) // 2
    return fine[..., top : top + rows, left : left + columns]


def _two(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3), nn.ReLU(inplace=True), nn.Conv2d(after, after, 3), nn.ReLU(inplace=True)
    )


def _initialise(part: nn.Module) -> None:
    """Gaussian of standard deviation sqrt(2 / N), N the incoming nodes of one neuron, as in the paper's section 3."""
    if isinstance(part, nn.Conv2d | nn.ConvTranspose2d):
        nodes = part.weight[0].numel() if isinstance(part, nn.Conv2d) else part.in_channels
        nn.init.normal_(part.weight, 0, sqrt(2 / nodes))
        if part.bias is not None:
            nn.init.zeros_(part.bias)


ENTRIES: MappingProxyType[str, NetworkEntry] = MappingProxyType(
    {
        "unet": NetworkEntry(
            task=Task.SEGMENTATION,
            year=2015,
            paper=PAPER,
            source="MONAI",
            build=padded_unet,
            config=UNetConfig,
            published=PublishedForm(classes=2, in_channels=1, picture=(512, 512)),
            deepest="down_4",
            least_side=32,
            deviations=(
                "MONAI's BasicUNet: convolutions are padded, so that logits have the picture's size.",
                "The last upsampling keeps its maps instead of halving them: 69,696 parameters more.",
                "Batch normalisation after each 3 x 3 convolution unless norm is empty.",
            ),
        ),
        "unet_valid": NetworkEntry(
            task=Task.SEGMENTATION,
            year=2015,
            paper=PAPER,
            source="echomine",
            build=ValidUNet,
            config=ValidUNetConfig,
            published=PublishedForm(classes=2, in_channels=1, picture=(572, 572)),
            deepest="bottom",
            deviations=("The loss is the trainer's: no weight map of touching cells.",),
        ),
    }
)
"""Name -> network."""
