"""The cardiac commands on phantoms of known size, written as files."""

import json
import shutil
import subprocess

import nibabel
import numpy as np
import pydicom
import pytest
import torch
from typer.testing import CliRunner

from echomine.archive.workspace import Workspace
from echomine.cardiac.anatomical_guarantee import Remedy, ValidSlice
from echomine.cardiac.ensemble import ensemble_files
from echomine.cardiac.short_axis_anatomy import volume_violations
from echomine.cardiac.volumes import Flag
from echomine.cli import app
from echomine.domain.errors import ArtifactError, ConfigurationError, ItemError, Reason, UsageError
from echomine.domain.heart_choices import Sex, TrainedKind
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet
from echomine.pipeline import echo_frames
from echomine.pipeline import quantify_echo as quantify_echo_module
from echomine.pipeline.cardiac_result import write_result
from echomine.pipeline.echo_frames import EchoView
from echomine.pipeline.quantify_calcium import CalciumRequest, quantify_calcium, read_ct
from echomine.pipeline.quantify_echo import EchoRequest, quantify_echo
from echomine.pipeline.quantify_mr import MrRequest, quantify_mr
from echomine.pipeline.train_cardiac import CardiacTraining, train_cardiac
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape
from tests.cardiac.solids import turned_outline

GREY = np.array([200, 600, 300, 800], dtype=np.float32)
PNG = b"\x89PNG"


def _save(path, values, spacing, affine=None):
    image = nibabel.Nifti1Image(values, np.diag([*spacing, 1.0]) if affine is None else affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def _heart(cavity_mm):
    """(X, Y, Z) mask and grey values of five equal slices, 8 mm apart, pixels of 1.5 mm."""
    shape = HeartShape(cavity_mm=cavity_mm, wall_mm=9, septum_angle=2.8, rv_depth_mm=26)
    plane = draw_heart_shape(shape, size=(96, 90), pixel_mm=1.5).T
    mask = np.repeat(plane[..., None], 5, axis=2)
    noise = np.random.default_rng(0).normal(0, 20, mask.shape)
    return mask, (GREY[mask] + noise).astype(np.float32)


@pytest.fixture
def mr_files(tmp_path):
    files = {}
    for name, cavity in (("ed", 26), ("es", 18)):
        mask, values = _heart(cavity)
        files[name] = _save(tmp_path / f"{name}.nii.gz", values, (1.5, 1.5, 8))
        files[f"{name}_mask"] = _save(tmp_path / f"{name}_mask.nii.gz", mask, (1.5, 1.5, 8))
    return files


def _mr(files, **changes):
    request = {"scans": (files["ed"], files["es"]), "masks": (files["ed_mask"], files["es_mask"])}
    return quantify_mr(MrRequest(**(request | changes)))


@pytest.fixture
def networks(tmp_path):
    """A workspace with networks that know nothing."""
    torch.manual_seed(0)
    files = ensemble_files([IsenseeUNet(IsenseeConfig(base=2)).eval()], CinePreparation(in_plane_mm=3.0))
    for kind in ("cine_mr", "apical_echo"):
        Workspace.artifacts_of(tmp_path / "workspace").write(kind, files, config={})
    return tmp_path / "workspace"


def test_one_mr_volume_has_a_size_and_says_what_its_mask_lacks(mr_files, tmp_path):
    one = {"scans": (mr_files["ed"],), "masks": (mr_files["ed_mask"],)}
    result = _mr(mr_files, **one)
    assert result.value("lv_volume") == pytest.approx(np.pi * 26**2 * 40 / 1000, rel=0.01)
    assert result.flags == ()
    mask = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj)
    right_only = _save(tmp_path / "rv.nii.gz", np.where(mask == 1, mask, 0), (1.5, 1.5, 8))
    result = _mr(mr_files, **(one | {"masks": (right_only,)}))
    assert result.value("lv_volume") is None
    assert result.flags == (Flag.ABSENT_LV, Flag.ABSENT_MYOCARDIUM)


