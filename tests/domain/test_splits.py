"""The split of patients: stable, even, independent by salt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.errors import ConfigurationError
from echomine.domain.splits import split_of, unit_hash
from echomine.domain.vocabulary import Split

PATIENTS = [f"p-{number}" for number in range(20_000)]


def test_the_shares_are_kept():
    parts = [split_of(patient, fractions=(0.6, 0.15, 0.25)) for patient in PATIENTS]
    for part, share in ((Split.TRAIN, 0.6), (Split.VALIDATION, 0.15), (Split.TEST, 0.25)):
        assert parts.count(part) / len(parts) == pytest.approx(share, abs=0.015)


GOLDEN = ["validation", "train", "train", "train", "train", "train"]


def test_it_never_changes():
    # written down once: a data set that was exported must keep its parts in every later version
    assert [split_of(f"p-{n}").value for n in range(6)] == GOLDEN
    assert unit_hash("") == pytest.approx(0.8894, abs=1e-4)


def test_another_salt_is_another_split():
    same = sum(
        split_of(patient, fractions=(0.5, 0, 0.5)) is split_of(patient, salt="x", fractions=(0.5, 0, 0.5))
        for patient in PATIENTS
    )
    assert same / len(PATIENTS) == pytest.approx(0.5, abs=0.02)


@given(st.text())
def test_any_name_has_a_part(patient):
    assert split_of(patient) is split_of(patient)
    assert 0 <= unit_hash(patient) < 1


def test_all_in_one_part():
    assert {split_of(patient, fractions=(0, 0, 1)) for patient in PATIENTS[:500]} == {Split.TEST}
    assert {split_of(patient, fractions=(1, 0, 0)) for patient in PATIENTS[:500]} == {Split.TRAIN}


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.5, 0.6, 0.1), (1.2, -0.1, -0.1), ()])
def test_impossible_shares_are_refused(fractions):
    with pytest.raises(ConfigurationError):
        split_of("p", fractions=fractions)
