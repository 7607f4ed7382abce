import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from echomine.cardiac.anatomical_guarantee import Remedy, ValidShapes, _warps, overlap, valid_slice, valid_volume
from echomine.cardiac.short_axis_anatomy import short_axis_violations, volume_violations
from echomine.models.segmentation.heart_frame import heart_frame, into_frame, out_of_frame
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape, random_heart_shape
from tests.cardiac.corruptions import DAMAGES, corrupted

SPACING = (1.6, 1.6)


def _heart(rng):
    return draw_heart_shape(random_heart_shape(rng), size=(104, 104), pixel_mm=1.6)


class _OneShape:
    """A coder that knows one heart: latent 0 is a broken one, 1 the whole."""

    def __init__(self, mask):
        frame = heart_frame(mask)
        self.whole = into_frame(mask, frame)
        self.broken = self.whole.copy()
        self.broken[:, 30:34, 30:34] = np.eye(4)[0][:, None, None]

    def encode(self, mask):
        return np.zeros(1, dtype=np.float32)

    def decode(self, latent):
        return (1 - latent[0]) * self.broken + latent[0] * self.whole


def _check(count, seed):
    rng = np.random.default_rng(seed)
    kinds = set()
    for _ in range(count):
        mask = _heart(rng)
        damaged, kind = corrupted(mask, rng)
        result = valid_slice(damaged, SPACING)
        assert short_axis_violations(result.mask, SPACING) == {}
        kinds.add(kind)
    return kinds


def test_whatever_goes_in():
    _check(60, seed=0)


@pytest.mark.slow
def test_a_thousand_corrupted_masks():
    assert _check(1000, seed=1) == set(DAMAGES)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, max_side=14), elements=st.integers(0, 5)))
def test_any_array_at_all(mask):
    assert short_axis_violations(valid_slice(mask, SPACING).mask, SPACING) == {}


def test_valid_masks_come_back_unchanged():
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(30):
        mask = _heart(rng)
        if not short_axis_violations(mask, SPACING):
            result = valid_slice(mask, SPACING)
            assert result.remedy is Remedy.NONE
            assert np.array_equal(result.mask, mask)
            seen += 1
    assert seen > 25


def test_small_damage_costs_little():
    rng = np.random.default_rng(6)
    for kind in ("hole", "island"):
        lost = [
            1 - overlap(valid_slice(DAMAGES[kind](mask.copy(), rng), SPACING).mask, mask)
            for mask in map(_heart, [rng] * 15)
        ]
        assert np.mean(lost) < 0.01


def test_a_repaired_mask_stays_as_it_is():
    rng = np.random.default_rng(7)
    for _ in range(10):
        once = valid_slice(corrupted(_heart(rng), rng)[0], SPACING)
        twice = valid_slice(once.mask, SPACING)
        assert twice.remedy is Remedy.NONE


def test_the_warp_stops_as_soon_as_the_shape_is_valid():
    shape = HeartShape(cavity_mm=22, wall_mm=9, septum_angle=2.5, rv_depth_mm=30)
    mask = draw_heart_shape(shape, size=(104, 104), pixel_mm=1.6)
    coder = _OneShape(mask)
    shapes = ValidShapes(coder=coder, latents=np.ones((3, 1), dtype=np.float32))
    (warped,) = _warps(mask, SPACING, heart_frame(mask), shapes)
    assert short_axis_violations(warped, SPACING) == {}
    broken = out_of_frame(coder.decode(np.zeros(1)), heart_frame(mask), mask.shape)
    assert short_axis_violations(broken, SPACING)
    assert overlap(warped, mask) > 0.9


def test_other_class_numbers_become_background():
    mask = np.full((20, 20), 9, dtype=np.int16)
    assert not valid_slice(mask, SPACING).mask.any()


def test_volumes_name_the_slices_they_changed():
    rng = np.random.default_rng(3)
    volume = np.stack([_heart(rng) for _ in range(3)])
    volume[1, 50:53, 50:53] = 0
    fixed, remedies = valid_volume(volume, (8.0, *SPACING))
    assert volume_violations(fixed, (8.0, *SPACING)) == {}
    assert 1 in remedies


def test_frames_lose_little():
    rng = np.random.default_rng(4)
    for _ in range(10):
        mask = _heart(rng)
        frame = heart_frame(mask)
        assert overlap(out_of_frame(into_frame(mask, frame), frame, mask.shape), mask) > 0.9
    assert heart_frame(np.zeros((9, 9))) is None


@pytest.mark.real
def test_traced_masks_of_acdc(real_data):
    import nibabel

    lost = []
    for name in ("patient001_ED", "patient061_ES", "patient083_ED"):
        image = nibabel.load(real_data / "acdc" / f"{name}_gt.nii.gz")
        mask = np.asarray(image.dataobj).T
        spacing = image.header.get_zooms()[::-1]
        fixed, remedies = valid_volume(mask, spacing)
        assert volume_violations(fixed, spacing) == {}
        assert len(remedies) <= 2
        lost += [1 - overlap(one, other) for one, other in zip(fixed, mask, strict=True)]
    assert np.mean(lost) < 0.01