def test_mr_volumes_of_cylinders(mr_files):
    result = _mr(mr_files)
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
    measured = _mr(mr_files)
    assert measured.group is None
    assert measured.document()["patient_group"] is None
    like = [measured.value(name) for name in ("lv_edv", "lv_esv", "rv_edv", "rv_esv", "lv_mass")]
    rng = np.random.default_rng(0)
    rows = [("NOR", np.array(like) * rng.uniform(0.9, 1.1, 5)) for _ in range(6)]
    rows += [("DCM", np.array([280, 220, 150, 90, 170]) * rng.uniform(0.9, 1.1, 5)) for _ in range(6)]
    table, workspace = _groups_table(tmp_path / "groups.csv", rows), tmp_path / "workspace"
    trained = train_cardiac(CardiacTraining(kind=TrainedKind.GROUPS, data=table), workspace, seed=0)
    assert (trained["patients"], trained["accuracy"]) == (12, 1.0)
    found = _mr(mr_files, workspace=workspace).document()["patient_group"]
    assert (found["group"], found["meaning"], found["use"]) == ("NOR", "normal", "research only")
    assert found["model"] == f"patient_groups {trained['generation']}"
    assert found["probability"] == found["probabilities"]["NOR"] > 0.8
    files = [mr_files[name] for name in ("ed", "es", "ed_mask", "es_mask")]
    command = ["cardiac", "mr", *map(str, files[:2]), "--mask", str(files[2]), "--mask", str(files[3])]
    said = CliRunner().invoke(app, [*command, "--workspace", str(workspace)]).stdout
    assert "Group: NOR, normal, probability" in said
    assert "research use" in said
    same = {"scans": (mr_files["ed"],) * 2, "masks": (mr_files["ed_mask"],) * 2}
    still = _mr(mr_files, workspace=workspace, **same)
    assert (still.group, still.categories, still.notes) == (None, (), ())
    with pytest.raises(UsageError, match="two or more groups"):
        train_cardiac(
            CardiacTraining(kind=TrainedKind.GROUPS, data=_groups_table(tmp_path / "one.csv", rows[:6])),
            workspace,
            seed=0,
        )


def test_mr_files_written_with_the_geometry_of_the_scan(mr_files, tmp_path):
    result = _mr(mr_files, out=tmp_path / "out")
    write_result(result, tmp_path / "out")
    mask = nibabel.load(tmp_path / "out" / "mask_ed.nii.gz")
    scan = nibabel.load(mr_files["ed"])
    assert np.allclose(mask.affine, scan.affine)
    assert np.array_equal(np.asarray(mask.dataobj), np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj))
    assert (tmp_path / "out" / "overlay.png").read_bytes().startswith(PNG)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["values"]["lv_ef"]["unit"] == "%"


def _turned(path, target, *, flips=(), order=(0, 1, 2)):
    """The same scan with its axes stored in another order, some of them the other way."""
    image = nibabel.load(path)
    affine = image.affine.copy()
    for axis in flips:
        affine[:3, 3] += affine[:3, axis] * (image.shape[axis] - 1)
        affine[:3, axis] *= -1
    affine[:, :3] = affine[:, list(order)]
    values = np.flip(np.asarray(image.dataobj), flips)
    return _save(target, values.transpose(order[: values.ndim]), None, affine)


def _in_world_order(path):
    return np.asarray(nibabel.as_closest_canonical(nibabel.load(path)).dataobj)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1, 2)])
def test_mr_flipped_scan_gives_the_same_answer(mr_files, tmp_path, networks, axes):
    flipped = {n: _turned(mr_files[n], tmp_path / f"flipped_{n}.nii.gz", flips=axes) for n in ("ed", "es")}
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
    masks, values = zip(*(_heart(size) for size in sizes), strict=True)
    affine = np.diag([1.5, 1.5, 8, 1.0])
    scan = _save(tmp_path / "cine.nii.gz", np.stack(values, -1), None, affine)
    mask = _save(tmp_path / "mask.nii.gz", np.stack(masks, -1), None, affine)
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
    return mr_files | {"ed_mask": _save(tmp_path / "broken.nii.gz", mask, (1.5, 1.5, 8))}


