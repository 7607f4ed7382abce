"""The steps of learning on data in memory: nothing is written or remembered, nothing read but pretrained weights."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.training_sets import read_pretrained
from echomine.domain.errors import UsageError
from echomine.domain.records import Pair, Paragraph
from echomine.domain.splits import unit_hash
from echomine.domain.vocabulary import Assertion
from echomine.learning.coarse_task import CoarseTarget
from echomine.learning.display_feature import DisplayFeature, Embedded, TaughtDisplays, learn_displays
from echomine.learning.transform import Transform, train_transform
from echomine.pipeline.exam_match import ExamParagraphs, exam_paragraphs
from echomine.pipeline.labeller import (
    Judgement,
    cast_votes,
    fit_judgements,
    judged_votes,
    paragraph_readings,
)
from echomine.pipeline.learning_data import GriddedImages, LearningData
from echomine.pipeline.progress import Progress, steps_of
from echomine.pipeline.settings import Settings
from echomine.pipeline.taught_rows import (
    PairedFeatures,
    Vectors,
    is_taught,
    paired_features,
    taught_images,
    viewed_features,
    with_copies,
)
from echomine.pipeline.weak_pairs import paragraphs_by_study, propose_pairs, propose_views, revise_pairs
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.text_space import TextSpace
from echomine.retrieval.text_spaces import learn_text_space
from echomine.retrieval.vote import PairVote

LEAST_OF_A_JUDGE = 0.8
"""Proposed pairs that are less likely do not judge votes."""


def make_text_space(paragraphs: Sequence[Paragraph], settings: Settings, *, seed: int, progress: Progress) -> TextSpace:
    """A text space learnt from the paragraphs of learning patients."""
    with progress.stage("Learning the text space", 100) as advance:
        report = steps_of(advance)
        config = replace(settings.text_space, seed=seed)
        return learn_text_space(paragraphs, config, progress=lambda share: report(round(100 * share), 100))


def vectors_of(space: TextSpace, paragraphs: Sequence[Paragraph]) -> dict[str, NDArray[np.float32]]:
    """The vector of each paragraph: the trained one where it was learnt, else an inferred one."""
    trained = dict(zip(space.trained.paragraph_ids, space.trained.vectors, strict=True))
    new = [one for one in paragraphs if one.paragraph_id not in trained]
    known = trained | dict(zip((one.paragraph_id for one in new), space.infer(new), strict=True))
    return {one.paragraph_id: known[one.paragraph_id] for one in paragraphs}


def with_weak_labels(data: LearningData) -> LearningData:
    """The data with proposed pairs and views where the lab made none.

    Raises:
        UsageError: If there are no pairs and no exam has both image and report.
    """
    exams = {} if data.pairs else _exams(data)
    pairs = data.pairs or propose_pairs(exams)
    if not pairs:
        raise UsageError(
            "nothing links an image to a paragraph: give pairs.csv, or reports whose study_uid is that of an image"
        )
    views = data.views or propose_views(pairs, {one.paragraph_id: one for one in data.paragraphs})
    return replace(data, pairs=pairs, views=views, exams=exams)


def _exams(data: LearningData) -> dict[str, ExamParagraphs]:
    """The paragraphs that may speak of each image whose exam has a report."""
    studies, numbers = paragraphs_by_study(data.paragraphs), data.images.numbers
    seen = {view.image_id: view.valve for view in data.views}
    return {
        image: exam_paragraphs(studies[study], None if numbers is None else numbers[row], seen.get(image))
        for row, (image, study) in enumerate(zip(data.images.image_ids, data.images.study_uids, strict=True))
        if study in studies
    }


def make_image_feature(
    data: LearningData, settings: Settings, *, seed: int, progress: Progress, checkpoint_dir: Path | None = None
) -> tuple[DisplayFeature, TaughtDisplays]:
    """A display feature learnt on the views and, without labels, on all images; and the taught images described.

    Raises:
        UsageError: If the settings name a file of weights that is not there.
        ArtifactError: If it holds the weights of another network.
    """
    wanted = settings.network.weights if settings.image_feature.network else ""
    views = {view.image_id: CoarseTarget(view.valve, view.flow) for view in data.views}
    with progress.stage("Training the image feature", 100) as advance:
        return learn_displays(
            data.images.pixels,
            [views.get(image) for image in data.images.image_ids],
            settings.image_feature,
            settings.network,
            seed=seed,
            numbers=data.images.numbers,
            taught=is_taught(data),
            groups=data.images.patients,
            pretrained=read_pretrained(Path(wanted)) if wanted else None,
            checkpoint_dir=checkpoint_dir,
            on_progress=_percent(steps_of(advance)),
        )


def taught_rows(  # noqa: PLR0913 - everything that is learnt from
    data: LearningData,
    feature: DisplayFeature,
    displays: TaughtDisplays,
    vectors: Vectors,
    settings: Settings,
    *,
    seed: int,
    progress: Progress,
) -> PairedFeatures:
    """The rows that the transform is learnt from: pairs and viewed images, and copies of another look of both.

    Where pairs are proposed there are those and their copies alone.
    """
    with progress.stage("Describing pairs and views", 1) as advance:
        taught = taught_images(data)
        embedded, copies = displays.embedded(feature), displays.embedded_copies(feature)
        advance(1)
    if data.exams:
        pairs = settle_weak_pairs(data, taught, embedded, vectors, settings, seed=seed, progress=progress)
        return with_copies(paired_features(data, pairs, taught, embedded, vectors), taught, copies)
    paired = paired_features(data, data.pairs, taught, embedded, vectors)
    rows = viewed_features(data, paired, taught, embedded, vectors, settings.statements, ridge=settings.transform.ridge)
    return with_copies(rows, taught, copies)


def make_transform(paired: PairedFeatures, settings: Settings, *, seed: int, progress: Progress) -> Transform:
    """A transform learnt on all rows."""
    with progress.stage("Training the transform", 100) as advance:
        return train_transform(
            paired.features,
            paired.targets,
            paired.patients,
            settings.transform,
            seed=seed,
            weights=paired.weights,
            on_progress=_percent(steps_of(advance)),
        )


def settle_weak_pairs(  # noqa: PLR0913 - what a pair is revised by
    data: LearningData,
    taught: GriddedImages,
    embedded: Embedded,
    vectors: Vectors,
    settings: Settings,
    *,
    seed: int,
    progress: Progress,
) -> tuple[Pair, ...]:
    """Proposed pairs, revised a few times by transforms that are learnt on the pairs of other patients."""
    pairs, rounds = data.pairs, settings.learning.weak_rounds
    with progress.stage("Pairing images with paragraphs", rounds) as advance:
        for _ in range(rounds):
            paired = paired_features(data, pairs, taught, embedded, vectors)
            places = _places_unseen(paired, settings, seed=seed)
            pairs = revise_pairs(data.exams, dict(zip(paired.image_ids, places, strict=True)), vectors)
            advance(1)
    return pairs


def _places_unseen(paired: PairedFeatures, settings: Settings, *, seed: int) -> NDArray[np.float32]:
    """(N, m) places of pairs, each by a transform that did not learn from its patient."""
    folds = patient_folds(paired.patients, settings.labeller.folds, seed)
    places = np.zeros_like(paired.targets)
    for fold in range(int(folds.max()) + 1):
        seen = paired.rows(folds != fold)
        transform = train_transform(
            seen.features, seen.targets, seen.patients, settings.transform, seed=seed, weights=seen.weights
        )
        places[folds == fold] = transform.map(paired.features[folds == fold])
    return places


def make_index(
    paragraphs: Sequence[Paragraph], vectors: Vectors, settings: Settings, *, text_space: str
) -> ParagraphIndex:
    """An index of paragraphs in their order."""
    matrix = np.stack([vectors[one.paragraph_id] for one in paragraphs])
    return ParagraphIndex.build(paragraphs, matrix, text_space=text_space, config=settings.index)


def make_judgements(
    paired: PairedFeatures,
    paragraphs: Mapping[str, Paragraph],
    index: ParagraphIndex,
    settings: Settings,
    *,
    seed: int,
    progress: Progress,
) -> dict[Assertion, Judgement]:
    """How far votes can be trusted, from votes on patients that the transform of their fold never saw.

    A vote is judged by the paragraph of its image; proposed pairs judge where they are likely.

    Raises:
        UsageError: If the pairs come from fewer than two patients.
    """
    readings = paragraph_readings(list(paragraphs.values()), settings.vote)
    votes: list[PairVote] = []
    right: list[bool] = []
    folds = patient_folds(paired.patients, settings.labeller.folds, seed)
    judging = np.array([name != "" for name in paired.paragraph_ids], dtype=bool)
    sure = judging & (paired.weights >= LEAST_OF_A_JUDGE)
    judging = sure if sure.any() else judging
    with progress.stage("Calibrating the labeller", int(folds.max()) + 1) as advance:
        for fold in range(int(folds.max()) + 1):
            seen, unseen = paired.rows(folds != fold), paired.rows((folds == fold) & judging)
            if not len(unseen.features):
                continue
            transform = train_transform(
                seen.features, seen.targets, seen.patients, settings.transform, seed=seed, weights=seen.weights
            )
            places = transform.map(unseen.features)
            cast = cast_votes(index, places, unseen.valves, unseen.patients, readings, settings.vote)
            for name, mode, one_image in zip(unseen.paragraph_ids, unseen.modes, cast, strict=True):
                judged = judged_votes([one for one in one_image if mode.shows(one.disease)], readings[name])
                votes += [one for one, _ in judged]
                right += [good for _, good in judged]
            advance(1)
    return fit_judgements(votes, right, settings.confidence, precision=settings.labeller.precision)


def patient_folds(patients: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """(N,) fold of each row, 0..folds-1, all rows of a patient in one; fewer folds where there are fewer patients.

    Raises:
        UsageError: If there are fewer than two patients.
    """
    names = sorted(set(patients), key=lambda name: unit_hash(f"{seed}\0{name}"))
    if len(names) < 2:
        raise UsageError(f"confidence needs pairs of two or more patients, got {len(names)}; add pairs")
    fold = {name: place % min(folds, len(names)) for place, name in enumerate(names)}
    return np.array([fold[name] for name in patients], dtype=np.int64)


def _percent(report: Callable[[int, int], None]) -> Callable[[int, int], None]:
    return lambda done, total: report(round(100 * done / max(total, 1)), 100)
