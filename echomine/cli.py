"""The command line: parse, one pipeline call, show."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from echomine.domain.errors import EchomineError, UsageError
from echomine.domain.vocabulary import LabelSource, Valve

if TYPE_CHECKING:
    from echomine.pipeline.mine_reports import ExplainedFinding, MinedFile
    from echomine.pipeline.progress import Advance

app = typer.Typer(
    name="echomine",
    help="Turns an archive of Doppler echocardiograms and reports into labelled data. Research use only.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", envvar="ECHOMINE_WORKSPACE", help="Directory of catalog and models.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, nothing else.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed; the same seed gives the same answer.")]
DEFAULT_WORKSPACE = Path("echomine-workspace")
MAX_LISTED_PROBLEMS = 20
PIPED_WIDTH = 120


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


class RichProgress:
    """Progress bars on stderr."""

    @contextmanager
    def stage(self, description: str, total: int) -> "Iterator[Advance]":
        """A bar for one stage of ``total`` items."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=_stderr()) as bars:
            task = bars.add_task(description, total=total)
            yield lambda items: bars.advance(task, items)
            bars.update(task, completed=total)


def _stderr() -> Any:  # noqa: ANN401  rich is imported only where something is shown
    from rich.console import Console

    return Console(stderr=True)


def _stdout() -> Any:  # noqa: ANN401
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def _print_json(document: object) -> None:
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")


def _print_table(title: str, headers: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    _stdout().print(table)


def _finish(problems: int) -> None:
    """Exit code 1 when items were quarantined, else 0."""
    if problems:
        raise typer.Exit(1)


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
        return _print_json(result.document())
    for table in result.tables():
        _print_table(table.title, table.headers, list(table.rows))
    out = _stdout()
    out.print(f"Export  {result.export}", highlight=False)
    out.print(f"Report  {result.report}  (open it in a browser)", highlight=False)
    out.print(f"Took    {result.seconds:.0f} s. Synthetic data; research use only.", highlight=False)
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
        _print_json(result.document())
    else:
        _print_table("Ingested", ("what", "number"), [(key, str(value)) for key, value in result.counts.items()])
        rows = [(item.relative_path or item.where, item.reason.value, item.message) for item in result.problems]
        _print_problems(rows)
    _finish(len(result.quarantined))


def _print_problems(rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        return
    _print_table("Not taken in", ("item", "reason", "what to know"), rows[:MAX_LISTED_PROBLEMS])
    if len(rows) > MAX_LISTED_PROBLEMS:
        _stdout().print(f"... and {len(rows) - MAX_LISTED_PROBLEMS} more (--json lists all)")


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
        return _print_json(result.document())
    _print_table("Learnt", ("artifact", "generation", "what it says of itself"), result.rows())
    return None


@app.command()
def label(
    everything: Annotated[bool, typer.Option("--all", help="Also what the current models labelled before.")] = False,
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Label every image that has no label of the current models yet."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.label_archive import label_archive

    result = label_archive(Workspace.open(workspace, create=False), everything=everything, progress=RichProgress())
    if as_json:
        _print_json(result.document())
    else:
        rows = [(key, str(value)) for key, value in result.counts.items()]
        _print_table(f"Labelled by models {result.model}", ("state", "images"), rows)
        _print_problems([(item.image_id, item.reason.value, item.message) for item in result.problems])
    _finish(len(result.problems))


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
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.find_similar import find_similar

    similar = find_similar(Workspace.open(workspace, create=False), image, k=k, valve=valve, own_patient=own_patient)
    if picture is not None:
        from echomine.pipeline.contact_sheet import write_contact_sheet

        write_contact_sheet(similar, picture)
    if as_json:
        return _print_json(similar.document())
    for note in similar.notes:
        _stderr().print(f"Note: {note}", highlight=False)
    _print_table(
        "Read from the nearest paragraphs",
        ("valve", "disease", "severity", "confidence", ""),
        similar.label_rows(),
    )
    _print_table("Nearest paragraphs", ("score", "paragraph", "says", "text"), similar.hit_rows())
    return None


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="File or folder to write; must not exist.")],
    form: Annotated[ExportFormat, typer.Option("--format", help="File format.")] = ExportFormat.JSONL,
    min_confidence: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out labels below.")] = 0.0,
    source: Annotated[LabelSource | None, typer.Option(help="Only labels of this source.")] = None,
    valve: Annotated[Valve | None, typer.Option(help="Only labels of this valve.")] = None,
    abstained: Annotated[bool, typer.Option("--abstained", help="Also labels the models abstain from.")] = False,
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
    )
    result = export_labels(Workspace.open(workspace, create=False), request)
    if as_json:
        return _print_json(result.document())
    _print_table(f"Exported to {result.path}", ("what", "number"), [(k, str(v)) for k, v in result.counts.items()])
    if not result.counts["labels"]:
        _stderr().print(
            "Note: no label passed; --abstained exports also those that the models abstain from", highlight=False
        )
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
        return _print_json(result.document())
    for table in result.tables():
        _print_table(table.title, table.headers, list(table.rows))
    return None


