"""``python -m flows.export_labels``: a data set of labels, written into the workspace or elsewhere."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, publish_counts, run_as_module


@task(name="export labels", **IO_RETRIES)
def export_stage(workspace: str, form: str, out: str, min_confidence: float) -> dict[str, object]:
    """Where the export lies and what it counts."""
    return stages.export_labels(workspace, form=form, out=out, min_confidence=min_confidence)


@flow(name="export-labels")
def export_labels(
    workspace: str, form: str = "parquet", out: str = "", min_confidence: float = 0.0
) -> dict[str, object]:
    """Export the labels with provenance and patient-level splits."""
    document = export_stage(workspace, form, out, min_confidence)
    counts = document["counts"]
    assert isinstance(counts, dict)
    publish_counts("export-counts", "Exported labels", counts)
    return document


if __name__ == "__main__":
    run_as_module(export_labels, [("form", str, "parquet"), ("out", str, ""), ("min_confidence", float, 0.0)])
