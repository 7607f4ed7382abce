"""Segmentation networks answer for every pixel of a picture of any size."""

import pytest
import torch

from echomine.models.registry import Task, create, names_of, network_config

SMALL = {
    "enet": {"width": 8},
    "fcn8s": {"width": 4, "hidden": 8},
    "fcn16s": {"width": 4, "hidden": 8},
    "fcn32s": {"width": 4, "hidden": 8},
    "segnet": {"width": 4},
    "unet": {"width": 4},
    "unet_valid": {"width": 4, "mirror": True},
}
EDGE = 8


@pytest.mark.parametrize("size", [(96, 96), (97, 131)], ids=["even", "odd"])
@pytest.mark.parametrize("name", names_of(Task.SEGMENTATION))
def test_any_size_comes_back_and_each_corner_answers_for_itself(name, size):
    """What is drawn into a corner of the picture changes the answer in that corner: nothing is cut off or padded on."""
    torch.manual_seed(0)
    network = create(name, classes=3, config=network_config(name, SMALL.get(name, {}))).eval()
    plain = torch.rand(1, 1, *size)
    with torch.inference_mode():
        before = network(plain)
        assert before.shape == (1, 3, *size)
        for rows in (slice(None, EDGE), slice(-EDGE, None)):
            for columns in (slice(None, EDGE), slice(-EDGE, None)):
                drawn = plain.clone()
                drawn[..., rows, columns] = 3.0
                changed = (network(drawn) - before).abs().amax(dim=(0, 1))
                assert changed[rows, columns].max() > 0
