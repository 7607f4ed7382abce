"""What `echomine models` shows of the networks there are: the table, one of them layer by layer."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from echomine.cli.application import JsonOption, UnusedWorkspaceOption
from echomine.cli.models import models_app
from echomine.cli.showing import print_json, print_table
from echomine.domain.errors import UsageError

if TYPE_CHECKING:
    from echomine.models.description import LayerRow, NetworkDescription
    from echomine.models.network_facts import NetworkFacts


@models_app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    task: Annotated[
        str | None,
        typer.Option("--task", help="classification, segmentation, detection, instance_segmentation."),
    ] = None,
    workspace: UnusedWorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Image networks: list them, describe one, train, judge, use."""
    if context.invoked_subcommand is not None:
        if workspace is not None or task is not None or as_json:
            raise UsageError(f"write options after the command: `echomine models {context.invoked_subcommand} ...`")
        return
    from echomine.pipeline.network_table import network_table

    facts = network_table(task)
    if as_json:
        print_json([_facts_json(one) for one in facts])
    else:
        headers = ("network", "task", "year", "parameters", "field", "stride", "GMAC", "layers", "source", "paper")
        print_table("Image networks", headers, [_facts_row(one) for one in facts])


@models_app.command()
def describe(
    name: Annotated[str, typer.Argument(help="A network of `echomine models`.")],
    classes: Annotated[int | None, typer.Option("--classes", help="Classes; the paper's if left out.")] = None,
    channels: Annotated[int | None, typer.Option("--channels", help="Channels of the picture.")] = None,
    size: Annotated[
        tuple[int, int] | None, typer.Option("--size", help="Rows and columns of the picture.", metavar="ROWS COLUMNS")
    ] = None,
    _workspace: UnusedWorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a network layer by layer: output, parameters, receptive field, stride."""
    from echomine.pipeline.network_table import describe_network

    found = describe_network(name, classes=classes, in_channels=channels, picture=size)
    if as_json:
        print_json({**_facts_json(found.facts), "layer_rows": [_layer_json(row) for row in found.layers]})
        return
    headers = ("layer", "kind", "output", "parameters", "field", "stride")
    print_table(_title(found), headers, [_layer_row(row) for row in found.layers])
    for sentence in found.facts.deviations:
        typer.echo(f"Differs from the paper: {sentence}")


def _title(found: "NetworkDescription") -> str:
    facts = found.facts
    rows, columns = facts.picture
    return (
        f"{facts.name}: {facts.parameters:,} parameters, {facts.gmac:.2f} GMAC at {rows} x {columns}, "
        f"{facts.classes} classes. {facts.paper} ({facts.source})"
    )


def _facts_json(facts: "NetworkFacts") -> dict[str, Any]:
    import dataclasses

    return dataclasses.asdict(facts)


def _facts_row(facts: "NetworkFacts") -> tuple[str, ...]:
    return (
        facts.name,
        facts.task.replace("_", " "),
        str(facts.year),
        f"{facts.parameters:,}",
        _field(facts.receptive_field, facts.sees),
        "-" if facts.stride is None else str(facts.stride),
        f"{facts.gmac:.2f}",
        str(facts.layers),
        facts.source,
        _short(facts.paper),
    )


def _short(paper: str) -> str:
    """First author and where it was published."""
    parts = paper.split(", ")
    return parts[0] if len(parts) == 1 else f"{parts[0].split(' and ')[0]}, {parts[-1]}"


def _layer_json(row: "LayerRow") -> dict[str, Any]:
    return {
        "name": row.name,
        "kind": row.kind,
        "output": list(row.output),
        "parameters": row.parameters,
        "receptive_field": row.receptive_field and list(row.receptive_field),
        "stride": row.stride and [float(step) for step in row.stride],
        "sees": row.sight.name.lower(),
    }


def _layer_row(row: "LayerRow") -> tuple[str, ...]:
    return (
        row.name,
        row.kind,
        " x ".join(str(side) for side in row.output),
        f"{row.parameters:,}",
        _field(_both(row.receptive_field), row.sight.name.lower()),
        _both(row.stride) or "-",
    )


def _field(known: int | str | None, sees: str) -> str:
    """The receptive field, "all" for the whole picture, "?" where it is unknown or larger than what was traced."""
    return str(known) if known else {"whole": "all"}.get(sees, "?")


def _both(pair: tuple[Any, Any] | None) -> str:
    if pair is None:
        return ""
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} x {pair[1]}"
