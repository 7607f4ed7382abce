"""``python -m flows.train_image_model --config FILE``: an image model trained and judged, as a new generation."""

from typing import Any

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, run_as_module


@task(name="train image model", **IO_RETRIES)
def train_stage(workspace: str, config: str, data: str) -> dict[str, Any]:
    """Train; a retry goes on from the last epoch."""
    return stages.train_image_model(workspace, config=config, data=data)


@flow(name="train-image-model")
def train_image_model(workspace: str, config: str = "", data: str = "") -> dict[str, Any]:
    """Train and judge the image model of a TOML file; ``data`` is the folder of the data instead of the file's."""
    return train_stage(workspace, config, data)


if __name__ == "__main__":
    run_as_module(train_image_model, [("config", str, ""), ("data", str, "")], needs_workspace=False)
