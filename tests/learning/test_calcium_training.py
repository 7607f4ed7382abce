import numpy as np
import pytest
import torch

from echomine.cardiac.calcium_finder import (
    CalciumFinder,
    candidate_voxels,
    find_calcium,
    finder_files,
    finder_from_files,
)
from echomine.domain.errors import ArtifactError, UsageError
from echomine.learning.calcium import (
    ANSWERS,
    AxisSource,
    CalciumScan,
    CalciumTraining,
    PlaneSource,
    balanced_entropy,
    train_calcium_network,
    train_false_find_network,
)
from echomine.models.segmentation.calcium_networks import RECEPTIVE_FIELD, CalciumNetwork, FalseFindNetwork
from echomine.models.segmentation.calcium_preparation import (
    CalciumPreparation,
    coarse_places,
    coarse_volume,
    fine_planes,
    place_patches,
)

TINY = CalciumTraining(
    axis_epochs=1, axis_steps=1, combiner_epochs=1, second_epochs=1, voxels_per_scan=4, batch_size=2, precision="32"
)


def scan(*, calcium=True):
    rng = np.random.default_rng(0)
    cube = torch.from_numpy(rng.normal(-0.1, 0.01, (8, 12, 14)).astype(np.float32))
    places, sites = np.array([[3, 4, 5], [6, 7, 2], [1, 1, 1]]), np.array([3 if calcium else 0, 0, 0])
    planes = rng.normal(size=(3, 3, 65, 65)).astype(np.float32)
    return CalciumScan(cube=cube, places=places, sites=sites, planes=planes, is_calcium=sites > 0)


def test_a_dense_point_stays_where_it_is_on_the_coarse_grid():
    values = np.full((20, 60, 40), -95.0, np.float32)
    values[9:12, 30:36, 8:12] = 900
    spacing = (3.0, 0.7, 0.7)
    cube = coarse_volume(values, spacing, CalciumPreparation())
    assert tuple(cube.shape) == (24, 17, 11)
    (place,) = coarse_places(np.array([[10, 33, 10]]), values.shape, tuple(cube.shape))
    assert np.abs(place - np.unravel_index(int(cube.argmax()), cube.shape)).max() <= 1


def test_patches_have_their_place_in_the_middle():
    cube = torch.randn(5, 6, 7)
    patches = place_patches(cube, np.array([[4, 0, 3], [1, 5, 6]]))
    middle = RECEPTIVE_FIELD // 2
    assert patches.shape == (2, 3, RECEPTIVE_FIELD, RECEPTIVE_FIELD)
    assert (patches[0, :, middle, middle] == cube[4, 0, 3]).all()
    assert (patches[1, :, middle, middle] == cube[1, 5, 6]).all()
    assert patches[0, 0, middle - 1, middle] == -1


def test_fine_planes_are_cut_at_two_thirds_of_a_millimetre():
    values = np.full((30, 80, 80), -1000.0, np.float32)
    values[:, 40:, :] = 130.0
    planes = fine_planes(values, (2.0, 1.0, 1.0), (15.0, 39.5, 40.0))
    assert planes.shape == (3, 65, 65)
    assert planes[0, 40, 32] == pytest.approx(0, abs=1e-6)
    assert planes[0, 24, 32] == pytest.approx(-1)
    assert np.allclose(planes[1, 32, 20:45], planes[1, 32, 32])


def test_patches_of_training_hold_the_answer_of_their_candidate():
    source = AxisSource([scan()], 0, TINY)
    patches, targets = next(source.epoch(torch.Generator().manual_seed(0)))
    assert patches.shape == (2, 1, 155, 155)
    assert targets.shape == (2, ANSWERS, ANSWERS)
    assert all(int((one >= 0).sum()) >= 1 for one in targets)
    point = scan()
    point.cube[:] = -0.5
    for place, site in zip(point.places.tolist(), (1.0, 0.5, 0.5), strict=True):
        point.cube[tuple(place)] = site
    for axis in range(3):
        patches, targets = next(AxisSource([point], axis, TINY).epoch(torch.Generator().manual_seed(axis)))
        seen = patches[:, 0, 65:90, 65:90]
        assert ((seen > 0.2) == (targets >= 0)).all()
        assert ((seen > 0.8) == (targets == 3)).all()
    with pytest.raises(UsageError, match="no scan holds calcium"):
        AxisSource([scan(calcium=False)], 0, TINY)


