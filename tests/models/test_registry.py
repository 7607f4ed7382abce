import pytest
import torch
from torch import nn

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.models.detection.config import Backbone, DetectorConfig, Normalisation
from echomine.models.detection.fast_rcnn import FastRcnnConfig
from echomine.models.detection.faster_rcnn import VGG16_CONFIG
from echomine.models.features import FeatureNetwork
from echomine.models.registry import NETWORKS, Registry, Task, create, create_features, names_of, network_config
from echomine.models.segmentation.unet import UNetConfig

PUBLISHED = {
    "alexnet": 61_100_840,
    "alexnet_2012": 60_965_224,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "googlenet": 6_624_904,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "efficientnet_lite0": 4_652_008,
    "fcn32s": 136_152_917,
    "fcn16s": 134_815_994,
    "fcn8s": 134_489_759,
    "segnet": 29_449_355,
    "unet_valid": 31_030_658,
    "enet": 350_652,
    "fast_rcnn": 134_690_729,
    "faster_rcnn": 41_755_286,
    "mask_rcnn": 44_401_393,
}
"""Parameters in the form of the paper or of the library that publishes the network."""


def parameters(network: nn.Module) -> int:
    return sum(one.numel() for one in network.parameters())


def counted(name: str, **changes) -> int:
    form = NETWORKS.get(name).published
    made = {"classes": form.classes, "in_channels": form.in_channels, "config": form.settings} | changes
    with torch.device("meta"):
        return parameters(create(name, **made))


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts_are_the_published_ones(name):
    assert counted(name) == PUBLISHED[name]


@pytest.mark.parametrize(
    ("name", "changes", "wanted"),
    [
        ("alexnet_2012", {"config": network_config("alexnet_2012", {"groups": 1})}, 62_378_344),
        ("googlenet", {"config": network_config("googlenet", {"auxiliary": True})}, 13_004_888),
        ("segnet", {"config": network_config("segnet", {"batch_norm": False})}, 29_433_483),
        ("unet", {"config": UNetConfig(norm="")}, 31_030_658 + (64 * 128 * 2 * 2 + 64) + 64 * 64 * 3 * 3),
        ("enet", {"classes": 19}, 351_660),
        ("fast_rcnn", {"classes": 5, "config": FastRcnnConfig()}, 40_773_721),
        ("faster_rcnn", {"classes": 21, "config": VGG16_CONFIG}, 137_078_239),
        ("faster_rcnn", {"config": DetectorConfig(norm=Normalisation.BATCH)}, 41_808_406),
        ("mask_rcnn", {"config": DetectorConfig(norm=Normalisation.BATCH)}, 44_454_513),
    ],
)
def test_other_forms_have_their_counts(name, changes, wanted):
    assert counted(name, **changes) == wanted


def test_one_grey_channel_takes_two_thirds_of_the_first_filters_away():
    assert counted("resnet18") - counted("resnet18", in_channels=1) == 2 * 64 * 7 * 7


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


def test_features_come_from_classification_networks():
    with pytest.raises(ConfigurationError, match="unet is one for segmentation: choose one of alexnet"):
        create_features("unet")


@pytest.mark.parametrize(
    ("name", "settings", "words"),
    [
        ("alexnet", {"hidden": 0}, "hidden is a whole number from 1 on, got 0"),
        ("alexnet_2012", {"width": 64}, "a width that 6 divides, got 2 and 64"),
        ("googlenet", {"dropout": 1.5}, "dropout is a share from 0 to below 1, got 1.5"),
        ("googlenet", {"width": 8}, "known are auxiliary, dropout"),
        ("densenet121", {"growth": 2}, "growth is a whole number from 4 on"),
        ("densenet121", {"dropout": -0.1}, "dropout is a share"),
        ("resnet50", {"width": 0}, "width is a whole number from 1 on, got 0"),
        ("resnet18", {"width": 32}, "resnet18 has blocks of 64 channels alone, got width 32: take resnet50"),
        ("faster_rcnn", {"pyramid": 0}, "pyramid is a whole number from 1 on"),
    ],
)
def test_sizes_that_a_network_cannot_have_are_told_in_a_sentence(name, settings, words):
    with pytest.raises(ConfigurationError, match=words):
        create(name, classes=3, config=network_config(name, settings))


