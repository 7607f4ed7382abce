"""Fixed random kernels over time: a strong description of a display that nobody has to train.

A display is taken as a time series with one channel for each band of velocities. Kernels of nine taps, of random
bands, weights and reach, run along it; of each answer three numbers remain: its maximum, the share of the time for
which it exceeds a threshold, and by how much on average. Shifts in time leave them alone, and a linear model on them
learns from few examples.

References:
    Dempster, Petitjean, Webb, ROCKET: exceptionally fast and accurate time series classification using random
    convolutional kernels, Data Mining and Knowledge Discovery 2020;34:1454-1495. Ours differs: neighbouring bands
    are drawn together, biases come from quantiles of a set of displays, and the mean excess is a third number.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from echomine.models.whole_display import normalised, wrapped

TAPS = 9
DILATIONS = (1, 2, 4, 8, 16)
NUMBERS = 3
"""Numbers that remain of each kernel."""

LEAST_EXCESS = 1e-3
"""An answer counts as above its threshold from here. Where a display is blank many kernels answer with nought, which
may be their threshold too: the last digits, which depend on the batch, must not decide about all of that time."""

_MOST_BANDS = 4
_LOWEST_QUANTILE, _HIGHEST_QUANTILE = 0.3, 0.95


class TimeKernels(nn.Module):
    """Random kernels, a fifth of them for each dilation.

    Args:
        kernels: How many; rounded down to a multiple of five.
        bands: Velocity bands; the rows of the images must be a multiple.
        seed: Fixes weights and biases.
    """

    weights: Tensor
    biases: Tensor

    def __init__(self, *, kernels: int, bands: int, seed: int) -> None:
        super().__init__()
        self.bands = bands
        each = kernels // len(DILATIONS)
        rng = np.random.default_rng(seed)
        drawn = [_kernel(bands, rng) for _ in range(each * len(DILATIONS))]
        quantiles = rng.uniform(_LOWEST_QUANTILE, _HIGHEST_QUANTILE, len(drawn))
        self.quantiles = torch.from_numpy(quantiles.astype(np.float32).reshape(len(DILATIONS), each))
        self.register_buffer("weights", torch.from_numpy(np.stack(drawn).reshape(len(DILATIONS), each, bands, TAPS)))
        self.register_buffer("biases", torch.zeros(len(DILATIONS), each))

    @property
    def width(self) -> int:
        """Length of an answer."""
        return NUMBERS * self.biases.numel()

    def set_biases(self, images: Tensor) -> None:
        """Thresholds at quantiles of the answers to some displays (N, 1, H, W)."""
        series = self._series(images)
        for place, dilation in enumerate(DILATIONS):
            answers = self._answers(series, place, dilation).transpose(0, 1).flatten(1)
            ordered = answers.sort(dim=1).values
            wanted = self.quantiles[place] * (ordered.shape[1] - 1)
            self.biases[place] = ordered.gather(1, wanted.long()[:, None])[:, 0]

    def forward(self, images: Tensor) -> Tensor:
        """Numbers (N, width) of displays (N, C, H, W), brightness in channel 0."""
        series = self._series(images)
        parts = []
        for place, dilation in enumerate(DILATIONS):
            answers = self._answers(series, place, dilation)
            excess = F.relu(answers - self.biases[place][:, None])
            parts += [answers.amax(dim=2), (excess > LEAST_EXCESS).float().mean(dim=2), excess.mean(dim=2)]
        return torch.cat(parts, dim=1)

    def _series(self, images: Tensor) -> Tensor:
        whole = normalised(wrapped(images[:, 0]))
        return F.adaptive_avg_pool2d(whole, (self.bands, whole.shape[2]))

    def _answers(self, series: Tensor, place: int, dilation: int) -> Tensor:
        """(N, kernels, W): the series is closed to a ring, so each column is asked about."""
        reach = dilation * (TAPS // 2)
        width = series.shape[2]
        ring = series[:, :, torch.arange(-reach, width + reach, device=series.device) % width]
        return F.conv1d(ring, self.weights[place], dilation=dilation)


def _kernel(bands: int, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """(bands, taps): a few bands, side by side or anywhere, half of the kernels blind to a constant."""
    chosen = int(rng.integers(1, _MOST_BANDS + 1))
    if rng.random() < 0.5:
        rows = (int(rng.integers(bands)) + np.arange(chosen)) % bands
    else:
        rows = rng.choice(bands, min(chosen, bands), replace=False)
    kernel = np.zeros((bands, TAPS), dtype=np.float32)
    kernel[rows] = rng.normal(size=(len(rows), TAPS))
    if rng.random() < 0.5:
        kernel[rows] -= kernel[rows].mean(axis=1, keepdims=True)
    return kernel
