"""How well an image finds the right paragraphs, by loss, backbone and physical scale, beside the baselines.

    python -m benchmarks.transform_accuracy ARCHIVE --cache DIR [--seeds 5] [--only NAME ...]

ARCHIVE is a synthetic archive with ``truth.csv``, which is read here to score, never to learn. For each seed 48
of the paired images are held back, with all images of their patients. The text space is learnt once, on all paragraphs;
a query never sees those of its own patient. Results go to ``DIR/transform_accuracy.json`` and to the screen.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echomine.archive.item_problems import ItemProblem
from echomine.archive.pairing_files import read_pairs, read_views
from echomine.archive.report_files import read_reports
from echomine.archive.spectral_files import read_spectral_file
from echomine.archive.truth import read_truth
from echomine.domain.records import Paragraph, Report
from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import Disease, Severity, Valve
from echomine.doppler.display import PhysicalGrid, resample
from echomine.learning.coarse_task import CoarseTarget
from echomine.learning.direct import LESIONS, NOT_STATED, train_direct, train_direct_heads
from echomine.learning.image_feature import ImageFeature, ImageFeatureConfig, train_image_feature
from echomine.learning.ridge import train_ridge
from echomine.learning.transform import FeatureTransform, TransformConfig, train_transform
from echomine.metrics.labels import severity_scores
from echomine.pipeline.ingest_pairing import paragraph_quoted
from echomine.pipeline.labeller import cast_votes, paragraph_readings
from echomine.pipeline.learning_steps import concept_targets
from echomine.reports import valve_paragraphs
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.text_space import TextSpaceConfig
from echomine.retrieval.text_spaces import learn_text_space
from echomine.retrieval.vote import Reading, VoteConfig

Pair = tuple[Valve, Disease]
Grades = dict[Pair, Severity]
TEST_IMAGES = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """An archive in memory."""

    images: NDArray[np.uint8]
    squeezed: NDArray[np.uint8]
    image_ids: list[str]
    patients: list[str]
    views: list[CoarseTarget | None]
    pairs: list[tuple[int, int]]
    paragraphs: list[Paragraph]
    targets: NDArray[np.float32]
    index: ParagraphIndex
    readings: dict[str, tuple[Reading, ...]]
    truth: list[Grades]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """One split: rows of images and pairs to learn from, and pairs to test on."""

    seed: int
    images: NDArray[np.int64]
    train: list[tuple[int, int]]
    test: list[tuple[int, int]]


def load_study(archive: Path, cache: Path, grid: PhysicalGrid) -> Study:
    """Everything of an archive, the arrays from the cache where they are there."""
    images, squeezed, ids, patients = _cached_images(archive, cache, grid)
    row_of = {name: row for row, name in enumerate(ids)}
    paragraphs = _paragraphs(archive)
    vectors = _cached_vectors(paragraphs, cache)
    by_study: dict[str, list[int]] = {}
    for number, one in enumerate(paragraphs):
        by_study.setdefault(one.study_uid, []).append(number)
    number_of = {one.paragraph_id: number for number, one in enumerate(paragraphs)}
    pairs = []
    for pair in read_pairs(archive / "pairs.csv"):
        assert not isinstance(pair, ItemProblem)
        quoted = paragraph_quoted([paragraphs[n] for n in by_study[pair.study_uid]], pair.quote)
        pairs.append((row_of[pair.image_id], number_of[quoted.paragraph_id]))
    views: list[CoarseTarget | None] = [None] * len(ids)
    for view in read_views(archive / "views.csv"):
        assert not isinstance(view, ItemProblem)
        views[row_of[view.image_id]] = CoarseTarget(view.valve, view.flow)
    truth: list[Grades] = [{} for _ in ids]
    for row in read_truth(archive / "truth.csv"):
        truth[row_of[row.image_id]][row.valve, row.disease] = row.severity
    concepts = concept_targets(paragraphs, {p.paragraph_id: v for p, v in zip(paragraphs, vectors, strict=True)})
    return Study(
        images=images,
        squeezed=squeezed,
        image_ids=ids,
        patients=patients,
        views=views,
        pairs=pairs,
        paragraphs=paragraphs,
        targets=np.stack([concepts[one.paragraph_id] for one in paragraphs]),
        index=ParagraphIndex.build(paragraphs, vectors, text_space="study"),
        readings=paragraph_readings(paragraphs, VoteConfig()),
        truth=truth,
    )


def _cached_images(
    archive: Path, cache: Path, grid: PhysicalGrid
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[str], list[str]]:
    name = f"images_{grid.rows}x{grid.columns}_{grid.highest_mps:g}_{grid.seconds:g}.npz"
    if not (cache / name).exists():
        files = [read_spectral_file(path) for path in sorted((archive / "images").rglob("*.dcm"))]
        on_grid = [np.rint(resample(one.display, grid) * 255).astype(np.uint8) for one in files]
        squeezed = [_squeeze(one.display.pixels, grid) for one in files]
        np.savez(
            cache / name,
            images=np.stack(on_grid),
            squeezed=np.stack(squeezed),
            ids=[one.image_id for one in files],
            patients=[one.identity.patient_id for one in files],
        )
    stored = np.load(cache / name)
    return stored["images"], stored["squeezed"], stored["ids"].tolist(), stored["patients"].tolist()


def _squeeze(pixels: NDArray[np.uint8], grid: PhysicalGrid) -> NDArray[np.uint8]:
    """The whole display fitted to the grid's size: the scale is lost."""
    grey = pixels if pixels.ndim == 2 else pixels.max(axis=2)
    picture = Image.fromarray(grey).resize((grid.columns, grid.rows), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8)[None]


