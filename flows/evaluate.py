"""``python -m flows.evaluate``: judge the current models on the patients they never saw."""

from prefect import flow, task
from prefect.artifacts import create_markdown_artifact

from echomine.pipeline import stages
from flows.running import IO_RETRIES, at_least_one, run_as_module


@task(name="evaluate", **IO_RETRIES)
def evaluate_stage(workspace: str, truth: str, protocol: str, seeds: int) -> dict[str, object]:
    """The evaluation as one document."""
    return stages.evaluate(workspace, truth=truth, protocol=protocol, seeds=seeds)


@flow(name="evaluate")
def evaluate(workspace: str, truth: str = "", protocol: str = "held-out", seeds: int = 5) -> dict[str, object]:
    """Judge the models beside the baselines."""
    document = evaluate_stage(workspace, truth, protocol, seeds)
    create_markdown_artifact(key="evaluation", markdown=str(document["markdown"]))
    return document


if __name__ == "__main__":
    run_as_module(evaluate, [("truth", str, ""), ("protocol", str, "held-out"), ("seeds", at_least_one, 5)])
