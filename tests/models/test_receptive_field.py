"""Receptive fields against the textbook's formula, the literature, and the support of the gradient."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from echomine.models.description import describe
from echomine.models.receptive_field import GeometryTrace, Sight, picture
from echomine.models.registry import NETWORKS, create, network_config
from echomine.models.segmentation import enet, segnet

PUBLISHED = {
    "alexnet": (195, 32),
    "vgg16": (212, 32),
    "vgg19": (268, 32),
    "resnet18": (435, 32),
    "resnet34": (899, 32),
    "resnet50": (427, 32),
    "resnet101": (971, 32),
    "resnet152": (1451, 32),
    "unet_valid": (140, 16),
    "fcn32s": (404, 32),
    "convnext_tiny": (1688, 32),
}
"""Rows that a position of the deepest map sees, and its stride (Araujo et al. 2019, the papers; ConvNeXt by hand).

ConvNeXt: a stem of 4 x 4 at stride 4, then 3, 3, 9, 3 blocks of one 7 x 7 each at strides 4, 8, 16, 32, with 2 x 2 at
stride 2 between: 4 + 6 (3 x 4 + 3 x 8 + 9 x 16 + 3 x 32) + (4 + 8 + 16) = 1688.
"""

LAYERS = {"alexnet": 8, "vgg16": 16, "vgg19": 19, "googlenet": 22, "resnet18": 18, "resnet101": 101, "densenet121": 121}
"""Layers with weights on the longest way, as the papers count and name them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_fields_and_strides_are_those_of_the_literature(name):
    facts = describe(name).facts
    assert (facts.receptive_field, facts.stride) == PUBLISHED[name]


@pytest.mark.parametrize("name", LAYERS)
def test_networks_are_as_deep_as_their_names_say(name):
    assert describe(name).facts.layers == LAYERS[name]


def of_layers(*layers, side=512):
    images = picture(side, side, 1)
    trace = GeometryTrace(images)
    with torch.device("meta"), torch.no_grad(), trace:
        return trace.of(nn.Sequential(*layers).to("meta")(images))


