"""Receptive field, stride and depth of every tensor of a network, followed through its operations.

A network runs once on tensors without data (torch's ``meta`` device); each operation tells which rows and columns of
its inputs an output position comes from. That is exact for any graph: branches, sums, concatenations, dilation,
transposed convolution, unpooling, interpolation, cropping.

References:
    Araujo, Norris, Sim, Computing Receptive Fields of Convolutional Neural Networks, Distill 2019: the rule of one
    layer; ours keeps intervals, so that branches of different offsets and upsampling are exact too.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from types import MappingProxyType, TracebackType
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

Places: TypeAlias = NDArray[np.int64]


class Sight(Enum):
    """What a position sees of the picture: an interval, all of it, or what no rule here can tell."""

    INTERVAL = 0
    WHOLE = 1
    UNKNOWN = 2


@dataclass(frozen=True, slots=True)
class Axis:
    """Rows or columns: first and last row of the picture that each position sees, and the step between positions."""

    first: Places
    last: Places
    step: Fraction

    def at(self, low: Places, high: Places, factor: Fraction) -> "Axis":
        """The axis of an output whose positions come from inputs ``low`` to ``high``, ends included."""
        end = len(self.first) - 1
        return Axis(self.first[np.clip(low, 0, end)], self.last[np.clip(high, 0, end)], self.step * factor)

    def joined(self, other: "Axis") -> "Axis":
        """The axis of an output that sees what both see."""
        return Axis(np.minimum(self.first, other.first), np.maximum(self.last, other.last), max(self.step, other.step))


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where a tensor's positions come from.

    Attributes:
        sight: Whether rows and columns are known intervals.
        axes: Rows and columns; empty unless intervals are known.
        at: Which dimensions of the tensor they are, counted from the end.
        picture: Rows and columns of the picture.
        depth: Layers with weights on the longest way from the picture.
        folded: Sizes of the leading dimensions that a view made one of, as before a linear layer on the last dimension;
            empty unless it did. ``at`` is where rows and columns are once they are apart again.
    """

    sight: Sight
    axes: tuple[Axis, ...]
    at: tuple[int, ...]
    picture: tuple[int, int]
    depth: int = 0
    folded: tuple[int, ...] = ()

    @property
    def receptive_field(self) -> tuple[int, int] | None:
        """Rows and columns that one position sees, the most of any away from the border; None if all or unknown."""
        if self.sight is not Sight.INTERVAL:
            return None
        sizes = [_size(axis, length) for axis, length in zip(self.axes, self.picture, strict=True)]
        return None if None in sizes else (sizes[0], sizes[1])  # type: ignore[return-value]

    @property
    def stride(self) -> tuple[Fraction, Fraction] | None:
        """Rows and columns of the picture from one position to the next; None if all is seen or unknown."""
        if self.sight is not Sight.INTERVAL:
            return None
        return self.axes[0].step, self.axes[1].step


def _size(axis: Axis, length: int) -> int | None:
    inside = (axis.first > 0) & (axis.last < length - 1)
    return int((axis.last - axis.first + 1)[inside].max()) if inside.any() else None


def _of_picture(images: Tensor) -> Geometry:
    rows, columns = images.shape[-2:]
    axes = tuple(Axis(np.arange(side), np.arange(side), Fraction(1)) for side in (rows, columns))
    return Geometry(Sight.INTERVAL, axes, (-2, -1), (rows, columns))


class GeometryTrace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Follows the positions of pictures through everything that is computed while it is entered."""

    def __init__(self, images: Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._known: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._known[images] = _of_picture(images)

    def __enter__(self) -> "GeometryTrace":
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)  # type: ignore[no-untyped-call]

    def of(self, tensor: object) -> Geometry | None:
        """What is known of a tensor; None if it does not come from the pictures."""
        known: Geometry | None = self._known[tensor] if isinstance(tensor, Tensor) and tensor in self._known else None
        return known

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401  torch's signature
        types: Iterable[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> object:
        """Run an operation and note where its outputs come from."""
        out = func(*args, **(kwargs or {}))
        inputs = [known for tensor in tensors_in(args) if (known := self.of(tensor)) is not None]
        if inputs:
            name = func.overloadpacket.__name__
            source = replace(_joined(inputs), depth=max(one.depth for one in inputs) + (name in _WEIGHTED))
            for tensor in tensors_in(out):
                self._known[tensor] = _after(name, args, source, tensor)
        return out


_WEIGHTED = frozenset({"convolution", "addmm", "mm", "bmm", "linear"})


def tensors_in(value: object) -> list[Tensor]:
    """All tensors of a tensor, or of lists, tuples and dictionaries of them, first to last."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    return [tensor for one in value for tensor in tensors_in(one)] if isinstance(value, list | tuple) else []


