import numpy as np
import pytest
import torch

from echomine.cardiac.clip_segmentation import segment_clip
from echomine.cardiac.ensemble import ensemble_files, ensemble_from_files
from echomine.cardiac.volume_curve import mean_second_difference, volume_curve_ml
from echomine.domain.errors import MeasurementError
from echomine.learning.clip_losses import carried, dice_loss, local_correlation, motion_loss, one_hot
from echomine.learning.echo_clips import ClipTraining, train_clip_network
from echomine.learning.slice_augmentation import SliceAugmentation
from echomine.models.segmentation.cine_preparation import CinePreparation
from echomine.models.segmentation.clip_unet import ClipUNet
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet
from echomine.models.segmentation.warping import warped, with_neighbours
from echomine.synthetic.echo_clips import EchoClip, clip_between

GREY = np.array([0.0, -0.5, 1.5, -0.3], np.float32)


def apical(scale, *, size=96):
    """A ventricle of half an ellipse above a round atrium, with a wall about it."""
    y, x = np.mgrid[:size, :size] - np.array([50.0, 48.0])[:, None, None]
    mask = np.zeros((size, size), np.uint8)
    mask[(y <= 0) & ((y / (40 * scale + 5)) ** 2 + (x / (16 * scale + 5)) ** 2 <= 1)] = 2
    mask[(y <= 0) & ((y / (40 * scale)) ** 2 + (x / (16 * scale)) ** 2 <= 1)] = 1
    mask[(y > 0) & (((y - 12) / 16) ** 2 + (x / 13) ** 2 <= 1)] = 3
    return mask


def clip(name="p0", *, seed=0):
    rng = np.random.default_rng(seed)
    ends = [
        (GREY[mask] + rng.normal(0, 0.3, mask.shape).astype(np.float32), mask) for mask in (apical(1), apical(0.75))
    ]
    images, masks = clip_between(ends[0], ends[1], rng)
    return EchoClip(name=name, images=images, masks=masks, pixel_mm=1.5), ends


def test_a_clip_runs_from_its_first_picture_to_its_last_and_shrinks_on_the_way():
    made, ends = clip()
    assert made.images.shape == (10, 96, 96)
    for at, (image, mask) in zip((0, -1), ends, strict=True):
        np.testing.assert_allclose(made.images[at], image, atol=1e-4)
        np.testing.assert_array_equal(made.masks[at], mask)
    areas = (made.masks == 1).sum(axis=(1, 2))
    assert (np.diff(areas) <= 0).all()
    middle = (areas[0] + areas[-1]) / 2
    assert abs((areas[4] + areas[5]) / 2 - middle) < 0.05 * middle


def test_a_clip_needs_a_ventricle_on_an_atrium():
    image, mask = np.zeros((96, 96), np.float32), apical(1)
    alone = np.where(mask == 3, 0, mask)
    with pytest.raises(MeasurementError, match="touches a left atrium"):
        clip_between((image, alone), (image, mask), np.random.default_rng(0))
    with pytest.raises(MeasurementError, match="one size"):
        clip_between((image[:80], mask), (image, mask), np.random.default_rng(0))


def test_warping_by_whole_pixels_shifts():
    image = torch.arange(48.0).reshape(1, 1, 6, 8)
    motion = torch.zeros(1, 2, 6, 8)
    motion[:, 0], motion[:, 1] = 1, 2
    np.testing.assert_allclose(warped(image, motion)[0, 0, :-1, :-2], image[0, 0, 1:, 2:], atol=1e-4)
    steps = motion[:, None].repeat(1, 2, 1, 1, 1)
    np.testing.assert_allclose(carried(image, steps)[0, 1, 0, :-2, :-4], image[0, 0, 2:, 4:], atol=1e-4)


def test_neighbours_are_carried_to_a_frame_before_they_are_averaged():
    shares = torch.zeros(3, 1, 6, 9)
    for at in range(3):
        shares[at, 0, 2:4, 2 + at : 4 + at] = 1
    motion = torch.zeros(3, 4, 6, 9)
    motion[:, 1], motion[:, 3] = 1, -1
    torch.testing.assert_close(with_neighbours(shares, motion), shares, atol=1e-5, rtol=0)
    still = with_neighbours(shares, torch.zeros_like(motion))
    assert float(still[1, 0, 2, 3]) == pytest.approx(0.75)
    assert float(still[0, 0, 2, 2]) == pytest.approx(2 / 3)
    torch.testing.assert_close(with_neighbours(shares[:1], motion[:1]), shares[:1])


