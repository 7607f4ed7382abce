import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from echomine.domain.errors import MeasurementError
from echomine.metrics.intervals import bootstrap_by_group, wilson_interval, wilson_lower


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_as_scipy(counts):
    hits, count = counts
    peer = binomtest(hits, count).proportion_ci(method="wilson")
    result = wilson_interval(hits, count)
    assert (result.low, result.high) == pytest.approx((peer.low, peer.high), abs=1e-9)
    one_sided = binomtest(hits, count, alternative="greater").proportion_ci(method="wilson").low
    assert wilson_lower(hits, count, 0.95) == pytest.approx(one_sided, abs=1e-9)


def test_the_lectures_figures_on_48_images():
    diseases, severities = wilson_interval(44, 48), wilson_interval(37, 48)
    assert (diseases.low, diseases.high) == pytest.approx((0.80, 0.97), abs=0.01)
    assert (severities.low, severities.high) == pytest.approx((0.64, 0.87), abs=0.01)


def test_without_trials_nothing_is_known():
    result = wilson_interval(0, 0)
    assert np.isnan(result.value)
    assert (result.low, result.high) == (0, 1)
    assert wilson_lower(0, 0) == 0


def test_assurance_of_one_half_is_the_share_itself():
    assert wilson_lower(19, 20, 0.5) == pytest.approx(0.95)


def test_the_bootstrap_of_a_mean_has_the_width_of_its_standard_error():
    values = np.random.default_rng(0).normal(5, 2, 400)
    groups = [f"p{row}" for row in range(400)]
    result = bootstrap_by_group(lambda rows: values[rows].mean(), groups, np.random.default_rng(1))
    assert result.value == values.mean()
    assert result.high - result.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)


def test_rows_of_one_patient_count_as_one():
    values = np.repeat(np.random.default_rng(0).normal(5, 2, 40), 10)
    alone = [f"p{row}" for row in range(400)]
    together = [f"p{row // 10}" for row in range(400)]
    narrow = bootstrap_by_group(lambda rows: values[rows].mean(), alone, np.random.default_rng(1))
    wide = bootstrap_by_group(lambda rows: values[rows].mean(), together, np.random.default_rng(1))
    assert (wide.high - wide.low) / (narrow.high - narrow.low) == pytest.approx(10**0.5, rel=0.15)


def test_one_patient_has_no_interval():
    """However many pictures: an interval of no width would claim to be sure."""
    values = np.arange(20.0)
    result = bootstrap_by_group(lambda rows: values[rows].mean(), ["p"] * 20, np.random.default_rng(0))
    assert result.value == 9.5
    assert np.isnan([result.low, result.high]).all()


def test_the_same_generator_gives_the_same_interval():
    groups = ["a", "b", "c"] * 5
    first = bootstrap_by_group(lambda rows: rows.mean(), groups, np.random.default_rng(3))
    assert first == bootstrap_by_group(lambda rows: rows.mean(), groups, np.random.default_rng(3))


def test_a_figure_that_is_never_there_has_no_interval():
    result = bootstrap_by_group(lambda rows: float("nan"), ["a", "b"], np.random.default_rng(0), repeats=5)
    assert np.isnan(result.low)
    with pytest.raises(MeasurementError):
        bootstrap_by_group(lambda rows: 0.0, [], np.random.default_rng(0))