def test_a_given_mr_mask_is_measured_as_it_is_and_its_violations_are_told(mr_files, broken, tmp_path):
    result = _mr(broken, out=tmp_path / "out")
    assert result.value("lv_edv") == pytest.approx(_mr(mr_files).value("lv_edv") - 9 * 1.5 * 1.5 * 8 / 1000)
    assert result.flags == (Flag.INVALID_ANATOMY,)
    assert not result.anatomy_valid
    assert [(one.instant, one.slice_number, one.criterion, one.remedy) for one in result.anatomy] == [
        ("ed", 2, "holes_lv", "")
    ]
    written, given = (nibabel.load(path) for path in (tmp_path / "out" / "mask_ed.nii.gz", broken["ed_mask"]))
    assert np.array_equal(np.asarray(written.dataobj), np.asarray(given.dataobj))


def test_a_given_mr_mask_is_mended_where_that_is_asked_for(mr_files, broken):
    mended = _mr(broken, guarantee=True)
    assert mended.anatomy_valid
    assert mended.flags == ()
    assert {note.remedy for note in mended.anatomy} == {"repaired"}
    assert mended.value("lv_edv") == _mr(mr_files).value("lv_edv")


def test_mr_slices_that_nobody_drew_are_flagged(mr_files, tmp_path):
    """A right ventricle in the middle of the wall's place cannot be mended: the slice is replaced or emptied."""
    mask = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj).copy()
    mask[..., 2] = np.random.default_rng(0).integers(0, 4, mask.shape[:2])
    noisy = mr_files | {"ed_mask": _save(tmp_path / "noisy.nii.gz", mask, (1.5, 1.5, 8))}
    made = _mr(noisy, guarantee=True)
    assert {note.remedy for note in made.anatomy} <= {"replaced", "emptied"}
    assert made.anatomy_valid
    assert Flag.INVENTED_MASK in made.flags
    assert Flag.INVENTED_MASK not in _mr(noisy).flags


def test_a_cine_with_an_empty_first_frame_finds_systole_where_there_is_a_ventricle(tmp_path):
    masks, values = zip(*(_heart(26) for _ in range(3)), strict=True)
    affine = np.diag([1.5, 1.5, 8, 1.0])
    scan = _save(tmp_path / "cine.nii.gz", np.stack(values, -1), None, affine)
    drawn = np.stack(masks, -1)
    drawn[..., 0] = 0
    result = quantify_mr(MrRequest(scans=(scan,), masks=(_save(tmp_path / "mask.nii.gz", drawn, None, affine),)))
    assert result.value("lv_esv") == result.value("lv_edv") == pytest.approx(np.pi * 26**2 * 40 / 1000, rel=0.01)
    assert result.flags == (Flag.SAME_INSTANT,)


def test_mr_networks_make_valid_masks_whatever_they_know(mr_files, networks, tmp_path):
    result = quantify_mr(MrRequest(scans=(mr_files["ed"], mr_files["es"]), workspace=networks, out=tmp_path / "o"))
    mask = nibabel.load(tmp_path / "o" / "mask_ed.nii.gz")
    assert volume_violations(np.asarray(mask.dataobj).T, mask.header.get_zooms()[::-1]) == {}
    assert result.model.startswith("cine_mr ")


def test_mr_bad_input_is_one_sentence(mr_files, tmp_path):
    ct = _save(tmp_path / "ct.nii.gz", np.full((20, 20, 6), -900, np.int16), (1, 1, 3))
    flat = _save(tmp_path / "flat.nii.gz", np.zeros((20, 20, 2), np.int16), (1, 1, 8))
    other = _save(tmp_path / "other.nii.gz", _heart(20)[0], (1.4, 1.5, 8))
    clip = _save(tmp_path / "clip.nii.gz", np.zeros((20, 20, 6), np.uint8), (0.3, 0.3, 1))
    seconds = _save(tmp_path / "seconds.nii.gz", np.zeros((20, 20, 6), np.uint8), (0.6, 0.3, 0.02))
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


