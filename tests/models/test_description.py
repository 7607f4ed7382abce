import json
from importlib.resources import files

import pytest
import torch

from echomine.domain.errors import UsageError
from echomine.models.description import describe
from echomine.models.detection.rcnn import RcnnConfig
from echomine.models.network_facts import facts_to_json, read_network_facts
from echomine.models.receptive_field import Sight
from echomine.models.registry import NETWORKS, PublishedForm, create


def test_layers_have_the_shapes_that_the_network_gives():
    network, seen = create("resnet18", classes=3, in_channels=1).eval(), {}
    for name, layer in network.named_modules():
        layer.register_forward_hook(lambda _, __, out, name=name: seen.update({name: tuple(out.shape[1:])}))
    network(torch.rand(1, 1, 96, 80))
    rows = describe("resnet18", PublishedForm(classes=3, in_channels=1, picture=(96, 80))).layers
    assert {row.name: row.output for row in rows} == {row.name: seen[row.name] for row in rows}


@pytest.mark.parametrize("name", ["resnet18", "segnet", "enet", "fcn8s", "mask_rcnn", "mobilenet_v3_small"])
def test_parameters_of_the_layers_are_those_of_the_network(name):
    found = describe(name)
    assert sum(row.parameters for row in found.layers) == found.facts.parameters


def test_the_original_unet_by_its_figure():
    """Figure 1 of the paper: sizes of the maps, 572 to 388."""
    found = {row.name: row for row in describe("unet_valid").layers}
    assert found["bottom.2"].output == (1024, 28, 28)
    assert found["bottom.2"].receptive_field == (140, 140)
    assert found["last"].output == (2, 388, 388)
    assert found["last"].stride == (1, 1)


def test_a_network_that_looks_at_the_whole_picture_says_so():
    found = describe("mobilenet_v3_small")
    assert found.facts.receptive_field is None
    assert found.layers[-1].sight is Sight.WHOLE


@pytest.mark.parametrize(("base", "field", "stride"), [("resnet18", 435, 32), ("vgg16", 212, 32)])
def test_rcnn_on_another_network_has_the_field_of_that_network(base, field, stride):
    """Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019."""
    form = PublishedForm(classes=3, picture=(227, 227), settings=RcnnConfig(network=base))
    found = describe("rcnn", form).facts
    assert (found.receptive_field, found.stride) == (field, stride)


def test_a_picture_too_small_is_refused():
    with pytest.raises(UsageError, match="from 32 x 32 pixels on, got 16 x 16"):
        describe("resnet18", PublishedForm(picture=(16, 16)))


def test_the_kept_facts_name_every_network_once():
    assert sorted(one.name for one in read_network_facts()) == list(NETWORKS.names())


@pytest.mark.parametrize("name", ["resnet18", "segnet", "faster_rcnn"])
def test_kept_facts_are_what_is_counted(name):
    kept = {one.name: one for one in read_network_facts()}
    assert kept[name] == describe(name).facts


@pytest.mark.slow
def test_all_kept_facts_are_what_is_counted():
    assert list(read_network_facts()) == [describe(one.name).facts for one in read_network_facts()]


def test_kept_facts_survive_the_file():
    text = (files("echomine.models") / "network_facts.json").read_text(encoding="utf-8")
    assert json.loads(facts_to_json(read_network_facts())) == json.loads(text)
