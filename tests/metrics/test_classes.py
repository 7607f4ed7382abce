import numpy as np
import pytest

from echomine.domain.errors import MeasurementError
from echomine.metrics.classes import class_scores

ONE_HOT = np.eye(3)


def test_scores_by_hand():
    """Truth a a a b, named a a b b: accuracy 3/4, recalls 2/3 and 1, kappa (3/4 - 1/2) / (1/2)."""
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    scores = class_scores([0, 0, 0, 1], probabilities)
    assert scores.accuracy == 0.75
    assert scores.balanced_accuracy == pytest.approx(5 / 6)
    assert scores.kappa == pytest.approx(0.5)
    assert scores.auroc == 1.0
    assert scores.confusion == ((2, 1), (0, 1))


def test_a_class_without_pictures_takes_no_part():
    scores = class_scores([0, 1, 1], ONE_HOT[[0, 1, 0]])
    assert scores.balanced_accuracy == pytest.approx(0.75)
    assert scores.auroc == pytest.approx(0.75)


def test_scikit_learn_agrees_where_all_classes_are_there():
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score

    rng = np.random.default_rng(0)
    truth, probabilities = rng.integers(4, size=200), rng.dirichlet(np.ones(4), size=200)
    scores = class_scores(truth, probabilities)
    assert scores.auroc == pytest.approx(roc_auc_score(truth, probabilities, multi_class="ovr"))
    assert scores.balanced_accuracy == pytest.approx(balanced_accuracy_score(truth, probabilities.argmax(axis=1)))


def test_one_class_leaves_auroc_and_kappa_without_a_value():
    scores = class_scores([1, 1], ONE_HOT[[1, 1]])
    assert scores.accuracy == 1
    assert np.isnan(scores.auroc)
    assert np.isnan(scores.kappa)


@pytest.mark.parametrize(
    ("truth", "probabilities", "words"),
    [
        ([], np.zeros((0, 3)), "wanted"),
        ([0], np.zeros((2, 3)), "wanted"),
        ([3], ONE_HOT[:1], "outside"),
        ([0], np.full((1, 3), np.nan), "learning rate"),
    ],
)
def test_what_cannot_be_scored_is_refused(truth, probabilities, words):
    with pytest.raises(MeasurementError, match=words):
        class_scores(truth, probabilities)
