"""A network layer by layer: shape, parameters, receptive field, stride; and the facts that a table shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Generic, Self, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle

from echomine.domain.errors import ConfigurationError
from echomine.models.entries import NamesDeepest, NetworkEntry, PublishedForm
from echomine.models.network_facts import NetworkFacts
from echomine.models.receptive_field import Geometry, GeometryTrace, Sight, picture, tensors_in
from echomine.models.registry import NETWORKS, create

TRACED_SIDE = 4124
"""Side of the picture that is traced: larger than every receptive field here, and one of the original U-Net's."""

OPERATIONS_A_MAC = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One layer.

    Attributes:
        name: Where it stands in the network.
        kind: Class of the layer.
        output: Shape of what it gives, without the batch.
        parameters: Its own parameters.
        receptive_field: Rows and columns of the picture that one position sees, away from the border; None if
            ``sight`` is no interval.
        stride: Rows and columns from one position to the next.
        sight: Whether it sees an interval, the whole picture, or what cannot be told.
    """

    name: str
    kind: str
    output: tuple[int, ...]
    parameters: int
    receptive_field: tuple[int, int] | None
    stride: tuple[Fraction, Fraction] | None
    sight: Sight


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDescription:
    """A network's facts and its layers, first to last."""

    facts: NetworkFacts
    layers: tuple[LayerRow, ...]


def describe(name: str, form: PublishedForm | None = None) -> NetworkDescription:
    """A network layer by layer; nothing is computed, so that the largest takes seconds.

    Layers without parameters that change neither shape nor receptive field are left out.

    Args:
        name: One of ``NETWORKS.names()``.
        form: Classes, channels, picture and settings; the published ones if not given.

    Raises:
        UsageError: If no network has that name, or the picture does not fit it.
        ConfigurationError: If the form cannot be built.
    """
    entry = NETWORKS.get(name)
    form = form or entry.published
    network = _without_data(name, form)
    traced, deepest = _traced(network, entry, form.in_channels)
    operations = FlopCounterMode(display=False)
    with torch.no_grad(), operations, _Calls(network, _shape) as shapes:
        entry.rehearse(network, picture(*form.picture, form.in_channels))
    facts = NetworkFacts(
        name=name,
        task=entry.task,
        year=entry.year,
        parameters=count_parameters(network),
        receptive_field=deepest.receptive_field and deepest.receptive_field[0],
        stride=deepest.stride and int(deepest.stride[0]),
        sees=deepest.sight.name.lower(),
        gmac=operations.get_total_flops() / OPERATIONS_A_MAC / 1e9,
        layers=max(call.gave.depth for call in traced if call.gave is not None),
        source=entry.source,
        paper=entry.paper,
        deviations=entry.deviations,
        classes=form.classes,
        in_channels=form.in_channels,
        picture=form.picture,
    )
    return NetworkDescription(facts=facts, layers=tuple(_rows(shapes.calls, traced)))


def count_parameters(network: nn.Module) -> int:
    """All parameters of a network, those that are not learnt included."""
    return sum(one.numel() for one in network.parameters())


def _without_data(name: str, form: PublishedForm) -> nn.Module:
    def make() -> nn.Module:
        return create(name, classes=form.classes, in_channels=form.in_channels, config=form.settings)

    try:
        with torch.device("meta"):
            return make().eval()
    except NotImplementedError:  # RegNet computes its widths with tensors
        return make().to("meta").eval()


SeenT = TypeVar("SeenT")


@dataclass(frozen=True, slots=True)
class _Call(Generic[SeenT]):
    """One call of a layer: what was seen of its first input and of its last output, in a pyramid the deepest."""

    name: str
    layer: nn.Module
    given: SeenT
    gave: SeenT


class _Calls(Generic[SeenT]):
    """The calls of all layers that have parameters of their own or no layers within, while entered."""

    def __init__(self, network: nn.Module, see: Callable[[Tensor], SeenT]) -> None:
        self.calls: list[_Call[SeenT]] = []
        self._network, self._see = network, see
        self._hooks: list[RemovableHandle] = []

    def __enter__(self) -> Self:
        for name, layer in self._network.named_modules():
            if _own_parameters(layer) or not any(True for _ in layer.children()):
                self._hooks.append(layer.register_forward_hook(partial(self._note, name)))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _note(self, name: str, layer: nn.Module, given: object, gave: object) -> None:
        self.calls.append(_Call(name, layer, self._see(tensors_in(given)[0]), self._see(tensors_in(gave)[-1])))


def _own_parameters(layer: nn.Module) -> int:
    return sum(one.numel() for one in layer.parameters(recurse=False))


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape[1:])


def _traced(
    network: nn.Module, entry: NetworkEntry, in_channels: int
) -> tuple[list["_Call[Geometry | None]"], Geometry]:
    """Calls with what their tensors see, and what the deepest map sees, in a picture larger than all fields."""
    images = picture(TRACED_SIDE, TRACED_SIDE, in_channels)
    trace = GeometryTrace(images)
    found: list[Geometry | None] = []
    deepest = network.deepest if isinstance(network, NamesDeepest) else entry.deepest
    hook = network.get_submodule(deepest).register_forward_hook(
        lambda *call: found.append(trace.of(tensors_in(call[2])[-1]))
    )
    with torch.no_grad(), trace, _Calls(network, trace.of) as traced:
        entry.rehearse(network, images)
    hook.remove()
    if found[0] is None:
        raise ConfigurationError(f"the deepest map {deepest!r} does not come from the picture: name another")
    return traced.calls, found[0]


def _rows(shapes: Sequence["_Call[tuple[int, ...]]"], traced: Sequence["_Call[Geometry | None]"]) -> Iterable[LayerRow]:
    counted: set[int] = set()
    for shape, seen in zip(shapes, traced, strict=True):
        parameters = 0 if id(shape.layer) in counted else _own_parameters(shape.layer)
        counted.add(id(shape.layer))
        if not parameters and shape.given == shape.gave and _sees(seen.given) == _sees(seen.gave):
            continue
        receptive_field, stride = _sees(seen.gave)
        yield LayerRow(
            name=shape.name,
            kind=type(shape.layer).__name__,
            output=shape.gave,
            parameters=parameters,
            receptive_field=receptive_field,
            stride=stride,
            sight=seen.gave.sight if seen.gave else Sight.UNKNOWN,
        )


def _sees(geometry: Geometry | None) -> tuple[tuple[int, int] | None, tuple[Fraction, Fraction] | None]:
    return (geometry.receptive_field, geometry.stride) if geometry else (None, None)