def _apical(length, width):
    """(X, Y) mask of a half ellipsoid with its flat side down, an atrium below it, and a picture."""
    cavity = turned_outline((300, 260), (0.4, 0.4), length_mm=length, width_mm=width, degrees=180, half=True)
    mask = cavity.astype(np.uint8)
    bottom = np.flatnonzero(cavity.any(axis=1))[-1] + 1
    mask[bottom : bottom + 50, 100:160] = 3
    return mask.T.copy(), (100 + 50 * mask.T).astype(np.float32)


@pytest.fixture
def echo_files(tmp_path):
    files = {}
    for view, width in (("a4c", 44), ("a2c", 50)):
        masks, pictures = zip(_apical(86, width), _apical(74, width - 12), strict=True)
        affine = np.diag([-0.4, -0.4, 1, 1])
        files[view] = _save(tmp_path / f"{view}.nii.gz", np.stack(pictures, -1), None, affine)
        files[f"{view}_mask"] = _save(tmp_path / f"{view}_mask.nii.gz", np.stack(masks, -1), None, affine)
    return files


def test_echo_biplane_volumes_of_ellipsoids(echo_files, tmp_path):
    views = [EchoView(images=(echo_files[v],), masks=(echo_files[f"{v}_mask"],)) for v in ("a4c", "a2c")]
    result = quantify_echo(EchoRequest(four_chamber=views[0], two_chamber=views[1], out=tmp_path / "out"))
    edv, esv = (2 / 3 * np.pi * length * a * b / 4000 for length, a, b in ((86, 44, 50), (74, 32, 38)))
    assert result.value("lv_edv") == pytest.approx(edv, rel=0.015)
    assert result.value("lv_esv") == pytest.approx(esv, rel=0.015)
    assert result.value("lv_ef") == pytest.approx(100 * (1 - esv / edv), abs=0.7)
    assert result.value("lv_edv_single_plane") == pytest.approx(2 / 3 * np.pi * 86 * 22**2 / 1000, rel=0.015)
    assert result.flags == ()
    assert nibabel.load(tmp_path / "out" / "mask_a4c.nii.gz").shape == (260, 300, 2)


@pytest.mark.parametrize(
    ("flips", "order"), [((0,), (0, 1, 2)), ((1,), (0, 1, 2)), ((0, 1), (1, 0, 2)), ((), (1, 0, 2))]
)
def test_echo_stored_another_way_is_the_same_view(echo_files, tmp_path, flips, order):
    turned = {
        name: _turned(echo_files[name], tmp_path / f"turned_{name}.nii.gz", flips=flips, order=order)
        for name in ("a4c", "a4c_mask")
    }
    views = [EchoView(images=(files["a4c"],), masks=(files["a4c_mask"],)) for files in (echo_files, turned)]
    frames = [echo_frames.seen_view(view, None).frames for view in views]
    for mine, theirs in zip(*frames, strict=True):
        assert np.array_equal(mine.picture, theirs.picture)
        assert np.array_equal(mine.mask, theirs.mask)
    upright, other = (
        quantify_echo(EchoRequest(four_chamber=view, out=tmp_path / str(at))) for at, view in enumerate(views)
    )
    assert other.document()["values"] == upright.document()["values"]
    assert np.array_equal(_in_world_order(other.files["mask_a4c"]), _in_world_order(upright.files["mask_a4c"]))
    assert nibabel.load(other.files["mask_a4c"]).shape == nibabel.load(turned["a4c"]).shape


