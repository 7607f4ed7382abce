"""What the registry knows of a network: its task, paper, source, settings and how it is built."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from torch import Tensor, nn

from echomine.domain.errors import ConfigurationError, UsageError

EntryT = TypeVar("EntryT")

CLASSIC_PICTURE = (224, 224)
"""Rows and columns that most classification papers count with."""


class Task(StrEnum):
    """What a network answers.

    Classification: images (N, C, H, W) -> logits (N, K). Segmentation: (N, C, H, W) -> logits (N, K, H, W), background
    is class 0. Detection and instance segmentation take torchvision's form: a list of images (C, H, W) in 0..1 and, in
    training, one dictionary each of ``boxes`` (M, 4) as x1, y1, x2, y2 in pixels, ``labels`` (M,) from 1 on, and
    ``masks`` (M, H, W); they give a dictionary of losses in training, else a list of dictionaries of ``boxes``,
    ``labels``, ``scores`` (and ``masks`` (M, 1, H, W) in 0..1).
    """

    CLASSIFICATION = "classification"
    SEGMENTATION = "segmentation"
    DETECTION = "detection"
    INSTANCE_SEGMENTATION = "instance_segmentation"

    @property
    def finds_boxes(self) -> bool:
        """Whether images come as a list and targets as dictionaries of boxes."""
        return self in {Task.DETECTION, Task.INSTANCE_SEGMENTATION}

    @property
    def fewest_classes(self) -> int:
        """Boxes need a class beside the background."""
        return 2 if self.finds_boxes else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSettings:
    """Settings of a network that has none."""


class NetworkFactory(Protocol):
    """Builds a network with random weights from its own configuration."""

    def __call__(self, config: Any, /, *, classes: int, in_channels: int) -> nn.Module:  # noqa: ANN401
        """The network; classes of boxes count the background."""
        ...


class Rehearsal(Protocol):
    """Runs a network on pictures without data, as far as it can go without."""

    def __call__(self, network: Any, images: Tensor, /) -> object:  # noqa: ANN401
        """Run it; what comes out does not matter."""
        ...


@runtime_checkable
class LearnsAfterwards(Protocol):
    """A network with parts that no gradient reaches: they are learnt once the others are."""

    def finish(self, images: Sequence[Tensor], targets: Sequence[Mapping[str, Tensor]], /) -> None:
        """Learn them from all training pictures (C, H, W) and their targets; they are kept as buffers."""
        ...


@runtime_checkable
class NamesDeepest(Protocol):
    """A network whose deepest map depends on its settings.

    Attributes:
        deepest: Module whose output it is, in place of the entry's.
    """

    deepest: str


def plain_rehearsal(network: nn.Module, images: Tensor) -> object:
    """The whole network, for all that have no choice to make by the values."""
    return network(images)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedForm:
    """The form of a network that its paper or library counts: what the table of networks shows.

    Attributes:
        classes: Classes, for boxes with the background.
        picture: Rows and columns.
        settings: The configuration, where it is not the default.
    """

    classes: int = 1000
    in_channels: int = 3
    picture: tuple[int, int] = CLASSIC_PICTURE
    settings: object | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkEntry:
    """One network of the registry.

    Attributes:
        year: Of the paper.
        paper: Authors, title, where.
        source: Whose code it is: torchvision, MONAI or echomine.
        build: Makes the network.
        config: Class of its settings; all have defaults.
        published: The form that is counted.
        deepest: Module whose output is the deepest map: its receptive field and stride stand in the table. A network
            that :class:`NamesDeepest` knows better.
        rehearse: How it runs on pictures without data.
        least_side: Fewest rows and columns of a picture.
        deviations: Where the code differs from the paper, one sentence each.
    """

    task: Task
    year: int
    paper: str
    source: str
    build: NetworkFactory
    config: type = NoSettings
    published: PublishedForm = field(default_factory=PublishedForm)
    deepest: str = ""
    rehearse: Rehearsal = plain_rehearsal
    least_side: int = 1
    deviations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry(Generic[EntryT]):
    """A dictionary that refuses a second owner of a name.

    Attributes:
        kind: What its entries are, for messages: ``network``.
    """

    kind: str
    _entries: dict[str, EntryT] = field(default_factory=dict)

    def register(self, name: str, entry: EntryT) -> None:
        """Put an entry under a free name.

        Raises:
            ConfigurationError: If the name is taken or empty.
        """
        if not name or name in self._entries:
            raise ConfigurationError(
                f"the name {name!r} of a {self.kind} is taken or empty, choose another than {', '.join(self.names())}"
            )
        self._entries[name] = entry

    def get(self, name: str) -> EntryT:
        """The entry of a name.

        Raises:
            UsageError: If nothing has that name.
        """
        try:
            return self._entries[name]
        except KeyError:
            raise UsageError(f"no {self.kind} is called {name!r}, there are {', '.join(self.names())}") from None

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted(self._entries))
