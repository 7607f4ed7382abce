"""``python -m flows.label_archive``: labels for every image that is new since the last run."""

from typing import Any
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.futures import as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from echomine.pipeline import stages
from flows.running import IO_RETRIES, at_least_one, publish_counts, run_as_module

BATCH_SIZE = 500


@task(name="label batch", **IO_RETRIES)
def label_batch(workspace: str, run: str, first: int, last: int) -> dict[str, int]:
    """Counts by state of the images in catalog rows ``first`` to ``last``."""
    return stages.label_batch(workspace, run=run, first=first, last=last)


@task(name="open run", **IO_RETRIES)
def open_run(workspace: str, batch_size: int) -> dict[str, object]:
    """The run, its models and the catalog rows of its batches."""
    return stages.open_label_run(workspace, batch_size=batch_size)


@task(name="close run", **IO_RETRIES)
def close_run(workspace: str, run: str, counts: dict[str, int]) -> None:
    """Notes in the catalog that the run ended."""
    stages.close_run(workspace, run=run, counts=counts)


def _runner(cluster: str, workers: int) -> TaskRunner[Any]:
    if not cluster:
        return ThreadPoolTaskRunner(max_workers=workers)
    from prefect_dask.task_runners import DaskTaskRunner  # the extra `cluster`

    return DaskTaskRunner(address=cluster)


def _label_batches(runner: TaskRunner[Any], workspace: str, run: str, batches: list[list[int]]) -> dict[str, int]:
    """Counts by state over all batches, several labelled at a time; no flow of their own, which costs a second."""
    progress = create_progress_artifact(progress=0.0, key="label-archive-progress")
    assert isinstance(progress, UUID)
    total: dict[str, int] = {}
    with runner as running:
        futures = [
            running.submit(label_batch, {"workspace": workspace, "run": run, "first": first, "last": last})
            for first, last in batches
        ]
        for done, future in enumerate(as_completed(futures), start=1):
            for state, number in future.result().items():
                total[state] = total.get(state, 0) + number
            update_progress_artifact(progress, progress=100.0 * done / len(futures))
    return total


@flow(name="label-archive")
def label_archive(
    workspace: str, batch_size: int = BATCH_SIZE, workers: int = 1, cluster: str = ""
) -> dict[str, object]:
    """Label what is new since the last run of the current models."""
    plan = open_run(workspace, batch_size)
    run, batches = str(plan["run"]), plan["batches"]
    assert isinstance(batches, list)
    counts: dict[str, int] = {}
    if batches:
        counts = _label_batches(_runner(cluster, workers), workspace, run, batches)
    close_run(workspace, run, counts)
    publish_counts("label-archive-counts", f"Images by state, models {plan['model']}", counts)
    return {"run": run, "model": plan["model"], "batches": len(batches), "counts": counts}


if __name__ == "__main__":
    run_as_module(
        label_archive, [("batch_size", at_least_one, BATCH_SIZE), ("workers", at_least_one, 1), ("cluster", str, "")]
    )
