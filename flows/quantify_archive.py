"""``python -m flows.quantify_archive``: every heart scan of a list that the current models have not measured yet."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, publish_counts, run_as_module


@task(name="quantify scans", **IO_RETRIES)
def quantify_stage(workspace: str, scans: str) -> dict[str, object]:
    """What was measured, what was quarantined and why; what an earlier run measured is not measured again."""
    return stages.quantify_archive(workspace, scans=scans)


@flow(name="quantify-archive")
def quantify_archive(workspace: str, scans: str = "") -> dict[str, object]:
    """Measure heart scans into the catalog.

    Args:
        workspace: Directory of catalog and models.
        scans: CSV file with kind (mr, echo, calcium), study_uid, patient, files and masks, separated by semicolons.
    """
    document = quantify_stage(workspace, scans)
    counts = document["counts"]
    assert isinstance(counts, dict)
    publish_counts("quantify-counts", "Heart scans", counts)
    return document


if __name__ == "__main__":
    run_as_module(quantify_archive, [("scans", str, "")])
