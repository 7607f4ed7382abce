import nibabel
import numpy as np
import pytest
import torch

from echomine.archive.workspace import Workspace
from echomine.cardiac.anatomical_guarantee import Remedy, valid_slice
from echomine.cardiac.cine_segmentation import class_shares
from echomine.cardiac.short_axis_anatomy import short_axis_violations
from echomine.domain.errors import ArtifactError, ConfigurationError, ItemError, UsageError
from echomine.domain.heart_choices import TrainedKind
from echomine.learning.cine_mr import CineTraining, VolumeSource
from echomine.learning.slice_augmentation import SliceAugmentation
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.pipeline.cardiac_models import (
    APICAL_ECHO,
    CINE_MR,
    CINE_MR_3D,
    HEART_SHAPES,
    load_ensemble,
    load_mr_ensembles,
    load_shapes,
)
from echomine.pipeline.labelled_scans import labelled_scans
from echomine.pipeline.train_cardiac import CardiacTraining, train_cardiac
from echomine.pipeline.train_shapes import ShapeRequest, train_shapes
from echomine.pipeline.train_slices import SliceTrainingRequest, asked_settings, train_slices
from echomine.synthetic.heart_shapes import HeartShape, draw_heart_shape

GREY = np.array([100, 500, 250, 800])


