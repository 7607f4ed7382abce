"""Valve heads: they learn, and never judge a patient whom they have seen."""

import numpy as np

from echomine.domain.vocabulary import Valve
from echomine.learning.valve_heads import ValveHeads, fold_of, train_valve_heads

VALVES = list(Valve)


def rows(count: int = 80) -> tuple[np.ndarray, list[Valve], list[str]]:
    rng = np.random.default_rng(0)
    which = rng.integers(0, 4, count)
    features = np.eye(4, dtype=np.float32)[which] + 0.1 * rng.normal(size=(count, 4)).astype(np.float32)
    return features, [VALVES[one] for one in which], [f"P{number // 2}" for number in range(count)]


def test_valves_are_learnt() -> None:
    features, valves, patients = rows()
    heads = train_valve_heads(features, valves, patients, folds=4, ridge=0.01)
    found = heads.probabilities(features)
    assert [VALVES[place] for place in found.argmax(axis=1)] == valves
    assert np.allclose(found.sum(axis=1), 1, atol=1e-5)


def test_a_patient_is_judged_without_his_own_views() -> None:
    features, valves, patients = rows()
    own = [place for place, name in enumerate(patients) if name == "P3"]
    lie = VALVES[(VALVES.index(valves[own[0]]) + 1) % 4]
    lied = [lie if place in own else valve for place, valve in enumerate(valves)]
    honest, misled = (train_valve_heads(features, said, patients, folds=4, ridge=0.01) for said in (valves, lied))
    asked = features[own], ["P3"] * len(own)
    assert np.array_equal(honest.probabilities(*asked), misled.probabilities(*asked))
    assert not np.array_equal(honest.probabilities(features[own]), misled.probabilities(features[own]))


def test_folds_are_steady_and_used() -> None:
    folds = [fold_of(f"P{number}", 5) for number in range(200)]
    assert set(folds) == set(range(5))
    assert folds == [fold_of(f"P{number}", 5) for number in range(200)]


def test_without_views_all_valves_are_alike() -> None:
    heads = train_valve_heads(np.zeros((0, 3), np.float32), [], [], folds=3, ridge=0.1)
    assert np.allclose(heads.probabilities(np.ones((2, 3), np.float32)), 0.25)


def test_a_display_unlike_all_that_were_seen_is_told_by_doubt() -> None:
    """A tenth of what a head is taught of its valve, the others alike: e^(8 x 0.1) to 1 is no more than a hint."""
    heads = ValveHeads(np.eye(4, dtype=np.float32)[None])
    sure, foreign = heads.probabilities(np.array([[0.75, -0.25, -0.25, -0.25], [0.1, 0, 0, 0]], dtype=np.float32))
    assert sure[0] > 0.7
    assert foreign[0] / foreign[1] < 1.2
    assert np.isclose(foreign.sum(), 1)


def test_a_display_far_beyond_all_that_was_learnt_from_still_has_probabilities() -> None:
    heads = ValveHeads(np.eye(4, dtype=np.float32)[None])
    found = heads.probabilities(np.array([[40.0, 0, 0, 0], [-40.0, -40, -40, -40]], dtype=np.float32))
    np.testing.assert_allclose(found, [[1, 0, 0, 0], [0.25] * 4], atol=1e-6)
