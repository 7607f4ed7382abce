"""What an envelope says of a flow: gradients, velocity-time integral, half-time, acceleration.

References:
    Baumgartner et al., J Am Soc Echocardiogr 2017;30:372-392 (gradients, VTI); Hatle et al., Circulation 1979;60:1096
    (pressure half-time); Zoghbi et al., J Am Soc Echocardiogr 2017;30:303-371 (deceleration of a regurgitation).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import MeasurementError
from echomine.doppler.medians import median

Velocities: TypeAlias = NDArray[np.floating] | Sequence[float]

BERNOULLI_MMHG_PER_M2S2 = 4.0
HALF_TIME_FALL = 1.0 - 2.0**-0.5
"""Part of the velocity that is lost when the gradient has halved."""

_LEAST_DECAY_POINTS = 5


def gradient_mmhg(velocity_mps: float) -> float:
    """Pressure gradient of a velocity by the simplified Bernoulli equation, in mmHg."""
    return BERNOULLI_MMHG_PER_M2S2 * velocity_mps**2


def mean_gradient_mmhg(velocity_mps: Velocities, times_s: Velocities | None = None) -> float:
    """Mean pressure gradient over a flow, by the simplified Bernoulli equation.

    The velocity runs straight from one sample to the next, and its square is integrated as such, so that the mean of
    a triangle or of a polygon drawn by hand is exact.

    Args:
        velocity_mps: (T,) envelope velocities in m/s from the start to the end of the flow; the sign is ignored.
        times_s: (T,) ascending times; equal steps when left out.

    Returns:
        Time mean of 4 v^2, in mmHg.

    Raises:
        MeasurementError: If there are no samples.
    """
    velocity, times = _samples(velocity_mps, times_s)
    if velocity.size == 1 or times[-1] == times[0]:
        return gradient_mmhg(float(velocity[0]))
    left, right = velocity[:-1], velocity[1:]
    squares = (left**2 + left * right + right**2) / 3.0
    return BERNOULLI_MMHG_PER_M2S2 * float(np.sum(squares * np.diff(times)) / (times[-1] - times[0]))


def vti_cm(velocity_mps: Velocities, times_s: Velocities) -> float:
    """Velocity-time integral of a flow, in cm.

    Args:
        velocity_mps: (T,) envelope velocities in m/s; the sign is ignored.
        times_s: (T,) ascending times in s.

    Raises:
        MeasurementError: If there are no samples.
    """
    velocity, times = _samples(velocity_mps, times_s)
    return 100.0 * float(np.trapezoid(velocity, times))


def deceleration_mps2(velocity_mps: Velocities, times_s: Velocities) -> float:
    """Slope of a decay, in m/s per s, positive when the velocity falls; robust to a few points off the line.

    A line through all points is fitted anew without those that lie far from it.

    Raises:
        MeasurementError: If there are fewer than five points.
    """
    return -decay_of(velocity_mps, times_s).slope


def pressure_half_time_ms(velocity_mps: Velocities, times_s: Velocities, *, peak_s: float | None = None) -> float:
    """Time in which the gradient of a decaying flow halves, in ms, from the line through its decay.

    The line's velocity at the time of the peak is the peak; the gradient has halved where it falls to that over sqrt 2.

    Args:
        velocity_mps: (T,) envelope velocities of the decay, in m/s; the sign is ignored.
        times_s: (T,) ascending times in s.
        peak_s: Time of the peak; that of the first point when left out.

    Raises:
        MeasurementError: If there are fewer than five points, or the velocity does not fall.
    """
    return decay_of(velocity_mps, times_s).half_time_ms(peak_s=peak_s)


@dataclass(frozen=True, slots=True)
class Decay:
    """The line through the decay of a flow, in m/s or in any other unit of velocity.

    Attributes:
        start_s: Time of its first point.
        first: Velocity there.
        slope: Change a second, negative where the velocity falls.
    """

    start_s: float
    first: float
    slope: float

    def half_time_ms(self, *, peak_s: float | None = None) -> float:
        """As :func:`pressure_half_time_ms`.

        Raises:
            MeasurementError: If the velocity does not fall.
        """
        peak = self.first if peak_s is None else self.first + self.slope * (peak_s - self.start_s)
        if self.slope >= 0 or peak <= 0:
            raise MeasurementError("a pressure half-time needs a velocity that falls from its peak on")
        return 1000.0 * HALF_TIME_FALL * peak / -self.slope


def decay_of(velocity: Velocities, times_s: Velocities) -> Decay:
    """The line through a decay by least squares, robust to a few points off it.

    Args:
        velocity: (T,) velocities in any unit; the sign is ignored.
        times_s: (T,) ascending times in s.

    Raises:
        MeasurementError: If there are fewer than five points.
    """
    velocity, times = _samples(velocity, times_s)
    if velocity.size < _LEAST_DECAY_POINTS:
        raise MeasurementError(f"a decay needs {_LEAST_DECAY_POINTS} points or more, got {velocity.size}")
    since = times - times[0]
    keep = np.ones(velocity.size, dtype=bool)
    slope, start = _line(since, velocity)
    for _ in range(3):
        residual = velocity - (start + slope * since)
        spread = 1.4826 * median(np.abs(residual[keep] - median(residual[keep])))
        near = np.abs(residual) <= max(2.5 * spread, 1e-6 + 0.01 * float(velocity.max()))
        if near.sum() < _LEAST_DECAY_POINTS or np.array_equal(near, keep):
            break
        keep = near
        slope, start = _line(since[keep], velocity[keep])
    return Decay(start_s=float(times[0]), first=start, slope=slope)


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and value at 0 of the line through points by least squares; flat when they share one x."""
    middle_x, middle_y = float(x.mean()), float(y.mean())
    spread = float(((x - middle_x) ** 2).sum())
    slope = float(((x - middle_x) * (y - middle_y)).sum()) / spread if spread > 0 else 0.0
    return slope, middle_y - slope * middle_x


def _samples(velocity_mps: Velocities, times_s: Velocities | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    velocity = np.abs(np.asarray(velocity_mps, dtype=np.float64))
    if velocity.size == 0:
        raise MeasurementError("a flow needs an envelope, got no samples")
    times = np.arange(velocity.size, dtype=np.float64) if times_s is None else np.asarray(times_s, dtype=np.float64)
    if times.shape != velocity.shape:
        raise MeasurementError(f"each velocity needs its time, got {velocity.size} velocities and {times.size} times")
    return velocity, times
