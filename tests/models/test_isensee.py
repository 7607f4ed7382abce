import pytest
import torch
from torch import nn

from echomine.domain.errors import ConfigurationError
from echomine.models.segmentation.isensee import PAPER_2D, PAPER_3D, IsenseeConfig, IsenseeUNet


@pytest.mark.parametrize(("config", "parameters"), [(PAPER_2D, 17_656_956), (PAPER_3D, 15_538_678)])
def test_parameters_of_the_paper(config, parameters):
    with torch.device("meta"):
        network = IsenseeUNet(config)
    assert sum(p.numel() for p in network.parameters()) == parameters


@pytest.mark.parametrize(("dimensions", "shape"), [(2, (2, 1, 32, 48)), (3, (1, 1, 5, 32, 32))])
def test_logits_have_the_size_of_the_image_and_every_weight_learns(dimensions, shape):
    torch.manual_seed(0)
    network = IsenseeUNet(IsenseeConfig(dimensions=dimensions, base=2, dropout=0))
    logits = network(torch.randn(shape))
    assert logits.shape == (shape[0], 4, *shape[2:])
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters() if p.ndim > 1)


def test_both_deep_supervision_heads_reach_the_output():
    torch.manual_seed(0)
    network = IsenseeUNet(IsenseeConfig(base=2)).eval()
    image = torch.randn(1, 1, 32, 32)
    before = network(image)
    for head in list(network.heads)[:2]:
        assert isinstance(head, nn.Conv2d)
        assert head.bias is not None
        with torch.no_grad():
            head.bias += torch.tensor([0.0, 1.0, 0.0, 0.0])
    assert torch.allclose(network(image)[:, 1] - before[:, 1], torch.full((1, 32, 32), 2.0), atol=1e-5)


def test_it_overfits_four_images():
    torch.manual_seed(0)
    masks = torch.zeros(4, 32, 32, dtype=torch.long)
    for at in range(4):
        masks[at, 4 + 3 * at : 16 + 3 * at, 6:22] = 1 + at % 3
    images = masks[:, None] * 0.5 + 0.1 * torch.randn(4, 1, 32, 32)
    network = IsenseeUNet(IsenseeConfig(base=2, dropout=0))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), masks).backward()
        optimiser.step()
    assert (network(images).argmax(1) == masks).float().mean() > 0.98


@pytest.mark.parametrize("settings", [{"dimensions": 4}, {"base": 0}, {"dropout": 1.0}])
def test_impossible_settings(settings):
    with pytest.raises(ConfigurationError):
        IsenseeConfig(**settings)
