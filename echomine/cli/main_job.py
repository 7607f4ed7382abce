"""Commands of the main job: from an archive to labels, similar cases and an export."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from echomine.cli.application import DEFAULT_WORKSPACE, JsonOption, SeedOption, WorkspaceOption, app
from echomine.cli.showing import (
    RichProgress,
    check_png,
    finish,
    note,
    print_json,
    print_problems,
    print_table,
    print_text_table,
    say,
)
from echomine.domain.vocabulary import LabelSource, Valve


class ExportFormat(StrEnum):
    """How labels are written."""

    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    HF = "hf"


class ProtocolName(StrEnum):
    """How the models are judged."""

    HELD_OUT = "held-out"
    LECTURE = "lecture"


@app.command()
def demo(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    seed: SeedOption = 0,
    small: Annotated[bool, typer.Option("--small", help="A tenth of the archive, in about a minute.")] = False,
    as_json: JsonOption = False,
) -> None:
    """The main job on a fresh synthetic archive: learn, label, evaluate, export, one HTML report."""
    from echomine.pipeline.demo import run_demo

    result = run_demo(workspace, seed=seed, small=small, progress=RichProgress())
    if as_json:
        return print_json(result.document())
    for table in result.tables():
        print_text_table(table)
    say(f"Export  {result.export}")
    say(f"Report  {result.report}  (open it in a browser)")
    say(f"Took    {result.seconds:.0f} s. Synthetic data; research use only.")
    return None


@app.command()
def ingest(
    sources: Annotated[list[Path], typer.Argument(help="Folders of DICOM files, pictures or reports; files.")],
    reports: Annotated[
        list[Path] | None, typer.Option("--reports", help="Report file (.jsonl, .csv) or folder of .txt.")
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="Hand-made pairs.csv: sop_uid, study_uid, quote.")] = None,
    views: Annotated[Path | None, typer.Option(help="Hand-made views.csv: sop_uid, valve, flow.")] = None,
    mapping: Annotated[Path | None, typer.Option(help="CSV that links report files to StudyInstanceUIDs.")] = None,
    site: Annotated[str, typer.Option(help="Name of the source, to filter by later.")] = "",
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Read images and reports into the catalog; the same source again changes nothing."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.ingest import ingest as run

    result = run(
        Workspace.open(workspace, create=True),
        sources,
        reports=reports or [],
        pairs=pairs,
        views=views,
        mapping=mapping,
        site=site,
        progress=RichProgress(),
    )
    if as_json:
        print_json(result.document())
    else:
        print_table("Ingested", ("what", "number"), [(key, str(value)) for key, value in result.counts.items()])
        for sentence in result.notes():
            note(sentence)
        rows = [(item.relative_path or item.where, item.reason.value, item.message) for item in result.problems]
        print_problems(rows)
    finish(len(result.quarantined))


@app.command()
def learn(
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    seed: SeedOption = 0,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings; see docs/settings.md.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Learn text space, image feature, transform and index: new generations."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.learn import learn as run
    from echomine.pipeline.settings import read_settings

    settings = read_settings(config)
    result = run(Workspace.open(workspace, create=False), settings, seed=seed, progress=RichProgress())
    if as_json:
        return print_json(result.document())
    print_table("Learnt", ("artifact", "generation", "what it says of itself"), result.rows())
    return None


@app.command()
def label(
    everything: Annotated[bool, typer.Option("--all", help="Also what the current models labelled before.")] = False,
    measuring: Annotated[bool, typer.Option("--measure/--no-measure", help="Measure the images too.")] = True,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Label every image that has no label of the current models yet: by retrieval, and by what it measures."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.label_archive import label_archive
    from echomine.pipeline.measure_archive import measure_archive

    opened, progress = Workspace.open(workspace, create=False), RichProgress()
    result = label_archive(opened, everything=everything, progress=progress)
    measured = measure_archive(opened, everything=everything, progress=progress) if measuring else None
    if as_json:
        print_json(result.document() | ({"measured": measured.document()} if measured else {}))
    else:
        rows = [(key, str(value)) for key, value in result.counts.items()]
        print_table(f"Labelled by models {result.model}", ("state", "images"), rows)
        if measured:
            print_table("Measured", ("state", "images"), [(key, str(value)) for key, value in measured.counts.items()])
        print_problems([(item.image_id, item.reason.value, item.message) for item in result.problems])
    finish(len(result.problems))


@app.command()
def query(
    image: Annotated[Path, typer.Argument(help="DICOM file or picture of a spectral Doppler display.")],
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="How many paragraphs.")] = 10,
    valve: Annotated[Valve | None, typer.Option(help="Only paragraphs about this valve.")] = None,
    own_patient: Annotated[bool, typer.Option("--own-patient", help="Keep the image's own patient.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Write a contact sheet to this PNG.")] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Show the paragraphs and cases most similar to an image, and the labels read from them."""
    check_png(picture)
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.find_similar import find_similar

    with RichProgress().stage("Looking up similar cases", 1):
        similar = find_similar(
            Workspace.open(workspace, create=False),
            image,
            k=k,
            valve=valve,
            own_patient=own_patient,
            pictures=picture is not None,
        )
        if picture is not None:
            from echomine.pipeline.contact_sheet import write_contact_sheet

            write_contact_sheet(similar, picture)
    if as_json:
        return print_json(similar.document())
    for sentence in similar.notes:
        note(sentence)
    print_table(
        "Read from the nearest paragraphs",
        ("valve", "disease", "severity", "confidence", ""),
        similar.label_rows(),
    )
    if similar.shown_measured:
        headers = ("valve", "disease", "severity", "confidence", "by", "beside the other")
        print_table("Measured on the display", headers, similar.measured_rows())
    print_table("Nearest paragraphs", ("score", "paragraph", "says", "text"), similar.hit_rows())
    return None


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="File or folder to write; must not exist.")],
    form: Annotated[ExportFormat, typer.Option("--format", help="File format.")] = ExportFormat.JSONL,
    min_confidence: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out labels below.")] = 0.0,
    source: Annotated[LabelSource | None, typer.Option(help="Only labels of this source.")] = None,
    valve: Annotated[Valve | None, typer.Option(help="Only labels of this valve.")] = None,
    abstained: Annotated[bool, typer.Option("--abstained", help="Also labels the models abstain from.")] = False,
    without_conflicts: Annotated[
        bool, typer.Option("--without-conflicts", help="Leave out labels that another source contradicts.")
    ] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Write labels with confidence, evidence, provenance and patient-level splits, and a data card."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.export_labels import ExportRequest, export_labels

    request = ExportRequest(
        form=form.value,
        out=out,
        min_confidence=min_confidence,
        source=source,
        valve=valve,
        abstained=abstained,
        without_conflicts=without_conflicts,
    )
    result = export_labels(Workspace.open(workspace, create=False), request, progress=RichProgress())
    if as_json:
        return print_json(result.document())
    print_table(f"Exported to {result.path}", ("what", "number"), [(k, str(v)) for k, v in result.counts.items()])
    if not result.counts["labels"]:
        left_out = ", ".join(f"{what} {count}" for what, count in result.excluded.items() if count)
        advice = "" if abstained else "--abstained exports also those that the models abstain from"
        said = "; ".join(filter(None, ["no label passed", left_out and f"left out: {left_out}", advice]))
        note(said)
    return None


@app.command()
def evaluate(
    protocol: Annotated[ProtocolName, typer.Option(help="held-out: the current models; lecture: retrain.")] = (
        ProtocolName.HELD_OUT
    ),
    truth: Annotated[Path | None, typer.Option(help="truth.csv; without it, the paired paragraphs judge.")] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Splits of the lecture protocol.")] = 5,
    weak: Annotated[bool, typer.Option("--weak", help="Learn without pairs.csv and views.csv.")] = False,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for JSON, Markdown and plots.")] = None,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Judge the models on patients they never saw, beside four baselines."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.evaluate import EvaluationRequest
    from echomine.pipeline.evaluate import evaluate as run
    from echomine.pipeline.settings import read_settings

    request = EvaluationRequest(protocol=protocol.value, truth=truth, seeds=seeds, weak=weak, out=out)
    result = run(Workspace.open(workspace, create=False), request, read_settings(config), progress=RichProgress())
    if as_json:
        return print_json(result.document())
    for table in result.tables():
        print_text_table(table)
    return None
