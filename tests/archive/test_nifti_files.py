import gzip

import nibabel
import numpy as np
import pytest

from echomine.archive.nifti_files import read_nifti, write_nifti_mask
from echomine.archive.source_images import ReadLimits
from echomine.archive.volume_geometry import axial_placement, plane_placement, stack_placement
from echomine.domain.errors import ItemError, Reason, UsageError

_TURN, _STEPS = np.linalg.qr([[-0.9, 0.6, 2.1], [1.0, 1.1, -3.2], [-0.5, 0.9, 7.4]])
OBLIQUE = np.array([[0, 0, 0, 40.0], [0, 0, 0, -20], [0, 0, 0, 3], [0, 0, 0, 1]])
OBLIQUE[:3, :3] = _TURN * np.diag(_STEPS)


def _write(path, values, affine=None, **settings):
    image = nibabel.Nifti1Image(values, np.diag([1.5, 1.2, 8, 1.0]) if affine is None else affine)
    image.header.set_xyzt_units(settings.get("units", "mm"))
    if "pixdim" in settings:
        image.header["pixdim"][1:4] = settings["pixdim"]
    path.write_bytes(gzip.compress(image.to_bytes()) if path.suffix == ".gz" else image.to_bytes())
    return path


def _volume():
    return np.random.default_rng(0).integers(0, 500, (6, 7, 4)).astype(np.int16)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_mask_goes_back_with_the_geometry_of_its_image(tmp_path, name):
    image = read_nifti(_write(tmp_path / name, _volume(), OBLIQUE), dimensions=(3,))
    mask = (image.values > 250).astype(np.uint8)
    write_nifti_mask(tmp_path / ("mask_" + name), mask, image)
    back = nibabel.load(tmp_path / ("mask_" + name))
    assert np.array_equal(np.asarray(back.dataobj), mask)
    assert np.allclose(back.affine, OBLIQUE, atol=1e-4)
    assert back.header.get_zooms() == pytest.approx(image.spacing_mm, rel=1e-5)
    assert back.get_data_dtype() == np.uint8


def test_units_become_millimetres(tmp_path):
    image = read_nifti(
        _write(tmp_path / "a.nii", _volume(), np.diag([0.0015, 0.0012, 0.008, 1]), units="meter"), dimensions=(3,)
    )
    assert image.spacing_mm == pytest.approx((1.5, 1.2, 8))


@pytest.mark.parametrize("pixdim", [(0, 1, 1), (float("nan"), 1, 1), (float("inf"), 1, 1)])
def test_spacing_that_is_not_positive_is_refused(tmp_path, pixdim):
    path = _write(tmp_path / "a.nii", _volume(), pixdim=pixdim)
    with pytest.raises(ItemError, match="never guessed") as caught:
        read_nifti(path, dimensions=(3,))
    assert caught.value.reason is Reason.BAD_SPACING


def test_dimensions_are_checked_and_trailing_ones_dropped(tmp_path):
    flat = _write(tmp_path / "flat.nii", _volume()[:, :, :1])
    assert read_nifti(flat, dimensions=(2, 3)).values.shape == (6, 7)
    with pytest.raises(ItemError, match="2 dimensions") as caught:
        read_nifti(flat, dimensions=(3, 4))
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_damaged_files_are_one_sentence(tmp_path):
    good = _write(
        tmp_path / "good.nii.gz", np.random.default_rng(0).normal(size=(40, 40, 9)).astype(np.float32)
    ).read_bytes()
    rng = np.random.default_rng(1)
    path, read = tmp_path / "bad.nii.gz", 0
    for at in range(120):
        data = bytearray(good[: rng.integers(len(good))] if at % 2 else gzip.decompress(good))
        for place in rng.integers(0, min(len(data), 352) or 1, 6 if data else 0):
            data[place] = rng.integers(256)
        path.write_bytes(bytes(data) if at % 2 else gzip.compress(bytes(data), 1))
        try:
            read_nifti(path, dimensions=(3,))
        except ItemError:
            continue
        read += 1
    assert read < 60


def test_a_bomb_is_refused_before_it_is_inflated(tmp_path):
    image = nibabel.Nifti1Image(np.zeros((4, 4, 4), np.float32), np.eye(4))
    image.header.set_data_shape((4, 4, 4))
    data = bytearray(image.to_bytes())
    data[42:48] = np.array([30000, 30000, 30000], dtype="<i2").tobytes()
    path = tmp_path / "bomb.nii.gz"
    path.write_bytes(gzip.compress(bytes(data)))
    with pytest.raises(ItemError) as caught:
        read_nifti(path, dimensions=(3,))
    assert caught.value.reason is Reason.TOO_LARGE
    with pytest.raises(ItemError, match="larger than"):
        read_nifti(path, dimensions=(3,), limits=ReadLimits(file_bytes=10))


def test_what_is_not_there_and_what_is_no_nifti(tmp_path):
    with pytest.raises(UsageError, match="no file"):
        read_nifti(tmp_path / "none.nii", dimensions=(3,))
    (tmp_path / "a.png").write_bytes(b"x")
    with pytest.raises(ItemError, match="no NIfTI"):
        read_nifti(tmp_path / "a.png", dimensions=(3,))


@pytest.mark.parametrize("place", [axial_placement, stack_placement])
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_flipped_files_are_one_volume(place, axes):
    values, affine = _volume(), OBLIQUE.copy()
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    upright = place(affine, spacing).canonical(values)
    flipped = np.flip(values, axes)
    for axis in axes:
        affine[:3, 3] += affine[:3, axis] * (values.shape[axis] - 1)
        affine[:3, axis] *= -1
    placement = place(affine, spacing)
    assert np.array_equal(placement.canonical(flipped), upright)
    assert np.array_equal(placement.stored(upright), flipped)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 1, 0), (2, 0, 1), (0, 2, 1)])
def test_permuted_files_are_one_volume(order):
    values = _volume()
    spacing = np.linalg.norm(OBLIQUE[:3, :3], axis=0)
    affine = OBLIQUE.copy()
    affine[:3, :3] = OBLIQUE[:3, :3][:, order]
    for place in (axial_placement, stack_placement):
        upright = place(OBLIQUE, spacing)
        other = place(affine, spacing[list(order)])
        assert np.array_equal(other.canonical(values.transpose(order)), upright.canonical(values))
        assert other.spacing_mm == pytest.approx(upright.spacing_mm)


def test_directions_of_a_canonical_volume():
    """An identity affine runs to the right, to the front, up; canonical columns run left, rows to the back."""
    values = _volume()
    placement = axial_placement(np.eye(4), (1, 1, 1))
    assert np.array_equal(placement.canonical(values), values[::-1, ::-1].transpose(2, 1, 0))


def test_planes_and_clips():
    clip = np.random.default_rng(0).normal(size=(5, 6, 3)).astype(np.float32)
    placement = plane_placement(np.diag([-0.3, -0.4, 1, 1]), (0.3, 0.4))
    assert np.array_equal(placement.canonical(clip), clip.transpose(1, 0, 2))
    assert placement.spacing_mm == (0.4, 0.3)
    assert np.array_equal(placement.stored(placement.canonical(clip)), clip)


def test_singular_affine_is_refused():
    with pytest.raises(ItemError, match="two axes one direction"):
        axial_placement(np.diag([1.0, 1, 0, 1]), (1, 1, 1))
