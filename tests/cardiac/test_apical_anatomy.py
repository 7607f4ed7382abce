import numpy as np
import pytest

from echomine.cardiac.apical_anatomy import (
    APICAL_LIMITS,
    ApicalCriterion,
    apical_measures,
    apical_violation_places,
    apical_violations,
)
from echomine.domain.errors import MeasurementError
from tests.cardiac.corruptions import corrupted
from tests.cardiac.solids import turned_outline

SPACING = (0.5, 0.5)
Criterion = ApicalCriterion


def _view(wall_px=16):
    """Ventricle 80 x 44 mm with its flat base down, a wall about it, an atrium below."""
    cavity = turned_outline((320, 280), SPACING, length_mm=80, width_mm=44, degrees=180, half=True)
    bottom = np.flatnonzero(cavity.any(axis=1))[-1] + 1
    y, x = np.nonzero(cavity)
    outer = turned_outline((320, 280), SPACING, length_mm=80 + wall_px, width_mm=44 + wall_px, degrees=180, half=True)
    outer = np.roll(outer, bottom - np.flatnonzero(outer.any(axis=1))[-1] - 1, axis=0)
    mask = np.where(outer, 2, 0).astype(np.uint8)
    mask[y, x] = 1
    mask[bottom : bottom + 60, 100:180] = 3
    return mask, bottom


def _changed(rows, columns, label):
    mask, _ = _view()
    mask[rows, columns] = label
    return mask


_, BOTTOM = _view()
CASES = [
    (_changed(slice(200, 204), slice(140, 143), 0), Criterion.HOLES_LV, 3.0),
    (_changed(slice(BOTTOM + 20, BOTTOM + 24), slice(140, 143), 0), Criterion.HOLES_LA, 3.0),
    (_changed(slice(5, 9), slice(5, 8), 1), Criterion.PIECES_LV, 3.0),
    (_changed(slice(5, 9), slice(5, 8), 2), Criterion.PIECES_MYO, 3.0),
    (_changed(slice(5, 9), slice(5, 8), 3), Criterion.PIECES_LA, 3.0),
    (_changed(slice(BOTTOM - 1, BOTTOM + 1), slice(140, 143), 0), Criterion.HOLES_LV_LA, 1.5),
]


def test_a_plain_view_is_valid():
    assert apical_violations(_view()[0], SPACING) == {}


@pytest.mark.parametrize(("mask", "criterion", "value"), CASES)
def test_each_area_by_hand(mask, criterion, value):
    assert apical_violations(mask, SPACING)[criterion] == pytest.approx(value)
    assert np.count_nonzero(apical_violation_places(mask, SPACING)[criterion]) * 0.25 == pytest.approx(value)


def test_hole_in_the_wall_and_between():
    mask, _ = _view()
    wall = np.argwhere(mask == 2)
    y, x = wall[np.argmin(wall[:, 0])] + [8, 0]
    mask[y : y + 2, x : x + 2] = 0
    assert apical_violations(mask, SPACING)[Criterion.HOLES_EPI] == pytest.approx(1.0)
    mask, _ = _view()
    top = np.argwhere(mask == 1)[0]
    mask[top[0] : top[0] + 2, top[1]] = 0
    assert Criterion.HOLES_LV_MYO in apical_violations(mask, SPACING)


def test_a_thin_wall_and_a_wide_ventricle():
    values = apical_measures(_view(wall_px=5)[0], SPACING)
    assert values[Criterion.WALL] < 0.12
    assert values[Criterion.WIDTH_RATIO] > 4.15
    even = np.zeros((60, 50), dtype=np.uint8)
    even[5:50, 7:43] = 2
    even[13:50, 15:35] = 1
    assert apical_measures(even, (1.0, 1.0))[Criterion.WALL] == pytest.approx(2 * 4.5 / np.sqrt(37 * 20), rel=0.12)


def test_the_place_of_a_thin_wall_is_where_it_is_thin():
    mask = np.zeros((80, 80), dtype=np.uint8)
    mask[10:70, 10:70] = 2
    mask[20:70, 20:60] = 1
    mask[11:19, 34:46] = 0
    mask[19:21, 34:46] = 2
    mask[10:19, 34:46] = 0
    place = apical_violation_places(mask, (1.0, 1.0))[Criterion.WALL]
    assert place[19:21, 36:44].all()
    assert not place[30:, :].any()


def test_frontiers_are_shares_of_outlines():
    mask = np.zeros((60, 60), dtype=np.uint8)
    mask[10:30, 10:50] = 2
    mask[30:50, 10:30] = 1
    mask[30:50, 30:50] = 3
    values = apical_measures(mask, (1.0, 1.0))
    assert values[Criterion.LV_BACKGROUND] == pytest.approx(40 / 80)
    assert values[Criterion.MYO_LA] == pytest.approx(20 / 120)
    assert {Criterion.LV_BACKGROUND, Criterion.MYO_LA} <= set(apical_violations(mask, (1.0, 1.0)))
    places = apical_violation_places(mask, (1.0, 1.0))
    assert places[Criterion.LV_BACKGROUND].sum() == 20 + 20 - 1
    assert places[Criterion.MYO_LA].sum() == 20 + 20


def test_every_violation_has_a_place():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        mask, _ = corrupted(_view(int(rng.integers(4, 20)))[0][::2, ::2], rng)
        mask[mask > 3] = 0
        places = apical_violation_places(mask, (1.0, 1.0))
        assert set(places) == set(apical_violations(mask, (1.0, 1.0)))
        assert all(region.any() for region in places.values())
        seen |= set(places)
    assert {Criterion.WIDTH_RATIO, Criterion.WALL, Criterion.LV_BACKGROUND} <= seen


def test_flips_and_scale():
    mask = CASES[0][0]
    expected = apical_measures(mask, SPACING)
    assert apical_measures(mask[:, ::-1], SPACING) == pytest.approx(expected, rel=1e-6)
    doubled = apical_measures(mask, (1.0, 1.0))
    for one, limit in APICAL_LIMITS.items():
        assert doubled[one] == pytest.approx(expected[one] * (4 if limit.unit == "mm2" else 1), rel=1e-6)


def test_twelve_criteria_and_absent_structures():
    assert len(Criterion) == 12
    assert set(APICAL_LIMITS) == set(Criterion)
    assert apical_violations(np.zeros((30, 30), dtype=np.uint8), SPACING) == {}


@pytest.mark.parametrize(("mask", "words"), [(np.full((9, 9), 7), "holds 0..3"), (np.zeros((3, 9, 9)), "in a plane")])
def test_bad_input_is_one_sentence(mask, words):
    with pytest.raises(MeasurementError, match=words):
        apical_violations(mask, SPACING)


@pytest.mark.real
def test_traced_masks_of_camus(real_data):
    import nibabel

    files = sorted((real_data / "camus").glob("*_gt.nii.gz"))
    valid = 0
    for path in files[::4]:
        image = nibabel.load(path)
        valid += not apical_violations(np.asarray(image.dataobj).T, image.header.get_zooms()[::-1])
    assert valid >= 0.9 * len(files[::4])
