"""Settling viewed images: the closed form against doing it by hand, and what views and numbers rule out."""

import dataclasses

import numpy as np
import pytest

from echomine.domain.errors import ConfigurationError
from echomine.learning.statements import Candidates, StatementConfig, settle_viewed
from echomine.learning.transform import unit_rows

RNG = np.random.default_rng(4)
STATEMENTS = unit_rows(RNG.normal(size=(6, 5)).astype(np.float32))
CONFIG = StatementConfig(weight=0.5, rounds=3, sharpness=10.0)
MAP = RNG.normal(size=(5, 8)).astype(np.float32)


def images(said: list[int], noise: float = 0.02) -> np.ndarray:
    """Features (N, 8) of images that say those statements."""
    return (STATEMENTS[said] @ MAP + noise * RNG.normal(size=(len(said), 8))).astype(np.float32)


def candidates(count: int, **changes: np.ndarray) -> Candidates:
    plain = Candidates(
        vectors=STATEMENTS,
        counts=np.ones(6, dtype=np.int64),
        allowed=np.ones((count, 6), dtype=bool),
        evidence=np.zeros((count, 6), dtype=np.float32),
    )
    return dataclasses.replace(plain, **changes)


def nearest(rows: np.ndarray) -> list[int]:
    return (rows @ STATEMENTS.T).argmax(axis=1).tolist()


def test_images_find_the_statements_they_make() -> None:
    pairs, viewed = list(range(6)) * 4, [0, 1, 2, 3, 4, 5, 5, 2]
    found = settle_viewed(
        images(pairs), STATEMENTS[pairs], images(viewed), candidates(8), StatementConfig(sharpness=60), ridge=1e-3
    )
    assert nearest(found) == viewed
    assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_what_a_view_rules_out_is_never_said() -> None:
    pairs = list(range(6)) * 4
    allowed = np.zeros((4, 6), dtype=bool)
    allowed[:, 3] = True
    found = settle_viewed(
        images(pairs), STATEMENTS[pairs], images([0, 1, 2, 5]), candidates(4, allowed=allowed), CONFIG, ridge=1e-3
    )
    np.testing.assert_allclose(found, np.repeat(STATEMENTS[3:4], 4, axis=0), atol=1e-5)


def test_numbers_decide_between_statements() -> None:
    pairs = list(range(6)) * 4
    evidence = np.zeros((1, 6), dtype=np.float32)
    evidence[0, 4] = 100
    found = settle_viewed(
        images(pairs), STATEMENTS[pairs], images([1]), candidates(1, evidence=evidence), CONFIG, ridge=1e-3
    )
    assert nearest(found) == [4]


def test_a_round_equals_leaving_each_image_out_by_hand() -> None:
    pairs, viewed, ridge = list(range(6)) * 3, [0, 3, 5, 2, 1], 0.05
    features, asked, targets = images(pairs), images(viewed), STATEMENTS[list(range(6)) * 3]
    first = settle_viewed(features, targets, asked, candidates(5), dataclasses.replace(CONFIG, rounds=1), ridge=ridge)
    second = settle_viewed(features, targets, asked, candidates(5), dataclasses.replace(CONFIG, rounds=2), ridge=ridge)
    rows = np.concatenate([features, asked]) - features.mean(axis=0)
    middle = targets.mean(axis=0)
    goals = np.concatenate([targets, first]) - middle
    penalty = ridge * np.mean((rows[: len(pairs)] ** 2).sum(axis=1))
    for number in range(len(viewed)):
        kept = np.delete(np.arange(len(rows)), len(pairs) + number)
        weights = np.where(kept < len(pairs), 1.0, CONFIG.weight)
        part = rows[kept].astype(float)
        system = part @ part.T + np.diag(penalty / weights)
        place = rows[len(pairs) + number] @ part.T @ np.linalg.solve(system, goals[kept]) + middle
        scores = CONFIG.sharpness * STATEMENTS @ (place / np.linalg.norm(place))
        shares = np.exp(scores) / np.exp(scores).sum()
        expected = shares @ STATEMENTS
        np.testing.assert_allclose(second[number], expected / np.linalg.norm(expected), atol=1e-3)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="rounds"):
        StatementConfig(rounds=0)