def test_a_second_view_of_one_instant_does_not_stand_for_the_others_systole(echo_files, tmp_path):
    """By the clip alone; the diastole of the other view as its systole would halve the ejection fraction."""
    affine = np.diag([-0.4, -0.4, 1, 1])
    mask, picture = _apical(86, 50)
    two = EchoView(
        images=(_save(tmp_path / "two.nii.gz", picture, None, affine),),
        masks=(_save(tmp_path / "two_mask.nii.gz", mask, None, affine),),
    )
    four = EchoView(images=(echo_files["a4c"],), masks=(echo_files["a4c_mask"],))
    both, one = (quantify_echo(EchoRequest(four_chamber=four, two_chamber=other)) for other in (two, None))
    assert both.value("lv_ef") == one.value("lv_ef") == pytest.approx(100 * (1 - 74 * 16**2 / (86 * 22**2)), abs=0.9)


@pytest.mark.parametrize(("remedy", "is_flagged"), [("repaired", False), ("replaced", True), ("emptied", True)])
def test_a_ventricle_that_nobody_drew_is_told(monkeypatch, remedy, is_flagged):
    mask, picture = (array.T for array in _apical(86, 44))
    mask[60:64, 120:124] = 0
    seen = echo_frames.SeenView(frames=(echo_frames._framed(picture, mask, (0.4, 0.4)),), ed=0, es=0, stored=())
    drawn = mask if remedy != "emptied" else np.zeros_like(mask)
    valid = ValidSlice(mask=drawn, remedy=Remedy(remedy))
    monkeypatch.setattr(echo_frames, "valid_apical", lambda _mask, _spacing_mm: valid)
    made = echo_frames.made_valid(seen)
    assert (Flag.INVENTED_MASK in quantify_echo_module._flags([made])) is is_flagged
    assert Flag.INVENTED_MASK not in quantify_echo_module._flags([seen])


def test_a_ventricle_in_pieces_is_told(echo_files, tmp_path):
    mask = np.asarray(nibabel.load(echo_files["a4c_mask"]).dataobj).copy()
    mask[4:8, 4:8] = 1
    path = _save(tmp_path / "pieces.nii.gz", mask, None, np.diag([-0.4, -0.4, 1, 1]))
    results = [
        quantify_echo(EchoRequest(four_chamber=EchoView(images=(echo_files["a4c"],), masks=(one,))))
        for one in (echo_files["a4c_mask"], path)
    ]
    assert [Flag.SEVERAL_PIECES in one.flags for one in results] == [False, True]
    assert results[0].value("lv_edv") == results[1].value("lv_edv")


def test_echo_masks_are_mended_only_where_that_is_asked_for(echo_files, tmp_path):
    mask = np.asarray(nibabel.load(echo_files["a4c_mask"]).dataobj).copy()
    mask[126:134, 100:108] = 0
    path = _save(tmp_path / "hole.nii.gz", mask, None, np.diag([-0.4, -0.4, 1, 1]))
    view = EchoView(images=(echo_files["a4c"],), masks=(path,))
    as_given, mended = (quantify_echo(EchoRequest(four_chamber=view, guarantee=one)) for one in (None, True))
    assert Flag.INVALID_ANATOMY in as_given.flags
    assert {(one.criterion, one.remedy) for one in as_given.anatomy} == {("holes_lv", "")}
    assert Flag.INVALID_ANATOMY not in mended.flags
    assert {one.remedy for one in mended.anatomy} == {"repaired"}


def test_echo_instants_may_have_pixels_of_their_own(tmp_path):
    """As when the depth was changed between two pictures."""
    files = []
    for name, length, width, zoom in (("ed", 86, 44, 1), ("es", 74, 32, 2)):
        mask, picture = _apical(length, width)
        affine = np.diag([-0.4 * zoom, -0.4 * zoom, 1, 1])
        files.append(_save(tmp_path / f"{name}.nii.gz", picture[::zoom, ::zoom], None, affine))
        files.append(_save(tmp_path / f"{name}_mask.nii.gz", mask[::zoom, ::zoom], None, affine))
    result = quantify_echo(EchoRequest(four_chamber=EchoView(images=tuple(files[::2]), masks=tuple(files[1::2]))))
    assert result.value("lv_esv") == pytest.approx(2 / 3 * np.pi * 74 * 16**2 / 1000, rel=0.03)
    assert result.anatomy == ()


