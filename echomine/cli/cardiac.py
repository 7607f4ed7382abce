"""Commands that score one heart scan."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echomine.cli.application import DEFAULT_WORKSPACE, JsonOption, SeedOption, WorkspaceOption, app
from echomine.cli.showing import RichProgress, finish, note, print_json, print_problems, print_table, say
from echomine.domain.heart_choices import AgatstonConvention, EfTableName, RiskSchemeName, Sex, TrainedKind

if TYPE_CHECKING:
    from echomine.pipeline.cardiac_result import CardiacResult

cardiac_app = typer.Typer(help="Volumes, ejection fraction, mass and calcium of one scan.", no_args_is_help=True)
app.add_typer(cardiac_app, name="cardiac")
MEASURING = "Measuring the scan"


OutOption = Annotated[Path | None, typer.Option("--out", help="Folder for masks, picture and result.json.")]
ModelOption = Annotated[str, typer.Option("--model", help="Generation of the networks; the current one by default.")]
StudyOption = Annotated[
    Path | None, typer.Option("--dicom", help="DICOM images of the scan: a structured report of their study in --out.")
]
GuaranteeOption = Annotated[
    bool | None,
    typer.Option("--make-valid/--as-is", help="Mend the anatomy of every mask, or of none; else of networks' masks."),
]
TableOption = Annotated[EfTableName, typer.Option("--table", help="Guideline of the category.")]
SexOption = Annotated[Sex, typer.Option("--sex", help="For guidelines that depend on it.")]


@cardiac_app.command()
def mr(
    scan: Annotated[Path, typer.Argument(help="4D cine stack, or the volume of end diastole (NIfTI).")],
    systole: Annotated[Path | None, typer.Argument(help="Volume of end systole.")] = None,
    mask: Annotated[list[Path] | None, typer.Option("--mask", help="Measure this mask; once for each scan.")] = None,
    model: ModelOption = "",
    guarantee: GuaranteeOption = None,
    table: TableOption = EfTableName.ASE2015,
    sex: SexOption = Sex.UNKNOWN,
    out: OutOption = None,
    dicom: StudyOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Ventricular volumes, ejection fractions and mass of a short-axis cine MR."""
    from echomine.pipeline.quantify_mr import MrRequest, quantify_mr

    request = MrRequest(
        scans=(scan,) if systole is None else (scan, systole),
        masks=tuple(mask or ()),
        workspace=workspace,
        generation=model,
        out=out,
        study=dicom,
        guarantee=guarantee,
        table=table,
        sex=sex,
    )
    with RichProgress().stage(MEASURING, 1):
        result = quantify_mr(request)
    _show(result, out, as_json=as_json)