@pytest.fixture
def volumes(tmp_path):
    """Two patients, each of three slices, in the form that is learnt from."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for patient in range(2):
        shape = HeartShape(cavity_mm=20 + 3 * patient, wall_mm=9, septum_angle=2.8, rv_depth_mm=24)
        mask = np.repeat(draw_heart_shape(shape, size=(64, 64), pixel_mm=2.0).T[..., None], 3, axis=2)
        values = (GREY[mask] + rng.normal(0, 20, mask.shape)).astype(np.int16)
        for suffix, array in (("", values), ("_gt", mask)):
            nibabel.save(nibabel.Nifti1Image(array, np.diag([2, 2, 8, 1.0])), folder / f"p{patient}_ED{suffix}.nii.gz")
    return folder


@pytest.mark.slow
def test_training_writes_a_generation_with_its_score_on_patients_left_out(volumes, tmp_path):
    request = SliceTrainingRequest(kind=CINE_MR, data=volumes, folds=2, epochs=2, base=2)
    first = train_slices(request, tmp_path / "a", seed=3)
    again = train_slices(request, tmp_path / "b", seed=3)
    assert first.generation == again.generation
    assert first.volumes == 2
    assert set(first.dice) == {1, 2, 3}
    assert len(load_ensemble(tmp_path / "a", CINE_MR).networks) == 2


@pytest.mark.slow
def test_networks_of_slices_and_of_volumes_measure_together(volumes, tmp_path):
    workspace = tmp_path / "w"
    names = []
    for kind, base in ((TrainedKind.MR, 2), (TrainedKind.MR3D, 2)):
        asked = CardiacTraining(kind=kind, data=volumes, folds=2, epochs=1, base=base, window=64, pixel_mm=2.0)
        names.append(train_cardiac(asked, workspace, seed=0)["generation"])
    both = load_mr_ensembles(workspace)
    assert [one.generation for one in both] == names
    assert [one.preparation.between_mm for one in both] == [None, 10.0]
    assert [one.networks[0].config.dimensions for one in both] == [2, 3]
    assert [one.generation for one in load_mr_ensembles(workspace, names[1])] == names[1:]
    image = np.random.default_rng(0).normal(size=(7, 40, 50))
    spacing = (8.0, 2.0, 2.0)
    shares = [class_shares(one.networks, image, spacing, one.preparation, mirrors=False, turned=False) for one in both]
    assert [one.shape for one in shares] == [(4, 7, 40, 50)] * 2
    np.testing.assert_allclose([one.sum(axis=0) for one in shares], 1, atol=1e-5)
    with pytest.raises(ArtifactError, match=f"there is no generation {'0' * 24} of cine_mr; there are {names[0]}"):
        load_mr_ensembles(workspace, "0" * 24)


def test_windows_of_volumes_have_one_depth(volumes):
    plan = CinePreparation(in_plane_mm=2.0, between_mm=4.0)
    scans = labelled_scans(CINE_MR_3D, volumes)
    for depth in (3, 9):
        config = CineTraining(
            dimensions=3, depth=depth, batch_size=2, preparation=plan, augmentation=SliceAugmentation(window=64)
        )
        ((images, masks),) = VolumeSource(scans, config).epoch(torch.Generator().manual_seed(0))
        assert images.shape == (2, 1, depth, 64, 64)
        assert masks.shape == (2, depth, 64, 64)
        assert set(masks.unique().tolist()) == {0, 1, 2, 3}
    with pytest.raises(ConfigurationError, match="slice distance"):
        CineTraining(dimensions=3)


def test_training_data_is_checked(volumes, tmp_path):
    with pytest.raises(UsageError, match="3 folds need as many patients"):
        train_slices(SliceTrainingRequest(kind=CINE_MR, data=volumes, folds=3), tmp_path, seed=0)
    with pytest.raises(UsageError, match="holds no NAME_gt"):
        train_slices(SliceTrainingRequest(kind=APICAL_ECHO, data=tmp_path, folds=2), tmp_path, seed=0)
    for folder in (tmp_path, tmp_path / "mistyped"):
        with pytest.raises(UsageError, match="holds no NAME_gt.nii.gz to learn shapes from"):
            train_shapes(ShapeRequest(data=folder, hearts=4, epochs=1), tmp_path / "w", seed=0)


def test_what_is_asked_goes_before_the_usual_settings_of_a_kind(tmp_path):
    """A picture is no stack: with two slices a patient, as many passes as a stack gets are too few steps."""
    plain = {kind: asked_settings(SliceTrainingRequest(kind=kind, data=tmp_path)) for kind in (CINE_MR, APICAL_ECHO)}
    assert plain[APICAL_ECHO].epochs > plain[CINE_MR].epochs
    request = SliceTrainingRequest(kind=APICAL_ECHO, data=tmp_path, epochs=3, base=5, window=64, pixel_mm=2.0)
    asked = asked_settings(request)
    assert (asked.epochs, asked.base) == (3, 5)
    assert (asked.augmentation.window, asked.preparation.in_plane_mm) == (64, 2.0)
    assert asked.augmentation.mirrors is False


@pytest.mark.slow
def test_shapes_learn_from_hearts_and_masks_and_serve_the_guarantee(volumes, tmp_path):
    trained = train_shapes(ShapeRequest(data=volumes, hearts=60, epochs=8, latents=50), tmp_path / "w", seed=0)
    assert trained.masks == 66
    shapes = load_shapes(tmp_path / "w")
    assert shapes is not None
    assert len(shapes.latents) == trained.latents
    mask = draw_heart_shape(HeartShape(cavity_mm=20, wall_mm=8), size=(90, 90), pixel_mm=1.6)
    mask[:, 45:48] = 0
    result = valid_slice(mask, (1.6, 1.6), shapes)
    assert result.remedy is not Remedy.NONE
    assert short_axis_violations(result.mask, (1.6, 1.6)) == {}


def test_damaged_shapes_are_refused(tmp_path):
    assert load_shapes(tmp_path) is None
    Workspace.artifacts_of(tmp_path).write(HEART_SHAPES, {"network.json": b"{}"}, config={})
    with pytest.raises(ArtifactError, match="train them again"):
        load_shapes(tmp_path)


def test_other_masks_are_no_hearts(volumes, tmp_path):
    mask = np.full((20, 20, 4), 9, np.uint8)
    nibabel.save(nibabel.Nifti1Image(mask, np.diag([1, 1, 8, 1.0])), volumes / "x_gt.nii.gz")
    with pytest.raises(ItemError, match="holds 9, which is no class"):
        train_shapes(ShapeRequest(data=volumes, hearts=4), tmp_path / "w", seed=0)
