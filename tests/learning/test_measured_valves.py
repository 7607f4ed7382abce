"""The valve by measurement: brightness says nothing, a slow neighbour does not override the main flow."""

import numpy as np

from echomine.domain.vocabulary import Valve
from echomine.doppler.display_numbers import NUMBERS, RECOGNISED
from echomine.doppler.envelope import Side
from echomine.learning.measured_valves import GRADED, MeasuredValves, train_measured_valves


def place(side: Side, name: str) -> int:
    return NUMBERS.index((side, name))


def flow(row: np.ndarray, side: Side, *, speed_mps: float, lasts_ms: float, peak: float, strength: float) -> None:
    values = {"vmax": np.log(speed_mps), "duration": np.log(lasts_ms), "acceleration": peak, "strength": strength}
    for name, value in values.items():
        row[place(side, name)] = value


def numbers(valve: Valve, rng: np.random.Generator) -> np.ndarray:
    """Ejections of the aortic valve, long jets back through the mitral valve: Weissler's and Zoghbi's durations."""
    row = np.full(len(NUMBERS), np.nan, dtype=np.float32)
    for side in Side:
        for name in RECOGNISED:
            row[place(side, name)] = 0
    speed, lasts, peak = (3.0, 300, 0.34) if valve is Valve.AORTIC else (5.0, 420, 0.44)
    strength = float(rng.uniform(13, 17))
    flow(row, Side.BELOW, speed_mps=speed * rng.uniform(0.8, 1.2), lasts_ms=lasts, peak=peak, strength=strength)
    return row


def learnt() -> tuple[MeasuredValves, np.ndarray, list[Valve]]:
    rng = np.random.default_rng(0)
    valves = [Valve.AORTIC, Valve.MITRAL] * 40
    rows = np.stack([numbers(valve, rng) for valve in valves])
    patients = [str(number // 2) for number in range(len(valves))]
    return train_measured_valves(rows, valves, patients, folds=4), rows, valves


def test_valves_are_told_and_come_back_from_arrays() -> None:
    heads, rows, valves = learnt()
    found = heads.probabilities(rows)
    assert [list(Valve)[place] for place in found.argmax(axis=1)] == valves
    again = MeasuredValves.from_arrays(heads.arrays())
    np.testing.assert_array_equal(again.probabilities(rows), found)


def test_brightness_and_a_weak_neighbour_change_nothing() -> None:
    heads, rows, _ = learnt()
    changed = rows.copy()
    for one in changed:
        flow(one, Side.ABOVE, speed_mps=1.2, lasts_ms=500, peak=0.1, strength=one[place(Side.BELOW, "strength")] - 2)
        one[[place(side, "level") for side in Side]] = 3.0
    np.testing.assert_allclose(heads.probabilities(changed), heads.probabilities(rows), atol=1e-6)


def test_numbers_of_grades_tell_what_is_missing() -> None:
    heads, rows, _ = learnt()
    graded = heads.graded(rows)
    speed, missing_above = graded[:, len(GRADED)], graded[:, 2 * len(GRADED)]
    assert np.corrcoef(speed, rows[:, place(Side.BELOW, "vmax")])[0, 1] > 0.999
    assert (missing_above > 0).all()


def test_no_views_find_all_valves_alike() -> None:
    none = train_measured_valves(np.zeros((0, len(NUMBERS)), np.float32), [], [], folds=3)
    rows = learnt()[1][:2]
    np.testing.assert_allclose(none.probabilities(rows), 1 / len(Valve), atol=1e-6)
