from dataclasses import replace

import nibabel
import numpy as np
import pytest

from echomine.archive.ct_series import read_ct_series
from echomine.archive.nifti_files import nifti_of, write_nifti_mask
from echomine.archive.volume_geometry import axial_placement
from echomine.cardiac.calcium import CalciumSite
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.pipeline.given_masks import read_given_mask

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"


@pytest.fixture
def write_series(tmp_path, make_dicom):
    def write(slices=5, *, change=None, step=2.5, orientation=(1, 0, 0, 0, 1, 0), shear=0.0):
        folder = tmp_path / f"series{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        rng = np.random.default_rng(0)
        values = rng.integers(0, 2000, (slices, 12, 10)).astype(np.uint16)
        normal = np.cross(orientation[:3], orientation[3:])
        for at in rng.permutation(slices):
            attributes = {
                "SOPClassUID": CT_IMAGE,
                "SOPInstanceUID": f"1.2.3.{at + 1}",
                "SeriesInstanceUID": "1.2.9",
                "Modality": "CT",
                "PixelSpacing": [0.7, 0.6],
                "ImageOrientationPatient": list(orientation),
                "ImagePositionPatient": [
                    float(v) for v in np.array([-100.0, -80, 5]) + at * step * normal + [0, at * shear, 0]
                ],
                "RescaleSlope": 2,
                "RescaleIntercept": -1024,
            }
            attributes |= change(int(at)) if change else {}
            attributes = {name: value for name, value in attributes.items() if value is not None}
            (folder / f"{at:03}.dcm").write_bytes(make_dicom(values[at], regions=None, **attributes))
        return folder, values

    return write


def test_slices_in_order_in_hounsfield_units(write_series):
    folder, stored = write_series()
    series = read_ct_series(folder)
    assert series.spacing_mm == pytest.approx((0.6, 0.7, 2.5))
    assert np.array_equal(series.values_hu, np.maximum(stored.transpose(2, 1, 0) * 2.0 - 1024, -1024))
    assert nibabel.aff2axcodes(series.affine) == ("L", "P", "S")
    assert np.allclose(series.affine @ [0, 0, 0, 1], [100, 80, 5, 1])
    assert np.allclose(series.affine @ [1, 2, 3, 1], [100 - 0.6, 80 - 1.4, 12.5, 1])
    assert np.array_equal(
        axial_placement(series.affine, series.spacing_mm).canonical(series.values_hu),
        series.values_hu.transpose(2, 1, 0),
    )
    assert all("PixelData" not in header for header in series.slices)


def test_a_flipped_acquisition_is_the_same_patient(write_series):
    folder, stored = write_series(orientation=(-1, 0, 0, 0, -1, 0))
    series = read_ct_series(folder)
    turned = axial_placement(series.affine, series.spacing_mm).canonical(series.values_hu)
    assert np.array_equal(turned, np.maximum(stored * 2.0 - 1024, -1024)[:, ::-1, ::-1])


def test_a_tilted_gantry_is_noted(write_series):
    assert "tilted" in read_ct_series(write_series(shear=0.8)[0]).notes[0]


def test_the_mask_of_a_tilted_series_is_taken_back(write_series, tmp_path):
    """Its slices are 2.5 mm apart along their normal and 2.62 mm from corner to corner."""
    series = read_ct_series(write_series(shear=0.8)[0])
    image = nifti_of(series.values_hu, series.affine, series.spacing_mm)
    mask = (series.values_hu > 1000).astype(np.uint8)
    write_nifti_mask(tmp_path / "mask.nii.gz", mask, image)
    assert np.array_equal(read_given_mask(tmp_path / "mask.nii.gz", image, CalciumSite), mask)
    elsewhere = replace(image, affine=image.affine + np.outer([0.4, 0, 0, 0], [0, 0, 0, 1]))
    with pytest.raises(ItemError, match="another grid"):
        read_given_mask(tmp_path / "mask.nii.gz", elsewhere, CalciumSite)


@pytest.mark.parametrize(
    ("change", "reason", "words"),
    [
        (lambda at: {"Modality": "MR"}, Reason.WRONG_MODALITY, "another modality"),
        (lambda at: {"RescaleSlope": None}, Reason.NOT_HOUNSFIELD, "no rescale"),
        (lambda at: {"RescaleType": "US"}, Reason.NOT_HOUNSFIELD, "no rescale"),
        (lambda at: {"PixelSpacing": None}, Reason.BAD_SPACING, "PixelSpacing"),
        (lambda at: {"PixelSpacing": [0, 0.6]}, Reason.BAD_SPACING, "positive"),
        (lambda at: {"ImagePositionPatient": None}, Reason.BAD_SPACING, "ImagePositionPatient"),
        (lambda at: {"ImagePositionPatient": [0, 0, 5 if at == 2 else at]}, Reason.BAD_SERIES, "unevenly"),
        (lambda at: {"ImagePositionPatient": [0, 0, 5]}, Reason.BAD_SERIES, "one place"),
        (lambda at: {"SeriesInstanceUID": f"1.2.{at}"}, Reason.BAD_SERIES, "5 series"),
        (
            lambda at: {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0] if at else [0, 1, 0, 1, 0, 0]},
            Reason.BAD_SERIES,
            "parallel",
        ),
        (lambda at: {"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, Reason.BAD_SERIES, "no DICOM slices"),
    ],
)
def test_what_is_no_series_is_one_sentence(write_series, change, reason, words):
    with pytest.raises(ItemError, match=words) as caught:
        read_ct_series(write_series(change=change)[0])
    assert caught.value.reason is reason


def test_a_missing_slice_is_noticed(write_series):
    folder, _ = write_series(7)
    (folder / "003.dcm").unlink()
    with pytest.raises(ItemError, match="missing or unevenly"):
        read_ct_series(folder)


def test_the_slice_that_is_cut_off_is_named(write_series):
    folder, _ = write_series()
    cut = folder / "003.dcm"
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(ItemError, match="003.dcm cannot be used: .*cut off") as caught:
        read_ct_series(folder)
    assert caught.value.reason is Reason.TRUNCATED


def test_too_few_slices_and_no_folder(write_series, tmp_path):
    with pytest.raises(ItemError, match="3 or more slices"):
        read_ct_series(write_series(2)[0])
    with pytest.raises(UsageError):
        read_ct_series(tmp_path / "none")
