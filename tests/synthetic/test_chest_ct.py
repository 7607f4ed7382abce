import numpy as np
import pytest

from echomine.cardiac.calcium import CalciumSite, candidates, scores_by_site
from echomine.cardiac.ct_quality import check_scorable, ct_flags
from echomine.synthetic.chest_ct import SITES, THRESHOLD_HU, ChestConfig, make_chest_ct

SMALL = ChestConfig(depth_mm=90, slice_mm=(3.0, 3.0), calcified=1.0, noise_hu=(15, 15), variety=0)


@pytest.fixture(scope="module")
def chest():
    return make_chest_ct(np.random.default_rng(1), SMALL)


def test_a_scorable_chest_without_contrast_or_metal(chest):
    check_scorable(chest.values_hu, chest.spacing_mm)
    assert ct_flags(chest.values_hu, chest.spacing_mm) == ()


def test_tissues_have_their_densities(chest):
    middle = chest.values_hu[12:18].mean(axis=0)
    assert middle[:15, :15].mean() == pytest.approx(-1000, abs=10)
    assert middle[105:110, 55:60].mean() == pytest.approx(-850, abs=10)
    assert middle[85:95, 105:115].mean() == pytest.approx(45, abs=8)


def test_sites_are_numbered_as_in_a_calcium_mask(chest):
    assert [site.name.lower() for site in CalciumSite][1:] == list(SITES)
    assert set(np.unique(chest.mask)) <= set(range(7))
    assert len(np.unique(chest.mask)) >= 5
    scores = scores_by_site(chest.values_hu, chest.mask, chest.spacing_mm)
    assert scores["coronary"].agatston > 0


def test_true_calcium_is_found_as_candidates_among_more_bone(chest):
    numbered, found = candidates(chest.values_hu, chest.spacing_mm)
    calcium = chest.mask > 0
    assert (numbered[calcium] > 0).mean() > 0.7
    assert max(one.volume_mm3 for one in found) > 5000
    assert chest.values_hu[calcium].mean() > THRESHOLD_HU


def test_coronaries_lie_where_they_belong(chest):
    middle = {number: np.argwhere(chest.mask == number).mean(axis=0) for number in np.unique(chest.mask) if number}
    assert middle[int(CalciumSite.RCA)][2] < chest.mask.shape[2] / 2
    assert middle[int(CalciumSite.LCX)][2] > chest.mask.shape[2] / 2


def test_bodies_differ_and_stay_scorable():
    first, other = (make_chest_ct(np.random.default_rng(seed), ChestConfig(depth_mm=60)) for seed in (3, 4))
    lungs = [np.argwhere((one.values_hu > -950) & (one.values_hu < -750)).mean(axis=0) for one in (first, other)]
    assert np.abs(lungs[0] - lungs[1])[1:].max() > 0.5
    check_scorable(other.values_hu, other.spacing_mm)
    assert ct_flags(other.values_hu, other.spacing_mm) == ()


def test_same_seed_same_chest_and_none_without_calcium():
    plan = ChestConfig(depth_mm=30, slice_mm=(3.0, 3.0), calcified=0.0)
    first, again = (make_chest_ct(np.random.default_rng(2), plan) for _ in range(2))
    assert np.array_equal(first.values_hu, again.values_hu)
    assert not first.mask.any()


@pytest.mark.parametrize("seed", range(6))
def test_no_heart_pushes_the_aorta_into_the_spine(seed):
    """The falling aorta lies in front of the vertebrae and to the left, whatever the heart's place and size."""
    plan = ChestConfig(depth_mm=60, slice_mm=(3.0, 3.0), calcified=0.0, noise_hu=(1, 1), variety=2)
    values = make_chest_ct(np.random.default_rng(seed), plan).values_hu
    rows, columns = (np.arange(side) - (side - 1) / 2 for side in plan.size)
    scale = [np.ptp(np.flatnonzero((values[10] > -500).any(axis=at))) / (2 * half) for at, half in ((1, 95), (0, 118))]
    y, x = np.meshgrid(rows / scale[0], columns / scale[1], indexing="ij")
    aorta = np.hypot(y - 48, x - 26) < 11
    assert np.median(values[:, aorta]) == pytest.approx(42, abs=5)
    assert np.quantile(values[:, aorta], 0.99) < THRESHOLD_HU