def test_one_picture_has_a_volume_and_a_length_and_no_systole(tmp_path):
    affine = np.diag([-0.4, -0.4, 1, 1])
    mask, picture = _apical(86, 44)
    files = [_save(tmp_path / f"{n}.nii.gz", v, None, affine) for n, v in (("picture", picture), ("mask", mask))]
    result = quantify_echo(EchoRequest(four_chamber=EchoView(images=(files[0],), masks=(files[1],))))
    assert result.value("lv_edv") == pytest.approx(2 / 3 * np.pi * 86 * 22**2 / 1000, rel=0.015)
    assert result.value("lv_length_ed") == pytest.approx(86, abs=1)
    assert [result.value(name) for name in ("lv_esv", "lv_ef", "lv_length_es")] == [None] * 3
    assert Flag.SAME_INSTANT in result.flags


def test_two_clips_are_no_pair_of_instants(echo_files):
    view = EchoView(images=(echo_files["a4c"],) * 2, masks=(echo_files["a4c_mask"],) * 2)
    with pytest.raises(ItemError, match="has 3 dimensions") as caught:
        quantify_echo(EchoRequest(four_chamber=view))
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_echo_one_view_is_flagged(echo_files):
    view = EchoView(images=(echo_files["a4c"],), masks=(echo_files["a4c_mask"],))
    result = quantify_echo(EchoRequest(four_chamber=view))
    assert result.flags == (Flag.SINGLE_PLANE,)
    assert "length of the instant" in result.values[0].method


def test_echo_empty_masks_are_refused(echo_files, tmp_path):
    empty = _save(tmp_path / "empty.nii.gz", np.zeros((260, 300, 2), np.uint8), None, np.diag([-0.4, -0.4, 1, 1]))
    view = EchoView(images=(echo_files["a4c"],), masks=(empty,))
    with pytest.raises(ItemError, match="no frame shows") as caught:
        quantify_echo(EchoRequest(four_chamber=view))
    assert caught.value.reason is Reason.NO_HEART


def test_a_volume_is_no_clip(mr_files):
    with pytest.raises(ItemError, match="not a clip") as caught:
        quantify_echo(EchoRequest(four_chamber=EchoView(images=(mr_files["ed"],), masks=(mr_files["ed_mask"],))))
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
    by_sex = {sex: _mr(mr_files, sex=sex) for sex in Sex}
    assert by_sex[Sex.MALE].value("lv_ef") == pytest.approx(52, abs=1)
    words = [by_sex[sex].categories[0].word for sex in (Sex.MALE, Sex.FEMALE, Sex.UNKNOWN)]
    assert words == ["normal", "mildly abnormal", "normal"]
    assert (by_sex[Sex.MALE].notes, by_sex[Sex.FEMALE].notes) == ((), ())
    assert "limits for men; for a woman it would be mildly abnormal" in by_sex[Sex.UNKNOWN].notes[0]
    assert _mr(mr_files, table="esc2021").notes == ()


