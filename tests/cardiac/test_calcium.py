import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.cardiac.calcium import (
    AgatstonConvention,
    CalciumSite,
    MassCalibration,
    agatston,
    calcium_scores,
    candidates,
    scores_by_site,
)
from echomine.cardiac.calcium_risk import RISK_SCHEMES, risk_scheme
from echomine.domain.errors import ConfigurationError, MeasurementError


def _phantom(rows, columns, values_hu):
    """Calcium of one density a slice, soft tissue about it."""
    volume = np.full((len(values_hu) + 4, 20, 20), 40.0)
    for at, value in enumerate(values_hu):
        volume[2 + at, 5 : 5 + rows, 6 : 6 + columns] = value
    return volume


PHANTOMS = [
    (_phantom(3, 3, [250]), (3, 1, 1), 18, 18),
    (_phantom(3, 3, [150, 450]), (3, 1, 1), 45, 45),
    (_phantom(6, 6, [350, 350]), (1.5, 0.5, 0.5), 54, 27),
    (_phantom(1, 1, [500]), (3, 1, 1), 4, 4),
    (_phantom(4, 2, [400, 400]), (0.5, 0.5, 0.5), 16, 8 / 3),
]


@pytest.mark.parametrize(("volume", "spacing", "per_slice", "scaled"), PHANTOMS)
def test_phantom_table_in_both_conventions(volume, spacing, per_slice, scaled):
    numbered, found = candidates(volume, spacing)
    assert len(found) == 1
    results = [agatston(volume, numbered > 0, spacing, convention=convention) for convention in AgatstonConvention]
    assert results == pytest.approx([per_slice, scaled])


@pytest.mark.parametrize(
    ("maximum", "weight"),
    [(129.9, 0), (130, 1), (199.9, 1), (200, 2), (299.9, 2), (300, 3), (399.9, 3), (400, 4), (2000, 4)],
)
def test_weight_of_the_maximum(maximum, weight):
    volume = _phantom(2, 2, [maximum])
    assert agatston(volume, volume > 100, (3, 1, 1)) == weight * 4


def test_maximum_counts_for_the_whole_lesion_of_a_slice_only():
    volume = _phantom(3, 3, [150, 150])
    volume[2, 6, 7] = 450
    assert agatston(volume, volume > 100, (3, 1, 1)) == 4 * 9 + 9


def test_two_lesions_of_a_slice_have_their_own_maxima():
    volume = _phantom(3, 3, [150])
    volume[2, 12:14, 12:14] = 410
    assert agatston(volume, volume > 100, (3, 1, 1)) == 9 + 4 * 4


def test_candidates_hang_together_over_corners_and_are_large_enough():
    volume = np.full((6, 20, 20), 0.0)
    volume[1, 5, 5] = volume[2, 6, 6] = 300
    volume[4, 15, 15] = 900
    spacing = (1.0, 1.0, 1.0)
    numbered, found = candidates(volume, spacing)
    assert [one.volume_mm3 for one in found] == [2.0]
    assert found[0].centre == (1.5, 5.5, 5.5)
    assert set(np.unique(numbered)) == {0, 1}
    assert len(candidates(volume, spacing, smallest_mm3=0.5)[1]) == 2
    exactly = np.zeros((3, 4, 4))
    exactly[1, 1, 1] = 130
    assert len(candidates(exactly, (1.5, 1, 1))[1]) == 1


def test_volume_and_mass_by_hand():
    volume = _phantom(3, 3, [250])
    scores = calcium_scores(volume, volume > 100, (3, 1, 1), calibration=MassCalibration(mg_per_mm3_hu=0.001))
    assert (scores.volume_mm3, scores.mass_mg, scores.lesions) == pytest.approx((27, 6.75, 1))


def test_sites_are_scored_apart_and_coronaries_together():
    volume = np.full((5, 30, 30), 30.0)
    mask = np.zeros(volume.shape, dtype=np.uint8)
    for at, site in enumerate(CalciumSite):
        if site:
            volume[2, 4 * at : 4 * at + 2, 3:5] = 250
            mask[2, 4 * at : 4 * at + 2, 3:5] = site
    result = scores_by_site(volume, mask, (3, 1, 1))
    assert result["coronary"].agatston == pytest.approx(3 * 8)
    assert {result[site.name.lower()].agatston for site in CalciumSite if site} == {8.0}
    assert result["coronary"].lesions == 3


@given(st.integers(0, 20), st.sampled_from([0.5, 2.0]))
def test_score_grows_with_area_and_not_with_flips(seed, scale):
    rng = np.random.default_rng(seed)
    volume = rng.normal(100, 120, (4, 12, 12))
    everything = np.ones(volume.shape, dtype=bool)
    score = agatston(volume, everything, (3, 1, 1))
    assert agatston(volume[::-1, :, ::-1], everything, (3, 1, 1)) == pytest.approx(score)
    assert agatston(volume, everything, (3, scale, 1)) == pytest.approx(scale * score)


def test_bad_input_is_one_sentence():
    volume = _phantom(3, 3, [250])
    with pytest.raises(MeasurementError, match="one size"):
        agatston(volume, volume[:2] > 100, (3, 1, 1))
    with pytest.raises(MeasurementError, match="positive millimetres"):
        candidates(volume, (0, 1, 1))
    with pytest.raises(MeasurementError, match="in a volume"):
        candidates(volume[0], (3, 1, 1))
    with pytest.raises(MeasurementError, match="holds 0..6"):
        scores_by_site(volume, np.full(volume.shape, 9), (3, 1, 1))
    with pytest.raises(ConfigurationError):
        MassCalibration(mg_per_mm3_hu=0)


@pytest.mark.parametrize(
    ("scheme", "score", "word"),
    [
        ("four", 0, "0"),
        ("four", 0.4, "1-99"),
        ("four", 99.9, "1-99"),
        ("four", 100, "100-399"),
        ("four", 399.9, "100-399"),
        ("four", 400, "400 or more"),
        ("lessmann2018", 10, "0-10"),
        ("lessmann2018", 11, "11-100"),
        ("lessmann2018", 1000, "101-1000"),
        ("lessmann2018", 1001, "above 1000"),
        ("five", 0, "0"),
        ("five", 5, "1-10"),
        ("five", 1500, "above 1000"),
        ("deepcac", 0, "very low"),
        ("deepcac", 100, "low"),
        ("deepcac", 300, "moderate"),
        ("deepcac", 301, "high"),
    ],
)
def test_risk_schemes(scheme, score, word):
    assert risk_scheme(scheme).category(score) == word


def test_unknown_scheme_and_impossible_score():
    with pytest.raises(ConfigurationError, match="four, lessmann2018, five, deepcac"):
        risk_scheme("mine")
    for scheme in RISK_SCHEMES.values():
        for score in (-1, math.nan, math.inf):
            with pytest.raises(MeasurementError):
                scheme.category(score)
