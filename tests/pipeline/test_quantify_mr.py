"""`cardiac mr` on phantoms of known size, written as files."""

import json

import nibabel
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from echomine.archive.workspace import Workspace
from echomine.cardiac.ensemble import ensemble_files
from echomine.cardiac.short_axis_anatomy import volume_violations
from echomine.cardiac.volumes import Flag
from echomine.cli import app
from echomine.domain.errors import ArtifactError, ItemError, Reason, UsageError
from echomine.domain.heart_choices import Sex, TrainedKind
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet
from echomine.pipeline.cardiac_result import write_result
from echomine.pipeline.quantify_mr import MrRequest, quantify_mr
from echomine.pipeline.train_cardiac import CardiacTraining, train_cardiac
from tests.pipeline.heart_files import heart_volume, measured_mr, save, stored_another_way

PNG = b"\x89PNG"


def test_one_mr_volume_has_a_size_and_says_what_its_mask_lacks(mr_files, tmp_path):
    one = {"scans": (mr_files["ed"],), "masks": (mr_files["ed_mask"],)}
    result = measured_mr(mr_files, **one)
    assert result.value("lv_volume") == pytest.approx(np.pi * 26**2 * 40 / 1000, rel=0.01)
    assert result.flags == ()
    mask = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj)
    right_only = save(tmp_path / "rv.nii.gz", np.where(mask == 1, mask, 0), (1.5, 1.5, 8))
    result = measured_mr(mr_files, **(one | {"masks": (right_only,)}))
    assert result.value("lv_volume") is None
    assert result.flags == (Flag.ABSENT_LV, Flag.ABSENT_MYOCARDIUM)


def test_mr_volumes_of_cylinders(mr_files):
    result = measured_mr(mr_files)
    assert result.value("lv_edv") == pytest.approx(np.pi * 26**2 * 40 / 1000, rel=0.01)
    assert result.value("lv_ef") == pytest.approx(100 * (1 - 18**2 / 26**2), abs=1)
    assert result.value("lv_mass") == pytest.approx(1.05 * np.pi * (35**2 - 26**2) * 40 / 1000, rel=0.02)
    assert result.categories[0].word == "normal"
    assert result.anatomy_valid
    assert result.flags == ()


def _groups_table(path, rows):
    head = "group,lv_edv_ml,lv_esv_ml,rv_edv_ml,rv_esv_ml,lv_mass_g"
    path.write_text("\n".join([head, *(",".join([group, *map(str, values)]) for group, values in rows)]))
    return path


def test_mr_names_the_group_of_a_patient_once_groups_were_trained(mr_files, tmp_path):
    """The phantom is near the patients called normal."""
    measured = measured_mr(mr_files)
    assert measured.group is None
    assert measured.document()["patient_group"] is None
    like = [measured.value(name) for name in ("lv_edv", "lv_esv", "rv_edv", "rv_esv", "lv_mass")]
    rng = np.random.default_rng(0)
    rows = [("NOR", np.array(like) * rng.uniform(0.9, 1.1, 5)) for _ in range(6)]
    rows += [("DCM", np.array([280, 220, 150, 90, 170]) * rng.uniform(0.9, 1.1, 5)) for _ in range(6)]
    table, workspace = _groups_table(tmp_path / "groups.csv", rows), tmp_path / "workspace"
    trained = train_cardiac(CardiacTraining(kind=TrainedKind.GROUPS, data=table), workspace, seed=0)
    assert (trained["patients"], trained["accuracy"]) == (12, 1.0)
    found = measured_mr(mr_files, workspace=workspace).document()["patient_group"]
    assert (found["group"], found["meaning"], found["use"]) == ("NOR", "normal", "research only")
    assert found["model"] == f"patient_groups {trained['generation']}"
    assert found["probability"] == found["probabilities"]["NOR"] > 0.8
    files = [mr_files[name] for name in ("ed", "es", "ed_mask", "es_mask")]
    command = ["cardiac", "mr", *map(str, files[:2]), "--mask", str(files[2]), "--mask", str(files[3])]
    said = CliRunner().invoke(app, [*command, "--workspace", str(workspace)]).stdout
    assert "Group: NOR, normal, probability" in said
    assert "research use" in said
    same = {"scans": (mr_files["ed"],) * 2, "masks": (mr_files["ed_mask"],) * 2}
    still = measured_mr(mr_files, workspace=workspace, **same)
    assert (still.group, still.categories, still.notes) == (None, (), ())
    with pytest.raises(UsageError, match="two or more groups"):
        train_cardiac(
            CardiacTraining(kind=TrainedKind.GROUPS, data=_groups_table(tmp_path / "one.csv", rows[:6])),
            workspace,
            seed=0,
        )