@pytest.mark.parametrize("number", [257, 4, 1.5, -1])
def test_numbers_that_are_no_class_are_refused(mr_files, echo_files, tmp_path, number):
    """Cast to bytes first, 257 would be 1."""
    affine = np.diag([-0.4, -0.4, 1, 1])
    apical = np.asarray(nibabel.load(echo_files["a4c_mask"]).dataobj) * np.float32(number)
    echo = EchoView(images=(echo_files["a4c"],), masks=(_save(tmp_path / "echo.nii.gz", apical, None, affine),))
    values, mask = _chest()
    ct = _save(tmp_path / "ct.nii.gz", values, (1, 1, 3))
    sites = _save(tmp_path / "sites.nii.gz", mask * np.float32(number if number != 4 else 7), (1, 1, 3))
    heart = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj) * np.float32(number)
    short_axis = _save(tmp_path / "mr.nii.gz", heart, (1.5, 1.5, 8))
    for measure in (
        lambda: quantify_echo(EchoRequest(four_chamber=echo)),
        lambda: quantify_calcium(CalciumRequest(scan=ct, mask=sites)),
        lambda: quantify_mr(MrRequest(scans=(mr_files["ed"],), masks=(short_axis,))),
    ):
        with pytest.raises(ItemError, match="which is no class") as caught:
            measure()
        assert caught.value.reason is Reason.WRONG_SHAPE


def test_a_ct_is_no_echo(tmp_path):
    ct = _save(tmp_path / "ct.nii.gz", np.full((20, 20, 6), -900, np.int16), (1, 1, 1))
    with pytest.raises(ItemError, match="CT and not ultrasound") as caught:
        quantify_echo(EchoRequest(four_chamber=EchoView(images=(ct,), masks=(ct,))))
    assert caught.value.reason is Reason.WRONG_MODALITY


@pytest.mark.parametrize("factor", [0, -0.0008, 1, float("nan")])
def test_a_mass_factor_that_is_none_is_refused(tmp_path, factor):
    scan = _save(tmp_path / "ct.nii.gz", _chest()[0], (1, 1, 3))
    with pytest.raises(ConfigurationError, match="mass calibration"):
        quantify_calcium(CalciumRequest(scan=scan, everything=True, mg_per_mm3_hu=factor))


def test_echo_networks_run_on_clips(echo_files, networks):
    try:
        result = quantify_echo(EchoRequest(four_chamber=EchoView(images=(echo_files["a4c"],)), workspace=networks))
    except ItemError as error:
        assert error.reason is Reason.NO_HEART  # noqa: PT017 - what untrained networks see is up to chance
    else:
        assert result.model.startswith("apical_echo")


def _chest():
    values = np.full((60, 50, 12), 40, np.float32)
    values[:8] = values[:, :6] = -900
    values[20:23, 20:23, 5] = 250
    values[40:43, 30:33, 6:8] = 450
    mask = np.zeros(values.shape, np.uint8)
    mask[20:23, 20:23, 5], mask[40:43, 30:33, 6:8] = 1, 4
    return values, mask


def test_calcium_by_site(tmp_path):
    values, mask = _chest()
    scan, sites = _save(tmp_path / "ct.nii.gz", values, (1, 1, 3)), _save(tmp_path / "mask.nii.gz", mask, (1, 1, 3))
    result = quantify_calcium(CalciumRequest(scan=scan, mask=sites, out=tmp_path / "out"))
    assert result.value("agatston_coronary") == pytest.approx(18)
    assert result.value("agatston_lad") == pytest.approx(18)
    assert result.value("agatston_aorta") == pytest.approx(72)
    assert result.categories[0].word == "1-99"
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / "out" / "mask_calcium.nii.gz").dataobj), mask)


@pytest.mark.parametrize(("flips", "order"), [((0,), (0, 1, 2)), ((1, 2), (0, 1, 2)), ((0, 2), (2, 0, 1))])
def test_a_ct_stored_another_way_is_the_same_patient(tmp_path, flips, order):
    """The aorta of the mask lies over two slices, so that slices taken for rows would change the score."""
    for name, values in zip(("ct", "mask"), _chest(), strict=True):
        _save(tmp_path / f"{name}.nii.gz", values, (1, 0.8, 3))
        _turned(tmp_path / f"{name}.nii.gz", tmp_path / f"turned_{name}.nii.gz", flips=flips, order=order)
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
    first, second = (_in_world_order(one.files["mask"]) for one in scored)
    assert np.array_equal(first, second)


