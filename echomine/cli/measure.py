"""Commands about measuring: one image, and what to review first."""

from pathlib import Path
from typing import Annotated

import typer

from echomine.cli.application import DEFAULT_WORKSPACE, JsonOption, UnusedWorkspaceOption, WorkspaceOption, app
from echomine.cli.showing import RichProgress, check_png, finish, note, print_json, print_table, print_text_table
from echomine.domain.vocabulary import Valve


@app.command()
def measure(
    image: Annotated[Path, typer.Argument(help="DICOM file or picture of a spectral Doppler display.")],
    valve: Annotated[Valve | None, typer.Option(help="The valve, where you know it.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Write the measured display to this PNG.")] = None,
    check_axis: Annotated[bool, typer.Option(help="Compare the scale that a DICOM file states with its axis.")] = True,
    _workspace: UnusedWorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Measure the flows of an image: scale, envelope, beats, peak velocity, gradients, integral, half-time.

    Needs no workspace. Exit code 1 says that nothing could be measured; the reason is given.
    """
    check_png(picture)
    from echomine.pipeline.measure_image import measure_image, summary_rows

    with RichProgress().stage("Measuring the display", 1):
        measured = measure_image(image, valve=valve, check_axis=check_axis)
    if picture is not None:
        from echomine.pipeline.measurement_picture import write_measurement_picture

        write_measurement_picture(measured, picture)
    if as_json:
        print_json(measured.document())
    else:
        for problem in measured.problems:
            note(f"{problem.message} ({problem.code})")
        headers = ("flow", "Vmax m/s", "mean gradient mmHg", "VTI cm", "half-time ms", "beats", "quality")
        if rows := summary_rows(measured):
            print_table(f"Measured on {image.name}", headers, rows)
    finish(0 if measured.measured else 1)


@app.command()
def review(
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """List where the measurement differs from report or retrieval, the gravest and surest difference first."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.measure_archive import review_order
    from echomine.pipeline.review_table import review_documents, review_table

    items = review_order(Workspace.open(workspace, create=False), limit=limit)
    if as_json:
        return print_json(review_documents(items))
    table = review_table(items)
    print_text_table(table)
    return None
