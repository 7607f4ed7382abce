"""Choosing and calibrating regions; figures by hand from PS3.3 C.8.5.5."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import UltrasoundRegion
from echomine.domain.vocabulary import CalibrationSource, DopplerMode
from echomine.doppler.region import (
    blank_outside,
    calibration_of,
    choose_spectral_region,
    has_velocity_units,
    mode_of,
)

CW = UltrasoundRegion(
    spatial_format=3,
    data_type=4,
    flags=0,
    min_x0=50,
    min_y0=200,
    max_x1=649,
    max_y1=499,
    units_x=4,
    units_y=7,
    delta_x=0.004,
    delta_y=-2.0,
    reference_x0=0,
    reference_y0=100,
    reference_value_x=0.0,
    reference_value_y=0.0,
)
TISSUE = replace(CW, spatial_format=1, data_type=1, min_x0=0, min_y0=0, max_y1=199, units_x=3, units_y=3)


def choose(*regions, rows=600, columns=800):
    return choose_spectral_region(regions, rows=rows, columns=columns)


def test_the_spectral_region_is_found_wherever_it_stands():
    for regions in ((TISSUE, CW), (CW, TISSUE)):
        chosen = choose(*regions)
        assert chosen.region is CW
        assert chosen.box == (50, 200, 650, 500)
        assert not chosen.clipped


def test_velocity_units_go_before_frequency_units_and_then_the_larger():
    frequency = replace(CW, units_y=5, min_x0=0, max_x1=799)
    small = replace(CW, max_x1=200)
    assert choose(frequency, small, CW).region is CW
    assert choose(frequency).region is frequency
    assert not has_velocity_units(frequency)
    assert not has_velocity_units(replace(CW, flags=0b100))
    assert has_velocity_units(replace(CW, flags=0b1011))


@pytest.mark.parametrize("regions", [(), (TISSUE,), (replace(CW, data_type=7),), (replace(CW, spatial_format=4),)])
def test_no_spectral_region_has_its_own_reason(regions):
    with pytest.raises(ItemError) as caught:
        choose(*regions)
    assert caught.value.reason is Reason.NO_SPECTRAL_REGION


@pytest.mark.parametrize(
    "changes",
    [
        {"max_y1": 2**32 - 1},
        {"min_x0": 900, "max_x1": 1200},
        {"min_x0": 649, "max_x1": 50},
        {"max_y1": 210},
        {"min_y0": 590, "max_y1": 2000},
    ],
)
def test_absurd_regions_are_refused(changes):
    with pytest.raises(ItemError) as caught:
        choose(replace(CW, **changes))
    assert caught.value.reason is Reason.BAD_REGION


def test_a_region_that_reaches_out_is_clipped_and_keeps_its_baseline():
    chosen = choose(CW, rows=400)
    assert chosen.box == (50, 200, 650, 400)
    assert chosen.clipped
    assert calibration_of(chosen.region, chosen.box) == calibration_of(CW, (50, 200, 650, 500))


def test_calibration_by_hand():
    # v(y) = value + ((y - MinY0) - RefY0) * DeltaY; row 150 of the region is 50 below the baseline at -2 cm/s a row
    scale = calibration_of(CW, (50, 200, 650, 500))
    assert scale is not None
    assert scale.mps_per_px == pytest.approx(0.02)
    assert scale.baseline_y == 100
    assert scale.velocity_mps(150) == pytest.approx(-1.0)
    assert scale.s_per_px == 0.004
    assert scale.source is CalibrationSource.DICOM


def test_an_inverted_display_keeps_its_sign():
    scale = calibration_of(replace(CW, delta_y=2.0), (50, 200, 650, 500))
    assert scale is not None
    assert scale.mps_per_px == pytest.approx(-0.02)
    assert scale.velocity_mps(150) == pytest.approx(1.0)


def test_a_reference_value_moves_the_baseline():
    # row 100 is 40 cm/s; at -2 cm/s a row the zero lies 20 rows below
    scale = calibration_of(replace(CW, reference_value_y=40.0), (50, 200, 650, 500))
    assert scale is not None
    assert scale.baseline_y == 120


@given(
    reference=st.integers(-300, 600),
    value=st.floats(-300, 300),
    delta=st.sampled_from([-3.0, -0.7, 0.7, 3.0]),
    clip=st.integers(0, 100),
    y=st.floats(0, 199),
)
def test_calibration_agrees_with_the_standard_for_any_crop(reference, value, delta, clip, y):
    region = replace(CW, reference_y0=reference, reference_value_y=value, delta_y=delta)
    box = (50, 200 + clip, 650, 500)
    scale = calibration_of(region, box)
    if scale is not None:
        of_the_standard = (value + ((y + box[1] - region.min_y0) - reference) * delta) / 100
        assert scale.velocity_mps(y) == pytest.approx(of_the_standard, abs=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"units_y": 5},
        {"units_x": 0},
        {"flags": 4},
        {"reference_y0": None},
        {"delta_y": 0.0},
        {"delta_y": math.nan},
        {"delta_y": math.inf},
        {"delta_x": 0.0},
        {"delta_x": -0.004},
        {"delta_x": math.nan},
        {"delta_y": 1e9},
        {"reference_y0": 10**9},
        {"reference_value_y": math.nan},
    ],
)
def test_a_scale_that_cannot_hold_is_no_scale(changes):
    assert calibration_of(replace(CW, **changes), (50, 200, 650, 500)) is None


def test_mode():
    assert mode_of(CW) is DopplerMode.CW
    assert mode_of(replace(CW, data_type=3)) is DopplerMode.PW
    assert mode_of(TISSUE) is DopplerMode.UNKNOWN


def test_blanking_keeps_the_boxes_only():
    pixels = np.full((40, 50, 3), 200, dtype=np.uint8)
    blanked = blank_outside(pixels, [(5, 10, 15, 20), (10, 15, 30, 30)])
    assert int((blanked > 0).all(axis=2).sum()) == 10 * 10 + 20 * 15 - 5 * 5
    assert not blanked[:10].any()
    assert pixels.all()
    assert not blank_outside(pixels, []).any()
