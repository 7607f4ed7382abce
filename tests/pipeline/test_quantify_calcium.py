"""`cardiac calcium` on phantoms of known score, written as files."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom
import pytest

from echomine.domain.errors import ArtifactError, ConfigurationError, ItemError, Reason
from echomine.pipeline.quantify_calcium import CalciumRequest, quantify_calcium, read_ct
from tests.pipeline.heart_files import chest_ct, in_world_order, save, stored_another_way, words_of


@pytest.mark.parametrize("factor", [0, -0.0008, 1, float("nan")])
def test_a_mass_factor_that_is_none_is_refused(tmp_path, factor):
    scan = save(tmp_path / "ct.nii.gz", chest_ct()[0], (1, 1, 3))
    with pytest.raises(ConfigurationError, match="mass calibration"):
        quantify_calcium(CalciumRequest(scan=scan, everything=True, mg_per_mm3_hu=factor))


def test_calcium_by_site(tmp_path):
    values, mask = chest_ct()
    scan, sites = save(tmp_path / "ct.nii.gz", values, (1, 1, 3)), save(tmp_path / "mask.nii.gz", mask, (1, 1, 3))
    result = quantify_calcium(CalciumRequest(scan=scan, mask=sites, out=tmp_path / "out"))
    assert result.value("agatston_coronary") == pytest.approx(18)
    assert result.value("agatston_lad") == pytest.approx(18)
    assert result.value("agatston_aorta") == pytest.approx(72)
    assert result.categories[0].word == "1-99"
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / "out" / "mask_calcium.nii.gz").dataobj), mask)


@pytest.mark.parametrize(("flips", "order"), [((0,), (0, 1, 2)), ((1, 2), (0, 1, 2)), ((0, 2), (2, 0, 1))])
def test_a_ct_stored_another_way_is_the_same_patient(tmp_path, flips, order):
    """The aorta of the mask lies over two slices, so that slices taken for rows would change the score."""
    for name, values in zip(("ct", "mask"), chest_ct(), strict=True):
        save(tmp_path / f"{name}.nii.gz", values, (1, 0.8, 3))
        stored_another_way(tmp_path / f"{name}.nii.gz", tmp_path / f"turned_{name}.nii.gz", flips=flips, order=order)
    upright, turned = (read_ct(tmp_path / name) for name in ("ct.nii.gz", "turned_ct.nii.gz"))
    assert np.array_equal(upright.values_hu, turned.values_hu)
    assert turned.placement.spacing_mm == pytest.approx((3, 0.8, 1))
    scored = [
        quantify_calcium(
            CalciumRequest(
                scan=tmp_path / f"{name}ct.nii.gz", mask=tmp_path / f"{name}mask.nii.gz", out=tmp_path / f"out{name}"
            )
        )
        for name in ("", "turned_")
    ]
    assert scored[1].document()["values"] == scored[0].document()["values"]
    first, second = (in_world_order(one.files["mask"]) for one in scored)
    assert np.array_equal(first, second)


def test_calcium_without_a_mask_asks_what_to_score(tmp_path):
    scan = save(tmp_path / "ct.nii.gz", chest_ct()[0], (1, 1, 3))
    with pytest.raises(ArtifactError, match="train calcium"):
        quantify_calcium(CalciumRequest(scan=scan, workspace=tmp_path))
    result = quantify_calcium(CalciumRequest(scan=scan, everything=True))
    assert result.value("agatston_all_candidates") == pytest.approx(90)
    assert result.categories == ()


def test_calcium_of_a_dicom_series_comes_with_a_structured_report(tmp_path, make_dicom):
    values, mask = chest_ct()
    folder = tmp_path / "series"
    folder.mkdir()
    for at in range(values.shape[2]):
        data = make_dicom(
            (values[..., at].T + 1024).astype(np.uint16),
            regions=None,
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            SOPInstanceUID=f"1.2.3.{at + 1}",
            SeriesInstanceUID="1.2.9",
            Modality="CT",
            PixelSpacing=[1, 1],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 3 * at],
            RescaleSlope=1,
            RescaleIntercept=-1024,
        )
        (folder / f"{at:02}.dcm").write_bytes(data)
    plain = quantify_calcium(CalciumRequest(scan=folder, everything=True, out=tmp_path / "first"))
    assert plain.value("agatston_all_candidates") == pytest.approx(90)
    written = nibabel.load(plain.files["mask"])
    assert np.array_equal(np.asarray(written.dataobj) > 0, mask > 0)
    with pytest.raises(ItemError, match="holds 7, which is no class"):  # else all bone would be that of the LAD
        quantify_calcium(CalciumRequest(scan=folder, mask=Path(plain.files["mask"])))
    sites = tmp_path / "sites.nii.gz"
    nibabel.save(nibabel.Nifti1Image(mask, written.affine), sites)
    result = quantify_calcium(CalciumRequest(scan=folder, mask=sites, out=tmp_path / "out"))
    assert result.value("agatston_coronary") == pytest.approx(18)
    report = pydicom.dcmread(result.files["structured_report"])
    assert report.Modality == "SR"
    assert report.PatientID == "MRN-77"
    assert "calcium by site" in words_of(report)
    of_everything = words_of(pydicom.dcmread(plain.files["structured_report"]))
    assert "every dense piece, bone included" in of_everything
    assert "coronary" not in of_everything


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_slices_of_a_tilted_gantry_count_by_their_distance(tmp_path, order):
    """Slices 3 mm apart that are shifted by 1 mm each lie 3.16 mm from corner to corner, which their header states."""
    affine = np.diag([1.0, 1, 3, 1])
    affine[1, 2] = 1.0
    for name, values in zip(("ct", "mask"), chest_ct(), strict=True):
        save(tmp_path / f"straight_{name}.nii.gz", values, (1, 1, 3))
        save(tmp_path / f"upright_{name}.nii.gz", values, None, affine)
        stored_another_way(tmp_path / f"upright_{name}.nii.gz", tmp_path / f"tilted_{name}.nii.gz", order=order)
    assert max(nibabel.load(tmp_path / "tilted_ct.nii.gz").header.get_zooms()) == pytest.approx(10**0.5)
    straight, tilted = (
        quantify_calcium(CalciumRequest(scan=tmp_path / f"{name}_ct.nii.gz", mask=tmp_path / f"{name}_mask.nii.gz"))
        for name in ("straight", "tilted")
    )
    assert tilted.document()["values"] == straight.document()["values"]
    assert "tilted" in tilted.notes[0]
    assert straight.notes == ()


def test_a_ct_sheared_in_plane_is_refused(tmp_path):
    affine = np.diag([1.0, 1, 3, 1])
    affine[0, 1] = 0.3
    affine[1, 1] = (1 - 0.3**2) ** 0.5
    scan = save(tmp_path / "ct.nii.gz", chest_ct()[0], None, affine)
    with pytest.raises(ItemError, match="sheared in plane") as caught:
        quantify_calcium(CalciumRequest(scan=scan, everything=True))
    assert caught.value.reason is Reason.BAD_SPACING
