import pytest
import torch

from echomine.domain.errors import ArtifactError
from echomine.models.registry import create
from echomine.models.weights import load_pretrained, load_weights, weights_to_bytes


def test_weights_come_back():
    one, other = (create("spectral_net", classes=3, in_channels=1).eval() for _ in range(2))
    load_weights(other, weights_to_bytes(one))
    images = torch.rand(2, 1, 64, 64)
    assert torch.equal(one(images), other(images))


def test_weights_of_another_network_are_refused():
    with pytest.raises(ArtifactError, match="do not fit"):
        load_weights(
            create("spectral_net", classes=3, in_channels=1),
            weights_to_bytes(create("spectral_net", classes=4, in_channels=1)),
        )


def test_rubbish_is_no_weights_file():
    with pytest.raises(ArtifactError, match="safetensors"):
        load_weights(create("spectral_net", classes=3, in_channels=1), b"\x80\x04rubbish")


def test_colour_weights_answer_a_grey_picture_as_before():
    colour = create("shufflenet_v2_x0_5", classes=10, in_channels=3).eval()
    grey = create("shufflenet_v2_x0_5", classes=10, in_channels=1).eval()
    assert load_pretrained(grey, weights_to_bytes(colour)) == ()
    picture = torch.rand(1, 1, 64, 64)
    torch.testing.assert_close(grey(picture), colour(picture.expand(1, 3, 64, 64)), rtol=1e-4, atol=1e-4)


def test_another_head_stays_as_it_is():
    source = create("shufflenet_v2_x0_5", classes=10, in_channels=3)
    target = create("shufflenet_v2_x0_5", classes=4, in_channels=2)
    assert load_pretrained(target, weights_to_bytes(source)) == ("fc.weight", "fc.bias")


def test_pretrained_weights_of_another_family_are_refused():
    with pytest.raises(ArtifactError, match="another network"):
        load_pretrained(
            create("resnet18", classes=4, in_channels=3),
            weights_to_bytes(create("spectral_net", classes=4, in_channels=3)),
        )
