import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.metrics.calibration import expected_calibration_error
from echomine.retrieval.confidence import (
    FEATURES,
    ConfidenceConfig,
    ConfidenceModel,
    features_of,
    threshold_for_precision,
)


def drawn(count, seed):
    """Features and outcomes of a known logistic: only the first feature matters."""
    rng = np.random.default_rng(seed)
    features = rng.uniform(0, 1, (count, 4))
    probability = 1 / (1 + np.exp(-(6 * features[:, 0] - 2)))
    return features, rng.random(count) < probability, probability


def test_it_finds_the_probability_behind_the_outcomes():
    features, correct, probability = drawn(5000, 1)
    model = ConfidenceModel.fit(features, correct, ConfidenceConfig(isotonic_from=10**9))
    assert np.abs(model.predict(features) - probability).mean() < 0.02


def test_it_is_the_penalised_logistic_regression():
    features, correct, _ = drawn(4000, 2)
    config = ConfidenceConfig(penalty=2.0, isotonic_from=10**9)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    peer = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(scaled, correct)
    model = ConfidenceModel.fit(features, correct, config)
    np.testing.assert_allclose(model.predict(features), peer.predict_proba(scaled)[:, 1], atol=5e-3)


def test_a_few_votes_are_enough_for_a_small_calibration_error():
    errors = []
    for seed in range(20):
        features, correct, _ = drawn(70, 100 + seed)
        model = ConfidenceModel.fit(features, correct)
        others, outcomes, _ = drawn(4000, 200 + seed)
        errors.append(expected_calibration_error(model.predict(others), outcomes))
    assert np.mean(errors) < 0.08


def test_an_isotonic_curve_follows_when_there_are_many():
    features, correct, _ = drawn(1500, 3)
    model = ConfidenceModel.fit(features, correct, ConfidenceConfig(isotonic_from=1000))
    plain = ConfidenceModel.fit(features, correct, ConfidenceConfig(isotonic_from=10**9)).predict(features)
    peer = IsotonicRegression(out_of_bounds="clip").fit(plain, correct)
    np.testing.assert_allclose(model.predict(features), peer.predict(plain), atol=1e-9)


def test_all_right_is_sure_but_not_certain():
    model = ConfidenceModel.fit(np.ones((50, 4)), np.ones(50, bool))
    assert model.predict(np.ones((1, 4)))[0] == pytest.approx(51 / 52, abs=1e-6)


@pytest.mark.parametrize("count", [60, 1200])
def test_a_reloaded_model_is_the_same(count):
    features, correct, _ = drawn(count, 4)
    model = ConfidenceModel.fit(features, correct)
    assert ConfidenceModel.from_files(model.to_files()) == model
    with pytest.raises(ArtifactError):
        ConfidenceModel.from_files({"confidence.json": b'{"curve": []}'})
    with pytest.raises(ArtifactError):
        ConfidenceModel.from_files({})


def test_wrong_shapes_are_told():
    with pytest.raises(UsageError):
        ConfidenceModel.fit(np.zeros((0, 4)), np.zeros(0))
    with pytest.raises(UsageError):
        threshold_for_precision([0.5], [True, False])
    with pytest.raises(ConfigurationError):
        ConfidenceConfig(penalty=0)


def test_no_votes_have_no_features():
    assert features_of([]).shape == (0, len(FEATURES))


def test_the_threshold_is_the_lowest_that_holds_share_and_confidence():
    confidences = np.array([0.99, 0.98, 0.97, 0.96, 0.90, 0.80, 0.70, 0.60])
    all_right = threshold_for_precision(confidences, np.ones(8, bool), wanted=0.95)
    # means from the top: .99 .985 .98 .975 .96 .933: the fifth is the last of at least .95
    assert all_right.value == 0.90
    assert all_right.expected == pytest.approx(0.96)
    assert all_right.coverage == 5 / 8
    assert all_right.met
    one_wrong = threshold_for_precision(confidences, [1, 1, 1, 0, 1, 1, 1, 1], wanted=0.95)
    assert one_wrong.value == 0.97


def test_more_assurance_keeps_less():
    confidences = np.linspace(1, 0.9, 200)
    correct = np.arange(200) % 25 != 24
    plain = threshold_for_precision(confidences, correct, wanted=0.94)
    careful = threshold_for_precision(confidences, correct, wanted=0.94, assurance=0.75)
    assert careful.met
    assert careful.value >= plain.value


def test_a_precision_out_of_reach_is_said_so():
    wrong = threshold_for_precision(np.full(30, 0.97), np.zeros(30, bool), wanted=0.95)
    assert (wrong.met, wrong.value, wrong.precision) == (False, 0.95, 0.0)
    unsure = threshold_for_precision(np.full(30, 0.6), np.ones(30, bool), wanted=0.95)
    assert (unsure.met, unsure.value, unsure.coverage) == (False, 0.95, 0.0)
    assert unsure.precision is None
    assert unsure.expected is None


def test_equal_confidences_are_kept_or_left_together():
    result = threshold_for_precision([0.9, 0.9, 0.9, 0.5], [1, 1, 0, 0], wanted=0.6)
    assert result.value == 0.9
    assert result.precision == pytest.approx(2 / 3)


def test_the_precision_holds_on_new_votes():
    """What the threshold is for: on fresh votes the wanted precision holds, up to what few votes can tell."""
    held = []
    for seed in range(30):
        features, correct, _ = drawn(90, 300 + seed)
        model = ConfidenceModel.fit(features, correct)
        result = threshold_for_precision(model.predict(features), correct, wanted=0.95)
        if result.met:
            others, outcomes, _ = drawn(5000, 400 + seed)
            kept = model.predict(others) >= result.value
            held.append(outcomes[kept].mean())
    assert len(held) >= 25
    assert np.mean(held) >= 0.945
    assert np.mean(np.array(held) >= 0.93) >= 0.85