def test_a_wide_resnet_has_the_published_count():
    """Wide ResNet-50-2 of Zagoruyko and Komodakis as torchvision counts it."""
    assert counted("resnet50", config=network_config("resnet50", {"width": 128})) == 68_883_240


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


def test_each_network_has_one_task_and_says_where_it_comes_from():
    by_task = [name for task in Task for name in names_of(task)]
    assert sorted(by_task) == list(NETWORKS.names())
    entries = [NETWORKS.get(name) for name in NETWORKS.names()]
    assert {entry.source for entry in entries} == {"torchvision", "MONAI", "echomine"}
    assert all(entry.paper and entry.year >= 2012 for entry in entries)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"name": "resnet18", "classes": 0}, "0 classes"),
        ({"name": "faster_rcnn", "classes": 1}, "needs 2 or more classes"),
        ({"name": "unet", "classes": 2, "in_channels": 0}, "0 channels"),
        ({"name": "unet", "classes": 2, "config": DetectorConfig()}, "unet is set by UNetConfig, got DetectorConfig"),
        ({"name": "mask_rcnn", "classes": 2, "config": DetectorConfig(backbone=Backbone.VGG16)}, "needs a backbone"),
    ],
)
def test_what_cannot_be_built_is_told(wrong, match):
    with pytest.raises(ConfigurationError, match=match):
        create(**wrong)


@pytest.mark.parametrize(
    ("name", "settings", "match"),
    [
        ("unet", {"width": 0}, "width is a whole number from 1 on, got 0"),
        ("unet", {"norm": "btach"}, "norm is batch, instance or empty, got 'btach'"),
        ("unet_valid", {"width": 0}, "width is a whole number"),
        ("segnet", {"width": "8"}, "width of SegNetConfig is a whole number, got '8'"),
        ("fcn8s", {"hidden": -3}, "hidden is a whole number"),
        ("vgg16", {"dropout": 2}, "dropout is a share from 0 to below 1, got 2"),
        ("alexnet_2012", {"width": 0}, "width"),
        ("rcnn", {"windows": 0}, "windows is a whole number"),
        ("faster_rcnn", {"rois": 0}, "rois is a whole number"),
    ],
)
def test_settings_without_meaning_are_refused_before_anything_is_built(name, settings, match):
    with pytest.raises(ConfigurationError, match=match):
        network_config(name, settings)


def test_an_unknown_setting_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"no setting widht; known are dropout, norm, width"):
        network_config("unet", {"widht": 8})
    assert network_config("unet", {"width": 8}) == UNetConfig(width=8)


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (torch.rand(1, 3, 64, 64), r"pictures of 1 channel\(s\), got 3: convert the pictures or create it with"),
        (torch.rand(1, 1, 8, 64), "from 32 x 32 pixels on, got 8 x 64"),
        (torch.rand(1, 64, 64), r"takes images \(N, C, H, W\), got an array of shape \(1, 64, 64\)"),
        (torch.zeros(1, 1, 64, 64, dtype=torch.uint8), "floats in 0..1, got torch.uint8"),
    ],
)
def test_pictures_that_do_not_fit_are_told_in_one_sentence(images, match):
    with pytest.raises(UsageError, match=match):
        create("resnet18", classes=2, in_channels=1)(images)


def test_a_detector_takes_a_list_of_pictures():
    small = DetectorConfig(backbone=Backbone.RESNET18_FPN, min_size=32, max_size=64, hidden=8)
    with pytest.raises(UsageError, match=r"list of images \(C, H, W\), got an array of shape \(2, 1, 64, 64\)"):
        create("faster_rcnn", classes=2, config=small).eval()([torch.rand(2, 1, 64, 64)])


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