def test_mr_files_written_with_the_geometry_of_the_scan(mr_files, tmp_path):
    result = measured_mr(mr_files, out=tmp_path / "out")
    write_result(result, tmp_path / "out")
    mask = nibabel.load(tmp_path / "out" / "mask_ed.nii.gz")
    scan = nibabel.load(mr_files["ed"])
    assert np.allclose(mask.affine, scan.affine)
    assert np.array_equal(np.asarray(mask.dataobj), np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj))
    assert (tmp_path / "out" / "overlay.png").read_bytes().startswith(PNG)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["values"]["lv_ef"]["unit"] == "%"


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1, 2)])
def test_mr_flipped_scan_gives_the_same_answer(mr_files, tmp_path, networks, axes):
    flipped = {n: stored_another_way(mr_files[n], tmp_path / f"flipped_{n}.nii.gz", flips=axes) for n in ("ed", "es")}
    upright, other = (
        quantify_mr(MrRequest(scans=(files["ed"], files["es"]), workspace=networks)).document()
        for files in (mr_files, flipped)
    )
    assert other["values"] == upright["values"]


def test_mr_takes_the_generation_that_is_named(mr_files, networks):
    store = Workspace.artifacts_of(networks)
    torch.manual_seed(1)
    files = ensemble_files([IsenseeUNet(IsenseeConfig(base=2)).eval()], CinePreparation(in_plane_mm=3.0))
    first, second = store.current("cine_mr"), store.write("cine_mr", files, config={}).generation_id
    scans = (mr_files["ed"], mr_files["es"])
    current, older = (quantify_mr(MrRequest(scans=scans, workspace=networks, generation=g)) for g in ("", first))
    assert (current.model, older.model) == (f"cine_mr {second}", f"cine_mr {first}")
    assert current.document()["values"] != older.document()["values"]
    done = CliRunner().invoke(
        app, ["cardiac", "mr", *map(str, scans), "--workspace", str(networks), "--model", first, "--json"]
    )
    assert json.loads(done.stdout)["values"] == older.document()["values"]
    with pytest.raises(ArtifactError, match=f"no generation other of cine_mr; there are .*{first}"):
        quantify_mr(MrRequest(scans=scans, workspace=networks, generation="other"))


def test_mr_four_dimensional_cine_finds_both_instants(tmp_path):
    sizes = (26, 22, 18, 21)
    masks, values = zip(*(heart_volume(size) for size in sizes), strict=True)
    affine = np.diag([1.5, 1.5, 8, 1.0])
    scan = save(tmp_path / "cine.nii.gz", np.stack(values, -1), None, affine)
    mask = save(tmp_path / "mask.nii.gz", np.stack(masks, -1), None, affine)
    result = quantify_mr(MrRequest(scans=(scan,), masks=(mask,)))
    assert result.value("lv_ef") == pytest.approx(100 * (1 - 18**2 / 26**2), abs=1)


def test_mr_one_instant_has_volumes_and_no_ejection(mr_files):
    result = quantify_mr(MrRequest(scans=(mr_files["ed"],), masks=(mr_files["ed_mask"],)))
    assert result.value("lv_volume") == pytest.approx(85, rel=0.02)
    assert result.value("lv_ef") is None


