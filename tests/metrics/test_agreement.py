import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from echomine.domain.errors import MeasurementError
from echomine.metrics.agreement import KappaWeights, agreement, category_agreement, confusion, kappa

WORDS = ["normal", "mild", "severe"]


def test_correlation_and_interval_as_scipy():
    rng = np.random.default_rng(0)
    reference = rng.normal(100, 20, 40)
    measured = reference + rng.normal(3, 8, 40)
    result = agreement(measured, reference)
    peer = pearsonr(measured, reference)
    interval = peer.confidence_interval()
    assert result.correlation.value == pytest.approx(peer.statistic)
    assert (result.correlation.low, result.correlation.high) == pytest.approx((interval.low, interval.high))


def test_bland_altman_by_hand():
    result = agreement([11, 19, 33, 41], [10, 20, 30, 40])
    assert result.bias.value == pytest.approx(1.0)
    assert result.deviation == pytest.approx(np.sqrt(8 / 3))
    assert result.upper_limit.value == pytest.approx(1 + 1.96 * 1.63299, abs=1e-4)
    assert result.lower_limit.value == pytest.approx(1 - 1.96 * 1.63299, abs=1e-4)
    assert result.mean_absolute_error == pytest.approx(1.5)


def test_peak_flow_meters_of_bland_and_altman():
    """Wright and mini meter, first readings of 17 subjects: difference -2.1, SD 38.8, limits -79.7 and 75.5 at 2 SD."""
    large = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
    mini = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
    result = agreement(large, mini)
    assert result.bias.value == pytest.approx(-2.1, abs=0.05)
    assert result.deviation == pytest.approx(38.8, abs=0.05)
    assert (result.bias.low, result.bias.high) == pytest.approx((-22.0, 17.8), abs=0.1)
    assert result.correlation.value == pytest.approx(0.94, abs=0.005)


@given(st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(WORDS)), min_size=2, max_size=40))
def test_kappa_and_confusion_as_scikit_learn(pairs):
    mine, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    table = confusion(mine, theirs, WORDS)
    assert np.array_equal(table, confusion_matrix(theirs, mine, labels=WORDS))
    if len(set(mine) | set(theirs)) > 1:
        for weights, name in (
            (KappaWeights.NONE, None),
            (KappaWeights.LINEAR, "linear"),
            (KappaWeights.QUADRATIC, "quadratic"),
        ):
            assert kappa(table, weights=weights) == pytest.approx(
                cohen_kappa_score(theirs, mine, labels=WORDS, weights=name)
            )


def test_one_category_alone_has_no_kappa():
    assert np.isnan(kappa(confusion(["mild"] * 5, ["mild"] * 5, WORDS)))
    assert np.isnan(kappa(confusion([], [], WORDS)))


def test_categories_agree_as_counted_by_hand():
    reference = ["normal"] * 6 + ["mild"] * 3 + ["severe"]
    measured = ["normal"] * 5 + ["mild"] * 3 + ["severe"] * 2
    found = category_agreement(measured, reference, WORDS, np.random.default_rng(0))
    assert found.counts.tolist() == [[5, 1, 0], [0, 2, 1], [0, 0, 1]]
    assert found.share.value == pytest.approx(0.8)
    # disagreement 2 of 10; by chance (6 * 3 + 6 * 2 * 2 + 3 * 5 + 3 * 2 + 5 * 2 + 3) / 100 = .76
    assert found.kappa.value == pytest.approx(1 - 0.2 / 0.76)
    assert found.kappa.low < found.kappa.value < found.kappa.high <= 1
    with pytest.raises(MeasurementError, match="at least one"):
        category_agreement([], [], WORDS, np.random.default_rng(0))


def test_constant_side_has_no_correlation():
    assert np.isnan(agreement([1, 1, 1, 1], [1, 2, 3, 4]).correlation.value)


@pytest.mark.parametrize(("mine", "theirs"), [([1, 2], [1, 2]), ([1, 2, 3], [1, 2]), ([1, 2, float("nan")], [1, 2, 3])])
def test_pairs_are_checked(mine, theirs):
    with pytest.raises(MeasurementError):
        agreement(mine, theirs)


def test_unknown_category_is_named():
    with pytest.raises(MeasurementError, match="awful"):
        confusion(["awful"], ["mild"], WORDS)