def _paragraphs(archive: Path) -> list[Paragraph]:
    found: list[Paragraph] = []
    for number, entry in enumerate(read_reports(archive / "reports.jsonl")):
        assert not isinstance(entry, ItemProblem)
        report = Report(report_id=f"R{number}", text=entry.text, patient=entry.patient_id, study_uid=entry.study_uid)
        found += valve_paragraphs(report)
    return found


def _cached_vectors(paragraphs: list[Paragraph], cache: Path) -> NDArray[np.float32]:
    path = cache / "vectors.npy"
    if not path.exists():
        np.save(path, learn_text_space(paragraphs, TextSpaceConfig()).trained.vectors)
    vectors: NDArray[np.float32] = np.load(path)
    return vectors


def split(study: Study, seed: int) -> Fold:
    """48 test pairs, all of their patients' images out of sight."""
    names = sorted({study.patients[image] for image, _ in study.pairs})
    order = np.random.default_rng(seed).permutation(np.array(names)).tolist()
    held: set[str] = set()
    count: Counter[str] = Counter(study.patients[image] for image, _ in study.pairs)
    for name in order:
        if sum(count[one] for one in held) + count[name] <= TEST_IMAGES:
            held.add(name)
    return Fold(
        seed=seed,
        images=np.flatnonzero([patient not in held for patient in study.patients]),
        train=[pair for pair in study.pairs if study.patients[pair[0]] not in held],
        test=[pair for pair in study.pairs if study.patients[pair[0]] in held],
    )


def learn_feature(study: Study, fold: Fold, config: ImageFeatureConfig, *, squeezed: bool = False) -> ImageFeature:
    """The image feature of a fold."""
    pixels = study.squeezed if squeezed else study.images
    return train_image_feature(
        pixels[fold.images],
        [study.views[row] for row in fold.images],
        config,
        seed=fold.seed,
        groups=[study.patients[row] for row in fold.images],
    )


def retrieve(study: Study, fold: Fold, queries: NDArray[np.float32]) -> list[Grades]:
    """What the vote says of each test image: only pairs with enough support."""
    owners = [study.paragraphs[paragraph].patient for _, paragraph in fold.test]
    votes = cast_votes(study.index, queries, owners, study.readings, VoteConfig())
    return [
        {(one.valve, one.disease): one.grade if one.is_present else Severity.NONE for one in cast} for cast in votes
    ]


