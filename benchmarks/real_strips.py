"""Real CW strips of the aortic valve as queries to models that saw synthetic displays alone.

    python -m benchmarks.real_strips ../shared/data/doppler/dev --workspace WORKSPACE
    python -m benchmarks.real_strips ../shared/data/doppler/dev --cache DIR [--seed 41]

The models are those of a workspace (of ``echomine demo``, say), or a synthetic archive of the lecture's size is drawn
in memory and everything is learnt on it. Each strip is labelled as ``echomine query`` would: its scale is read off its
axis. No strip is learnt from. The valve is that of the surest label; the grade is that of the label of aortic stenosis,
against the guideline's grade of the velocity read by hand.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.transform_study import draw_study
from echomine.archive.spectral_files import read_spectral_file
from echomine.archive.workspace import Workspace
from echomine.domain.records import ImageRecord, Label
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.metrics.intervals import wilson_interval
from echomine.pipeline.displays import on_grid
from echomine.pipeline.evaluate import fit_models
from echomine.pipeline.evaluation_runs import FittedModels
from echomine.pipeline.measured_labels import suggested_valve
from echomine.pipeline.model_chain import ModelChain, load_chain
from echomine.pipeline.progress import SILENT
from echomine.pipeline.settings import settings_from
from echomine.pipeline.similar_cases import severity_words
from echomine.pipeline.tables import TextTable

GRADES = {
    "none_or_sclerosis": Severity.NONE,
    "mild": Severity.MILD,
    "moderate": Severity.MODERATE,
    "severe": Severity.SEVERE,
}
CLASSES = (Severity.MILD, Severity.MODERATE, Severity.SEVERE)
"""First grade of the classes mild, moderate and severe; what lies below is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One real strip: what was read by hand, and what the models say."""

    name: str
    vmax_mps: float
    truth: Severity
    labels: tuple[Label, ...]

    @property
    def valve(self) -> Valve | None:
        """Valve of the surest label."""
        suggested = suggested_valve(self.labels)
        return suggested.valve if suggested else None

    @property
    def grade(self) -> Severity | None:
        """Grade of aortic stenosis; None where nothing is said of it."""
        for label in self.labels:
            if (label.valve, label.disease) == (Valve.AORTIC, Disease.STENOSIS):
                return Severity.NONE if label.assertion is Assertion.NEGATED else label.severity.grade
        return None

    @property
    def steps_off(self) -> int | None:
        """Grades between what is said and the truth, of none, mild, moderate and severe."""
        return None if self.grade is None else abs(_class(self.grade) - _class(self.truth))


def _class(grade: Severity) -> int:
    return sum(grade >= first for first in CLASSES)


def label_strips(models: FittedModels | ModelChain, folder: Path) -> list[Strip]:
    """The CW strips of the aortic valve, labelled."""
    entries = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    chosen = [one for one in entries if one["mode"] == "CW" and one["valve"] == "aortic"]
    return [
        Strip(
            name=str(one["image"]),
            vmax_mps=float(one["vmax_mps"]),
            truth=GRADES[one["grade"]],
            labels=_labels(models, folder / one["image"]),
        )
        for one in chosen
    ]


def _labels(models: FittedModels | ModelChain, path: Path) -> tuple[Label, ...]:
    spectral = read_spectral_file(path)
    record = ImageRecord(
        image_id=path.name,
        content_sha256="",
        mode=spectral.display.mode,
        calibration=spectral.display.calibration,
    )
    embedded = models.feature.embed(on_grid(spectral, models.feature.config.grid)[None])
    place = models.transform.map(embedded.features)
    return models.labeller.labels(record, models.labeller.near(models.index, place, embedded.valves)[0], model="")


def strip_table(strips: Sequence[Strip], source: str) -> TextTable:
    """One row a strip, and the figures below."""
    rows = tuple(
        (one.name, f"{one.vmax_mps:.2f}", one.truth.word, one.valve.value if one.valve else "-", _said(one))
        for one in strips
    )
    right = _share(sum(one.valve is Valve.AORTIC for one in strips), len(strips))
    near = _share(sum(one.steps_off is not None and one.steps_off <= 1 for one in strips), len(strips))
    return TextTable(
        title=f"{len(strips)} real strips, models learnt on {source}",
        headers=("strip", "m/s", "grade", "valve said", "stenosis said"),
        rows=rows,
        note=f"Valve right {right}; stenosis within one grade of four {near}.",
    )


def _said(strip: Strip) -> str:
    for label in strip.labels:
        if (label.valve, label.disease) == (Valve.AORTIC, Disease.STENOSIS):
            return f"{severity_words(label)}, {label.confidence:.2f}{', abstained' if label.abstained else ''}"
    return "nothing"


def _share(count: int, total: int) -> str:
    share = wilson_interval(count, total)
    return f"{count} of {total} ({share.low:.2f} to {share.high:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--workspace", type=Path, help="one that was mined")
    place.add_argument("--cache", type=Path, help="where a drawn archive is kept")
    parser.add_argument("--seed", type=int, default=41)
    options = parser.parse_args()
    if options.workspace:
        models: FittedModels | ModelChain = load_chain(Workspace.open(options.workspace))
        source = "the workspace's archive"
    else:
        models, source = _learnt(options.cache, options.seed), f"the synthetic archive of seed {options.seed}"
    print(strip_table(label_strips(models, options.real), source).markdown())


def _learnt(cache: Path, seed: int) -> FittedModels:
    cache.mkdir(parents=True, exist_ok=True)
    settings = settings_from({})
    study = draw_study(seed, cache, settings.image_feature.grid)
    return fit_models(study.data, study.data.paragraphs, settings, seed=0, progress=SILENT)[0]


if __name__ == "__main__":
    main()
