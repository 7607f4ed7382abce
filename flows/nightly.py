"""``python -m flows.nightly``: take in what a source has new, label and measure it."""

from prefect import flow

from flows.label_archive import label_archive
from flows.measure_archive import measure_archive
from flows.mine_archive import ingest_stage
from flows.running import publish_counts, run_as_module


@flow(name="nightly")
def nightly(workspace: str, source: str = "") -> dict[str, object]:
    """Take in what is new, label it with the current models, measure it."""
    document: dict[str, object] = {}
    if source:
        counts = ingest_stage(workspace, source.split(","))
        publish_counts("ingest-counts", "Taken in", counts)
        document["ingest"] = counts
    document["label"] = label_archive(workspace)
    document["measure"] = measure_archive(workspace)
    return document


if __name__ == "__main__":
    run_as_module(nightly, [("source", str, "")])