@cardiac_app.command()
def echo(
    a4c: Annotated[Path, typer.Argument(help="Four-chamber clip, or picture of end diastole (NIfTI).")],
    a2c: Annotated[Path | None, typer.Argument(help="Two-chamber clip or picture.")] = None,
    es: Annotated[list[Path] | None, typer.Option("--es", help="Picture of end systole; once for each view.")] = None,
    mask: Annotated[
        list[Path] | None, typer.Option("--mask", help="Measure this mask; in the order A4C ED, ES, A2C ED, ES.")
    ] = None,
    model: ModelOption = "",
    guarantee: GuaranteeOption = None,
    table: TableOption = EfTableName.ASE2015,
    sex: SexOption = Sex.UNKNOWN,
    out: OutOption = None,
    dicom: StudyOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Left ventricular volumes and ejection fraction from apical views."""
    from echomine.pipeline.echo_frames import echo_views
    from echomine.pipeline.quantify_echo import EchoRequest, quantify_echo

    views = echo_views([a4c, *([a2c] if a2c else [])], es or [], mask or [])
    request = EchoRequest(
        four_chamber=views[0],
        two_chamber=views[1] if len(views) > 1 else None,
        workspace=workspace,
        generation=model,
        out=out,
        study=dicom,
        guarantee=guarantee,
        table=table,
        sex=sex,
    )
    with RichProgress().stage(MEASURING, 1):
        result = quantify_echo(request)
    _show(result, out, as_json=as_json)


@cardiac_app.command()
def calcium(
    scan: Annotated[Path, typer.Argument(help="Folder of DICOM slices, or NIfTI in Hounsfield units.")],
    mask: Annotated[Path | None, typer.Option("--mask", help="Calcium by site, 1 LAD to 6 mitral valve.")] = None,
    everything: Annotated[
        bool, typer.Option("--all-candidates", help="Score every dense piece, bone included.")
    ] = False,
    convention: Annotated[AgatstonConvention, typer.Option(help="Agatston convention.")] = AgatstonConvention.SCALED,
    risk_scheme: Annotated[
        RiskSchemeName, typer.Option("--risk-scheme", help="Risk categories.")
    ] = RiskSchemeName.FOUR,
    mass_factor: Annotated[float | None, typer.Option(help="Scanner's mg/mm3/HU, for the mass score.")] = None,
    model: ModelOption = "",
    out: OutOption = None,
    dicom: StudyOption = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Agatston, volume and mass score of a CT."""
    from echomine.pipeline.quantify_calcium import CalciumRequest, quantify_calcium

    request = CalciumRequest(
        scan=scan,
        mask=mask,
        everything=everything,
        workspace=workspace,
        generation=model,
        convention=convention,
        scheme=risk_scheme,
        mg_per_mm3_hu=mass_factor,
        out=out,
        study=dicom,
    )
    with RichProgress().stage(MEASURING, 1):
        result = quantify_calcium(request)
    _show(result, out, as_json=as_json)


@cardiac_app.command()
def archive(
    scans: Annotated[Path, typer.Argument(help="CSV: kind, study_uid, patient, files, masks.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Measure every scan of a list into the catalog, each once a model."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.quantify_archive import quantify_archive

    result = quantify_archive(Workspace.open(workspace, create=True), scans, progress=RichProgress())
    if as_json:
        print_json(result.document())
    else:
        print_table("Heart scans", ("state", "number"), [(name, str(count)) for name, count in result.counts.items()])
        print_problems([(f"line {line}", reason, message) for line, reason, message in result.problems])
    finish(len(result.problems))


@cardiac_app.command()
def train(
    kind: Annotated[
        TrainedKind,
        typer.Argument(help="clips start from echo's networks; groups are of mr's patients."),
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of NAME.nii.gz, NAME_gt.nii.gz; CSV of groups.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, max=20, help="Networks of mr and echo, each leaving out a part.")] = 5,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes: 80, echo 160, clips 10, calcium 6.")] = None,
    base: Annotated[int | None, typer.Option(min=1, help="Filters of the first level; paper: 48, mr3d 26.")] = None,
    window: Annotated[int | None, typer.Option(min=16, help="Pixels of a window; paper: 352, mr3d 224.")] = None,
    pixel_mm: Annotated[float | None, typer.Option(help="Pixel side of mr and echo; paper: 1.25.")] = None,
    phantoms: Annotated[int, typer.Option(min=1, help="Synthetic CTs that calcium is learnt from.")] = 30,
    model: Annotated[str, typer.Option("--model", help="Generation that clips start from; the current one.")] = "",
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Train what `cardiac mr`, `echo`, `calcium` measure with: a new generation. Calcium learns from synthetic CTs."""
    from echomine.domain.errors import UsageError
    from echomine.pipeline.train_cardiac import CardiacTraining, train_cardiac

    if data is None and kind is not TrainedKind.CALCIUM:
        raise UsageError(f"name the folder that {kind.value} is learnt from with --data")
    asked = CardiacTraining(
        kind=kind,
        data=data,
        folds=folds,
        epochs=epochs,
        base=base,
        window=window,
        pixel_mm=pixel_mm,
        phantoms=phantoms,
        generation=model,
    )
    result = train_cardiac(asked, workspace, seed=seed, progress=RichProgress())
    if as_json:
        return print_json(result)
    rows = [(name, f"{value:.3f}" if isinstance(value, float) else str(value)) for name, value in result.items()]
    print_table(f"Trained {kind.value}", ("", ""), rows)
    return None


@cardiac_app.command()
def shapes(
    data: Annotated[Path | None, typer.Option("--data", help="Folder of NAME_gt.nii.gz short-axis masks.")] = None,
    hearts: Annotated[int, typer.Option(min=2, help="Parametric hearts to learn from.")] = 1600,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over all masks.")] = 25,
    latents: Annotated[int, typer.Option(min=1, help="Valid shapes to keep at most.")] = 4000,
    seed: SeedOption = 0,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Learn the shapes that `cardiac mr` warps broken masks to: a new generation."""
    from echomine.pipeline.train_shapes import ShapeRequest, train_shapes

    request = ShapeRequest(data=data, hearts=hearts, epochs=epochs, latents=latents)
    trained = train_shapes(request, workspace, seed=seed, progress=RichProgress())
    if as_json:
        return print_json({"generation": trained.generation, "masks": trained.masks, "latents": trained.latents})
    say(f"heart_shapes {trained.generation}: {trained.latents} valid shapes from {trained.masks} slices")
    return None


def _show(result: "CardiacResult", out: Path | None, *, as_json: bool) -> None:
    if out is not None:
        from echomine.pipeline.cardiac_result import write_result

        write_result(result, out)
    if as_json:
        return print_json(result.document())
    print_table(f"{result.kind}, {result.model}", ("value", "", "how"), result.rows())
    if result.group:
        say(result.group.sentence())
    for flag in result.document()["flags"]:
        note(flag["meaning"])
    for sentence in result.notes:
        note(sentence)
    if result.anatomy:
        mended = sum(bool(one.remedy) for one in result.anatomy)
        say(f"Anatomy: {len(result.anatomy)} violations found, {mended} mended")
    return None
