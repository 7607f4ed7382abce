"""Every heart scan of a list, measured once a model, into the catalog; disagreements with reports are noted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from echomine.archive.scan_list import ListedScan, read_scan_list, scan_digest
from echomine.archive.scan_table import ScanRow
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ArtifactError, EchomineError, ItemError, Reason, UsageError, WorkspaceError
from echomine.domain.vocabulary import ItemState
from echomine.pipeline.cardiac_models import APICAL_CLIPS, APICAL_ECHO, CALCIUM, CINE_MR, CINE_MR_3D, HEART_SHAPES
from echomine.pipeline.cardiac_result import CardiacResult
from echomine.pipeline.progress import SILENT, Progress
from echomine.reports import extract_measurements

LARGEST_EF_DIFFERENCE = 10.0
"""Points of ejection fraction: more than two readers of one exam usually differ by."""
GIVEN_MASK = "mask"
WITHOUT = {"mr": "none", "echo": "none", "calcium": "candidates"}
"""The model of a scan where there are no networks: none, which quarantines it until there are, or every candidate."""
_NETWORKS = {"mr": (CINE_MR, CINE_MR_3D, HEART_SHAPES), "echo": (APICAL_ECHO, APICAL_CLIPS), "calcium": (CALCIUM,)}


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantifiedArchive:
    """What a run did.

    Attributes:
        run: Its identifier.
        counts: Scans by state, those already done, and conflicts.
        problems: Line of the list, reason and sentence of each scan that was quarantined.
    """

    run: str
    counts: dict[str, int]
    problems: tuple[tuple[int, str, str], ...]

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        rows = [{"line": line, "reason": reason, "message": message} for line, reason, message in self.problems]
        return {"run": self.run, "counts": self.counts, "problems": rows}


def quantify_archive(workspace: Workspace, scans: Path, *, progress: Progress = SILENT) -> QuantifiedArchive:
    """Measures every scan of a list that the current models have not measured yet.

    Raises:
        UsageError: If the list cannot be used.
        WorkspaceError: If the catalog cannot be written.
    """
    listed = read_scan_list(scans)
    done = workspace.catalog.scans.done()
    run = workspace.catalog.ledger.begin_run("quantify", model="cardiac")
    counts = {"measured": 0, "quarantined": 0, "already_done": 0, "conflicts": 0}
    problems: list[tuple[int, str, str]] = []
    with progress.stage("heart scans", len(listed)) as advance:
        for scan in listed:
            advance(1)
            if scan.problem:
                counts["quarantined"] += 1
                problems.append((scan.line, Reason.BAD_ROW.value, scan.problem))
                continue
            try:
                key = (scan_digest(scan), _model(workspace, scan))
            except (OSError, ArtifactError) as error:  # without its bytes and model a scan has no name in the catalog
                reason, message = _fault(error)
                counts["quarantined"] += 1
                problems.append((scan.line, reason.value, message))
                continue
            if key in done:
                counts["already_done"] += 1
                continue
            row = replace(_measured(workspace, scan), scan_id=key[0], model=key[1], run_id=run.run_id)
            workspace.catalog.scans.put(row)
            counts["measured" if row.state is ItemState.LABELLED else "quarantined"] += 1
            counts["conflicts"] += len(row.conflicts)
            if row.reason:
                problems.append((scan.line, row.reason, row.message))
    workspace.catalog.ledger.finish_run(run, counts)
    return QuantifiedArchive(run=run.run_id, counts=counts, problems=tuple(problems))


def scan_model(workspace: Workspace, kind: str) -> str:
    """The current generations that a kind of scan is measured with; a change of one measures every scan anew."""
    current = ((name, workspace.artifacts.current(name)) for name in _NETWORKS[kind])
    return ", ".join(f"{name} {generation}" for name, generation in current if generation) or WITHOUT[kind]


def _model(workspace: Workspace, scan: ListedScan) -> str:
    return GIVEN_MASK if scan.masks else scan_model(workspace, scan.kind)


def _measured(workspace: Workspace, scan: ListedScan) -> ScanRow:
    row = ScanRow(
        scan_id="", model="", kind=scan.kind, study_uid=scan.study_uid, patient=workspace.pseudonym(scan.patient)
    )
    try:
        result = _result(workspace, scan)
    except WorkspaceError:
        raise
    except (EchomineError, OSError, ValueError, RuntimeError, MemoryError) as error:
        reason, message = _fault(error)
        return replace(row, state=ItemState.QUARANTINED, reason=reason.value, message=message)
    return replace(row, result=result.document(), conflicts=_conflicts(workspace, scan.study_uid, result))


def _fault(error: Exception) -> tuple[Reason, str]:
    """The reason code and the sentence of what one scan failed by."""
    if isinstance(error, OSError):
        return Reason.SOURCE_MISSING, f"a file of it cannot be read: {error.strerror or type(error).__name__}"
    if isinstance(error, EchomineError):
        return _reason(error), str(error)
    return Reason.FAILED, f"it could not be measured ({type(error).__name__})"  # a library's words may hold names


def _reason(error: EchomineError) -> Reason:
    if isinstance(error, ItemError):
        return error.reason
    if isinstance(error, ArtifactError):  # nothing is wrong with the scan: it is measured once there are networks
        return Reason.NO_NETWORKS
    return Reason.SOURCE_MISSING if isinstance(error, UsageError) else Reason.FAILED


def _result(workspace: Workspace, scan: ListedScan) -> CardiacResult:
    if scan.kind == "mr":
        from echomine.pipeline.quantify_mr import MrRequest, quantify_mr

        return quantify_mr(MrRequest(scans=scan.files, masks=scan.masks, workspace=workspace.path))
    if scan.kind == "echo":
        from echomine.pipeline.echo_frames import listed_views
        from echomine.pipeline.quantify_echo import EchoRequest, quantify_echo

        views = listed_views(scan.files, scan.masks)
        two = views[1] if len(views) > 1 else None
        return quantify_echo(EchoRequest(four_chamber=views[0], two_chamber=two, workspace=workspace.path))
    from echomine.pipeline.quantify_calcium import CalciumRequest, quantify_calcium

    mask = scan.masks[0] if scan.masks else None
    untrained = workspace.artifacts.current(CALCIUM) is None
    request = CalciumRequest(
        scan=scan.files[0], mask=mask, everything=mask is None and untrained, workspace=workspace.path
    )
    return quantify_calcium(request)


def _conflicts(workspace: Workspace, study_uid: str, result: CardiacResult) -> Sequence[dict[str, Any]]:
    """Ejection fractions of the exam's reports that are far from the measured one."""
    measured = result.value("lv_ef")
    if measured is None or not study_uid:
        return ()
    return [
        {
            "measured": "lv_ef",
            "value": round(measured, 1),
            "reported": stated.value,
            "report": report.report_id,
            "start": stated.span.start if stated.span else None,
            "end": stated.span.end if stated.span else None,
        }
        for report in workspace.catalog.reports.of_study(study_uid)
        for stated in extract_measurements(report.text)
        if stated.name == "lvef" and abs(stated.value - measured) > LARGEST_EF_DIFFERENCE
    ]
