"""`cardiac echo` on phantoms of known size, written as files."""

import nibabel
import numpy as np
import pytest

from echomine.cardiac.anatomical_guarantee import Remedy, ValidSlice
from echomine.cardiac.volumes import Flag
from echomine.domain.errors import ItemError, Reason
from echomine.pipeline import echo_frames
from echomine.pipeline import quantify_echo as quantify_echo_module
from echomine.pipeline.echo_frames import EchoView
from echomine.pipeline.quantify_echo import EchoRequest, quantify_echo
from tests.pipeline.heart_files import apical_picture, in_world_order, save, stored_another_way


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
        name: stored_another_way(echo_files[name], tmp_path / f"turned_{name}.nii.gz", flips=flips, order=order)
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
    assert np.array_equal(in_world_order(other.files["mask_a4c"]), in_world_order(upright.files["mask_a4c"]))
    assert nibabel.load(other.files["mask_a4c"]).shape == nibabel.load(turned["a4c"]).shape


def test_a_second_view_of_one_instant_does_not_stand_for_the_others_systole(echo_files, tmp_path):
    """By the clip alone; the diastole of the other view as its systole would halve the ejection fraction."""
    affine = np.diag([-0.4, -0.4, 1, 1])
    mask, picture = apical_picture(86, 50)
    two = EchoView(
        images=(save(tmp_path / "two.nii.gz", picture, None, affine),),
        masks=(save(tmp_path / "two_mask.nii.gz", mask, None, affine),),
    )
    four = EchoView(images=(echo_files["a4c"],), masks=(echo_files["a4c_mask"],))
    both, one = (quantify_echo(EchoRequest(four_chamber=four, two_chamber=other)) for other in (two, None))
    assert both.value("lv_ef") == one.value("lv_ef") == pytest.approx(100 * (1 - 74 * 16**2 / (86 * 22**2)), abs=0.9)
    assert Flag.SINGLE_PLANE in both.flags


@pytest.mark.parametrize(("remedy", "is_flagged"), [("repaired", False), ("replaced", True), ("emptied", True)])
def test_a_ventricle_that_nobody_drew_is_told(monkeypatch, remedy, is_flagged):
    mask, picture = (array.T for array in apical_picture(86, 44))
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
    path = save(tmp_path / "pieces.nii.gz", mask, None, np.diag([-0.4, -0.4, 1, 1]))
    results = [
        quantify_echo(EchoRequest(four_chamber=EchoView(images=(echo_files["a4c"],), masks=(one,))))
        for one in (echo_files["a4c_mask"], path)
    ]
    assert [Flag.SEVERAL_PIECES in one.flags for one in results] == [False, True]
    assert results[0].value("lv_edv") == results[1].value("lv_edv")


def test_echo_masks_are_mended_only_where_that_is_asked_for(echo_files, tmp_path):
    mask = np.asarray(nibabel.load(echo_files["a4c_mask"]).dataobj).copy()
    mask[126:134, 100:108] = 0
    path = save(tmp_path / "hole.nii.gz", mask, None, np.diag([-0.4, -0.4, 1, 1]))
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
        mask, picture = apical_picture(length, width)
        affine = np.diag([-0.4 * zoom, -0.4 * zoom, 1, 1])
        files.append(save(tmp_path / f"{name}.nii.gz", picture[::zoom, ::zoom], None, affine))
        files.append(save(tmp_path / f"{name}_mask.nii.gz", mask[::zoom, ::zoom], None, affine))
    result = quantify_echo(EchoRequest(four_chamber=EchoView(images=tuple(files[::2]), masks=tuple(files[1::2]))))
    assert result.value("lv_esv") == pytest.approx(2 / 3 * np.pi * 74 * 16**2 / 1000, rel=0.03)
    assert result.anatomy == ()


def test_one_picture_has_a_volume_and_a_length_and_no_systole(tmp_path):
    affine = np.diag([-0.4, -0.4, 1, 1])
    mask, picture = apical_picture(86, 44)
    files = [save(tmp_path / f"{n}.nii.gz", v, None, affine) for n, v in (("picture", picture), ("mask", mask))]
    result = quantify_echo(EchoRequest(four_chamber=EchoView(images=(files[0],), masks=(files[1],))))
    assert result.value("lv_edv") == pytest.approx(2 / 3 * np.pi * 86 * 22**2 / 1000, rel=0.015)
    assert result.value("lv_length_ed") == pytest.approx(86, abs=1)
    assert [result.value(name) for name in ("lv_esv", "lv_ef", "lv_length_es")] == [None] * 3
    assert Flag.SAME_INSTANT in result.flags


def test_a_diastole_without_ventricle_is_no_swap_of_instants(tmp_path):
    affine = np.diag([-0.4, -0.4, 1, 1])
    mask, picture = apical_picture(86, 44)
    image = save(tmp_path / "picture.nii.gz", picture, None, affine)
    masks = [save(tmp_path / f"{at}.nii.gz", values, None, affine) for at, values in enumerate((0 * mask, mask))]
    result = quantify_echo(EchoRequest(four_chamber=EchoView(images=(image, image), masks=tuple(masks))))
    assert Flag.ABSENT_LV in result.flags
    assert Flag.INSTANTS_SWAPPED not in result.flags


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
    empty = save(tmp_path / "empty.nii.gz", np.zeros((260, 300, 2), np.uint8), None, np.diag([-0.4, -0.4, 1, 1]))
    view = EchoView(images=(echo_files["a4c"],), masks=(empty,))
    with pytest.raises(ItemError, match="no frame shows") as caught:
        quantify_echo(EchoRequest(four_chamber=view))
    assert caught.value.reason is Reason.NO_HEART


def test_a_volume_is_no_clip(mr_files):
    with pytest.raises(ItemError, match="not a clip") as caught:
        quantify_echo(EchoRequest(four_chamber=EchoView(images=(mr_files["ed"],), masks=(mr_files["ed_mask"],))))
    assert caught.value.reason is Reason.WRONG_MODALITY


def test_a_ct_is_no_echo(tmp_path):
    ct = save(tmp_path / "ct.nii.gz", np.full((20, 20, 6), -900, np.int16), (1, 1, 1))
    with pytest.raises(ItemError, match="CT and not ultrasound") as caught:
        quantify_echo(EchoRequest(four_chamber=EchoView(images=(ct,), masks=(ct,))))
    assert caught.value.reason is Reason.WRONG_MODALITY


def test_echo_networks_run_on_clips(echo_files, networks):
    try:
        result = quantify_echo(EchoRequest(four_chamber=EchoView(images=(echo_files["a4c"],)), workspace=networks))
    except ItemError as error:
        assert error.reason is Reason.NO_HEART  # noqa: PT017 - what untrained networks see is up to chance
    else:
        assert result.model.startswith("apical_echo")