def score(study: Study, fold: Fold, said: Sequence[Grades]) -> dict[str, float]:
    """Disease recall and precision, severity three ways, and the share of images with the right valve named."""
    true_positive = false_positive = false_negative = 0
    true_grades: list[Severity] = []
    said_grades: list[Severity] = []
    for (image, _), claims in zip(fold.test, said, strict=True):
        truth = study.truth[image]
        valve = next(iter(truth))[0]
        for pair, grade in truth.items():
            found = is_disease(claims.get(pair, Severity.NONE))
            true_positive += is_disease(grade) and found
            false_negative += is_disease(grade) and not found
            false_positive += not is_disease(grade) and found
            if is_disease(grade):
                true_grades.append(grade)
                said_grades.append(claims.get(pair, Severity.UNSPECIFIED))
        false_positive += sum(is_disease(grade) for pair, grade in claims.items() if pair[0] is not valve)
    severity = severity_scores(true_grades, said_grades)
    return {
        "recall": true_positive / max(1, true_positive + false_negative),
        "precision": true_positive / max(1, true_positive + false_positive),
        "severity": severity.three_class,
        "exact": severity.exact,
        "within_one": severity.within_one,
    }


def learn_and_retrieve(
    study: Study, fold: Fold, features: NDArray[np.float32], learn: Callable[..., FeatureTransform]
) -> list[Grades]:
    """Learn a transform on the fold's pairs and vote for its test images."""
    train, test = np.array(fold.train), np.array(fold.test)
    patients = [study.patients[row] for row in train[:, 0]]
    transform = learn(features[train[:, 0]], study.targets[train[:, 1]], patients)
    return retrieve(study, fold, transform.map(features[test[:, 0]]))


def random_paragraph(study: Study, fold: Fold) -> list[Grades]:
    """A paragraph of somebody, whatever the image."""
    rng = np.random.default_rng(fold.seed)
    return [_read(study, int(number)) for number in rng.integers(len(study.paragraphs), size=len(fold.test))]


def commonest_of_true_valve(study: Study, fold: Fold) -> list[Grades]:
    """What training pairs most often say of the valve, which it is told."""
    said: dict[Valve, Counter[tuple[tuple[Pair, Severity], ...]]] = {}
    for image, paragraph in fold.train:
        valve = next(iter(study.truth[image]))[0]
        statement = tuple(sorted(_read(study, paragraph).items()))
        said.setdefault(valve, Counter())[statement] += 1
    return [dict(said[next(iter(study.truth[image]))[0]].most_common(1)[0][0]) for image, _ in fold.test]


def image_neighbours(study: Study, fold: Fold) -> list[Grades]:
    """The paragraph of the training image with the least squared distance of small pictures."""
    small = study.images[:, 0, ::4, ::4].reshape(len(study.images), -1).astype(np.float32)
    rows = [image for image, _ in fold.train]
    found = []
    for image, _ in fold.test:
        nearest = int(np.argmin(((small[rows] - small[image]) ** 2).sum(axis=1)))
        found.append(_read(study, fold.train[nearest][1]))
    return found


def direct_heads(study: Study, fold: Fold, features: NDArray[np.float32]) -> list[Grades]:
    """Softmax heads on the same feature, learnt on what the paragraphs of the same pairs say."""
    train, test = np.array(fold.train), np.array(fold.test)
    grades = np.array([_grade_row(_read(study, paragraph), silent=Severity.NONE) for paragraph in train[:, 1]])
    patients = [study.patients[row] for row in train[:, 0]]
    heads = train_direct_heads(features[train[:, 0]], grades, patients, seed=fold.seed)
    return _claims(heads.probabilities(features[test[:, 0]]))


def ceiling(study: Study, fold: Fold, feature: ImageFeature, *, rows: Sequence[int], epochs: int) -> list[Grades]:
    """The same backbone trained on the true grades of images."""
    grades = np.array([_grade_row(study.truth[row], silent=Severity.NONE) for row in rows])
    network = train_direct(
        study.images[list(rows)], grades, [study.patients[row] for row in rows], feature, seed=fold.seed, epochs=epochs
    )
    return _claims(network.probabilities(study.images[[image for image, _ in fold.test]]))


def _read(study: Study, paragraph: int) -> Grades:
    readings = study.readings[study.paragraphs[paragraph].paragraph_id]
    return {(one.valve, one.disease): one.severity.grade for one in readings if (one.valve, one.disease) in LESIONS}


