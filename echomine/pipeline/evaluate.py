"""Judging the models on patients they never saw. The truth table is read here and nowhere else."""

import json
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.durable_files import write_bytes
from echomine.archive.truth import read_truth
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ConfigurationError, UsageError
from echomine.domain.records import Paragraph
from echomine.domain.vocabulary import Severity
from echomine.learning.display_feature import DisplayFeature
from echomine.learning.transform import Transform
from echomine.metrics.calibration import reliability_bins, risk_coverage
from echomine.metrics.labels import confusion
from echomine.metrics.retrieval import first_ranks, median_rank_share, recall_at
from echomine.pipeline.baselines import claims_of_paragraph
from echomine.pipeline.evaluation_result import EvaluationResult, RetrievalScores
from echomine.pipeline.evaluation_runs import OURS, WITH_HANDS, FittedModels, RunClaims, TestSet, run_methods
from echomine.pipeline.labeller import Labeller, paragraph_readings
from echomine.pipeline.learn import learning_patients_of, paired_rows
from echomine.pipeline.learning_data import GriddedImages, LearningData, load_learning_data
from echomine.pipeline.learning_steps import (
    make_image_feature,
    make_index,
    make_judgements,
    make_text_space,
    make_transform,
    taught_rows,
    vectors_of,
    with_weak_labels,
)
from echomine.pipeline.model_chain import IMAGE_FEATURE, INDEX, LABELLER, TEXT_SPACE, TRANSFORM, load_chain
from echomine.pipeline.progress import SILENT, Progress
from echomine.pipeline.sanity_tables import nearest_paragraphs, nearest_words
from echomine.pipeline.scoring import FIGURES, Pair, Row, ScoredImage, Truth, rows_of, score
from echomine.pipeline.settings import Settings
from echomine.pipeline.taught_rows import statement_of
from echomine.reports import lexicon_version
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.text_space import TextSpace
from echomine.retrieval.text_spaces import text_space_from_files
from echomine.retrieval.vote import VoteConfig

