import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.errors import MeasurementError
from echomine.metrics.calibration import (
    expected_calibration_error,
    reliability_bins,
    risk_coverage,
)

rows = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50)


def test_calibration_error_by_hand():
    values = [0.1, 0.2, 0.8, 0.9]
    right = [0, 1, 1, 1]
    # two bins of two: |0.15 - 0.5| and |0.85 - 1|
    assert expected_calibration_error(values, right, bins=2) == pytest.approx((0.35 + 0.15) / 2)
    assert [one.count for one in reliability_bins(values, right, bins=3)] == [2, 1, 1]
    assert np.isnan(expected_calibration_error([], []))


def test_bins_are_of_equal_mass_where_all_are_sure():
    rng = np.random.default_rng(0)
    values = rng.uniform(0.9, 1, 1000)
    assert [one.count for one in reliability_bins(values, rng.random(1000) < values)] == [100] * 10


def test_true_probabilities_are_calibrated():
    rng = np.random.default_rng(1)
    values = rng.random(20_000)
    assert expected_calibration_error(values, rng.random(20_000) < values) < 0.02
    assert expected_calibration_error(values, rng.random(20_000) < 0.5) > 0.2


def test_risk_coverage_by_hand():
    curve = risk_coverage([0.9, 0.8, 0.8, 0.1], [1, 1, 0, 0])
    np.testing.assert_allclose(curve.coverage, [0.25, 0.75, 1])
    np.testing.assert_allclose(curve.risk, [0, 1 / 3, 1 / 2])
    np.testing.assert_allclose(curve.threshold, [0.9, 0.8, 0.1])
    assert curve.area == pytest.approx((0 + 2 / 3 + 1 / 2) / 4)


@given(rows)
def test_the_risk_at_full_coverage_is_the_error_rate(pairs):
    values, right = zip(*pairs, strict=True)
    curve = risk_coverage(values, right)
    assert curve.coverage[-1] == 1
    assert curve.risk[-1] == pytest.approx(1 - np.mean(right))
    assert 0 <= curve.area <= 1


def test_knowing_ones_errors_beats_guessing():
    right = np.arange(100) >= 30
    informed = risk_coverage(np.linspace(0, 1, 100), right).area
    assert informed < risk_coverage(np.full(100, 0.7), right).area == pytest.approx(0.3)


def test_nothing_gives_nan_and_different_lengths_are_told():
    assert np.isnan(risk_coverage([], []).area)
    with pytest.raises(MeasurementError):
        risk_coverage([0.1], [])
