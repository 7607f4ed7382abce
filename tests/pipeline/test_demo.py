import json

import pytest

from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.pipeline import demo
from echomine.pipeline.ingest import ingest
from echomine.pipeline.progress import SILENT
from echomine.pipeline.settings import read_settings
from echomine.synthetic.config import ArchiveConfig

TINY = ArchiveConfig(n_reported_pairs=30, n_unreported_images=40, n_valve_paragraphs=300, n_views=40, compact=True)


@pytest.fixture
def tiny_demo(monkeypatch, mined_workspace):
    """The demo on a tiny archive with a few seconds of learning."""
    settings = read_settings(mined_workspace.settings)
    monkeypatch.setattr(demo, "SMALL", TINY)
    monkeypatch.setattr(demo, "WRITERS", 1)
    monkeypatch.setattr(demo, "read_settings", lambda _path: settings)


@pytest.mark.slow
@pytest.mark.xdist_group("mined")
def test_the_demo_does_the_whole_job_twice_with_the_same_outcome(tiny_demo, tmp_path):
    first = demo.run_demo(tmp_path / "w", small=True, progress=SILENT)
    assert first.ingested.counts["images_added"] == TINY.n_images
    assert sum(first.labelled.counts.values()) == TINY.n_images
    assert first.report.read_text().count("data:image/png;base64,") > 10
    rows = [json.loads(line) for line in first.export.read_text().splitlines()]
    assert {row["source"] for row in rows} == {"report", "retrieval", "measurement"}
    second = demo.run_demo(tmp_path / "w", small=True, progress=SILENT)
    assert second.labelled.model == first.labelled.model
    assert second.labelled.counts == {}
    assert second.export != first.export
    assert second.export.read_text() == first.export.read_text()


def test_the_demo_keeps_out_of_a_workspace_with_other_sources(tmp_path, make_dicom):
    exams = tmp_path / "my-own-exams"
    exams.mkdir()
    (exams / "image.dcm").write_bytes(make_dicom())
    ingest(Workspace.open(tmp_path / "w", create=True), [exams])
    with pytest.raises(UsageError, match="give the demo another one"):
        demo.run_demo(tmp_path / "w", progress=SILENT)
