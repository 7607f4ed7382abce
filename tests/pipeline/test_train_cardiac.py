import nibabel
import numpy as np
import pytest

from echomine.archive.workspace import Workspace
from echomine.cardiac.anatomical_guarantee import Remedy, valid_slice
from echomine.cardiac.short_axis_anatomy import short_axis_violations
from echomine.domain.errors import ArtifactError, ItemError, UsageError
from echomine.pipeline.cardiac_models import APICAL_ECHO, CINE_MR, HEART_SHAPES, load_ensemble, load_shapes
from echomine.pipeline.train_shapes import ShapeRequest, train_shapes
from echomine.pipeline.train_slices import SliceTrainingRequest, train_slices
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


def test_training_data_is_checked(volumes, tmp_path):
    with pytest.raises(UsageError, match="3 folds need as many patients"):
        train_slices(SliceTrainingRequest(kind=CINE_MR, data=volumes, folds=3), tmp_path, seed=0)
    with pytest.raises(UsageError, match="holds no NAME_gt"):
        train_slices(SliceTrainingRequest(kind=APICAL_ECHO, data=tmp_path, folds=2), tmp_path, seed=0)


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
    with pytest.raises(ItemError, match="no short-axis mask"):
        train_shapes(ShapeRequest(data=volumes, hearts=4), tmp_path / "w", seed=0)
