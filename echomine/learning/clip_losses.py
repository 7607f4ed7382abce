"""The four losses of CLAS: appearance and shape, at the frame itself and over time.

Motion is in pixels: the forward motion of frame t at x says where x lies in frame t + 1, the backward one in t - 1.

References:
    Wei et al., Temporal-consistent Segmentation of Echocardiography with Co-learning from Appearance and Shape,
    MICCAI 2020, LNCS 12262:623-632.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from echomine.models.segmentation.warping import warped

CORRELATION_WINDOW = 9
SMOOTHNESS_WEIGHT = 10.0


def segmentation_loss(logits: Tensor, diastole: Tensor, systole: Tensor) -> Tensor:
    """SGA: cross-entropy and soft Dice on the two labelled frames.

    Args:
        logits: (N, T, K, H, W).
        diastole: (N, H, W) classes of the first frame.
        systole: (N, H, W) classes of the last frame.
    """
    ends = torch.cat([logits[:, 0], logits[:, -1]]).float()
    labels = torch.cat([diastole, systole])
    return F.cross_entropy(ends, labels) + dice_loss(ends.softmax(dim=1), one_hot(labels, ends.shape[1]))


def motion_loss(images: Tensor, motion: Tensor) -> Tensor:
    """OTA: minus the local correlation of each frame with its warped neighbours, plus ten times the roughness.

    Args:
        images: (N, T, H, W).
        motion: (N, T, 4, H, W) in pixels, forward then backward.
    """
    seen, motion = images[:, :, None].float(), motion.float()
    forward, backward = motion[:, :-1, :2], motion[:, 1:, 2:]
    after = warped(seen[:, 1:].flatten(0, 1), forward.flatten(0, 1))
    before = warped(seen[:, :-1].flatten(0, 1), backward.flatten(0, 1))
    alike = local_correlation(seen[:, :-1].flatten(0, 1), after) + local_correlation(seen[:, 1:].flatten(0, 1), before)
    return -alike / 2 + SMOOTHNESS_WEIGHT * (roughness(forward) + roughness(backward)) / 2


def shape_loss(logits: Tensor, motion: Tensor, diastole: Tensor, systole: Tensor) -> Tensor:
    """SGS + OTS: masks between against labels carried there from both ends, and each end carried to the other.

    Args:
        logits: (N, T, K, H, W).
        motion: (N, T, 4, H, W).
        diastole: (N, H, W) classes of the first frame.
        systole: (N, H, W) classes of the last frame.
    """
    shares, motion, classes = logits.float().softmax(dim=2), motion.float(), logits.shape[2]
    first, last = one_hot(diastole, classes), one_hot(systole, classes)
    later, earlier = carried(first, motion[:, 1:, 2:]), carried(last, motion[:, :-1, :2].flip(1))
    between = shares[:, 1:-1].flatten(0, 1)
    propagated = dice_loss(between, later[:, :-1].flatten(0, 1)) + dice_loss(
        between, earlier[:, :-1].flip(1).flatten(0, 1)
    )
    return propagated + dice_loss(later[:, -1], last) + dice_loss(earlier[:, -1], first)


def carried(shares: Tensor, steps: Tensor) -> Tensor:
    """Class shares carried along from frame to frame.

    Args:
        shares: (N, K, H, W) of the frame they start at.
        steps: (N, S, 2, H, W); each says where a pixel of the next frame lies in the one before it.

    Returns:
        (N, S, K, H, W) after 1 to S steps.
    """
    found = []
    for at in range(steps.shape[1]):
        shares = warped(shares, steps[:, at])
        found.append(shares)
    return torch.stack(found, dim=1)


def local_correlation(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared correlation of two images (N, 1, H, W) in windows of 9 by 9 pixels; 0 to 1."""

    def mean(values: Tensor) -> Tensor:
        return F.avg_pool2d(values, CORRELATION_WINDOW, stride=1)

    shared = mean(one * other) - mean(one) * mean(other)
    spread = (mean(one**2) - mean(one) ** 2).clamp(min=0) * (mean(other**2) - mean(other) ** 2).clamp(min=0)
    return (shared**2 / (spread + 1e-3)).mean()


def roughness(motion: Tensor) -> Tensor:
    """Mean squared difference of neighbouring motions (..., H, W)."""
    return motion.diff(dim=-1).square().mean() + motion.diff(dim=-2).square().mean()


def dice_loss(shares: Tensor, target: Tensor) -> Tensor:
    """1 - soft Dice over the batch, mean of the classes without the background; both (N, K, H, W)."""
    common = (shares * target).sum(dim=(0, 2, 3))[1:]
    total = (shares + target).sum(dim=(0, 2, 3))[1:]
    return 1 - ((2 * common + 1) / (total + 1)).mean()


def one_hot(labels: Tensor, classes: int) -> Tensor:
    """(N, H, W) classes -> (N, K, H, W) of 0 and 1."""
    return F.one_hot(labels, classes).movedim(-1, 1).float()
