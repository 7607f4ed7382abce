"""``python -m flows.train_transform``: a new image feature and transform, into the current text space."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, run_as_module


@task(name="train transform", **IO_RETRIES)
def train_stage(workspace: str, config: str, seed: int) -> dict[str, str]:
    """The generations of the new image feature and transform."""
    return stages.train_transform(workspace, config=config, seed=seed)


@flow(name="train-transform")
def train_transform(workspace: str, config: str = "", seed: int = 0) -> dict[str, str]:
    """Train the image feature and the transform network."""
    return train_stage(workspace, config, seed)


if __name__ == "__main__":
    run_as_module(train_transform, [("config", str, ""), ("seed", int, 0)])
