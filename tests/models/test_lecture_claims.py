"""The lecture's figures about networks, as it states them and as they are."""

import pytest
import torch
from torch import nn

from echomine.models.description import count_parameters, describe
from echomine.models.registry import create, network_config


def test_a_dense_layer_of_64_on_a_picture_of_256_has_over_four_million_parameters():
    assert count_parameters(nn.Linear(256 * 256, 64, device="meta")) == 4_194_368


def test_a_filter_of_three_by_three_on_colour_has_28_parameters():
    assert count_parameters(nn.Conv2d(3, 1, 3)) == 28


def test_alexnet_has_62_million_and_googlenet_nine_times_fewer_not_twelve():
    """The lecture divides 62 M by about 5 M; the network itself has 6.6 M."""
    with torch.device("meta"):
        ungrouped = count_parameters(
            create("alexnet_2012", classes=1000, in_channels=3, config=network_config("alexnet_2012", {"groups": 1}))
        )
    assert ungrouped == 62_378_344
    assert ungrouped / 5_000_000 == pytest.approx(12, abs=0.5)
    assert ungrouped / describe("googlenet").facts.parameters == pytest.approx(9, abs=0.5)


def test_vgg_has_16_layers_where_the_lecture_says_17():
    assert describe("vgg16").facts.layers == 16


def test_enet_has_at_most_370_thousand_parameters_and_fits_six_megabytes():
    facts = describe("enet").facts
    assert 350_000 < facts.parameters <= 370_000
    assert facts.parameters * 4 < 6e6
    assert facts.gmac == pytest.approx(1.77, abs=0.1)
    assert facts.stride == 8


@pytest.mark.parametrize(("name", "gmac"), [("vgg16", 15.47), ("vgg19", 19.63), ("faster_rcnn", 134.38)])
def test_multiplications_are_those_that_torchvision_publishes(name, gmac):
    assert describe(name).facts.gmac == pytest.approx(gmac, abs=0.005)