def test_motion_loss_is_least_for_the_true_motion():
    rng = torch.Generator().manual_seed(0)
    still = torch.nn.functional.avg_pool2d(torch.randn(1, 1, 66, 66, generator=rng), 3, stride=1)
    images = torch.cat([still[:, :, :, at : at + 48] for at in range(3)], dim=1)[:, :, :48]
    motion = torch.zeros(1, 3, 4, 48, 48)
    right = motion.clone()
    right[:, :, 1], right[:, :, 3] = -1, 1
    assert float(motion_loss(images, right)) < -0.8
    assert float(motion_loss(images, right)) < float(motion_loss(images, motion)) < float(motion_loss(images, -right))
    assert float(local_correlation(still, still * 3 + 2)) == pytest.approx(1, abs=0.05)


def test_soft_dice_of_whole_masks_is_hard_dice():
    one, other = torch.from_numpy(apical(1)).long()[None], torch.from_numpy(apical(0.75)).long()[None]
    dice = [
        2 * float(((one == k) & (other == k)).sum()) / float((one == k).sum() + (other == k).sum()) for k in (1, 2, 3)
    ]
    assert float(dice_loss(one_hot(one, 4), one_hot(other, 4))) == pytest.approx(1 - np.mean(dice), abs=1e-3)


def test_a_new_clip_network_answers_as_the_network_of_frames():
    torch.manual_seed(0)
    frames = IsenseeUNet(IsenseeConfig(base=2)).eval()
    network = ClipUNet.from_frames(frames).eval()
    images = torch.randn(2, 5, 32, 48)
    with torch.inference_mode():
        logits, motion = network(images)
        alone = frames(images.reshape(10, 1, 32, 48)).reshape(2, 5, 4, 32, 48)
    torch.testing.assert_close(logits, alone)
    assert motion.shape == (2, 5, 4, 32, 48)
    assert not motion.any()


def test_training_joins_frames_and_is_repeatable():
    made, _ = clip()
    config = ClipTraining(
        appearance_epochs=2,
        shape_epochs=1,
        batch_size=1,
        learning_rate=3e-3,
        precision="32",
        augmentation=SliceAugmentation(
            window=96, degrees=0, log_scale=0, bend_px=0, mirrors=False, jitter_px=0, anywhere=0, noise=0
        ),
    )
    torch.manual_seed(1)
    start = IsenseeUNet(IsenseeConfig(base=2, dropout=0))
    network = train_clip_network([made], start, config, seed=0)
    again = train_clip_network([made], start, config, seed=0)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, again.state_dict()[name], rtol=0, atol=0)
    assert any(float(module.weight.detach().abs().max()) > 1e-4 for module in network.between)
    masks = segment_clip([network], made.images, (1.5, 1.5), CinePreparation())
    assert masks.shape == made.masks.shape
    files = ensemble_files([network], CinePreparation(), mirrors=False)
    read = ensemble_from_files(files)
    assert read.sees_clips
    np.testing.assert_array_equal(segment_clip(read.networks, made.images, (1.5, 1.5), CinePreparation()), masks)


def test_the_volume_of_every_frame_has_its_own_length():
    made, _ = clip()
    curve = volume_curve_ml(made.masks, (1.5, 1.5))
    # half an ellipsoid of revolution: 2/3 pi a b^2
    for at, scale in ((0, 1.0), (-1, 0.75)):
        solid = 2 / 3 * np.pi * (60 * scale) * (24 * scale) ** 2 / 1000
        assert curve[at] == pytest.approx(solid, rel=0.06)
    assert np.isnan(volume_curve_ml(np.zeros((1, 20, 20), np.uint8), (1.0, 1.0))).all()


def test_second_difference():
    assert mean_second_difference(np.array([1.0, 2, 3, 4])) == 0
    assert mean_second_difference(np.array([0.0, 1, 0, 1])) == 2
    with pytest.raises(MeasurementError, match="three or more"):
        mean_second_difference(np.array([1.0, np.nan, 2]))