def test_calcium_without_a_mask_asks_what_to_score(tmp_path):
    scan = _save(tmp_path / "ct.nii.gz", _chest()[0], (1, 1, 3))
    with pytest.raises(ArtifactError, match="train calcium"):
        quantify_calcium(CalciumRequest(scan=scan, workspace=tmp_path))
    result = quantify_calcium(CalciumRequest(scan=scan, everything=True))
    assert result.value("agatston_all_candidates") == pytest.approx(90)
    assert result.categories == ()


def test_calcium_of_a_dicom_series_comes_with_a_structured_report(tmp_path, make_dicom):
    values, mask = _chest()
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
    sites = tmp_path / "sites.nii.gz"
    nibabel.save(nibabel.Nifti1Image(mask, written.affine), sites)
    result = quantify_calcium(CalciumRequest(scan=folder, mask=sites, out=tmp_path / "out"))
    assert result.value("agatston_coronary") == pytest.approx(18)
    report = pydicom.dcmread(result.files["structured_report"])
    assert report.Modality == "SR"
    assert report.PatientID == "MRN-77"
    assert "calcium by site" in _said(report)
    of_everything = _said(pydicom.dcmread(plain.files["structured_report"]))
    assert "every dense piece, bone included" in of_everything
    assert "coronary" not in of_everything


def _said(report):
    return "; ".join(str(element.value) for element in report.iterall())


def _no_error(path):
    if shutil.which("dciodvfy") is None:
        return True
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    return not [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]


def test_mr_and_echo_report_into_the_study_that_is_named(mr_files, echo_files, tmp_path, make_dicom):
    for name in ("MR", "US"):
        (tmp_path / f"{name}.dcm").write_bytes(
            make_dicom(
                Modality=name,
                SeriesInstanceUID="1.2.9",
                PatientBirthDate="",
                PatientSex="",
                StudyTime="101010",
                StudyID="1",
            )
        )
    mr = _mr(mr_files, out=tmp_path / "mr", study=tmp_path / "MR.dcm")
    view = EchoView(images=(echo_files["a4c"],), masks=(echo_files["a4c_mask"],))
    echo = quantify_echo(EchoRequest(four_chamber=view, out=tmp_path / "echo", study=tmp_path / "US.dcm"))
    for result, said in (
        (mr, ("Left Ventricular Ejection Fraction", "voxels counted", "mask given", "Left Ventricle Mass")),
        (echo, ("Method of Disks, Single Plane", "Area-Length Single Plane", "single plane", "normal")),
    ):
        report = pydicom.dcmread(result.files["structured_report"])
        assert (report.Modality, report.StudyInstanceUID, report.PatientID) == ("SR", "1.2.3", "MRN-77")
        assert all(words in _said(report) for words in said)
        assert _no_error(result.files["structured_report"])
    with pytest.raises(ItemError, match="holds images of US, wanted is MR") as caught:
        _mr(mr_files, out=tmp_path / "mr", study=tmp_path / "US.dcm")
    assert caught.value.reason is Reason.WRONG_MODALITY
    with pytest.raises(UsageError, match="--out"):
        _mr(mr_files, study=tmp_path / "MR.dcm")


def test_commands_print_json_alone(mr_files, echo_files, tmp_path):
    values, mask = _chest()
    scan, sites = _save(tmp_path / "ct.nii.gz", values, (1, 1, 3)), _save(tmp_path / "sites.nii.gz", mask, (1, 1, 3))
    commands = (
        ["mr", mr_files["ed"], mr_files["es"], "--mask", mr_files["ed_mask"], "--mask", mr_files["es_mask"]],
        [
            "echo",
            echo_files["a4c"],
            echo_files["a2c"],
            "--mask",
            echo_files["a4c_mask"],
            "--mask",
            echo_files["a2c_mask"],
        ],
        ["calcium", scan, "--mask", sites, "--risk-scheme", "deepcac"],
    )
    for command in commands:
        done = CliRunner().invoke(app, ["cardiac", *map(str, command), "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["kind"] == command[0]
