"""Commands about reports."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echomine.cli.application import DEFAULT_WORKSPACE, JsonOption, UnusedWorkspaceOption, WorkspaceOption, app
from echomine.cli.showing import RichProgress, finish, print_json, print_problems, print_table, say
from echomine.domain.errors import UsageError

if TYPE_CHECKING:
    from echomine.archive.item_problems import ItemProblem
    from echomine.pipeline.mine_reports import ExplainedFinding, MinedFile


@app.command()
def findings(
    reports: Annotated[Path, typer.Argument(help="Report file or folder, as for ingest.")],
    out: Annotated[Path | None, typer.Option("--out", help="JSONL file to write.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Page to write: reports with their findings.")] = None,
    explain: Annotated[str, typer.Option("--explain", metavar="ID", help="Why each finding of one report.")] = "",
    lexicon: Annotated[list[Path] | None, typer.Option("--lexicon", help="TOML file with terms of your own.")] = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="Processes that read at the same time.")] = 1,
    _workspace: UnusedWorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read valve findings, measurements and conflicts out of reports; nothing of the workspace is read."""
    from echomine.pipeline.mine_reports import explain_report, mine_reports

    if out is None and (html is not None or not explain):
        raise UsageError("name the file to write with --out FINDINGS.jsonl, or one report with --explain ID")
    explained = explain_report(reports, explain, site=lexicon or ()) if explain else []
    result = (
        mine_reports(reports, out, page=html, processes=processes, site=lexicon or (), progress=RichProgress())
        if out
        else None
    )
    if as_json:
        document = result.document() if result else {}
        print_json(document | ({"explained": [asdict(one) for one in explained]} if explain else {}))
    else:
        if explain:
            _print_explained(explain, explained)
        if result:
            _print_mined(result, [path for path in (out, html) if path])
            _print_problems(result.problems, reports)
    finish(len(result.problems) if result else 0)


@app.command("deidentify")
def deidentify_command(
    reports: Annotated[Path, typer.Argument(help="Report file or folder, as for ingest.")],
    out: Annotated[Path, typer.Option("--out", help="JSONL file to write.")],
    workspace: WorkspaceOption = DEFAULT_WORKSPACE,
    as_json: JsonOption = False,
) -> None:
    """Write reports without names, dates, numbers and addresses; look at the file before you share it."""
    from echomine.archive.workspace import Workspace
    from echomine.pipeline.deidentify_reports import deidentify_reports

    result = deidentify_reports(Workspace.open(workspace, create=True), reports, out, progress=RichProgress())
    if as_json:
        print_json(result.document())
    else:
        rows = [(kind, str(count)) for kind, count in sorted(result.replaced.items())]
        print_table(f"{result.reports} reports: {out}", ("replaced", "passages"), rows)
        _print_problems(result.problems, reports)
    finish(len(result.problems))


def _print_problems(problems: "Sequence[ItemProblem]", reports: Path) -> None:
    """Those of one file by the number of the report; those of a folder without file names, which may hold names."""
    rows = []
    for item in problems:
        _, _, number = item.relative_path.rpartition("#")
        where = f"report {number}" if reports.is_file() and number.isdecimal() else item.where
        rows.append((where, item.reason.value, item.message))
    print_problems(rows)


def _print_explained(report_id: str, explained: "Sequence[ExplainedFinding]") -> None:
    rows = [(one.finding, one.quote, one.valve, one.grade, one.assertion) for one in explained]
    print_table(f"Report {report_id}", ("finding", "words", "valve by", "grade by", "assertion by"), rows)


def _print_mined(result: "MinedFile", paths: Sequence[Path]) -> None:
    written = ", ".join(str(path) for path in paths)
    say(f"{result.reports} reports, {result.findings} findings: {written}")
