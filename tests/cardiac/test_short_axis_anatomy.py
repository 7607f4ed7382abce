import numpy as np
import pytest

from echomine.cardiac.shape_measures import concavity_mm
from echomine.cardiac.short_axis_anatomy import (
    SHORT_AXIS_LIMITS,
    ShortAxisCriterion,
    short_axis_measures,
    short_axis_violations,
    violation_places,
    volume_violations,
)
from echomine.domain.errors import MeasurementError
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape, random_heart_shape
from tests.cardiac.corruptions import corrupted

SPACING = (1.5, 1.2)
Criterion = ShortAxisCriterion


def _disc(radius, centre=(40, 50), size=(90, 100)):
    y, x = np.ogrid[: size[0], : size[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 <= radius**2


def _heart():
    mask = np.zeros((90, 100), dtype=np.uint8)
    mask[_disc(20, (40, 30))] = 1
    mask[_disc(18)] = 2
    mask[_disc(11)] = 3
    return mask


def _changed(*places):
    mask = _heart()
    for where, label in places:
        mask[where] = label
    return mask


LV_SPOT, RV_SPOT, MYO_SPOT = (
    (slice(39, 41), slice(49, 52)),
    (slice(39, 41), slice(20, 23)),
    (slice(25, 27), slice(49, 52)),
)
FAR = (slice(80, 82), slice(90, 93))
BELOW = (slice(50, 56), slice(50, 51))
CASES = [
    (_changed((LV_SPOT, 0)), Criterion.HOLES_LV, 6 * 1.8),
    (_changed((RV_SPOT, 0)), Criterion.HOLES_RV, 6 * 1.8),
    (_changed((MYO_SPOT, 0)), Criterion.HOLES_MYO, 6 * 1.8),
    (_changed((FAR, 3)), Criterion.PIECES_LV, 6 * 1.8),
    (_changed((FAR, 1)), Criterion.PIECES_RV, 6 * 1.8),
    (_changed((FAR, 2)), Criterion.PIECES_MYO, 6 * 1.8),
    (_changed(((slice(29, 31), slice(50, 51)), 0)), Criterion.HOLES_LV_MYO, 2 * 1.8),
    (_changed(((slice(40, 41), slice(31, 33)), 0), ((slice(40, 41), slice(32, 33)), 0)), Criterion.HOLES_RV_MYO, None),
]


def test_a_plain_heart_is_valid():
    assert short_axis_violations(_heart(), SPACING) == {}


@pytest.mark.parametrize(("mask", "criterion", "value"), CASES)
def test_each_area_by_hand(mask, criterion, value):
    violations = short_axis_violations(mask, SPACING)
    assert criterion in violations
    if value is not None:
        assert violations[criterion] == pytest.approx(value)
    assert np.count_nonzero(violation_places(mask, SPACING)[criterion]) * 1.8 == pytest.approx(violations[criterion])


def test_the_place_of_a_dent_is_the_dent():
    mask = np.zeros((60, 60), dtype=np.uint8)
    mask[8:52, 8:52] = 2
    mask[28:32, 30:52] = 0
    places = violation_places(mask, (1.0, 1.0))
    slot = np.zeros_like(mask, dtype=bool)
    slot[28:32, 30:52] = True
    assert np.array_equal(places[Criterion.CONCAVITY_MYO], slot)
    for label, one in ((3, Criterion.CONCAVITY_LV), (1, Criterion.CONCAVITY_RV)):
        alone = np.where(mask == 2, label, 0)
        assert np.array_equal(violation_places(alone, (2.0, 2.0))[one], slot)


def test_the_place_of_what_is_not_round_is_its_rim():
    mask = np.zeros((60, 140), dtype=np.uint8)
    mask[10:13, 5:135] = 2
    place = violation_places(mask, (1.0, 1.0))[Criterion.CIRCULARITY_MYO]
    assert place.sum() == 3 * 130 - 128
    cavity = np.where(mask == 2, 3, 0)
    assert np.array_equal(violation_places(cavity, (1.0, 1.0))[Criterion.CIRCULARITY_LV], place)


def test_every_violation_has_a_place():
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(150):
        mask, _ = corrupted(draw_heart_shape(random_heart_shape(rng), size=(104, 104), pixel_mm=1.6), rng)
        mask[mask > 3] = 0
        places = violation_places(mask, (1.6, 1.6))
        assert set(places) == set(short_axis_violations(mask, (1.6, 1.6)))
        assert all(region.any() for region in places.values())
        seen |= set(places)
    assert len(seen) >= 14


def test_a_hole_is_counted_once():
    for mask, criterion, _ in CASES[:3]:
        holes = [one for one in short_axis_violations(mask, SPACING) if one.startswith("holes")]
        assert holes == [criterion]


def test_gap_between_ventricles_in_mm():
    mask = _heart()
    mask[mask == 1] = 0
    mask[20:60, 10:20] = 1
    assert short_axis_measures(mask, SPACING)[Criterion.GAP_RV_MYO] == pytest.approx((32 - 19) * 1.2)
    mask[mask == 1] = 0
    assert short_axis_measures(mask, SPACING)[Criterion.GAP_RV_MYO] == 0


def test_frontiers_are_lengths_of_shared_sides():
    mask = np.zeros((40, 40), dtype=np.uint8)
    mask[10:30, 10:30] = 2
    mask[14:26, 14:30] = 3
    mask[14:20, 30:36] = 1
    values = short_axis_measures(mask, SPACING)
    assert values[Criterion.FRONTIER_LV_RV] == pytest.approx(6 * 1.5)
    assert values[Criterion.FRONTIER_LV_BACKGROUND] == pytest.approx(6 * 1.5)


def test_concavity_is_the_depth_of_a_dent_beyond_a_pixel():
    square = np.zeros((60, 60), dtype=bool)
    square[10:50, 10:50] = True
    assert concavity_mm(square, (1.0, 1.0)) == 0
    square[28:32, 35:50] = False
    assert concavity_mm(square, (1.0, 1.0)) == pytest.approx(15 - np.sqrt(2), abs=0.1)
    assert concavity_mm(square, (2.0, 2.0)) == pytest.approx(30 - np.sqrt(8), abs=0.2)
    assert short_axis_measures(_heart(), (1.0, 1.0))[Criterion.CONCAVITY_MYO] == 0


def test_circularity_of_disc_and_strip():
    mask = np.zeros((60, 140), dtype=np.uint8)
    mask[10:50, 5:135] = 2
    mask[28:32, 10:130] = 3
    values = short_axis_measures(mask, (1.0, 1.0))
    assert values[Criterion.CIRCULARITY_LV] == pytest.approx(4 * np.pi * 480 / 248**2, rel=0.05)
    assert Criterion.CIRCULARITY_LV in short_axis_violations(mask, (1.0, 1.0))
    assert short_axis_measures(_heart(), (1.0, 1.0))[Criterion.CIRCULARITY_LV] > 0.8


def test_flips_and_turns_change_nothing():
    for mask, _, _ in CASES:
        expected = short_axis_measures(mask, (1.3, 1.3))
        for other in (mask[::-1], mask[:, ::-1], np.rot90(mask)):
            assert short_axis_measures(np.ascontiguousarray(other), (1.3, 1.3)) == pytest.approx(expected)


def test_absent_structures_violate_nothing():
    for label in (1, 3):
        mask = _heart()
        mask[mask == label] = 2 if label == 3 else 0
        assert short_axis_violations(mask, SPACING) == {}
    assert short_axis_violations(np.zeros((20, 20), dtype=np.uint8), SPACING) == {}


def test_a_heart_at_the_border_is_judged_as_elsewhere():
    mask = _heart()[:, 12:]
    assert short_axis_violations(mask, SPACING) == {}


def test_parametric_hearts_are_valid_in_any_pixel():
    shape = HeartShape(cavity_mm=24, wall_mm=9, ovality=1.2, septum_angle=2.5, rv_depth_mm=30)
    for pixel in (0.8, 1.25, 2.0):
        mask = draw_heart_shape(shape, size=(int(140 / pixel), int(150 / pixel)), pixel_mm=pixel)
        assert set(np.unique(mask)) == {0, 1, 2, 3}
        assert short_axis_violations(mask, (pixel, pixel)) == {}


def test_volumes_name_the_slice():
    volume = np.stack([_heart(), CASES[0][0], np.zeros_like(_heart())])
    assert list(volume_violations(volume, (10.0, *SPACING))) == [1]


def test_sixteen_criteria_each_with_a_limit_and_a_unit():
    assert len(Criterion) == 16
    assert set(SHORT_AXIS_LIMITS) == set(Criterion)
    assert {limit.unit for limit in SHORT_AXIS_LIMITS.values()} == {"mm2", "mm", ""}


@pytest.mark.parametrize(
    ("mask", "words"), [(np.full((9, 9), 7), "holds 0..3"), (np.zeros((3, 9, 9)), "slice by slice")]
)
def test_bad_input_is_one_sentence(mask, words):
    with pytest.raises(MeasurementError, match=words):
        short_axis_violations(mask, SPACING)