@app.command()
def findings(
    reports: Annotated[Path, typer.Argument(help="Report file or folder, as for ingest.")],
    out: Annotated[Path | None, typer.Option("--out", help="JSONL file to write.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Page to write: reports with their findings.")] = None,
    explain: Annotated[str, typer.Option("--explain", metavar="ID", help="Why each finding of one report.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Read valve findings, measurements and conflicts out of reports."""
    from echomine.pipeline.mine_reports import explain_report, mine_reports

    if out is None and (html is not None or not explain):
        raise UsageError("name the file to write with --out FINDINGS.jsonl, or one report with --explain ID")
    explained = explain_report(reports, explain) if explain else []
    result = mine_reports(reports, out, page=html) if out else None
    if as_json:
        document = result.document() if result else {}
        _print_json(document | ({"explained": [asdict(one) for one in explained]} if explain else {}))
    else:
        if explain:
            _print_explained(explain, explained)
        if result:
            _print_mined(result, [path for path in (out, html) if path])
    _finish(len(result.problems) if result else 0)


def _print_explained(report_id: str, explained: "Sequence[ExplainedFinding]") -> None:
    rows = [(one.finding, one.quote, one.valve, one.grade, one.assertion) for one in explained]
    _print_table(f"Report {report_id}", ("finding", "words", "valve by", "grade by", "assertion by"), rows)


def _print_mined(result: "MinedFile", paths: Sequence[Path]) -> None:
    written = ", ".join(str(path) for path in paths)
    _stdout().print(f"{result.reports} reports, {result.findings} findings: {written}", highlight=False)
    _print_problems([(item.where, item.reason.value, item.message) for item in result.problems])


@app.command()
def doctor(workspace: WorkspaceOption = DEFAULT_WORKSPACE, as_json: JsonOption = False) -> None:
    """Check versions, devices, disk, catalog and models."""
    from echomine.pipeline.doctor import Health, run_doctor

    checks = run_doctor(workspace)
    if as_json:
        _print_json([{"name": c.name, "health": c.health, "detail": c.detail, "remedy": c.remedy} for c in checks])
    else:
        _print_table(
            "Doctor",
            ("check", "", "found", "remedy"),
            [(c.name, c.health, c.detail, c.remedy) for c in checks],
        )
    if any(check.health is Health.FAILED for check in checks):
        raise typer.Exit(3)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        sys.stdout.write(f"echomine {installed('echomine')}\n")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", envvar="ECHOMINE_DEBUG", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001  its callback answers, before a command is asked for
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options that hold for every command."""
    os.environ["ECHOMINE_DEBUG"] = "1" if debug else ""


def main() -> NoReturn:
    """Run the command line; errors become one sentence on stderr and an exit code."""
    try:
        app(standalone_mode=True)
    except EchomineError as error:
        _fail(error, str(error), error.exit_code)
    except FileNotFoundError as error:
        _fail(error, f"{error.filename} is not there", UsageError.exit_code)
    except OSError as error:
        _fail(error, f"{error.strerror or error}: {error.filename or 'disk'}", 3)
    except Exception as error:  # noqa: BLE001  the outermost edge
        _fail(error, f"something broke that should not ({type(error).__name__}); --debug shows where", 3)
    raise SystemExit(0)


def _fail(error: BaseException, sentence: str, code: int) -> NoReturn:
    if os.environ.get("ECHOMINE_DEBUG"):
        raise error
    sys.stderr.write(f"echomine: {sentence}\n")
    raise SystemExit(code)
