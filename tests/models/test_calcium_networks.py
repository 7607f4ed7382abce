import numpy as np
import pytest
import torch

from echomine.models.segmentation.calcium_networks import (
    RECEPTIVE_FIELD,
    TRAINING_PATCH,
    AxisNetwork,
    CalciumNetwork,
    FalseFindNetwork,
    scaled_hounsfield,
)


def _count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_of_the_paper():
    network = CalciumNetwork()
    assert [_count(axis) for axis in network.axes] == [66_112] * 3
    assert _count(network.combiner) == 13_319
    assert _count(network) == 211_655


def test_the_receptive_field_is_131_pixels_exactly():
    torch.manual_seed(0)
    network = AxisNetwork()
    image = torch.zeros(1, 1, TRAINING_PATCH, TRAINING_PATCH, requires_grad=True)
    output = network(image)
    assert output.shape == (1, 32, 25, 25)
    output[0, :, 12, 12].sum().backward()
    rows = torch.nonzero(image.grad[0, 0].abs().sum(dim=1) > 0)
    middle = TRAINING_PATCH // 2
    assert (int(rows.min()), int(rows.max())) == (middle - RECEPTIVE_FIELD // 2, middle + RECEPTIVE_FIELD // 2)


def test_a_whole_volume_is_classified_as_its_voxels_one_by_one():
    torch.manual_seed(0)
    network = CalciumNetwork().eval()
    volume = torch.randn(4, 5, 6)
    half = RECEPTIVE_FIELD // 2
    padded = torch.nn.functional.pad(volume[None, None], (half,) * 6, value=-1.0)[0, 0]
    with torch.inference_mode():
        logits = network.classify(volume)
        for z, y, x in ((0, 0, 0), (2, 3, 1), (3, 4, 5)):
            window = slice(None, RECEPTIVE_FIELD)
            patches = torch.stack(
                [
                    padded[z + half, y:, x:][window, window],
                    padded[z:, y + half, x:][window, window],
                    padded[z:, y:, x + half][window, window],
                ]
            )
            assert torch.allclose(network(patches[None])[0], logits[:, z, y, x], atol=1e-4)
    assert logits.shape == (7, 4, 5, 6)


def test_second_network_has_3456_features_and_learns():
    torch.manual_seed(0)
    network = FalseFindNetwork()
    patches = torch.randn(4, 3, 65, 65)
    assert network.planes(patches[:, :1]).shape == (4, 1152)
    assert network.judge[0].in_features == 3456
    network(patches).square().sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in network.parameters())


def test_scaling():
    assert scaled_hounsfield(np.array([-2000, -1000, 130, 3000, 5000])) == pytest.approx(
        [-1, -1, 0, 2870 / 1130, 2870 / 1130]
    )