def _grade_row(grades: Grades, *, silent: Severity) -> list[int]:
    row = [int(grades.get(pair, silent)) for pair in LESIONS]
    return [NOT_STATED if grade is Severity.UNSPECIFIED else grade for grade in row]


def _claims(probabilities: NDArray[np.float32]) -> list[Grades]:
    """The median grade of each lesion."""
    medians = (probabilities.cumsum(axis=2) < 0.5).sum(axis=2)
    return [{pair: Severity(int(grade)) for pair, grade in zip(LESIONS, row, strict=True)} for row in medians]


def run_fold(study: Study, fold: Fold, config: ImageFeatureConfig, only: Sequence[str]) -> dict[str, dict[str, float]]:
    """All rows of the table for one split."""
    results: dict[str, dict[str, float]] = {}

    def row(name: str, answer: Callable[[], list[Grades]]) -> None:
        if not only or any(name.startswith(prefix) for prefix in only):
            start = time.perf_counter()
            said = answer()
            results[name] = score(study, fold, said) | {"seconds": time.perf_counter() - start}
            print(fold.seed, name, {key: round(value, 3) for key, value in results[name].items()}, flush=True)

    row("random paragraph", lambda: random_paragraph(study, fold))
    row("commonest of true valve", lambda: commonest_of_true_valve(study, fold))
    row("image neighbours", lambda: image_neighbours(study, fold))
    start = time.perf_counter()
    feature = learn_feature(study, fold, config)
    print(fold.seed, "image feature", round(time.perf_counter() - start, 1), "s", feature.summary, flush=True)
    features = feature.embed(study.images)
    row("direct heads", lambda: direct_heads(study, fold, features))
    row("ridge", lambda: learn_and_retrieve(study, fold, features, train_ridge))
    for loss in ("cosine", "mse", "ranking", "info_nce"):
        setting = replace(TransformConfig(), loss=loss)
        row(
            f"transform {loss}",
            lambda setting=setting: learn_and_retrieve(study, fold, features, _learner(setting, fold)),
        )
    row("ceiling same images", lambda: ceiling(study, fold, feature, rows=[i for i, _ in fold.train], epochs=40))
    row("ceiling all images", lambda: ceiling(study, fold, feature, rows=fold.images.tolist(), epochs=10))
    row("scale destroyed", lambda: _without_scale(study, fold, config))
    row("no profile", lambda: _variant(study, fold, replace(config, profile_weight=0.0)))
    row("no axis channel", lambda: _variant(study, fold, replace(config, with_axis=False)))
    row("resnet18", lambda: _variant(study, fold, replace(config, backbone="resnet18")))
    return results


def _learner(setting: TransformConfig, fold: Fold) -> Callable[..., FeatureTransform]:
    return lambda features, targets, groups: train_transform(features, targets, groups, setting, seed=fold.seed)


def _variant(study: Study, fold: Fold, config: ImageFeatureConfig) -> list[Grades]:
    features = learn_feature(study, fold, config).embed(study.images)
    return learn_and_retrieve(study, fold, features, _learner(TransformConfig(), fold))


def _without_scale(study: Study, fold: Fold, config: ImageFeatureConfig) -> list[Grades]:
    features = learn_feature(study, fold, config, squeezed=True).embed(study.squeezed)
    return learn_and_retrieve(study, fold, features, _learner(TransformConfig(), fold))


def table(results: list[dict[str, dict[str, float]]]) -> str:
    """Means over the splits, one row a method."""
    lines = ["| method | recall | precision | severity, 3 classes | exact | within one | s |", "|---|" + "---|" * 6]
    for name in results[0]:
        rows = [result[name] for result in results]
        cells = [f"{np.mean([row[key] for row in rows]):.3f}" for key in list(rows[0])[:-1]]
        lines.append(f"| {name} | {' | '.join(cells)} | {np.mean([row['seconds'] for row in rows]):.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=[])
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    config = ImageFeatureConfig()
    study = load_study(options.archive, options.cache, config.grid)
    results = [run_fold(study, split(study, seed), config, options.only) for seed in range(options.seeds)]
    (options.cache / "transform_accuracy.json").write_text(json.dumps(results, indent=1))
    print(table(results))


if __name__ == "__main__":
    main()
