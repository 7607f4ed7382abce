import io

import numpy as np
import pytest
from PIL import Image

from echomine.cardiac.apical_anatomy import ApicalCriterion, apical_violation_places
from echomine.cardiac.short_axis_anatomy import ShortAxisCriterion, violation_places
from echomine.pipeline.cardiac_pictures import DrawnPlane, plane_png, short_axis_png
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape


def reddish(png):
    """How many pixels have the colour of violations, over grey."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    return int(np.count_nonzero((pixels[..., 0] > 190) & (pixels[..., 1] < 90) & (pixels[..., 2] < 130)))


def apical(*, hole):
    mask = np.zeros((60, 50), np.uint8)
    mask[5:40, 10:40], mask[10:40, 16:34], mask[40:55, 16:34] = 2, 1, 3
    if hole:
        mask[20:28, 22:28] = 0
    return mask


@pytest.mark.parametrize("hole", [False, True])
def test_what_is_wrong_with_an_apical_mask_is_filled_in_red(hole):
    mask = apical(hole=hole)
    wrong = apical_violation_places(mask, (1.0, 1.0)).get(ApicalCriterion.HOLES_LV, np.zeros(mask.shape, bool))
    assert wrong.sum() == 48 * hole
    plane = DrawnPlane(title="A4C ED", values=mask * 40.0, mask=mask, aspect=1.0, wrong=wrong)
    assert (reddish(plane_png([plane])) > 200) is hole


@pytest.mark.parametrize("hole", [False, True])
def test_what_is_wrong_with_a_short_axis_mask_is_filled_in_red(hole):
    plane = draw_heart_shape(HeartShape(cavity_mm=24, wall_mm=9), size=(64, 64), pixel_mm=2.0)
    mask = np.stack([plane] * 3)
    if hole:
        mask[:, 30:34, 30:34] = 0
    places = violation_places(mask[1], (2.0, 2.0))
    assert {one: region.sum() for one, region in places.items()} == ({ShortAxisCriterion.HOLES_LV: 16} if hole else {})
    picture = short_axis_png([("ed", mask * 100.0, mask, (8.0, 2.0, 2.0))])
    assert (reddish(picture) > 100) is hole


def test_a_slice_with_a_violation_is_shown_however_many_there_are():
    plane = draw_heart_shape(HeartShape(cavity_mm=24, wall_mm=9), size=(64, 64), pixel_mm=2.0)
    for broken in range(13):
        mask = np.stack([plane] * 13)
        mask[broken, 30:34, 30:34] = 0
        assert reddish(short_axis_png([("ed", mask * 100.0, mask, (8.0, 2.0, 2.0))])) > 20, broken


def test_a_hole_of_one_pixel_is_seen():
    mask = np.stack([draw_heart_shape(HeartShape(cavity_mm=24, wall_mm=9), size=(64, 64), pixel_mm=2.0)] * 3)
    mask[1, 32, 32] = 0
    picture = short_axis_png([("ed", mask * 100.0, mask, (8.0, 2.0, 2.0))])
    assert reddish(picture) > 20
    below_titles = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))[40:]
    buffer = io.BytesIO()
    Image.fromarray(below_titles).save(buffer, format="PNG")
    assert reddish(buffer.getvalue()) > 20
