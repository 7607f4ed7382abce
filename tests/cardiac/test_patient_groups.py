import numpy as np
import pytest

from echomine.cardiac.patient_groups import (
    GroupClassifier,
    VentricleVolumes,
    group_files,
    groups_from_files,
    left_out_guesses,
    volumes_of,
)
from echomine.cardiac.volumes import CineVolumes
from echomine.domain.errors import ArtifactError, MeasurementError

TYPICAL = {"NOR": (130, 50, 140, 60, 100), "DCM": (280, 220, 150, 90, 170), "HCM": (130, 35, 140, 50, 200)}


def _patients(count, seed):
    rng = np.random.default_rng(seed)
    names = ("lv_edv_ml", "lv_esv_ml", "rv_edv_ml", "rv_esv_ml", "lv_mass_g")
    return [
        (VentricleVolumes(**dict(zip(names, np.array(means) * rng.uniform(0.9, 1.1, 5), strict=True))), group)
        for group, means in TYPICAL.items()
        for _ in range(count)
    ]


def test_it_tells_typical_patients_apart_and_repeats_itself():
    known, new = _patients(8, seed=0), _patients(4, seed=1)
    classifiers = [GroupClassifier([v for v, _ in known], [g for _, g in known], seed=3) for _ in range(2)]
    first, again = (one.guess([v for v, _ in new]) for one in classifiers)
    assert [guess.group for guess in first] == [group for _, group in new]
    assert first == again
    assert all(sum(guess.shares.values()) == pytest.approx(1) for guess in first)


def test_what_is_read_back_guesses_as_what_was_written():
    known, new = _patients(6, seed=0), [volumes for volumes, _ in _patients(2, seed=1)]
    volumes, groups = [v for v, _ in known], [g for _, g in known]
    files = group_files(volumes, groups, seed=3)
    again = groups_from_files(files, generation="abc")
    assert again.generation == "abc"
    assert again.guess(new) == GroupClassifier(volumes, groups, seed=3).guess(new)
    for broken in ({}, {"patients.json": b"[]"}, {"patients.json": b'{"seed": 0, "patients": [{"group": "a"}]}'}):
        with pytest.raises(ArtifactError, match="train them again"):
            groups_from_files(broken)


def test_nobody_is_judged_by_a_classifier_that_knows_him():
    """Each group has one patient like those of another: left out, he is told wrong; known, he would be told right."""
    known = _patients(4, seed=0)
    odd = dict(zip(("NOR", "DCM", "HCM"), ("DCM", "HCM", "NOR"), strict=True))
    for group, looks in odd.items():
        at = next(n for n, (_, name) in enumerate(known) if name == group)
        (like,) = (v for n, (v, name) in enumerate(_patients(1, seed=9)) if name == looks)
        known[at] = (like, group)
    volumes, groups = [v for v, _ in known], [g for _, g in known]
    guesses = left_out_guesses(volumes, groups, folds=4, seed=0)
    assert [one.group for one in guesses[::4]] == [odd[group] for group in groups[::4]]
    assert [one.group for one in GroupClassifier(volumes, groups).guess(volumes)] == groups
    with pytest.raises(MeasurementError, match="5 folds"):
        left_out_guesses(volumes, groups, folds=5, seed=0)


def test_features_by_hand():
    one = VentricleVolumes(lv_edv_ml=100, lv_esv_ml=40, rv_edv_ml=125, rv_esv_ml=50, lv_mass_g=90)
    assert one.features() == pytest.approx([100, 40, 60, 125, 50, 60, 90, 60, 0.8, 0.8, 0.9])


def test_missing_structures_and_single_groups_are_refused():
    nothing = CineVolumes(
        lv_edv_ml=1, lv_esv_ml=1, lv_ef_pct=0, lv_stroke_ml=0, rv_edv_ml=None, rv_esv_ml=1, rv_ef_pct=None, lv_mass_g=1
    )
    with pytest.raises(MeasurementError, match="both ventricles"):
        volumes_of(nothing)
    known = _patients(3, seed=0)[:3]
    with pytest.raises(MeasurementError, match="two or more groups"):
        GroupClassifier([v for v, _ in known], [g for _, g in known])
