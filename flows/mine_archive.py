"""``python -m flows.mine_archive``: ingest, learn, label, measure, evaluate and export, one after the other."""

from prefect import flow, task

from echomine.pipeline import stages
from flows.build_index import build_index
from flows.evaluate import evaluate
from flows.export_labels import export_labels
from flows.label_archive import label_archive
from flows.learn_text_space import learn_text_space
from flows.measure_archive import measure_archive
from flows.running import IO_RETRIES, publish_counts, run_as_module
from flows.train_transform import train_transform


@task(name="ingest", **IO_RETRIES)
def ingest_stage(workspace: str, sources: list[str]) -> dict[str, int]:
    """Counts of what was taken in."""
    return stages.ingest(workspace, sources)


@flow(name="mine-archive")
def mine_archive(workspace: str, source: str = "", config: str = "", seed: int = 0) -> dict[str, object]:
    """The whole main job: a source of exams in, labels and an export out.

    Args:
        workspace: Directory of catalog and models.
        source: Folders to take in first, separated by commas; none is fine.
        config: TOML file of settings.
        seed: Seed of all learning.
    """
    document: dict[str, object] = {}
    if source:
        counts = ingest_stage(workspace, source.split(","))
        publish_counts("ingest-counts", "Taken in", counts)
        document["ingest"] = counts
    document |= learn_text_space(workspace, config, seed)
    document |= train_transform(workspace, config, seed)
    document |= build_index(workspace, config, seed)
    document["label"] = label_archive(workspace)
    document["measure"] = measure_archive(workspace)
    document["evaluation"] = evaluate(workspace)
    document["export"] = export_labels(workspace)
    return document


if __name__ == "__main__":
    run_as_module(mine_archive, [("source", str, ""), ("config", str, ""), ("seed", int, 0)])