def test_every_class_counts_alike():
    logits = torch.tensor([[2.0, 0.0]] * 9 + [[2.0, 0.0]])
    targets = torch.tensor([0] * 9 + [1])
    wrong, right = np.log1p(np.exp(2)), np.log1p(np.exp(-2))
    assert float(balanced_entropy(logits, targets)) == pytest.approx((wrong + right) / 2, abs=1e-5)


def test_training_moves_every_weight_of_the_first_network_and_needs_both_kinds_for_the_second():
    trained = train_calcium_network([scan()], TINY, seed=1)
    torch.manual_seed(1)
    untrained = CalciumNetwork().state_dict()
    assert all(not torch.equal(value, untrained[name]) for name, value in trained.state_dict().items())
    assert isinstance(train_false_find_network([scan()], TINY, seed=1), FalseFindNetwork)
    with pytest.raises(UsageError, match="nothing to tell apart"):
        train_false_find_network([scan(calcium=False)], TINY, seed=1)


def test_a_candidate_is_named_as_a_whole_and_false_ones_are_dropped():
    values = np.full((12, 40, 40), 40.0, np.float32)
    values[4:7, 10:14, 10:14], values[9, 30:33, 30:33] = 600, 300
    first, second = CalciumNetwork().eval(), FalseFindNetwork().eval()
    with torch.no_grad():
        for network in (first.combiner[-1], second.judge[-1]):
            network.weight.zero_()
            network.bias.zero_()
        first.combiner[-1].bias[5] = 5.0
        second.judge[-1].bias[1] = 5.0
    finder = CalciumFinder(first=first, second=second, preparation=CalciumPreparation())
    mask = find_calcium(values, (3.0, 1.0, 1.0), finder)
    np.testing.assert_array_equal(mask, np.where(values >= 130, 5, 0))
    with torch.no_grad():
        second.judge[-1].bias[1] = -5.0
    assert not find_calcium(values, (3.0, 1.0, 1.0), finder).any()
    read = finder_from_files(finder_files(finder), generation="g")
    assert not find_calcium(values, (3.0, 1.0, 1.0), read).any()
    with pytest.raises(ArtifactError, match="train them again"):
        finder_from_files({})


def test_voxels_of_candidates_belong_to_them():
    numbered = np.zeros((3, 8, 8), np.int32)
    numbered[1, 2:6, 2:6], numbered[2, 7, 7] = 1, 2
    places, owners = candidate_voxels(numbered, np.array([0, 1]))
    assert (numbered[tuple(places.T)] - 1 == owners).all()
    assert set(owners) == {0, 1}
    assert set(candidate_voxels(numbered, np.array([1]))[1]) == {1}


def test_each_candidate_is_mirrored_by_its_own_chance():
    planes = torch.arange(65.0).expand(64, 3, 65, 65)
    source = PlaneSource((planes, torch.zeros(64, dtype=torch.int64)), 64)
    (seen, _), (again, _), (other, _) = (next(source.epoch(torch.Generator().manual_seed(seed))) for seed in (0, 0, 1))
    mirrored = seen[:, 0, 0, 0] == 64
    assert torch.equal(seen[mirrored], planes[mirrored].flip(3))
    assert torch.equal(seen[~mirrored], planes[~mirrored])
    assert 16 < int(mirrored.sum()) < 48
    assert torch.equal(seen, again)
    assert not torch.equal(seen, other)