@pytest.fixture
def broken(mr_files, tmp_path):
    """A hole in the cavity of one slice at end diastole."""
    mask = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj).copy()
    mask[44:47, 47:50, 2] = 0
    return mr_files | {"ed_mask": save(tmp_path / "broken.nii.gz", mask, (1.5, 1.5, 8))}


def test_a_given_mr_mask_is_measured_as_it_is_and_its_violations_are_told(mr_files, broken, tmp_path):
    result = measured_mr(broken, out=tmp_path / "out")
    assert result.value("lv_edv") == pytest.approx(measured_mr(mr_files).value("lv_edv") - 9 * 1.5 * 1.5 * 8 / 1000)
    assert result.flags == (Flag.INVALID_ANATOMY,)
    assert not result.anatomy_valid
    assert [(one.instant, one.slice_number, one.criterion, one.remedy) for one in result.anatomy] == [
        ("ed", 2, "holes_lv", "")
    ]
    written, given = (nibabel.load(path) for path in (tmp_path / "out" / "mask_ed.nii.gz", broken["ed_mask"]))
    assert np.array_equal(np.asarray(written.dataobj), np.asarray(given.dataobj))


def test_a_given_mr_mask_is_mended_where_that_is_asked_for(mr_files, broken):
    mended = measured_mr(broken, guarantee=True)
    assert mended.anatomy_valid
    assert mended.flags == ()
    assert {note.remedy for note in mended.anatomy} == {"repaired"}
    assert mended.value("lv_edv") == measured_mr(mr_files).value("lv_edv")


def test_mr_slices_that_nobody_drew_are_flagged(mr_files, tmp_path):
    """A right ventricle in the middle of the wall's place cannot be mended: the slice is replaced or emptied."""
    mask = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj).copy()
    mask[..., 2] = np.random.default_rng(0).integers(0, 4, mask.shape[:2])
    noisy = mr_files | {"ed_mask": save(tmp_path / "noisy.nii.gz", mask, (1.5, 1.5, 8))}
    made = measured_mr(noisy, guarantee=True)
    assert {note.remedy for note in made.anatomy} <= {"replaced", "emptied"}
    assert made.anatomy_valid
    assert Flag.INVENTED_MASK in made.flags
    assert Flag.INVENTED_MASK not in measured_mr(noisy).flags


def test_a_cine_with_an_empty_first_frame_finds_systole_where_there_is_a_ventricle(tmp_path):
    masks, values = zip(*(heart_volume(26) for _ in range(3)), strict=True)
    affine = np.diag([1.5, 1.5, 8, 1.0])
    scan = save(tmp_path / "cine.nii.gz", np.stack(values, -1), None, affine)
    drawn = np.stack(masks, -1)
    drawn[..., 0] = 0
    result = quantify_mr(MrRequest(scans=(scan,), masks=(save(tmp_path / "mask.nii.gz", drawn, None, affine),)))
    assert result.value("lv_esv") == result.value("lv_edv") == pytest.approx(np.pi * 26**2 * 40 / 1000, rel=0.01)
    assert result.flags == (Flag.SAME_INSTANT,)


def test_mr_networks_make_valid_masks_whatever_they_know(mr_files, networks, tmp_path):
    result = quantify_mr(MrRequest(scans=(mr_files["ed"], mr_files["es"]), workspace=networks, out=tmp_path / "o"))
    mask = nibabel.load(tmp_path / "o" / "mask_ed.nii.gz")
    assert volume_violations(np.asarray(mask.dataobj).T, mask.header.get_zooms()[::-1]) == {}
    assert result.model.startswith("cine_mr ")


