"""Shapes whose numbers are known by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.errors import MeasurementError
from echomine.doppler.haemodynamics import (
    deceleration_mps2,
    gradient_mmhg,
    mean_gradient_mmhg,
    pressure_half_time_ms,
    vti_cm,
)

SECONDS = 0.3


def parabola(peak_mps: float) -> tuple[np.ndarray, np.ndarray]:
    times = np.linspace(0.0, SECONDS, 601)
    place = times / SECONDS
    return 4.0 * peak_mps * place * (1.0 - place), times


def test_four_metres_per_second_are_64_mmhg() -> None:
    assert gradient_mmhg(4.0) == 64.0


def test_parabola_has_two_thirds_of_the_rectangle_and_8_15ths_of_the_peak_gradient() -> None:
    velocity, times = parabola(4.0)
    assert vti_cm(velocity, times) == pytest.approx(100.0 * 4.0 * SECONDS * 2 / 3, rel=1e-4)
    assert mean_gradient_mmhg(velocity, times) == pytest.approx(64.0 * 8 / 15, rel=1e-4)


def test_triangle_is_exact_from_its_three_corners() -> None:
    assert vti_cm([0.0, 3.0, 0.0], [0.0, 0.1, 0.3]) == pytest.approx(45.0)
    assert mean_gradient_mmhg([0.0, 3.0, 0.0], [0.0, 0.1, 0.3]) == pytest.approx(36.0 / 3)


def test_half_time_of_a_straight_fall() -> None:
    """4 m/s falling by 2 m/s per s reaches 4 / sqrt 2 after 0.5858 s."""
    times = np.linspace(0.0, 0.5, 60)
    assert pressure_half_time_ms(4.0 - 2.0 * times, times) == pytest.approx(585.8, abs=0.1)
    assert deceleration_mps2(4.0 - 2.0 * times, times) == pytest.approx(2.0)


def test_half_time_stands_a_few_points_off_the_line() -> None:
    times = np.linspace(0.0, 0.5, 60)
    velocity = 4.0 - 2.0 * times
    velocity[[5, 20, 21, 40]] += 1.0
    assert pressure_half_time_ms(velocity, times) == pytest.approx(585.8, rel=0.02)


def test_a_rise_has_no_half_time() -> None:
    with pytest.raises(MeasurementError, match="falls"):
        pressure_half_time_ms([1.0, 1.1, 1.2, 1.3, 1.4], [0.0, 0.1, 0.2, 0.3, 0.4])


def test_no_samples() -> None:
    with pytest.raises(MeasurementError, match="no samples"):
        mean_gradient_mmhg([])
    with pytest.raises(MeasurementError, match="five|5"):
        pressure_half_time_ms([2.0, 1.0], [0.0, 0.1])
    with pytest.raises(MeasurementError, match="its time"):
        vti_cm([1.0, 2.0], [0.0])


@given(st.floats(0.2, 6.0), st.floats(0.5, 3.0))
def test_speed_scales_the_integral_once_and_the_gradient_twice(peak_mps: float, factor: float) -> None:
    velocity, times = parabola(peak_mps)
    assert vti_cm(factor * velocity, times) == pytest.approx(factor * vti_cm(velocity, times))
    assert mean_gradient_mmhg(factor * velocity, times) == pytest.approx(
        factor**2 * mean_gradient_mmhg(velocity, times)
    )


@given(st.floats(0.2, 6.0))
def test_direction_and_order_do_not_matter(peak_mps: float) -> None:
    velocity, times = parabola(peak_mps)
    velocity = velocity * np.linspace(1.0, 0.4, velocity.size)
    assert vti_cm(-velocity, times) == pytest.approx(vti_cm(velocity, times))
    assert mean_gradient_mmhg(velocity[::-1], SECONDS - times[::-1]) == pytest.approx(
        mean_gradient_mmhg(velocity, times)
    )
