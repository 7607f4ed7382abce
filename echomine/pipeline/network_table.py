"""Use case: what networks there are, and one of them layer by layer."""

from dataclasses import replace
from typing import TYPE_CHECKING

from echomine.domain.errors import UsageError
from echomine.models.network_facts import NetworkFacts, read_network_facts

if TYPE_CHECKING:
    from echomine.models.description import NetworkDescription

__all__ = ["NetworkFacts", "describe_network", "network_table"]


def network_table(task: str | None = None) -> tuple[NetworkFacts, ...]:
    """Facts of the networks that come with echomine, by task and year; of one task if given.

    Raises:
        UsageError: If no network has that task.
    """
    facts = read_network_facts()
    chosen = tuple(one for one in facts if task in {None, one.task})
    if not chosen:
        raise UsageError(f"no network is for {task!r}, there are {', '.join(sorted({one.task for one in facts}))}")
    return chosen


def describe_network(
    name: str,
    *,
    classes: int | None = None,
    in_channels: int | None = None,
    picture: tuple[int, int] | None = None,
) -> "NetworkDescription":
    """A network layer by layer, in its published form but for what is given.

    Raises:
        UsageError: If no network has that name, or the picture does not fit it.
        ConfigurationError: If it cannot be built with so many classes or channels.
    """
    from echomine.models.description import describe
    from echomine.models.registry import NETWORKS

    form = NETWORKS.get(name).published
    return describe(
        name,
        replace(
            form,
            classes=form.classes if classes is None else classes,
            in_channels=form.in_channels if in_channels is None else in_channels,
            picture=picture or form.picture,
        ),
    )