def test_mr_bad_input_is_one_sentence(mr_files, tmp_path):
    ct = save(tmp_path / "ct.nii.gz", np.full((20, 20, 6), -900, np.int16), (1, 1, 3))
    flat = save(tmp_path / "flat.nii.gz", np.zeros((20, 20, 2), np.int16), (1, 1, 8))
    other = save(tmp_path / "other.nii.gz", heart_volume(20)[0], (1.4, 1.5, 8))
    clip = save(tmp_path / "clip.nii.gz", np.zeros((20, 20, 6), np.uint8), (0.3, 0.3, 1))
    seconds = save(tmp_path / "seconds.nii.gz", np.zeros((20, 20, 6), np.uint8), (0.6, 0.3, 0.02))
    for scans, masks, reason in (
        ((ct,), (), Reason.WRONG_MODALITY),
        ((clip,), (), Reason.WRONG_MODALITY),
        ((seconds,), (), Reason.WRONG_MODALITY),
        ((flat,), (flat,), Reason.WRONG_SHAPE),
        ((mr_files["ed"],), (other,), Reason.BAD_SPACING),
        ((mr_files["ed"],), (flat,), Reason.WRONG_SHAPE),
        ((mr_files["ed"],), (mr_files["ed"],), Reason.WRONG_SHAPE),
    ):
        with pytest.raises(ItemError) as caught:
            quantify_mr(MrRequest(scans=scans, masks=masks or scans))
        assert caught.value.reason is reason
    with pytest.raises(ArtifactError, match="cardiac train mr"):
        quantify_mr(MrRequest(scans=(mr_files["ed"],), workspace=tmp_path / "none"))
    with pytest.raises(UsageError):
        quantify_mr(MrRequest(scans=(mr_files["ed"],), masks=(mr_files["ed_mask"],) * 2))


def test_a_volume_of_thin_slices_is_refused_with_what_to_do(tmp_path):
    """Isotropic volumes rarely lie across the ventricle, and no network saw one."""
    thin = save(tmp_path / "thin.nii.gz", np.zeros((20, 20, 20), np.uint8), (1.2, 1.2, 1.2))
    with pytest.raises(ItemError, match="resample it to short-axis slices 5 to 10 mm apart") as caught:
        quantify_mr(MrRequest(scans=(thin,), masks=(thin,)))
    assert caught.value.reason is Reason.WRONG_MODALITY


@pytest.mark.parametrize("stated", [1.0, 4.0])
def test_a_header_that_states_two_spacings_is_refused(mr_files, tmp_path, stated):
    """Volumes would be half of what they are, without a word."""
    image = nibabel.load(mr_files["ed"])
    image.header.set_sform(image.affine, 1)
    raw = bytearray(image.to_bytes())
    raw[88:92] = np.float32(stated).tobytes()  # pixdim[3]
    (tmp_path / "two.nii").write_bytes(bytes(raw))
    with pytest.raises(ItemError, match="spacing of .* along axis 3 and an affine that steps 8 mm") as caught:
        quantify_mr(MrRequest(scans=(tmp_path / "two.nii",), masks=(mr_files["ed_mask"],)))
    assert caught.value.reason is Reason.BAD_SPACING


def test_the_sex_decides_where_limits_differ(mr_files):
    """An ejection fraction of 52 % is normal for a man and mildly abnormal for a woman."""
    by_sex = {sex: measured_mr(mr_files, sex=sex) for sex in Sex}
    assert by_sex[Sex.MALE].value("lv_ef") == pytest.approx(52, abs=1)
    words = [by_sex[sex].categories[0].word for sex in (Sex.MALE, Sex.FEMALE, Sex.UNKNOWN)]
    assert words == ["normal", "mildly abnormal", "normal"]
    assert (by_sex[Sex.MALE].notes, by_sex[Sex.FEMALE].notes) == ((), ())
    assert "limits for men; for a woman it would be mildly abnormal" in by_sex[Sex.UNKNOWN].notes[0]
    assert measured_mr(mr_files, table="esc2021").notes == ()
