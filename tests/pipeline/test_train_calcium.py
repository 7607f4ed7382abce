import nibabel
import numpy as np
import pytest

from echomine.cardiac.calcium import candidates
from echomine.cardiac.calcium_finder import voxels_by_candidate
from echomine.cardiac.volumes import Flag
from echomine.domain.errors import UsageError
from echomine.domain.heart_choices import TrainedKind
from echomine.models.segmentation.calcium_preparation import CalciumPreparation
from echomine.pipeline.quantify_calcium import CalciumRequest, quantify_calcium
from echomine.pipeline.train_calcium import CalciumTrainingRequest, labelled_scan, train_calcium, true_site
from echomine.pipeline.train_cardiac import CardiacTraining, train_cardiac
from echomine.synthetic.chest_ct import ChestConfig, make_chest_ct

PLAN = ChestConfig(depth_mm=60, slice_mm=(3.0, 3.0), calcified=1.0)
LOW = ChestConfig(depth_mm=24, slice_mm=(3.0, 3.0), calcified=1.0)


@pytest.fixture(scope="module")
def chest():
    return make_chest_ct(np.random.default_rng(5), PLAN)


def test_candidates_of_a_phantom_have_the_site_of_their_calcium(chest):
    numbered, found = candidates(chest.values_hu, chest.spacing_mm)
    voxels = voxels_by_candidate(numbered)
    for one, places in zip(found, voxels, strict=True):
        inside = chest.mask[numbered == one.number]
        site = true_site(chest, places)
        assert len(places) == len(inside)
        assert site == 0 or (inside == site).any()
        assert site > 0 or (inside > 0).mean() < 0.25
    scan = labelled_scan(chest, CalciumPreparation())
    assert scan.is_calcium.sum() == sum(true_site(chest, places) > 0 for places in voxels)
    assert len(scan.planes) == min(48, len(found))
    assert set(scan.sites) == {true_site(chest, places) for places in voxels}


@pytest.mark.slow
def test_trained_networks_score_a_scan_in_one_command(tmp_path):
    asked = CalciumTrainingRequest(phantoms=1, epochs=1, steps=1, batch=1, depth_mm=60)
    trained = train_calcium(asked, tmp_path / "w", seed=0)
    chest = make_chest_ct(np.random.default_rng(5), LOW)
    image = nibabel.Nifti1Image(chest.values_hu.transpose(2, 1, 0), np.diag([-1, -1, 3, 1]))
    nibabel.save(image, tmp_path / "ct.nii.gz")
    request = CalciumRequest(
        scan=tmp_path / "ct.nii.gz", workspace=tmp_path / "w", generation=trained.generation, out=tmp_path / "out"
    )
    result = quantify_calcium(request)
    assert result.model == f"calcium {trained.generation}"
    assert Flag.SYNTHETIC_TRAINING in result.flags
    assert result.categories[0].of == "agatston_coronary"
    assert nibabel.load(tmp_path / "out" / "mask_calcium.nii.gz").shape == image.shape


def test_what_is_trained_on_scans_has_a_folder(tmp_path):
    with pytest.raises(UsageError, match="name the folder"):
        train_cardiac(CardiacTraining(kind=TrainedKind.CLIPS), tmp_path, seed=0)
