"""The model card of an image model as Markdown, and its learning curve as a picture."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from echomine.archive.data_card import RESEARCH_ONLY
from echomine.learning.image_model import ImageModel, config_document
from echomine.learning.training import Figures, TrainingSummary
from echomine.metrics.intervals import Estimate
from echomine.models.registry import NETWORKS
from echomine.pipeline.model_scores import ModelScores
from echomine.pipeline.training_file import TrainingFile

_PACKAGES = ("echomine", "torch", "torchvision", "monai", "lightning")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFacts:
    """What a card says of a training run.

    Attributes:
        parts: Part to pictures and patients in it.
        minutes: Wall-clock time of the training.
        left_out: Pictures that could not be read.
        device: Where it was trained.
    """

    parts: Mapping[str, tuple[int, int]]
    minutes: float
    left_out: int
    device: str


def model_card(file: TrainingFile, model: ImageModel, scores: ModelScores | None, facts: TrainingFacts) -> str:
    """The card."""
    entry = NETWORKS.get(model.config.network.name)
    count = sum(part.numel() for part in model.network.parameters())
    summary = model.summary
    assert summary is not None
    return "\n\n".join(
        part
        for part in (
            f"# Model card: {file.name}",
            RESEARCH_ONLY,
            f"**{model.config.network.name}** ({entry.paper}; code: {entry.source}), {count:,} parameters, for "
            f"{model.task.value.replace('_', ' ')} of {', '.join(model.classes)}.",
            "## Data",
            _table(
                ("part", "pictures", "patients"),
                [(name, str(pictures), str(groups)) for name, (pictures, groups) in facts.parts.items()],
            ),
            f"Read as `{file.data.kind}`. Patients are split, never pictures (split seed {file.split.seed}). "
            f"{facts.left_out} picture(s) could not be read and were left out.",
            "## Training",
            f"{summary.epochs} epochs in {facts.minutes:.1f} minutes on {facts.device}, seed {file.seed}; the weights "
            f"are those of {_epoch_words(summary)}.",
            "![learning curve](learning_curve.png)",
            _table(("setting", "value"), list(_settings(config_document(model.config)))),
            "## Figures on the test part",
            _figures(scores),
            "## Limits",
            "The figures hold for pictures like those of the test part. Other machines, views and diseases were not "
            "judged. A structure that was missed counts as overlap 0 and as the diagonal of the picture in distance.",
            _table(("package", "version"), [(name, metadata.version(name)) for name in _PACKAGES]),
        )
        if part
    )


def figure_rows(figures: Mapping[str, Estimate]) -> list[tuple[str, str]]:
    """Name and value with its interval."""
    return [(name, words_of(one)) for name, one in figures.items()]


def words_of(one: Estimate) -> str:
    """A figure with its interval as words."""
    if one.value != one.value:
        return "-"
    interval = f" ({one.low:.3f} to {one.high:.3f})" if one.low == one.low else ""
    return f"{one.value:.3f}{interval}"


def learning_curve(history: Sequence[Figures]) -> bytes:
    """Loss and validation figures over the epochs, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(history) + 1)
    for name in history[0] if history else ():
        axes = left if name.endswith("loss") else right
        axes.plot(epochs, [figures[name] for figures in history], label=name.replace("_", " "), linewidth=1.4)
    for axes, title in ((left, "loss"), (right, "validation")):
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize=7)
    encoded = io.BytesIO()
    figure.savefig(encoded, format="png", dpi=110)
    return encoded.getvalue()


def _figures(scores: ModelScores | None) -> str:
    if scores is None:
        return "There was no test part."
    rows = [(name, words) for name, words in figure_rows(scores.figures)]
    counts = [(name, _count_words(value)) for name, value in scores.counts.items() if name != "confusion"]
    return (
        f"{scores.items} pictures or volumes of {scores.groups} patients; 95 % bootstrap intervals over patients.\n\n"
        + _table(("figure", "value"), rows)
        + ("\n\n" + _table(("counted", ""), counts) if counts else "")
    )


def _epoch_words(summary: TrainingSummary) -> str:
    if summary.validation_figure is None:
        return f"the last epoch, {summary.best_epoch}"
    return f"epoch {summary.best_epoch}, chosen on the validation part"


def _count_words(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in value.items())
    return ", ".join(value) if isinstance(value, list) else str(value)


def _settings(document: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in document.items():
        rows += _settings(value, f"{prefix}{name}.") if isinstance(value, Mapping) else [(prefix + name, str(value))]
    return rows


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
