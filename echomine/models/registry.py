"""Names of networks: a name is taken once, a miss lists what there is."""

from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from torch import nn

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.models.features import FeatureNetwork
from echomine.models.spectral import spectral_net
from echomine.models.torchvision_backbones import BACKBONES, torchvision_network

EntryT = TypeVar("EntryT")


@dataclass(frozen=True, slots=True)
class Registry(Generic[EntryT]):
    """A dictionary that refuses a second owner of a name.

    Attributes:
        kind: What its entries are, for messages: ``classification network``.
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


class NetworkFactory(Protocol):
    """Builds a classification network with random weights."""

    def __call__(self, *, classes: int, in_channels: int) -> nn.Module:
        """A network (N, in_channels, H, W) -> (N, classes)."""
        ...


NETWORKS: Registry[NetworkFactory] = Registry("classification network")
"""All classification networks; ``NETWORKS.register`` adds one of your own."""


def _torchvision_factory(name: str) -> NetworkFactory:
    def factory(*, classes: int, in_channels: int) -> nn.Module:
        return torchvision_network(name, classes=classes, in_channels=in_channels)

    return factory


NETWORKS.register("spectral_net", spectral_net)
for _name in BACKBONES:
    NETWORKS.register(_name, _torchvision_factory(_name))


def create(name: str, *, classes: int, in_channels: int = 1) -> nn.Module:
    """A classification network by name, with random weights of the global torch generator.

    Args:
        name: One of ``NETWORKS.names()``.
        classes: Outputs; with 1000 and 3 channels the networks are those of the papers.
        in_channels: 1 for grey pictures, 3 for colour.

    Returns:
        A network (N, in_channels, H, W) -> (N, classes) logits. H and W from 64 on, square or not.

    Raises:
        UsageError: If the name is unknown.
        ConfigurationError: If a count is not positive.
    """
    if classes < 1 or in_channels < 1:
        raise ConfigurationError(
            f"a network needs 1 or more classes and channels, got {classes} classes, {in_channels} channels"
        )
    return NETWORKS.get(name)(classes=classes, in_channels=in_channels)


def create_features(name: str, *, in_channels: int = 1) -> FeatureNetwork:
    """The network of a name without its last layer: (N, in_channels, H, W) -> (N, width) features.

    Raises:
        UsageError: If the name is unknown.
    """
    return FeatureNetwork.from_classifier(create(name, classes=1, in_channels=in_channels))
