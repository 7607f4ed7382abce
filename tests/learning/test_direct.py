import numpy as np
import pytest
import torch

from echomine.domain.errors import ConfigurationError
from echomine.learning.direct import (
    LESIONS,
    NOT_STATED,
    DirectConfig,
    GradeHeads,
    grade_loss,
    train_direct_heads,
)

CONFIG = DirectConfig(dropout=0.0, epochs=40)


def grades_of(classes: np.ndarray) -> np.ndarray:
    grades = np.full((len(classes), len(LESIONS)), NOT_STATED, dtype=np.int64)
    grades[:, 0] = classes
    return grades


def test_heads_learn_the_grade_that_is_stated_and_give_shares():
    rng = np.random.default_rng(0)
    classes = np.arange(70) % 7
    features = (np.eye(7)[classes] + 0.05 * rng.normal(size=(70, 7))).astype(np.float32)
    heads = train_direct_heads(features, grades_of(classes), [str(row) for row in range(70)], CONFIG, seed=0)
    shares = heads.probabilities(features)
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-5)
    assert (shares[:, 0].argmax(axis=1) == classes).mean() > 0.95


def test_what_is_not_stated_costs_nothing():
    heads = GradeHeads(4)
    grades = torch.full((3, len(LESIONS)), NOT_STATED)
    assert grade_loss()(heads, (torch.randn(3, 4), grades)).item() == 0


def test_grades_of_another_shape_are_refused():
    with pytest.raises(ConfigurationError, match="needs grades"):
        train_direct_heads(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int64), ["a", "b"], seed=0)
