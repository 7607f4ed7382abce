"""The stages as a scheduler calls them: paths, identifiers and numbers in, plain JSON values out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.domain.vocabulary import ItemState
from echomine.pipeline import learn
from echomine.pipeline.evaluate import EvaluationRequest
from echomine.pipeline.evaluate import evaluate as run_evaluation
from echomine.pipeline.export_labels import ExportRequest
from echomine.pipeline.export_labels import export_labels as run_export
from echomine.pipeline.ingest import ingest as run_ingest
from echomine.pipeline.label_archive import begin_label_run, label_files
from echomine.pipeline.measure_archive import measure_archive as run_measuring
from echomine.pipeline.measured_labels import measurement_model
from echomine.pipeline.model_chain import LABELLER, load_chain
from echomine.pipeline.settings import Settings, read_settings


def check_workspace(workspace: str) -> None:
    """Passes a workspace that is there.

    Raises:
        WorkspaceError: If it is not.
    """
    _open(workspace).close()


def problems(workspace: str) -> list[dict[str, str]]:
    """What is quarantined: files that were not taken in, images that the current models could not label or measure."""
    opened = _open(workspace)
    labeller = opened.artifacts.current(LABELLER) or ""
    found = [
        (one.relative_path or one.where, one.reason, one.message)
        for one in opened.catalog.images.problems()
        if one.state is ItemState.QUARANTINED
    ]
    for model in (labeller, measurement_model(labeller)):
        results = opened.catalog.ledger.results(model, states=[ItemState.QUARANTINED])
        found += [(one.image_id, one.reason, one.message) for one in results if one.reason]
    return [
        {"item": item, "reason": reason.value, "message": message} for item, reason, message in dict.fromkeys(found)
    ]


def ingest(workspace: str, sources: Sequence[str]) -> dict[str, int]:
    """Counts of what was taken in; the workspace is made when it is not there."""
    result = run_ingest(Workspace.open(Path(workspace), create=True), [Path(source) for source in sources])
    return dict(result.counts)


def learn_text_space(workspace: str, *, config: str = "", seed: int = 0) -> str:
    """The generation of a new text space."""
    return learn.learn_space(_open(workspace), _settings(config), seed=seed).ids()["text_space"]


def train_transform(workspace: str, *, config: str = "", seed: int = 0) -> dict[str, str]:
    """The generations of a new image feature and transform."""
    return learn.train_transform_network(_open(workspace), _settings(config), seed=seed).ids()


def build_index(workspace: str, *, config: str = "", seed: int = 0) -> dict[str, str]:
    """The generations of a new index and labeller."""
    return learn.build_index(_open(workspace), _settings(config), seed=seed).ids()


def open_label_run(workspace: str, *, batch_size: int) -> dict[str, Any]:
    """A new run of labelling, and the places of the first and last image of each of its batches."""
    opened = _open(workspace)
    chain = load_chain(opened)
    run = begin_label_run(opened, chain)
    planned = opened.catalog.ledger.plan(run)
    batches = [[first, min(first + batch_size, planned) - 1] for first in range(0, planned, batch_size)]
    return {"run": run.run_id, "model": chain.version, "batches": batches}


def label_batch(workspace: str, *, run: str, first: int, last: int) -> dict[str, int]:
    """Counts by state of the images at places ``first`` to ``last`` that the run's models have not labelled yet."""
    opened = _open(workspace)
    chain = load_chain(opened)
    entry = opened.catalog.ledger.run(run)
    if entry.model != chain.version:
        raise UsageError(f"run {run} belongs to models {entry.model}, current are {chain.version}; start a new run")
    return label_files(opened, chain, entry, opened.catalog.ledger.planned(entry, first=first, last=last))


def close_run(workspace: str, *, run: str, counts: Mapping[str, int]) -> None:
    """Notes that a run ended."""
    opened = _open(workspace)
    opened.catalog.ledger.finish_run(opened.catalog.ledger.run(run), counts)


def measure_archive(workspace: str) -> dict[str, int]:
    """Counts by state of the images measured that were not before."""
    return dict(run_measuring(_open(workspace)).counts)


def evaluate(workspace: str, *, truth: str = "", protocol: str = "held-out", seeds: int = 5) -> dict[str, Any]:
    """The evaluation as plain JSON values, with its tables as Markdown."""
    request = EvaluationRequest(protocol=protocol, truth=Path(truth) if truth else None, seeds=seeds)
    result = run_evaluation(_open(workspace), request, _settings(""))
    return result.document() | {"markdown": result.markdown()}


def export_labels(workspace: str, *, form: str, out: str = "", min_confidence: float = 0.0) -> dict[str, Any]:
    """Where the export lies and what it counts; without a place it goes into the workspace, named by the time."""
    opened = _open(workspace)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    place = Path(out) if out else opened.exports / f"labels-{now}.{form}"
    request = ExportRequest(form=form, out=place, min_confidence=min_confidence)
    return run_export(opened, request).document()


def train_image_model(workspace: str, *, config: str, data: str = "") -> dict[str, Any]:
    """The new generation of an image model with its scores; the workspace is made when needed."""
    from echomine.pipeline.image_models import train
    from echomine.pipeline.training_file import read_training_file

    if not config:
        raise UsageError("name the TOML file of the model with --config")
    document = train(Path(workspace), read_training_file(Path(config)), data=Path(data) if data else None).document()
    return document | {"quarantined": len(document["problems"])}


def quantify_archive(workspace: str, *, scans: str) -> dict[str, Any]:
    """What measuring the heart scans of a list came to."""
    from echomine.pipeline.quantify_archive import quantify_archive as run

    if not scans:
        raise UsageError("name the CSV file of the scans with --scans")
    return run(_open(workspace), Path(scans)).document()


def _open(workspace: str) -> Workspace:
    return Workspace.open(Path(workspace), create=False)


def _settings(config: str) -> Settings:
    return read_settings(Path(config) if config else None)
