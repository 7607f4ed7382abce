"""Self-supervision: plain arithmetic on a display that a feature should not forget.

No label is read. The numbers say how far the flow reaches above and below the baseline, for how much of the
time, and how bright it is: velocity, slope and density, whose meaning for severity the pairs teach later.
"""

from torch import Tensor
from torch.nn import functional as F

TIME_SHARES = (0.3, 0.6, 0.8, 0.92)
"""Shares of the time for which the brightness of a row is at most what the profile says."""

ROW_BINS = 32
"""Velocity bands."""

PROFILE_WIDTH = ROW_BINS * len(TIME_SHARES)
"""Length of a profile."""


def velocity_profile(images: Tensor) -> Tensor:
    """Brightness of each velocity band that is not exceeded for given shares of the time.

    Args:
        images: (N, C, H, W), the display in channel 0, one row per velocity.

    Returns:
        (N, PROFILE_WIDTH) in the unit of the images.
    """
    bands = F.adaptive_avg_pool2d(images[:, :1], (ROW_BINS, images.shape[3]))[:, 0]
    ordered = bands.sort(dim=2).values
    places = [min(images.shape[3] - 1, int(share * images.shape[3])) for share in TIME_SHARES]
    return ordered[:, :, places].flatten(1)
