import numpy as np
import pytest

from echomine.cardiac.anatomical_guarantee import Remedy
from echomine.cardiac.apical_anatomy import apical_violations
from echomine.cardiac.apical_guarantee import apical_overlap, valid_apical
from tests.cardiac.corruptions import corrupted

SPACING = (1.5, 1.5)


def view(rng):
    """An apical view of random size: half an ellipse with its wall, an atrium below."""
    length, width, wall = rng.uniform(34, 42), rng.uniform(11, 16), rng.uniform(5, 8)
    y, x = np.mgrid[:96, :96] - np.array([54.0, 48.0])[:, None, None]
    x = x + rng.uniform(-0.2, 0.2) * y
    mask = np.zeros((96, 96), np.uint8)
    mask[(y <= 0) & ((y / (length + wall)) ** 2 + (x / (width + wall)) ** 2 <= 1)] = 2
    mask[(y <= 0) & ((y / length) ** 2 + (x / width) ** 2 <= 1)] = 1
    mask[(y > 0) & (((y - 10) / 14) ** 2 + (x / (width - 1)) ** 2 <= 1)] = 3
    return mask


def _guaranteed(count, seed):
    rng = np.random.default_rng(seed)
    overlaps = {}
    for _ in range(count):
        whole = view(rng)
        broken, name = corrupted(whole, rng)
        result = valid_apical(broken, SPACING)
        assert apical_violations(result.mask, SPACING) == {}, name
        overlaps.setdefault(name, []).append(apical_overlap(result.mask, whole))
    return overlaps


def test_valid_masks_come_back_unchanged():
    rng = np.random.default_rng(0)
    for _ in range(5):
        mask = view(rng)
        result = valid_apical(mask, SPACING)
        assert result.remedy is Remedy.NONE
        np.testing.assert_array_equal(result.mask, mask)


def test_corrupted_masks_have_no_violation():
    overlaps = _guaranteed(60, 1)
    for name in ("hole", "island"):
        assert np.mean(overlaps[name]) > 0.95


@pytest.mark.slow
def test_hundreds_of_corrupted_masks_have_no_violation():
    assert sum(map(len, _guaranteed(400, 2).values())) == 400


def test_a_ventricle_without_a_wall_gets_one_and_an_empty_mask_stays_empty():
    mask = view(np.random.default_rng(3))
    bare = np.where(mask == 2, 0, mask).astype(np.uint8)
    result = valid_apical(bare, SPACING)
    assert result.remedy is Remedy.REPAIRED
    np.testing.assert_array_equal(result.mask == 1, bare == 1)
    assert (result.mask == 2).any()
    assert not valid_apical(np.zeros((20, 20)), SPACING).mask.any()


@pytest.mark.real
def test_traced_masks_of_camus_change_little(real_data):
    import nibabel

    files = sorted((real_data / "camus").glob("*_gt.nii.gz"))
    for path in files[::13]:
        image = nibabel.load(path)
        mask, spacing = np.asarray(image.dataobj).T[::3, ::3], tuple(3 * mm for mm in image.header.get_zooms()[::-1])
        result = valid_apical(mask, spacing)
        assert apical_violations(result.mask, spacing) == {}
        assert apical_overlap(result.mask, mask.astype(np.uint8)) > 0.97
