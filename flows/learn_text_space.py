"""``python -m flows.learn_text_space``: a new text space from the reports of training patients."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.running import IO_RETRIES, run_as_module


@task(name="learn text space", **IO_RETRIES)
def learn_stage(workspace: str, config: str, seed: int) -> str:
    """The generation of the new text space."""
    return stages.learn_text_space(workspace, config=config, seed=seed)


@flow(name="learn-text-space")
def learn_text_space(workspace: str, config: str = "", seed: int = 0) -> dict[str, str]:
    """Learn a text space from the reports of training patients."""
    return {"text_space": learn_stage(workspace, config, seed)}


if __name__ == "__main__":
    run_as_module(learn_text_space, [("config", str, ""), ("seed", int, 0)])
