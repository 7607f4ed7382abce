"""ONNX files of the main networks against torch, on pictures that the export did not see."""

import numpy as np
import pytest
import torch

from echomine.domain.errors import ArtifactError, UsageError
from echomine.learning.image_model import ImageModel, blank_network, image_model_config
from echomine.learning.onnx_network import OnnxNetwork, to_onnx
from echomine.learning.samples import Sample

CLASSIFIERS = {
    "alexnet_2012": {"width": 24, "hidden": 16},
    "vgg16": {"width": 4, "hidden": 8},
    "googlenet": {},
    "resnet18": {},
    "densenet121": {},
    "spectral_net": {},
}
SEGMENTERS = {
    "fcn8s": {"width": 4, "hidden": 8},
    "segnet": {"width": 4},
    "unet": {"width": 4},
    "enet": {"width": 8},
}


def untrained(name: str, settings: dict[str, object], size: tuple[int, int]) -> ImageModel:
    """A model with random weights, whose normalisation has seen a batch."""
    config = image_model_config(
        {"network": {"name": name, **settings}, "input": {"size": list(size)}, "training": {"precision": "32"}}
    )
    torch.manual_seed(0)
    network = blank_network(config, ("one", "other"))
    with torch.no_grad():
        network.train()(torch.rand(4, config.input.network_channels, *size))
    return ImageModel(config, ("one", "other"), network.eval())


def pictures(count: int) -> list[Sample]:
    rng = np.random.default_rng(3)
    drawn = rng.integers(0, 256, (count, 1, 60, 90), dtype=np.uint8)
    return [
        Sample(name=f"s{number}", group=f"p{number}", pixels=pixels, target=0, spacing_mm=(1.0, 1.0))
        for number, pixels in enumerate(drawn)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_answers_as_torch_does(name):
    model = untrained(name, CLASSIFIERS[name], (72, 96))
    runtime = OnnxNetwork(to_onnx(model), threads=1)
    samples = pictures(5)
    assert np.allclose(model.probabilities(samples, runtime), model.probabilities(samples), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEGMENTERS)
def test_a_segmenter_answers_as_torch_does_at_a_size_that_does_not_divide(name):
    model = untrained(name, SEGMENTERS[name], (49, 67))
    runtime = OnnxNetwork(to_onnx(model), threads=1)
    samples = pictures(3)
    inputs = torch.stack([model.network_input(sample) for sample in samples])
    with torch.inference_mode():
        torch.testing.assert_close(runtime(inputs), model.network(inputs), atol=1e-3, rtol=1e-3)
    for one, other in zip(model.label_maps(samples), model.label_maps(samples, runtime), strict=True):
        assert (one == other).mean() > 0.99


def test_a_network_that_finds_boxes_has_no_onnx():
    config = image_model_config({"network": {"name": "rcnn", "network": "resnet18", "warp": 32, "context": 2}})
    with pytest.raises(UsageError, match="rcnn finds boxes"):
        to_onnx(ImageModel(config, ("disc",), blank_network(config, ("disc",))))


def test_a_damaged_file_is_told():
    with pytest.raises(ArtifactError, match="train again"):
        OnnxNetwork(b"no onnx")
