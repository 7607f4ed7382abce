import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score, precision_score, recall_score

from echomine.domain.errors import MeasurementError
from echomine.domain.severity import GRADES
from echomine.domain.vocabulary import Severity
from echomine.metrics.labels import confusion, detection, quadratic_kappa, same_class, severity_scores

MILD, MILD_MODERATE, MODERATE = Severity.MILD, Severity.MILD_MODERATE, Severity.MODERATE
MODERATE_SEVERE, SEVERE = Severity.MODERATE_SEVERE, Severity.SEVERE
rows = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(rows)
def test_detection_as_sklearn(pairs):
    truth, named = zip(*pairs, strict=True)
    result = detection(truth, named)
    for value, peer in (
        (result.recall, recall_score(truth, named, zero_division=np.nan)),
        (result.precision, precision_score(truth, named, zero_division=np.nan)),
        (result.f1, f1_score(truth, named, zero_division=np.nan)),
    ):
        assert value == pytest.approx(peer, nan_ok=True)
    assert result.true_negative == sum(not one and not other for one, other in pairs)


def test_half_steps_are_right_for_either_neighbour():
    assert same_class(MILD_MODERATE, MILD)
    assert same_class(MILD_MODERATE, MODERATE)
    assert same_class(SEVERE, MODERATE_SEVERE)
    assert same_class(MILD_MODERATE, MILD_MODERATE)
    assert not same_class(MILD_MODERATE, SEVERE)
    assert not same_class(MILD_MODERATE, MODERATE_SEVERE)
    assert not same_class(MILD, MODERATE)
    assert not same_class(Severity.NONE, Severity.NONE)
    assert not same_class(MILD, Severity.UNSPECIFIED)


def test_severity_three_ways_by_hand():
    truth = [MILD, MILD_MODERATE, MODERATE, SEVERE, SEVERE]
    said = [MILD, MILD, SEVERE, MODERATE_SEVERE, Severity.UNSPECIFIED]
    result = severity_scores(truth, said)
    assert result.three_class == pytest.approx(3 / 5)
    assert result.exact == pytest.approx(1 / 5)
    assert result.within_one == pytest.approx(3 / 5)
    assert result.count == 5
    empty = severity_scores([], [])
    assert empty.count == 0
    assert np.isnan(empty.three_class)


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=2, max_size=60))
def test_kappa_as_sklearn(pairs):
    truth, said = zip(*pairs, strict=True)
    if len(set(truth)) == len(set(said)) == 1:
        return
    peer = cohen_kappa_score(truth, said, weights="quadratic", labels=range(7))
    assert quadratic_kappa(truth, said) == pytest.approx(peer, abs=1e-9)


def test_kappa_without_anything_to_agree_on_is_nan():
    assert np.isnan(quadratic_kappa([], []))
    assert np.isnan(quadratic_kappa([2, 2], [2, 2]))


def test_confusion_counts_each_row_once():
    table = confusion([MILD, MILD, SEVERE], [MILD, SEVERE, Severity.UNSPECIFIED])
    assert table.shape == (7, 8)
    assert table[MILD, MILD] == table[MILD, SEVERE] == table[SEVERE, len(GRADES)] == 1
    assert table.sum() == 3


def test_different_lengths_are_told():
    with pytest.raises(MeasurementError):
        detection([True], [True, False])
    with pytest.raises(MeasurementError):
        severity_scores([MILD], [])
