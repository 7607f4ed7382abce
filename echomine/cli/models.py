"""Commands about image networks: what there is, training, judging, use."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echomine.cli.application import (
    DEFAULT_WORKSPACE,
    JsonOption,
    SeedOption,
    UnusedWorkspaceOption,
    WorkspaceOption,
    app,
)
from echomine.cli.showing import RichProgress, finish, note, print_json, print_problems, print_table, say
from echomine.domain.vocabulary import Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from echomine.archive.training_data import BadSample


class DrawnName(StrEnum):
    """What a drawn training set teaches."""

    VIEWS = "views"
    BEATS = "beats"


class PartName(StrEnum):
    """What a model is judged on."""

    TRAIN = Split.TRAIN
    VALIDATION = Split.VALIDATION
    TEST = Split.TEST
    ALL = "all"


models_app = typer.Typer(rich_markup_mode=None)
app.add_typer(models_app, name="models")

ConfigOption = Annotated[Path, typer.Option("--config", help="TOML file of the model; see docs/image-models.md.")]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of the data instead of data.path.")]
OnnxOption = Annotated[bool, typer.Option("--onnx", help="Let onnxruntime answer instead of torch.")]


@models_app.command()
def train(
    config: ConfigOption,
    data: DataOption = None,
    logs: Annotated[Path | None, typer.Option("--logs", help="Folder for TensorBoard.")] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Train a network on a data set and judge it on patients it never saw; a killed run goes on where it was."""
    from echomine.pipeline.image_models import train as run
    from echomine.pipeline.training_file import read_training_file

    result = run(workspace, read_training_file(config), data=data, log_dir=logs, progress=RichProgress())
    if as_json:
        print_json(result.document())
    else:
        print_table(f"{result.name} on the test part", ("figure", "value (95 %)"), result.rows())
        for sentence in result.notes:
            note(sentence)
        say(f"Model   {result.generation.generation_id}")
        say(f"Report  {result.folder}")
        say(f"Took    {result.minutes:.1f} min")
        _print_left_out(result.problems)
    finish(len(result.problems))


@models_app.command()
def evaluate(
    config: ConfigOption,
    data: DataOption = None,
    part: Annotated[PartName, typer.Option(help="Part of the data; all for data of elsewhere.")] = PartName.TEST,
    onnx: OnnxOption = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Judge a trained model on a part of a data set."""
    from echomine.pipeline.image_models import evaluate as run
    from echomine.pipeline.model_card import figure_rows
    from echomine.pipeline.training_file import read_training_file

    file = read_training_file(config)
    chosen = None if part is PartName.ALL else Split(part.value)
    result = run(workspace, file, data=data, part=chosen, onnx=onnx, progress=RichProgress())
    if result.known_patients and chosen in (None, Split.TEST):
        note(
            f"the model was trained with {result.known_patients} of these patients: split or data are others than "
            "then, and the figures are too good"
        )
    if as_json:
        print_json(result.document())
    else:
        title = f"{file.name}: {result.scores.items} pictures or volumes of {result.scores.groups} patients"
        print_table(title, ("figure", "value (95 %)"), figure_rows(result.scores.figures))
        _print_left_out(result.problems)
    finish(len(result.problems))


@models_app.command()
def predict(
    sources: Annotated[list[Path], typer.Argument(help="Pictures, NIfTI volumes, or folders of them.")],
    config: ConfigOption,
    out: Annotated[Path, typer.Option("--out", help="Folder to write masks, boxes, tables and overlays to.")],
    onnx: OnnxOption = False,
    overlays: Annotated[bool, typer.Option("--overlays/--no-overlays", help="Draw the answers.")] = True,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Answer about new pictures: masks as NIfTI or PNG, boxes as COCO JSON, classes as CSV, overlays."""
    from echomine.pipeline.training_file import read_training_file
    from echomine.pipeline.use_image_model import PredictionRequest
    from echomine.pipeline.use_image_model import predict as run

    file = read_training_file(config)
    request = PredictionRequest(
        model=file.name, sources=tuple(sources), out=out, data=file.data, onnx=onnx, overlays=overlays
    )
    result = run(workspace, request, RichProgress())
    if as_json:
        print_json(result.document())
    else:
        say(f"{len(result.rows)} answers in {result.out}")
        _print_left_out(result.problems)
    finish(len(result.problems))


@models_app.command()
def draw(
    kind: Annotated[DrawnName, typer.Argument(help="views: valve and flow; beats: boxes, masks, envelopes.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    count: Annotated[int, typer.Option(min=2, max=100_000, help="Displays.")] = 800,
    seed: SeedOption = 0,
    _workspace: UnusedWorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw synthetic displays as a training set."""
    from echomine.pipeline.draw_training_set import DrawnKind, draw_training_set

    result = draw_training_set(DrawnKind(kind.value), out, count=count, seed=seed, progress=RichProgress())
    if as_json:
        return print_json({"out": str(result.out), "pictures": result.pictures, "counts": result.counts})
    rows = [(name, str(number)) for name, number in result.counts.items()]
    print_table(f"{result.pictures} synthetic displays in {result.out}", ("class", "number"), rows)
    return None


def _print_left_out(problems: "Sequence[BadSample]") -> None:
    print_problems([(one.name, one.reason.value, one.message) for one in problems])
