import numpy as np
import pytest

from benchmarks.structure_table import mean_by_patient, print_ef_categories, print_structures
from echomine.metrics.structures import structure_scores


def test_more_pictures_of_a_patient_do_not_make_a_mean_surer():
    """Two patients, one good and one bad: however often each is pictured, the mean may be either."""
    values, patients = [0.9] * 50 + [0.5] * 50, ["a"] * 50 + ["b"] * 50
    found = mean_by_patient(values, patients)
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.5, 0.9))


def test_tables_of_structures_draw_patients(capsys):
    whole, half = np.ones((4, 4), bool), np.zeros((4, 4), bool)
    half[:2] = True
    scores = [{"LV": structure_scores(whole, drawn, (1.0, 1.0))} for drawn in [whole] * 10 + [half] * 10]
    print_structures(scores, ["a"] * 10 + ["b"] * 10)
    assert "n 20 Dice 0.833 (0.667-1.000), lowest 0.667" in capsys.readouterr().out


def test_categories_of_ejection_fractions_beside_what_observers_do(capsys):
    print_ef_categories("EF", [(60, 62), (45, 55), (35, 30), (None, 40)], known="echo_ef")
    said = capsys.readouterr().out
    assert "esc2021: n 3, same category 0.667" in said
    assert "[[1, 1, 0], [0, 0, 0], [0, 0, 1]]" in said
    assert "between observers, r 0.801" in said