@given(
    plan=st.lists(
        st.tuples(st.integers(1, 5), st.integers(1, 2), st.integers(0, 2), st.integers(1, 3), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=40, deadline=None)
def test_a_chain_follows_the_textbook(plan):
    """r = 1 + sum of (k - 1) d times the strides before, whatever the padding."""
    layers, field, stride = [], 1, 1
    for size, step, border, spread, pooled in plan:
        if pooled:
            layers.append(nn.AvgPool2d(size, step, min(border, size // 2)))
        else:
            layers.append(nn.Conv2d(1, 1, size, step, border, spread))
        field += (size - 1) * (1 if pooled else spread) * stride
        stride *= step
    found = of_layers(*layers)
    assert found.receptive_field == (field, field)
    assert found.stride == (stride, stride)


def test_two_small_filters_see_what_one_large_one_sees():
    twice, once = of_layers(nn.Conv2d(1, 1, 3), nn.Conv2d(1, 1, 3)), of_layers(nn.Conv2d(1, 1, 5))
    assert twice.receptive_field == once.receptive_field == (5, 5)


def test_rows_and_columns_are_told_apart():
    assert of_layers(nn.Conv2d(1, 1, (5, 1)), nn.MaxPool2d((1, 4))).receptive_field == (5, 4)


def test_transposed_convolution_sees_less_at_some_phases_and_the_most_is_told():
    assert of_layers(nn.MaxPool2d(4), nn.ConvTranspose2d(1, 1, 3, stride=2)).receptive_field == (8, 8)
    assert of_layers(nn.MaxPool2d(4), nn.ConvTranspose2d(1, 1, 2, stride=2)).receptive_field == (4, 4)


def test_what_is_pooled_away_sees_the_whole_picture():
    pooled = of_layers(nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2))
    assert pooled.sight is Sight.WHOLE
    assert pooled.receptive_field is None
    assert pooled.depth == 2


class LastAxis(nn.Module):
    """A layer on the channels, which are put last for it."""

    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, maps):
        return self.layer(maps.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_a_linear_layer_on_the_last_axis_looks_no_further_and_is_a_layer():
    pointwise = LastAxis(nn.Sequential(nn.LayerNorm(5), nn.Linear(5, 7), nn.GELU(), nn.Linear(7, 5, bias=False)))
    found = of_layers(nn.Conv2d(1, 5, 3), pointwise, nn.MaxPool2d(2), pointwise, nn.Conv2d(5, 1, 3))
    as_convolutions = of_layers(nn.Conv2d(1, 5, 3), nn.Conv2d(5, 5, 1), nn.MaxPool2d(2), nn.Conv2d(5, 1, 3))
    assert found.receptive_field == as_convolutions.receptive_field == (8, 8)
    assert found.stride == (2, 2)
    assert found.depth == 6


def test_a_layer_on_all_rows_and_columns_at_once_is_not_taken_for_one_on_the_channels():
    class Mixing(nn.Module):
        def forward(self, maps):
            rows = maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])
            return rows.cumsum(0).T.reshape(maps.shape)

    assert of_layers(nn.Conv2d(1, 5, 3), Mixing(), side=32).sight is Sight.UNKNOWN


OUTPUT_PHASES = 16
"""Rows side by side of an upsampled output that are looked at: they see different numbers of rows."""


class Averaging(nn.Module):
    """Stands in for a maximum: every place counts, none is chosen."""

    def __init__(self, pool: nn.MaxPool2d):
        super().__init__()
        self.pool, self.indices = pool, pool.return_indices

    def forward(self, maps):
        pool = self.pool
        mean = F.avg_pool2d(maps, pool.kernel_size, pool.stride, pool.padding, ceil_mode=pool.ceil_mode)
        return (mean, mean) if self.indices else mean


def supported_rows(name, config, rows, columns, monkeypatch):
    """Rows of the picture that the middle row of the deepest map depends on, by its gradient."""
    entry = NETWORKS.get(name)
    network = create(name, classes=2, in_channels=1, config=network_config(name, config)).double().eval()
    for module in (segnet, enet):
        monkeypatch.setattr(module, "unpool", lambda maps, _, size: F.interpolate(maps, size=size[-2:]))
    for parent in list(network.modules()):
        for child_name, child in list(parent.named_children()):
            if isinstance(child, nn.MaxPool2d):
                setattr(parent, child_name, Averaging(child))
    for parameter in network.parameters():
        nn.init.constant_(parameter, 1 / max(parameter[0].numel(), 1) if parameter.ndim > 1 else 1)
    kept = []
    where = network.get_submodule(entry.deepest)
    where.register_forward_hook(lambda *call: kept.append(call[2]))
    images = torch.ones(1, 1, rows, columns, dtype=torch.float64, requires_grad=True)
    out = network(images)
    fields = []
    for maps, apart in ((kept[0], 1), (out, OUTPUT_PHASES)):
        if maps.ndim == 4:
            phases = range(maps.shape[2] // 2, maps.shape[2] // 2 + apart)
            gradients = [torch.autograd.grad(maps[:, :, one].sum(), images, retain_graph=True)[0] for one in phases]
            seen = [torch.nonzero(gradient.abs().sum(dim=(0, 1, 3))).flatten() for gradient in gradients]
            assert all(one.min() > 0 and one.max() < rows - 1 for one in seen), "the strip is too short"
            fields.append(max(int(one.max() - one.min() + 1) for one in seen))
    return fields


def traced_rows(name, config):
    form = NETWORKS.get(name).published
    with torch.device("meta"):
        network = create(name, classes=2, in_channels=1, config=network_config(name, config)).eval()
    images, found = picture(4124, 4124, 1), []
    trace = GeometryTrace(images)
    where = network.get_submodule(NETWORKS.get(name).deepest)
    where.register_forward_hook(lambda *call: found.append(trace.of(call[2])))
    with torch.no_grad(), trace:
        out = trace.of(network(images))
    assert form.picture
    return [one.receptive_field[0] for one in (found[0], out) if one.receptive_field]


@pytest.mark.parametrize(
    ("name", "config", "rows", "columns"),
    [
        ("alexnet_2012", {"width": 12, "hidden": 4}, 515, 67),
        ("vgg16", {"width": 4, "hidden": 4}, 512, 32),
        ("googlenet", {}, 832, 32),
        ("resnet18", {}, 960, 32),
        ("segnet", {"width": 4}, 960, 32),
        ("unet_valid", {"width": 2}, 572, 188),
        ("fcn8s", {"width": 2, "hidden": 2}, 1024, 16),
        pytest.param("resnet50", {}, 960, 32, marks=pytest.mark.slow),
        pytest.param("densenet121", {}, 4416, 32, marks=pytest.mark.slow),
        pytest.param("enet", {"width": 8}, 2720, 16, marks=pytest.mark.slow),
        pytest.param("unet", {"width": 2}, 512, 32, marks=pytest.mark.slow),  # importing MONAI takes most of it
    ],
)
def test_the_gradient_reaches_exactly_the_field(name, config, rows, columns, monkeypatch):
    with monkeypatch.context() as stand_ins:
        supported = supported_rows(name, config, rows, columns, stand_ins)
    assert supported == traced_rows(name, config)
