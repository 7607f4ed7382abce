import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.learning.holdout import held_back
from echomine.learning.ridge import RidgeTransform, train_ridge
from echomine.learning.transform import Transform, TransformConfig, ridge_weights, train_transform, unit_rows

CONFIG = TransformConfig(members=2, epochs=6, passes=5, hidden=32, batch_size=16)


def pairs(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Targets are a fixed rotation of the features."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 6)).astype(np.float32)
    rotation = np.linalg.qr(np.random.default_rng(9).normal(size=(6, 6)))[0]
    return features, unit_rows((features @ rotation).astype(np.float32)), [f"P{row % 20}" for row in range(count)]


def cosines(transform: Transform | RidgeTransform) -> np.ndarray:
    features, targets, _ = pairs(seed=1)
    return (transform.map(features) * targets).sum(axis=1)


@pytest.mark.parametrize("loss", ["mse", "cosine", "ranking", "info_nce"])
def test_every_loss_learns_a_rotation(loss):
    config = dataclasses.replace(CONFIG, loss=loss, epochs=20, dropout=0.0)
    assert cosines(train_transform(*pairs(), config, seed=0)).mean() > 0.8


def test_ridge_learns_a_rotation():
    assert cosines(train_ridge(*pairs(), strength=0.1)).mean() > 0.98


def test_ridge_is_the_closed_form_of_scikit_learn():
    from sklearn.linear_model import Ridge

    features, targets, groups = pairs()
    centred = features - features.mean(axis=0)
    alpha = 0.7 * float(np.mean((centred**2).sum(axis=1)))
    peer = Ridge(alpha=alpha).fit(features, targets).predict(features)
    assert_allclose(train_ridge(features, targets, groups, strength=0.7).map(features), unit_rows(peer), atol=1e-5)


def test_weights_count_as_repeated_rows():
    features, targets, _ = pairs(20)
    weighted = ridge_weights(features, targets, 0.1, np.full(20, 2.0, np.float32))
    twice = ridge_weights(np.repeat(features, 2, axis=0), np.repeat(targets, 2, axis=0), 0.1)
    for ours, peer in zip(weighted, twice, strict=True):
        assert_allclose(ours, peer, atol=1e-4)


def test_seeds_fix_the_weights():
    one, same, other = (train_transform(*pairs(), CONFIG, seed=seed) for seed in (1, 1, 2))
    assert one.to_files() == same.to_files() != other.to_files()


@pytest.mark.parametrize(("kind", "train"), [(Transform, None), (RidgeTransform, train_ridge)])
def test_files_bring_a_transform_back(kind, train):
    transform = train(*pairs()) if train else train_transform(*pairs(), CONFIG, seed=0)
    features = pairs(seed=2)[0]
    answers = transform.map(features)
    assert np.array_equal(kind.from_files(transform.to_files()).map(features), answers)
    assert_allclose(np.linalg.norm(answers, axis=1), 1, atol=1e-5)
    with pytest.raises(ArtifactError):
        kind.from_files(dict.fromkeys(transform.to_files(), b"broken"))


def test_no_rows_give_no_rows():
    transform = train_transform(*pairs(), CONFIG, seed=0)
    assert transform.map(np.zeros((0, 6), dtype=np.float32)).shape == (0, transform.text_width) == (0, 6)


def test_a_feature_that_never_changes_does_no_harm():
    features, targets, groups = pairs()
    features[:, 2] = 5
    for transform in (
        train_ridge(features, targets, groups),
        train_transform(features, targets, groups, CONFIG, seed=0),
    ):
        assert np.isfinite(transform.map(features)).all()


def test_one_pair_is_enough_to_run():
    features, targets, groups = (part[:1] for part in pairs())
    assert cosines(train_transform(features, targets, groups, CONFIG, seed=0)).shape == (60,)


def test_progress_runs_over_all_members():
    steps: list[tuple[int, int]] = []
    train_transform(*pairs(), CONFIG, seed=0, on_progress=lambda *step: steps.append(step))
    assert steps == [(number + 1, len(steps)) for number in range(len(steps))]


@pytest.mark.parametrize(
    "change", [lambda f, t, g: (f[:-1], t, g), lambda f, t, g: (f, t, g[:-1]), lambda f, t, g: (f * np.nan, t, g)]
)
def test_pairs_that_do_not_fit_are_refused(change):
    with pytest.raises(ConfigurationError):
        train_transform(*change(*pairs()), CONFIG, seed=0)


def test_features_of_another_width_are_refused():
    with pytest.raises(ConfigurationError, match=r"\(N, 6\)"):
        train_ridge(*pairs()).map(np.zeros((1, 5), dtype=np.float32))


def test_patients_are_held_back_whole():
    groups = [f"P{row % 7}" for row in range(50)]
    held = held_back(groups, 0.3, seed=1)
    inside, outside = (
        {group for group, is_held in zip(groups, held, strict=True) if is_held is np.bool_(side)}
        for side in (True, False)
    )
    assert len(inside) == 2
    assert not inside & outside
    assert not held_back(groups, 0.0, seed=1).any()
    assert not held_back(["one"] * 4, 0.5, seed=1).any()
