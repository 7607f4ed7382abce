"""``python -m flows.measure_archive``: measured labels for every image that is new since the last run."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, publish_counts, run_as_module


@task(name="measure", **IO_RETRIES)
def measure_stage(workspace: str) -> dict[str, int]:
    """Counts by state of the images measured; a retry goes on where the catalog ends."""
    return stages.measure_archive(workspace)


@flow(name="measure-archive")
def measure_archive(workspace: str) -> dict[str, object]:
    """Measure what is new since the last run, and set it beside what retrieval and reports say."""
    counts = measure_stage(workspace)
    publish_counts("measure-archive-counts", "Images measured, by state", counts)
    return {"counts": counts}


if __name__ == "__main__":
    run_as_module(measure_archive)