def _joined(inputs: Sequence[Geometry]) -> Geometry:
    """What an output sees that takes all inputs position by position; a single value seen by all is all."""
    whole = [one for one in inputs if one.sight is not Sight.INTERVAL]
    if whole:
        return max(whole, key=lambda one: one.sight.value)
    out = inputs[0]
    for one in inputs[1:]:
        if (
            out.folded != one.folded
            or out.at != one.at
            or any(len(a.first) != len(b.first) for a, b in zip(out.axes, one.axes, strict=True))
        ):
            return replace(out, sight=Sight.UNKNOWN, axes=())
        out = replace(out, axes=tuple(a.joined(b) for a, b in zip(out.axes, one.axes, strict=True)))
    return out


def _after(name: str, args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    if source.sight is not Sight.INTERVAL:
        return source
    if source.folded:
        return _row_by_row(name, source, out)
    rule = _RULES.get(name, _unchanged)
    return rule(args, source, out)


def _row_by_row(name: str, source: Geometry, out: Tensor) -> Geometry:
    """What is done to pictures whose leading dimensions are folded: unfolded again, or each row kept for itself."""
    if name in _VIEWS and tuple(out.shape[:-1]) == source.folded:
        return replace(source, folded=())
    kept = name not in _RULES and out.ndim == 2 and len(out) == math.prod(source.folded)
    return source if kept else replace(source, sight=Sight.UNKNOWN, axes=())


def _unchanged(_: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    """An operation position by position, if the sides are still there; else nothing is known."""
    fits = all(
        -at <= out.ndim and out.shape[at] == len(axis.first) for at, axis in zip(source.at, source.axes, strict=True)
    )
    return source if fits else replace(source, sight=Sight.UNKNOWN, axes=())


def _everything(_: Sequence[Any], source: Geometry, __: Tensor) -> Geometry:
    return replace(source, sight=Sight.WHOLE, axes=())


def _pair(value: Any) -> tuple[int, int]:  # noqa: ANN401
    values = [value] if isinstance(value, int) else list(value)
    return (values[0], values[-1])


def _windows(
    source: Geometry, out: Tensor, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
) -> Geometry:
    axes = []
    for axis, at, size, step, border in zip(source.axes, source.at, kernel, stride, padding, strict=True):
        low = np.arange(out.shape[at]) * step - border
        axes.append(axis.at(low, low + size - 1, Fraction(step)))
    return replace(source, axes=tuple(axes))


def _convolution(args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    weight, stride, padding, dilation, transposed = args[1], *(_pair(one) for one in args[3:6]), args[6]
    reach = tuple((size - 1) * spread + 1 for size, spread in zip(weight.shape[-2:], dilation, strict=True))
    kernel = (reach[0], reach[1])
    if not transposed:
        return _windows(source, out, kernel, stride, padding)
    axes = []
    for axis, at, size, step, border in zip(source.axes, source.at, kernel, stride, padding, strict=True):
        place = np.arange(out.shape[at]) + border
        axes.append(axis.at(-((size - 1 - place) // step), place // step, Fraction(1, step)))
    return replace(source, axes=tuple(axes))


def _pool(args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    kernel = _pair(args[1])
    stride = _pair(args[2]) if len(args) > 2 and args[2] else kernel
    padding = _pair(args[3]) if len(args) > 3 else (0, 0)
    return _windows(source, out, kernel, stride, padding)


def _unpool(_: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    axes = []
    for axis, at in zip(source.axes, source.at, strict=True):
        place = np.arange(out.shape[at]) // 2
        axes.append(axis.at(place, place, Fraction(1, 2)))
    return replace(source, axes=tuple(axes))


def _interpolation(*, reach: int) -> Callable[[Sequence[Any], Geometry, Tensor], Geometry]:
    """Nearest (reach 0) or bilinear (1) interpolation, corners not aligned."""

    def rule(_: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
        axes = []
        for axis, at in zip(source.axes, source.at, strict=True):
            sides = len(axis.first), out.shape[at]
            place = np.arange(sides[1])
            centre = (place + 0.5) * sides[0] / sides[1] - 0.5 if reach else place * sides[0] // sides[1]
            low = np.floor(centre).astype(np.int64)
            high = low + (centre > low) if reach else low
            axes.append(axis.at(low, high, _factor(*sides)))
        return replace(source, axes=tuple(axes))

    return rule


def _factor(before: int, after: int) -> Fraction:
    """Step of an interpolation, as the whole factor it stands for where sides do not divide evenly."""
    return Fraction(1, round(after / before)) if after >= before else Fraction(round(before / after))


def _padding(args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    borders = list(args[1])
    axes = []
    for axis, at in zip(source.axes, source.at, strict=True):
        pair = 2 * (-at - 1)
        place = np.arange(out.shape[at]) - (borders[pair] if pair < len(borders) else 0)
        axes.append(axis.at(place, place, Fraction(1)))
    return replace(source, axes=tuple(axes))


def _slice(args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    asked, start, step = (args[at] if len(args) > at else missing for at, missing in ((1, 0), (2, 0), (4, 1)))
    dimension, start = asked % args[0].ndim - args[0].ndim, start or 0
    axes = list(source.axes)
    for number, at in enumerate(source.at):
        if at == dimension:
            length = len(axes[number].first)
            first = min(start if start >= 0 else start + length, length)
            place = first + step * np.arange(out.shape[at])
            axes[number] = axes[number].at(place, place, Fraction(step))
    return replace(source, axes=tuple(axes))


def _permutation(args: Sequence[Any], source: Geometry, _: Tensor) -> Geometry:
    order = [dimension % args[0].ndim for dimension in args[1]]
    return _moved(source, args[0].ndim, order)


def _transposition(args: Sequence[Any], source: Geometry, _: Tensor) -> Geometry:
    order = list(range(args[0].ndim))
    one, other = args[1] % len(order), args[2] % len(order)
    order[one], order[other] = order[other], order[one]
    return _moved(source, args[0].ndim, order)


def _moved(source: Geometry, ndim: int, order: Sequence[int]) -> Geometry:
    return replace(source, at=tuple(order.index(at % ndim) - ndim for at in source.at))


def _mean(args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    dimensions = {one % args[0].ndim for one in (args[1] if len(args) > 1 and args[1] else range(args[0].ndim))}
    spatial = {at % args[0].ndim for at in source.at}
    return _everything(args, source, out) if spatial & dimensions else _unchanged(args, source, out)


def _view(args: Sequence[Any], source: Geometry, out: Tensor) -> Geometry:
    """A view that keeps the sides apart, flattens each picture to a vector, or folds all but the last dimension."""
    given: Tensor = args[0]
    if out.ndim == 2 and out.shape[0] == given.shape[0]:
        return _everything(args, source, out)
    if out.ndim == 2 and out.shape[1] == given.shape[-1] and -1 not in source.at:
        return replace(source, folded=tuple(given.shape[:-1]))
    return _unchanged(args, source, out)


_VIEWS = frozenset({"view", "_unsafe_view", "reshape"})


_RULES: MappingProxyType[str, Callable[[Sequence[Any], Geometry, Tensor], Geometry]] = MappingProxyType(
    {
        "convolution": _convolution,
        "max_pool2d_with_indices": _pool,
        "avg_pool2d": _pool,
        "max_unpool2d": _unpool,
        "upsample_nearest2d": _interpolation(reach=0),
        "upsample_bilinear2d": _interpolation(reach=1),
        "constant_pad_nd": _padding,
        "replication_pad2d": _padding,
        "slice": _slice,
        "permute": _permutation,
        "transpose": _transposition,
        "mean": _mean,
        "amax": _mean,
        "_adaptive_avg_pool2d": _everything,
        **dict.fromkeys(_VIEWS, _view),
    }
)


def picture(rows: int, columns: int, channels: int) -> Tensor:
    """One picture without data, to trace with: (1, C, H, W) on the ``meta`` device."""
    return torch.empty(1, channels, rows, columns, device="meta")
