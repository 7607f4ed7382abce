"""The DICOM structured report of a measured heart scan, in the study of the images it was made from."""

from collections.abc import Sequence
from pathlib import Path

from pydicom.dataset import Dataset

from echomine.archive.structured_report import ReportContent, ReportedValue, ReportedWord, write_structured_report
from echomine.archive.study_headers import read_study_headers
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.pipeline.cardiac_result import CardiacResult

MODALITIES = {"mr": "MR", "echo": "US", "calcium": "CT"}
REPORT = "report.dcm"


def study_of(path: Path | None, *, kind: str, out: Path | None) -> tuple[Dataset, ...]:
    """The headers of the study that a report is to belong to; none where none was named.

    Raises:
        UsageError: If there is nothing there, or no folder to write a report into.
        ItemError: If they are no images of the kind's modality.
    """
    if path is None:
        return ()
    if out is None:
        raise UsageError("a structured report is written into a folder; name it with --out")
    headers = read_study_headers(path)
    modalities = sorted({str(header.get("Modality", "")) for header in headers})
    if modalities != [MODALITIES[kind]]:
        raise ItemError(
            Reason.WRONG_MODALITY, f"{path.name} holds images of {', '.join(modalities)}, wanted is {MODALITIES[kind]}"
        )
    return headers


def report_files(result: CardiacResult, images: Sequence[Dataset], out: Path, *, finding: str) -> dict[str, str]:
    """Writes the report where there are images that it can belong to; the files by kind.

    Raises:
        ItemError: If the images lack what a report needs.
        WorkspaceError: If it cannot be written.
    """
    values = tuple(
        ReportedValue(name=one.name, value=one.value, unit=one.unit, method=one.method, technique=one.technique)
        for one in result.values
        if one.value is not None
    )
    if not images or not values:
        return {}
    flags = [ReportedWord(name="quality flag", word=flag.value) for flag in result.flags]
    words = [ReportedWord(name=f"category of {one.of} ({one.scheme})", word=one.word) for one in result.categories]
    content = ReportContent(finding=finding, algorithm=result.model, values=values, words=(*flags, *words))
    write_structured_report(out / REPORT, content, images)
    return {"structured_report": str(out / REPORT)}
