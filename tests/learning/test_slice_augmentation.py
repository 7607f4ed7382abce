from dataclasses import replace

import pytest
import torch

from echomine.domain.errors import ConfigurationError
from echomine.learning.slice_augmentation import SliceAugmentation, random_windows

UNCHANGED = SliceAugmentation(degrees=0, log_scale=0, bend_px=0, mirrors=False, jitter_px=0, anywhere=0, noise=0)


def _slices():
    masks = torch.zeros(3, 100, 90, dtype=torch.uint8)
    masks[0, 40:70, 30:50], masks[1, 20:50, 40:80] = 1, 2
    images = torch.stack([masks.float(), masks.float() ** 2], dim=1)
    centres = torch.tensor([[54.5, 39.5], [34.5, 59.5], [float("nan")] * 2])
    return images, masks, centres


def test_without_changes_the_window_is_cut_out():
    images, masks, centres = _slices()
    plan = replace(UNCHANGED, window=32)
    seen, labels = random_windows(images, masks, centres, plan, torch.Generator().manual_seed(0))
    assert torch.equal(labels[0], masks[0, 39:71, 24:56].long())
    assert torch.allclose(seen[0], images[0, :, 39:71, 24:56], atol=1e-4)


def test_masks_follow_their_images():
    images, masks, centres = _slices()
    plan = SliceAugmentation(window=64, noise=0, anywhere=0)
    seen, labels = random_windows(images, masks, centres, plan, torch.Generator().manual_seed(1))
    assert (labels[0] > 0).any()
    assert ((seen[:, 0] > 0.5 * masks.amax((1, 2))[:, None, None].clamp(min=1)) == (labels > 0)).float().mean() > 0.99


def test_same_seed_same_windows():
    images, masks, centres = _slices()
    plan = SliceAugmentation(window=32)
    first, again, other = (
        random_windows(images, masks, centres, plan, torch.Generator().manual_seed(seed))[0] for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_slices_without_a_target_are_seen_anywhere():
    images, masks, centres = _slices()
    seen, _ = random_windows(images, masks, centres, UNCHANGED, torch.Generator().manual_seed(0))
    assert seen.isfinite().all()


def test_windows_fit_the_network():
    with pytest.raises(ConfigurationError, match="multiple of 16"):
        SliceAugmentation(window=100)
