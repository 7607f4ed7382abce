"""Commands about the installation."""

import typer

from echomine.cli.application import DEFAULT_WORKSPACE, JsonOption, WorkspaceOption, app
from echomine.cli.showing import RichProgress, print_json, print_table


@app.command()
def doctor(workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """Check versions, devices, disk, catalog and models."""
    from echomine.pipeline.doctor import Health, run_doctor

    checks = run_doctor(workspace, progress=RichProgress())
    if as_json:
        print_json([{"name": c.name, "health": c.health, "detail": c.detail, "remedy": c.remedy} for c in checks])
    else:
        print_table(
            "Doctor",
            ("check", "", "found", "remedy"),
            [(c.name, c.health, c.detail, c.remedy) for c in checks],
        )
    if any(check.health is Health.FAILED for check in checks):
        raise typer.Exit(3)
