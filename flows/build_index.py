"""``python -m flows.build_index``: a new paragraph index and the labeller calibrated on it."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, run_as_module


@task(name="build index", **IO_RETRIES)
def index_stage(workspace: str, config: str, seed: int) -> dict[str, str]:
    """The generations of the new index and labeller."""
    return stages.build_index(workspace, config=config, seed=seed)


@flow(name="build-index")
def build_index(workspace: str, config: str = "", seed: int = 0) -> dict[str, str]:
    """Index the paragraphs and calibrate the labeller on validation patients."""
    return index_stage(workspace, config, seed)


if __name__ == "__main__":
    run_as_module(build_index, [("config", str, ""), ("seed", int, 0)])
