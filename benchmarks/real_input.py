"""What becomes of real input: reports, a text corpus, Doppler strips, and ultrasound DICOMs of many makers.

    python -m benchmarks.real_input DATA --workspace WORKSPACE

DATA holds ``reports/dev``, ``doppler/dev`` and ``dicom_us``. WORKSPACE was mined before (``echomine demo``): its models
answer the queries with the strips. What is ingested goes to a temporary place.
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pydicom

from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.domain.vocabulary import Assertion, Disease, Valve
from echomine.pipeline.find_similar import find_similar
from echomine.pipeline.ingest import IngestResult, ingest
from echomine.pipeline.learning_steps import make_text_space
from echomine.pipeline.progress import SILENT
from echomine.pipeline.settings import settings_from
from echomine.pipeline.similar_cases import SimilarCases, finding_words, severity_words, shorten
from echomine.pipeline.tables import TextTable
from echomine.retrieval.text_spaces import nearest_paragraphs

WORDS = ("stenosis", "regurgitation", "mitral", "aortic", "mild", "severe")


def report_table(workspace: Workspace, data: Path) -> TextTable:
    """Real reports and a corpus of transcribed reports through ingest."""
    rows = []
    for name in ("reports.jsonl", "corpus_cardiovascular.jsonl"):
        result = ingest(workspace, [], reports=[data / "reports" / "dev" / name])
        counts = result.counts
        told = (counts["reports_added"], counts["paragraphs_added"], counts["findings_added"], len(result.problems))
        rows.append((name, *map(str, told)))
    return TextTable(
        title="Real reports", headers=("file", "reports", "valve paragraphs", "findings", "problems"), rows=tuple(rows)
    )


def text_space_tables(workspace: Workspace) -> Iterator[TextTable]:
    """A text space of the real paragraphs, and what lies near what in it."""
    paragraphs = tuple(workspace.catalog.reports.paragraphs())
    settings = settings_from({"text_space": {"epochs": 60}})
    space = make_text_space(paragraphs, settings, seed=0, progress=SILENT)
    near = ((word, ", ".join(f"{one.word} {one.score:.2f}" for one in space.nearest_words(word, 6))) for word in WORDS)
    yield TextTable(
        title=f"Text space of {len(paragraphs)} real paragraphs", headers=("word", "nearest"), rows=tuple(near)
    )
    by_id = {one.paragraph_id: one for one in paragraphs}
    rows = []
    for one in paragraphs[:: max(1, len(paragraphs) // 6)][:6]:
        (nearest,) = nearest_paragraphs(space, one.paragraph_id, k=1)
        rows.append((shorten(one.text)[:80], f"{nearest.score:.2f}", shorten(by_id[nearest.paragraph_id].text)[:80]))
    yield TextTable(title="Nearest paragraphs", headers=("paragraph", "score", "nearest"), rows=tuple(rows))


def strip_table(workspace: Workspace, data: Path) -> TextTable:
    """Every real strip as a query; its aortic stenosis as said and as measured."""
    folder = data / "doppler" / "dev"
    rows = [_strip_row(workspace, folder, strip) for strip in json.loads((folder / "truth.json").read_text("utf-8"))]
    return TextTable(
        title=f"{len(rows)} real strips as queries (screenshots, scale read off the axis)",
        headers=("strip", "measured", "said of the aortic valve", "valves of the 10 nearest", "nearest says"),
        rows=tuple(rows),
        note="The models were learnt on synthetic displays alone.",
    )


def _strip_row(workspace: Workspace, folder: Path, strip: dict[str, object]) -> tuple[str, ...]:
    name = str(strip["image"])
    measured = f"{strip['valve']}, {strip['vmax_mps']} m/s, {strip['grade'] or 'not graded'}"
    try:
        similar = find_similar(workspace, folder / name)
    except UsageError as error:
        return name, measured, str(error), "-", "-"
    return name, measured, _said(similar), _valves(similar), "; ".join(finding_words(similar.hits[0].paragraph))


def _said(similar: SimilarCases) -> str:
    for label in similar.labels:
        if (label.valve, label.disease) == (Valve.AORTIC, Disease.STENOSIS):
            presence = "no stenosis" if label.assertion is Assertion.NEGATED else f"stenosis, {severity_words(label)}"
            return f"{presence}, {label.confidence:.2f}{', abstained' if label.abstained else ''}"
    return "nothing"


def _valves(similar: SimilarCases) -> str:
    counts = Counter(finding.valve.value for hit in similar.hits for finding in hit.paragraph.findings[:1])
    return ", ".join(f"{number} {valve}" for valve, number in counts.most_common())


def dicom_table(workspace: Workspace, data: Path) -> TextTable:
    """Real ultrasound files and pydicom's own test files through ingest."""
    own = Path(pydicom.__file__).parent / "data" / "test_files"
    rows = [
        _dicom_row("dicom_us", ingest(workspace, [data / "dicom_us"])),
        _dicom_row("pydicom's own", ingest(workspace, [own])),
    ]
    return TextTable(
        title="Real DICOM files", headers=("source", "taken in", "reasons of the others"), rows=tuple(rows)
    )


def _dicom_row(name: str, result: IngestResult) -> tuple[str, ...]:
    reasons = Counter(problem.reason.value for problem in result.problems)
    words = ", ".join(f"{number} {reason}" for reason, number in reasons.most_common())
    return name, str(result.counts["images_added"] + result.counts["images_known"]), words or "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--workspace", type=Path, required=True)
    options = parser.parse_args()
    mined = Workspace.open(options.workspace)
    with tempfile.TemporaryDirectory() as folder:
        fresh = Workspace.open(Path(folder), create=True)
        print(report_table(fresh, options.data).markdown())
        for table in text_space_tables(fresh):
            print(table.markdown())
        print(dicom_table(fresh, options.data).markdown())
        print(strip_table(mined, options.data).markdown())


if __name__ == "__main__":
    main()
