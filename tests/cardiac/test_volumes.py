import csv
import math

import nibabel
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.cardiac.volumes import (
    Flag,
    cine_volumes,
    ejection_fraction_pct,
    myocardial_mass_g,
    structure_volume_ml,
)
from echomine.domain.errors import MeasurementError
from tests.cardiac.solids import ellipsoid


def test_ellipsoid_within_one_percent():
    solid = ellipsoid((100, 90, 90), (1, 1, 1), (45, 24.3, 24.3)).astype(np.uint8)
    assert structure_volume_ml(solid, 1, (1, 1, 1)) == pytest.approx(4 / 3 * math.pi * 45 * 24.3**2 / 1000, rel=0.01)


@pytest.mark.parametrize("spacing", [(2.0, 1.0, 1.0), (1.5, 0.7, 1.3)])
def test_half_ellipsoid_of_any_voxel_within_one_percent(spacing):
    shape = tuple(round(120 / mm) for mm in spacing)
    solid = ellipsoid(shape, spacing, (50, 22, 30), centre_mm=(2 * spacing[0], 60, 60), upper_half=True)
    assert structure_volume_ml(solid, 1, spacing) == pytest.approx(2 / 3 * math.pi * 50 * 22 * 30 / 1000, rel=0.01)


def test_ejection_fraction_and_mass_by_hand():
    assert ejection_fraction_pct(120, 50) == pytest.approx(58.333, abs=1e-3)
    assert myocardial_mass_g(100) == pytest.approx(105)


@pytest.mark.parametrize("spacing", [(0, 1, 1), (1, 1), (float("nan"), 1, 1), (-1, 1, 1)])
def test_spacing_must_be_positive_millimetres(spacing):
    with pytest.raises(MeasurementError, match="positive millimetres"):
        structure_volume_ml(np.ones((4, 4, 4)), 1, spacing)


@given(st.sampled_from([(1, 0), (2, 0), (1, 2)]), st.integers(0, 5))
def test_volume_does_not_depend_on_order_of_voxels(axes, seed):
    mask = np.random.default_rng(seed).integers(0, 4, (5, 6, 7))
    spacing = np.array([8.0, 1.5, 1.2])
    swapped, order = np.swapaxes(np.flip(mask, axes[0]), *axes), [0, 1, 2]
    order[axes[0]], order[axes[1]] = order[axes[1]], order[axes[0]]
    assert structure_volume_ml(swapped, 3, spacing[order]) == pytest.approx(structure_volume_ml(mask, 3, spacing))


def _pair():
    mask = np.zeros((4, 20, 20), dtype=np.uint8)
    mask[:, 4:14, 4:14] = 2
    mask[:, 5:13, 5:13] = 3
    mask[:, 5:13, 14:18] = 1
    systole = mask.copy()
    systole[:, 5:13, 5:7] = 2
    return mask, systole


def test_cine_volumes_by_hand():
    diastole, systole = _pair()
    result = cine_volumes(diastole, systole, (10, 1, 1))
    assert (result.lv_edv_ml, result.lv_esv_ml) == pytest.approx((2.56, 1.92))
    assert result.lv_ef_pct == pytest.approx(25)
    assert result.lv_stroke_ml == pytest.approx(0.64)
    assert result.lv_mass_g == pytest.approx(1.05 * 4 * 36 * 10 / 1000)
    assert result.rv_ef_pct == pytest.approx(0)
    assert result.flags == ()


def test_absent_structures_have_no_volume_and_are_flagged():
    diastole, systole = _pair()
    diastole[diastole == 1] = 0
    result = cine_volumes(diastole, systole, (10, 1, 1))
    assert result.rv_edv_ml is None
    assert result.rv_ef_pct is None
    assert result.lv_ef_pct == pytest.approx(25)
    assert result.flags == (Flag.ABSENT_RV,)


def test_empty_masks_give_nothing_but_flags():
    empty = np.zeros((4, 8, 8), dtype=np.uint8)
    result = cine_volumes(empty, empty, (10, 1, 1))
    assert result.lv_ef_pct is None
    assert result.lv_mass_g is None
    assert set(result.flags) == {Flag.ABSENT_LV, Flag.ABSENT_RV, Flag.ABSENT_MYOCARDIUM, Flag.SAME_INSTANT}


def test_same_and_swapped_instants_are_flagged():
    diastole, systole = _pair()
    assert Flag.SAME_INSTANT in cine_volumes(diastole, diastole, (10, 1, 1)).flags
    swapped = cine_volumes(systole, diastole, (10, 1, 1))
    assert swapped.flags == (Flag.INSTANTS_SWAPPED,)
    assert swapped.lv_ef_pct < 0
    nothing = np.zeros_like(diastole)
    assert Flag.INSTANTS_SWAPPED not in cine_volumes(nothing, systole, (10, 1, 1)).flags


def test_ventricle_at_the_border_is_flagged():
    diastole, systole = _pair()
    assert Flag.CUT_AT_BORDER in cine_volumes(diastole[:, 4:], systole[:, 4:], (10, 1, 1)).flags


@pytest.mark.parametrize("shape", [(2, 8, 8), (8, 8)])
def test_too_few_slices_is_one_sentence(shape):
    mask = np.ones(shape, dtype=np.uint8)
    with pytest.raises(MeasurementError, match="3 or more slices"):
        cine_volumes(mask, mask, (10, 1, 1))


def test_sizes_must_agree():
    with pytest.raises(MeasurementError, match="one size"):
        cine_volumes(np.ones((4, 8, 8)), np.ones((4, 8, 9)), (10, 1, 1))


@pytest.mark.real
def test_published_volumes_of_acdc(real_data):
    folder = real_data / "acdc"
    for row in csv.DictReader((folder / "index.csv").read_text().splitlines()):
        masks = [nibabel.load(folder / f"{row['patient']}_{instant}_gt.nii.gz") for instant in ("ED", "ES")]
        arrays = [np.asarray(mask.dataobj).T for mask in masks]
        result = cine_volumes(*arrays, masks[0].header.get_zooms()[::-1])
        published = [float(row[name]) for name in ("LV_EDV_ml", "LV_ESV_ml", "RV_EDV_ml", "RV_ESV_ml")]
        assert [result.lv_edv_ml, result.lv_esv_ml, result.rv_edv_ml, result.rv_esv_ml] == pytest.approx(
            published, abs=0.02
        )
        assert result.lv_ef_pct == pytest.approx(100 * float(row["LV_EF"]), abs=0.02)
