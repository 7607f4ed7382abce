import numpy as np
import pytest

from echomine.cardiac.ct_quality import check_scorable, ct_flags
from echomine.cardiac.volumes import Flag
from echomine.domain.errors import ItemError, MeasurementError, Reason
from tests.cardiac.solids import ellipsoid

SPACING = (3.0, 2.0, 2.0)


def _chest(blood_hu=40.0):
    shape = (30, 90, 110)
    values = np.full(shape, -1000.0)
    values[ellipsoid(shape, SPACING, (200, 80, 105))] = 30
    for x in (60, 160):
        values[ellipsoid(shape, SPACING, (60, 50, 35), centre_mm=(45, 90, x))] = -850
    values[ellipsoid(shape, SPACING, (30, 28, 28), centre_mm=(45, 80, 110))] = blood_hu
    values[ellipsoid(shape, SPACING, (200, 13, 16), centre_mm=(45, 150, 110))] = 240
    return values


def test_plain_chest_has_no_flags():
    values = _chest()
    check_scorable(values, SPACING)
    assert ct_flags(values, SPACING) == ()


def test_contrast_medium_is_seen_and_vertebrae_are_not_taken_for_it():
    assert ct_flags(_chest(blood_hu=350), SPACING) == (Flag.CONTRAST,)


def test_metal_and_thick_slices():
    values = _chest()
    values[10, 40:42, 50:52] = 3071
    assert ct_flags(values, (5.0, 2.0, 2.0)) == (Flag.METAL, Flag.THICK_SLICES)


@pytest.mark.parametrize("values", [_chest() + 1024, np.zeros((5, 20, 20))])
def test_values_that_are_no_hounsfield_units(values):
    with pytest.raises(ItemError, match="slope and intercept") as caught:
        check_scorable(values, SPACING)
    assert caught.value.reason is Reason.NOT_HOUNSFIELD


@pytest.mark.parametrize("values", [_chest()[:2], _chest()[0]])
def test_too_few_slices(values):
    with pytest.raises(ItemError, match="3 or more slices"):
        check_scorable(values, SPACING)


def test_missing_spacing():
    with pytest.raises(MeasurementError):
        check_scorable(_chest(), (0, 1, 1))