HELD_OUT, LECTURE = "held-out", "lecture"
TEST_PAIRS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRequest:
    """What is to be judged.

    Attributes:
        protocol: ``held-out`` judges the current models on the test patients; ``lecture`` draws 48 of the paired
            images for each seed and learns anew on the other patients.
        truth: A truth table; without one the paired paragraphs judge.
        seeds: Draws of the lecture's protocol.
        weak: Whether to learn without the hand-made pairs and views (lecture's protocol only); what they would have
            brought stands beside.
        out: Folder for JSON, Markdown and plots.
    """

    protocol: str = HELD_OUT
    truth: Path | None = None
    seeds: int = 5
    weak: bool = False
    out: Path | None = None

    def __post_init__(self) -> None:
        if self.protocol not in {HELD_OUT, LECTURE} or self.seeds < 1:
            raise ConfigurationError(
                f"an evaluation is held-out or lecture, with 1 or more seeds, got {self.protocol!r} and {self.seeds}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """What one split gave."""

    models: FittedModels
    claims: RunClaims
    test: TestSet
    space: TextSpace


def evaluate(
    workspace: Workspace, request: EvaluationRequest, settings: Settings, *, progress: Progress = SILENT
) -> EvaluationResult:
    """The figures of the models beside those of the baselines.

    Raises:
        UsageError: If there is no test image, or nothing to learn from.
        ArtifactError: If the held-out protocol finds no models.
    """
    started = time.monotonic()
    truths = _truths(workspace, request.truth)
    if request.protocol == HELD_OUT:
        runs = [_held_out_run(workspace, truths, settings, progress)]
    else:
        runs = list(_lecture_runs(workspace, truths, request, settings, progress))
    result = _result(workspace, request, runs)
    result = replace(result, seconds=time.monotonic() - started)
    if request.out is not None:
        write_evaluation(result, request.out)
    return result


def write_evaluation(result: EvaluationResult, folder: Path) -> None:
    """JSON, Markdown and plots of an evaluation."""
    from echomine.pipeline.evaluation_plots import evaluation_figures

    write_bytes(folder / "evaluation.json", json.dumps(result.document(), indent=2).encode())
    write_bytes(folder / "evaluation.md", result.markdown().encode())
    for name, figure in evaluation_figures(result).items():
        write_bytes(folder / f"{name}.png", figure.png)


def _truths(workspace: Workspace, table: Path | None) -> dict[str, Truth]:
    """What each image shows, by its id: from a truth table, or else from the paragraphs that images are paired with."""
    if table is not None:
        found: dict[str, dict[Pair, Severity]] = defaultdict(dict)
        for row in read_truth(table):
            found[row.image_id][row.valve, row.disease] = row.severity
        return dict(found)
    pairs = workspace.catalog.reports.pairs()
    paragraphs = workspace.catalog.reports.some_paragraphs([pair.paragraph_id for pair in pairs])
    readings = paragraph_readings(list(paragraphs.values()), VoteConfig())
    stated = {
        pair.image_id: {
            lesion: claim.grade for lesion, claim in claims_of_paragraph(readings[pair.paragraph_id]).items()
        }
        for pair in pairs
    }
    return {image: truth for image, truth in stated.items() if truth}


def _held_out_run(workspace: Workspace, truths: Mapping[str, Truth], settings: Settings, progress: Progress) -> _Run:
    """The current models on all test patients."""
    load_chain(workspace)  # checks that the parts fit each other
    labeller = workspace.artifacts.load(LABELLER)
    parts = {kind: workspace.artifacts.load(kind, name) for kind, name in labeller.parents.items()}
    space = text_space_from_files(parts[TEXT_SPACE].files)
    feature = DisplayFeature.from_files(parts[IMAGE_FEATURE].files)
    patients = workspace.catalog.patients() - learning_patients_of(workspace, settings)
    test_data = load_learning_data(
        workspace, feature.config, patients=patients, most_unlabelled=None, progress=progress
    )
    paragraphs = tuple(workspace.catalog.reports.paragraphs())
    with progress.stage("Placing paragraphs", 1):
        vectors = vectors_of(space, paragraphs)
    models = FittedModels(
        feature=feature,
        transform=Transform.from_files(parts[TRANSFORM].files),
        index=ParagraphIndex.from_files(parts[INDEX].files, text_space=labeller.parents[TEXT_SPACE]),
        labeller=Labeller.from_files(labeller.files),
        paired=paired_rows(parts[TRANSFORM].files, vectors),
        vectors=vectors,
        paragraphs=paragraphs,
    )
    test = _test_set(test_data.images, truths)
    with progress.stage("Judging", 1) as advance:
        claims = run_methods(models, test, seed=0, learnt_truths=None)
        advance(1)
    return _Run(models=models, claims=claims, test=test, space=space)


def _lecture_runs(
    workspace: Workspace,
    truths: Mapping[str, Truth],
    request: EvaluationRequest,
    settings: Settings,
    progress: Progress,
) -> Iterator[_Run]:
    """For each seed: 48 paired images of drawn patients for the test, everything learnt anew on the others."""
    data = load_learning_data(
        workspace,
        settings.image_feature,
        patients=None,
        most_unlabelled=settings.learning.unlabelled_images,
        progress=progress,
    )
    if not data.pairs:
        raise UsageError("the lecture's protocol needs hand-made pairs; ingest a folder with pairs.csv")
    for seed in range(request.seeds):
        run = _lecture_run(data, truths, settings, progress, seed=seed, weak=request.weak)
        yield _beside_hands(run, _lecture_run(data, truths, settings, progress, seed=seed)) if request.weak else run


def _beside_hands(run: _Run, with_hands: _Run) -> _Run:
    """A run without the hand-made files, with what they would have brought as one more method."""
    scored = {**run.claims.scored, WITH_HANDS: with_hands.claims.scored[OURS]}
    return replace(run, claims=replace(run.claims, scored=scored))


def _lecture_run(
    data: LearningData,
    truths: Mapping[str, Truth],
    settings: Settings,
    progress: Progress,
    *,
    seed: int,
    weak: bool = False,
) -> _Run:
    tested = draw_test_patients(data, seed)
    seen = data.of_patients(({*data.images.patients} | {one.patient for one in data.paragraphs}) - tested)
    models, space = fit_models(
        seen.without_hands() if weak else seen, data.paragraphs, settings, seed=seed, progress=progress
    )
    paired_images = {pair.image_id for pair in data.pairs}
    test = _test_set(data.images.of_patients(tested).only(paired_images), truths)
    known = truths if set(models.paired.image_ids) <= set(truths) else None
    with progress.stage(f"Judging, seed {seed}", 1) as advance:
        claims = run_methods(models, test, seed=seed, learnt_truths=known)
        advance(1)
    return _Run(models=models, claims=claims, test=test, space=space)


def draw_test_patients(data: LearningData, seed: int) -> frozenset[str]:
    """Patients drawn until their paired images number 48 (a fifth of all pairs, where there are fewer than 226)."""
    wanted = min(TEST_PAIRS, max(1, round(len(data.pairs) * TEST_PAIRS / 226)))
    rows = data.images.rows()
    count: dict[str, int] = defaultdict(int)
    for pair in data.pairs:
        count[data.images.patients[rows[pair.image_id]]] += 1
    drawn: set[str] = set()
    total = 0
    for name in np.random.default_rng(seed).permutation(sorted(count)).tolist():
        if total + count[name] <= wanted:
            drawn.add(name)
            total += count[name]
    return frozenset(drawn)


def fit_models(
    data: LearningData, pool: Sequence[Paragraph], settings: Settings, *, seed: int, progress: Progress
) -> tuple[FittedModels, TextSpace]:
    """Everything learnt on some data, in memory; the pool's other paragraphs are inferred and can be found."""
    data = with_weak_labels(data)
    space = make_text_space(data.paragraphs, settings, seed=seed, progress=progress)
    feature, displays = make_image_feature(data, settings, seed=seed, progress=progress)
    with progress.stage("Placing paragraphs", 1):
        vectors = vectors_of(space, pool)
    paired = taught_rows(data, feature, displays, vectors, settings, seed=seed, progress=progress)
    index = make_index(pool, vectors, settings, text_space="")
    by_id = {one.paragraph_id: one for one in pool}
    models = FittedModels(
        feature=feature,
        transform=make_transform(paired, settings, seed=seed, progress=progress),
        index=index,
        labeller=Labeller(
            vote=settings.vote,
            readings=paragraph_readings(pool, settings.vote),
            judgements=make_judgements(paired, by_id, index, settings, seed=seed, progress=progress),
            lexicon=lexicon_version(),
        ),
        paired=paired,
        vectors=vectors,
        paragraphs=tuple(pool),
    )
    return models, space


def _test_set(images: GriddedImages, truths: Mapping[str, Truth]) -> TestSet:
    judged = images.only(set(truths))
    if not judged.image_ids:
        raise UsageError("no test patient has an image that anything is known of; give --truth or more pairs")
    return TestSet(images=judged, truths=tuple(truths[name] for name in judged.image_ids))


def _result(workspace: Workspace, request: EvaluationRequest, runs: Sequence[_Run]) -> EvaluationResult:
    pooled = {name: _pooled(runs, name) for name in runs[0].claims.scored}
    rows = rows_of(pooled[OURS])
    judged = [row for row in rows if row.claimed_at_all and not np.isnan(row.confidence)]
    confidences = [row.confidence for row in judged]
    right = [(row.claimed >= Severity.MILD) == (row.truth >= Severity.MILD) for row in judged]
    return EvaluationResult(
        protocol=request.protocol,
        judged_by="truth table" if request.truth else "paired paragraphs",
        synthetic=_is_synthetic(workspace),
        methods={name: score(images) for name, images in pooled.items()},
        per_seed=tuple(_plain_figures(run) for run in runs),
        retrieval=_retrieval(workspace, runs),
        words=nearest_words(runs[0].space),
        paragraphs=nearest_paragraphs(runs[0].models.paragraphs, runs[0].models.vectors),
        confusion=_confusion(rows),
        risk=risk_coverage(confidences, right),
        reliability=tuple((one.confidence, one.accuracy, one.count) for one in reliability_bins(confidences, right)),
        weak=request.weak,
        model=load_chain(workspace).version if request.protocol == HELD_OUT else "",
    )


def _pooled(runs: Sequence[_Run], name: str) -> tuple[ScoredImage, ...]:
    return tuple(image for run in runs for image in run.claims.scored[name])


def _plain_figures(run: _Run) -> dict[str, float]:
    figures = score(run.claims.scored[OURS], repeats=1).figures
    return {name: round(float(figures[name].value), 4) for name in FIGURES}


def _confusion(rows: Sequence[Row]) -> NDArray[np.int64]:
    graded = [row for row in rows if row.claimed_at_all]
    return confusion([row.truth for row in graded], [row.claimed for row in graded])


def _retrieval(workspace: Workspace, runs: Sequence[_Run]) -> RetrievalScores | None:
    """Ranks of the own paragraph, and of the first that says the same, over all runs."""
    own_of = {pair.image_id: pair.paragraph_id for pair in workspace.catalog.reports.pairs()}
    own: list[int] = []
    same: list[int] = []
    for run in runs:
        asked = [row for row, name in enumerate(run.test.images.image_ids) if name in own_of]
        if asked:
            names = [own_of[run.test.images.image_ids[row]] for row in asked]
            ranks = _ranks(run.models, run.claims.places[asked], names)
            own += ranks[0].tolist()
            same += ranks[1].tolist()
    if not own:
        return None
    pool = len(runs[0].models.paragraphs)
    return RetrievalScores(own=_rank_figures(own, pool), same=_rank_figures(same, pool), pool=pool, queries=len(own))


def _ranks(
    models: FittedModels, places: NDArray[np.float32], names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(Q,) ranks of the own paragraph, and of the first of another patient that states the same findings."""
    pool = models.paragraphs
    scores = places @ np.stack([models.vectors[one.paragraph_id] for one in pool]).T
    place_of = {one.paragraph_id: place for place, one in enumerate(pool)}
    statements = [statement_of(one) for one in pool]
    own = np.zeros(scores.shape, dtype=bool)
    same = np.zeros(scores.shape, dtype=bool)
    for row, name in enumerate(names):
        place = place_of[name]
        own[row, place] = True
        same[row] = [
            said == statements[place] and one.patient != pool[place].patient
            for said, one in zip(statements, pool, strict=True)
        ]
    return first_ranks(scores, own), first_ranks(scores, same)


def _rank_figures(ranks: Sequence[int], pool: int) -> dict[str, float]:
    figures: dict[str, Any] = {f"R@{k}": recall_at(ranks, k) for k in (1, 5, 10)}
    return figures | {"median rank, share of pool": median_rank_share(ranks, pool)}


def _is_synthetic(workspace: Workspace) -> bool:
    images = workspace.catalog.images
    return any(images.is_synthetic(root) for root in images.roots())
