import pytest
import torch
from torch import nn

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.models.features import FeatureNetwork
from echomine.models.registry import Registry, create, create_features

PUBLISHED = {
    "alexnet": 61_100_840,
    "vgg16": 138_357_544,
    "googlenet": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "densenet121": 7_978_856,
}
"""Parameters with 1000 classes and colour pictures, as torchvision publishes them."""


def parameters(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_parameter_counts_are_the_published_ones(name):
    with torch.device("meta"):
        network = create(name, classes=1000, in_channels=3)
    assert parameters(network) == PUBLISHED[name]


def test_one_grey_channel_takes_two_thirds_of_the_first_filters_away():
    with torch.device("meta"):
        colour, grey = (parameters(create("resnet18", classes=1000, in_channels=c)) for c in (3, 1))
    assert colour - grey == 2 * 64 * 7 * 7


@pytest.mark.parametrize("name", ["spectral_net", "mobilenet_v3_small", "shufflenet_v2_x1_0", "resnet18", "googlenet"])
@pytest.mark.parametrize("size", [(128, 128), (96, 160)])
def test_small_grey_displays_get_logits_and_features(name, size):
    images = torch.rand(2, 1, *size)
    assert create(name, classes=5, in_channels=1).eval()(images).shape == (2, 5)
    features = create_features(name, in_channels=1).eval()
    assert features(images).shape == (2, features.width)


def test_features_are_what_the_last_layer_saw():
    torch.manual_seed(0)
    network = create("resnet18", classes=4, in_channels=1).eval()
    images = torch.rand(2, 1, 64, 64)
    logits, last = network(images), network.fc
    seam = FeatureNetwork.from_classifier(network)
    torch.testing.assert_close(last(seam(images)), logits)
    assert seam.width == 512


def test_a_network_without_a_linear_layer_has_no_seam():
    with pytest.raises(ConfigurationError, match="last linear layer"):
        FeatureNetwork.from_classifier(nn.Sequential(nn.Conv2d(1, 1, 1)))


def test_a_miss_lists_what_there_is():
    with pytest.raises(UsageError, match=r"'resnet19'.*resnet18"):
        create("resnet19", classes=2)


def test_a_name_is_taken_once():
    registry: Registry[int] = Registry("number")
    registry.register("one", 1)
    with pytest.raises(ConfigurationError, match="taken"):
        registry.register("one", 2)
    assert registry.get("one") == 1
    assert registry.names() == ("one",)


def test_counts_must_be_positive():
    with pytest.raises(ConfigurationError, match="0 classes"):
        create("resnet18", classes=0)


def test_the_spectral_network_tells_height_but_not_time():
    """A bright bar at another time is the same to it, at another velocity is not."""
    torch.manual_seed(0)
    features = create_features("spectral_net", in_channels=1).eval()
    here, later, higher = (torch.zeros(1, 1, 96, 96) for _ in range(3))
    here[..., 40:48, 16:32] = 1
    later[..., 40:48, 48:64] = 1
    higher[..., 8:16, 16:32] = 1
    with torch.inference_mode():
        base, moved, raised = (features(one) for one in (here, later, higher))
    assert (base - moved).norm() < 0.05 * (base - raised).norm()


def test_the_spectral_network_overfits_four_images():
    torch.manual_seed(0)
    network = create("spectral_net", classes=4, in_channels=1)
    images, classes = torch.rand(4, 1, 64, 64), torch.arange(4)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    for _ in range(40):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(images), classes).backward()
        optimiser.step()
    assert network(images).argmax(dim=1).tolist() == [0, 1, 2, 3]
