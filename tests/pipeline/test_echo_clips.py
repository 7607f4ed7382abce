import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch

from echomine.archive.workspace import Workspace
from echomine.cardiac.ensemble import ensemble_files
from echomine.cardiac.volumes import Flag
from echomine.domain.errors import UsageError
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.clip_unet import ClipUNet
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet
from echomine.pipeline.cardiac_models import APICAL_CLIPS, APICAL_ECHO, load_echo_ensemble
from echomine.pipeline.echo_frames import seen_view
from echomine.pipeline.quantify_echo import EchoRequest, EchoView, quantify_echo
from echomine.pipeline.train_clips import ClipTrainingRequest, train_clips
from echomine.pipeline.train_slices import SliceTrainingRequest, train_slices


def _ventricle(scale, *, size=96):
    y, x = np.mgrid[:size, :size] - np.array([50.0, 48.0])[:, None, None]
    mask = np.zeros((size, size), np.uint8)
    mask[(y <= 0) & ((y / (40 * scale + 5)) ** 2 + (x / (16 * scale + 5)) ** 2 <= 1)] = 2
    mask[(y <= 0) & ((y / (40 * scale)) ** 2 + (x / (16 * scale)) ** 2 <= 1)] = 1
    mask[(y > 0) & (((y - 12) / 16) ** 2 + (x / 13) ** 2 <= 1)] = 3
    return mask


def _saved(path, canonical):
    """Stored as x, y with both axes running the other way, as the affine says."""
    stored = np.ascontiguousarray(
        np.moveaxis(canonical, -1, 0) if canonical.ndim == 2 else canonical.transpose(2, 1, 0)
    )
    nibabel.save(nibabel.Nifti1Image(stored, np.diag([-1.5, -1.5, 1, 1])), path)
    return path


@pytest.fixture
def pairs(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    grey = np.array([60, 30, 160, 40])
    for patient in range(2):
        for instant, scale in (("ED", 1.0), ("ES", 0.75)):
            mask = _ventricle(scale)
            image = (grey[mask] + rng.normal(0, 12, mask.shape)).astype(np.float32)
            _saved(folder / f"p{patient}_4CH_{instant}.nii.gz", image)
            _saved(folder / f"p{patient}_4CH_{instant}_gt.nii.gz", mask)
    return folder


@pytest.mark.slow
def test_clip_networks_start_from_those_of_frames_and_measure_a_clip(pairs, tmp_path):
    workspace = tmp_path / "w"
    frames = train_slices(
        SliceTrainingRequest(kind=APICAL_ECHO, data=pairs, folds=2, epochs=1, base=2), workspace, seed=0
    )
    trained = train_clips(ClipTrainingRequest(data=pairs, epochs=2), workspace, seed=0)
    assert trained.clips == 2
    manifest = json.loads((workspace / "artifacts" / APICAL_CLIPS / trained.generation / "manifest.json").read_text())
    assert manifest["parents"] == {APICAL_ECHO: frames.generation}
    assert load_echo_ensemble(workspace, clips=True).sees_clips
    assert not load_echo_ensemble(workspace, clips=False).sees_clips
    assert not list((workspace / "training").rglob("*.safetensors"))


def test_curves_of_a_clip_are_told_and_drawn(tmp_path):
    masks = np.stack([_ventricle(scale) for scale in (1.0, 0.9, 0.8, 0.75, 0.85)])
    image, mask = _saved(tmp_path / "a.nii.gz", masks * 50.0), _saved(tmp_path / "a_mask.nii.gz", masks)
    view = EchoView(images=(image,), masks=(mask,))
    result = quantify_echo(EchoRequest(four_chamber=view, out=tmp_path / "out"))
    curve = result.document()["curves"]["lv_volume_a4c"]
    assert curve["unit"] == "ml"
    solids = [2 / 3 * np.pi * (60 * s) * (24 * s) ** 2 / 1000 for s in (1.0, 0.9, 0.8, 0.75, 0.85)]
    np.testing.assert_allclose(curve["values"], solids, rtol=0.06)
    assert result.value("lv_edv") == pytest.approx(max(curve["values"]), abs=1e-3)
    assert (tmp_path / "out" / "curve.png").read_bytes().startswith(b"\x89PNG")


def _untrained(workspace):
    torch.manual_seed(0)
    network = ClipUNet.from_frames(IsenseeUNet(IsenseeConfig(base=2))).eval()
    files = ensemble_files([network], CinePreparation(), mirrors=False)
    return Workspace.artifacts_of(workspace).write(APICAL_CLIPS, files, config={})


def test_what_clip_networks_learnt_from_is_told_as_it_is(tmp_path, monkeypatch):
    """From patients' pictures, with made frames between; what the untrained network sees is replaced by a mask."""
    _untrained(tmp_path)
    masks = np.stack([_ventricle(scale) for scale in (1.0, 0.75)])
    image, mask = _saved(tmp_path / "a.nii.gz", masks * 50.0), _saved(tmp_path / "a_mask.nii.gz", masks)
    monkeypatch.setattr(
        "echomine.pipeline.quantify_echo.seen_view", lambda view, _: seen_view(replace(view, masks=(mask,)), None)
    )
    result = quantify_echo(EchoRequest(four_chamber=EchoView(images=(image,)), workspace=tmp_path))
    assert Flag.SYNTHETIC_MOTION in result.flags
    assert Flag.SYNTHETIC_TRAINING not in result.flags


def test_clip_networks_are_not_for_pictures(tmp_path):
    written = _untrained(tmp_path)
    image = _saved(tmp_path / "a.nii.gz", _ventricle(1.0) * 50.0)
    request = EchoRequest(four_chamber=EchoView(images=(image,)), workspace=tmp_path, generation=written.generation_id)
    with pytest.raises(UsageError, match="reads clips, and these are pictures"):
        quantify_echo(request)
