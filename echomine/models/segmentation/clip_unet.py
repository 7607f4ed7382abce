"""Masks and motion of all frames of a clip at once (CLAS, Wei 2020), in a form that two cores can train.

Wei et al. use a 3D U-Net. Here its convolutions are split: within a frame they are those of the 2D U-Net of
:mod:`echomine.models.segmentation.isensee`, whose trained weights it starts from, and between frames each map from the
deepest to the finest is joined by a convolution over three frames, which starts at zero. Before the first step it
therefore answers exactly as the 2D network does on each frame alone.

References:
    Wei et al., Temporal-consistent Segmentation of Echocardiography with Co-learning from Appearance and Shape,
    MICCAI 2020, LNCS 12262:623-632.
"""

from dataclasses import replace

import torch
from torch import Tensor, nn

from echomine.models.segmentation.isensee import LEVELS, IsenseeConfig, IsenseeUNet

FLOW_CHANNELS = 4
"""Rows and columns of the motion to the next frame, then of that to the frame before, in pixels."""


class ClipUNet(IsenseeUNet):
    """(N, T, H, W) -> logits (N, T, K, H, W) and motion (N, T, 4, H, W); H and W multiples of 16, any T.

    Args:
        config: Of the 2D network; its ``classes`` are those of the masks.
    """

    def __init__(self, config: IsenseeConfig) -> None:
        super().__init__(replace(config, dimensions=2, classes=config.classes + FLOW_CHANNELS))
        self.frame_config = config
        widths = [config.base * 2**level for level in range(LEVELS)][::-1]
        self.between = nn.ModuleList(nn.Conv3d(width, width, (3, 1, 1), padding=(1, 0, 0)) for width in widths)
        self.frames = 1
        for module in self.between:
            nn.init.zeros_(module.weight)  # type: ignore[arg-type]
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    @classmethod
    def from_frames(cls, network: IsenseeUNet) -> "ClipUNet":
        """A clip network that answers as a 2D network does, and sees no motion yet."""
        clip = cls(network.config)
        state = clip.state_dict()
        for name, value in network.state_dict().items():
            if state[name].shape == value.shape:
                state[name] = value
            else:
                grown = torch.zeros_like(state[name])
                grown[: len(value)] = value
                state[name] = grown
        clip.load_state_dict(state)
        return clip

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Logits of the classes and motion, for every frame."""
        count, self.frames = images.shape[:2]
        both = super().forward(images.reshape(count * self.frames, 1, *images.shape[2:]))
        both = both.reshape(count, self.frames, *both.shape[1:])
        classes = self.frame_config.classes
        return both[:, :, :classes], both[:, :, classes:]

    def exchanged(self, level: int, here: Tensor) -> Tensor:
        """The map plus what the frames before and after add to it."""
        clips = here.reshape(-1, self.frames, *here.shape[1:]).transpose(1, 2)
        told: Tensor = self.between[level](clips).transpose(1, 2).reshape(here.shape)
        return here + told

    def train(self, mode: bool = True) -> "ClipUNet":  # noqa: FBT001, FBT002 - the signature of torch
        """Normalisation keeps the statistics of the 2D network: frames of two clips are too much alike to have any."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self
