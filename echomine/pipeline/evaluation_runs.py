"""One run of evaluation: models, test images, and what each method claims of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Calibration, ImageRecord, Paragraph
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, DopplerMode, Severity, Valve
from echomine.learning.display_feature import DisplayFeature, Embedded
from echomine.learning.ridge import train_ridge
from echomine.learning.transform import FeatureTransform
from echomine.pipeline import baselines
from echomine.pipeline.labeller import Labeller, cast_votes
from echomine.pipeline.learning_data import GriddedImages
from echomine.pipeline.scoring import Claim, Pair, ScoredImage, Truth, claims_of
from echomine.pipeline.taught_rows import PairedFeatures, Vectors
from echomine.pipeline.viewed_statements import statements_of
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.vote import PairVote, Reading

OURS, CEILING, WITH_HANDS = "echomine", "ceiling", "with hand-made files"
METHODS: dict[str, str] = {
    OURS: "image -> text space -> vote",
    "ridge": "the same with a ridge regression as transform",
    WITH_HANDS: "the same learnt from pairs.csv and views.csv, where ours is learnt without",
    "random paragraph": "a paragraph drawn at random",
    "commonest of true valve": "what reports most often say of the valve, which it is told",
    "image neighbours": "the paragraph of the nearest paired image, no text space",
    "direct heads": "softmax heads on the same feature, learnt on the same pairs",
    CEILING: "the same with the true statement of every image that ours learnt from, which no lab has",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSet:
    """Images to be judged.

    Attributes:
        images: On the grid.
        truths: What each shows.
    """

    images: GriddedImages
    truths: tuple[Truth, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedModels:
    """Models as an evaluation needs them, loaded or just learnt.

    Attributes:
        paired: The rows that the transform was learnt from.
        vectors: Vector of each paragraph, those of the test patients inferred.
    """

    feature: DisplayFeature
    transform: FeatureTransform
    index: ParagraphIndex
    labeller: Labeller
    paired: PairedFeatures
    vectors: Vectors
    paragraphs: tuple[Paragraph, ...]

    @property
    def readings(self) -> dict[str, tuple[Reading, ...]]:
        """What the paragraphs of learning patients say: baselines learn from no others."""
        known = set(self.paired.patients)
        return {
            one.paragraph_id: self.labeller.readings[one.paragraph_id]
            for one in self.paragraphs
            if one.patient in known or one.paragraph_id in self.paired.paragraph_ids
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClaims:
    """What each method claims of the test images of one run, and where they lie in text space."""

    scored: Mapping[str, tuple[ScoredImage, ...]]
    places: NDArray[np.float32]


def run_methods(
    models: FittedModels, test: TestSet, *, seed: int, learnt_truths: Mapping[str, Truth] | None
) -> RunClaims:
    """All methods on one test set.

    Args:
        models: The models.
        test: The images.
        seed: Of what is drawn or trained here.
        learnt_truths: Truth of the images that were learnt from, by id, for the ceiling; None leaves it out.
    """
    embedded = models.feature.embed(test.images.pixels, numbers=test.images.numbers)
    features = embedded.features
    pairs = models.paired.pairs
    places = models.transform.map(features)
    readings = models.readings
    rng = np.random.default_rng(seed)
    answers: dict[str, list[dict[Pair, Claim]]] = {
        OURS: our_claims(models, test, places, embedded.valves),
        "ridge": _ridge(models, test, embedded),
        "random paragraph": baselines.random_paragraph(readings, len(test.truths), rng),
        "commonest of true valve": baselines.commonest_of_true_valve(readings, test.truths),
        "image neighbours": baselines.image_neighbours(pairs, features, models.labeller.readings),
        "direct heads": baselines.direct_heads(pairs, features, models.labeller.readings, seed=seed),
    }
    if learnt_truths is not None:
        answers[CEILING] = _ceiling(models, test, embedded, learnt_truths)
    return RunClaims(scored={name: _scored(test, claims) for name, claims in answers.items()}, places=places)


def our_claims(
    models: FittedModels, test: TestSet, places: NDArray[np.float32], valves: NDArray[np.float32]
) -> list[dict[Pair, Claim]]:
    """The claims of the labels that the archive would get, from places (N, m) and probabilities of valves."""
    images = test.images
    found = models.labeller.near(models.index, places, valves, images.patients)
    records = [_record(*one) for one in zip(images.image_ids, images.patients, images.modes, strict=True)]
    return [
        claims_of(models.labeller.labels(record, near, model="")) for record, near in zip(records, found, strict=True)
    ]


def _record(image_id: str, patient: str, mode: DopplerMode) -> ImageRecord:
    scale = Calibration(mps_per_px=0.01, baseline_y=0.0, s_per_px=0.01)  # gridded images are calibrated ones
    return ImageRecord(image_id=image_id, content_sha256="", patient=patient, mode=mode, calibration=scale)


def _ridge(models: FittedModels, test: TestSet, embedded: Embedded) -> list[dict[Pair, Claim]]:
    pairs = models.paired.pairs
    return _voted(models, test, train_ridge(pairs.features, pairs.targets, pairs.patients), embedded)


def _ceiling(
    models: FittedModels, test: TestSet, embedded: Embedded, truths: Mapping[str, Truth]
) -> list[dict[Pair, Claim]]:
    """The same feature and text space, learnt on what is true of the images: only an evaluation can know it."""
    known = {(one.valve, *one.grades): one.vector for one in statements_of(models.paragraphs, models.vectors)}
    said = [true_statement(truths.get(name, {})) for name in models.paired.image_ids]
    stated = [known.get(one) if one is not None else None for one in said]
    rows = [row for row, vector in enumerate(stated) if vector is not None]
    targets = np.stack([vector for vector in stated if vector is not None])
    patients = [models.paired.patients[row] for row in rows]
    return _voted(models, test, train_ridge(models.paired.features[rows], targets, patients), embedded)


def true_statement(truth: Truth) -> tuple[Valve, Severity, Severity] | None:
    """Valve, stenosis and regurgitation of a truth; None where the display cannot show both."""
    if len(truth) != len(FLOW_DISEASES):
        return None
    valve = next(iter(truth))[0]
    return valve, truth[valve, Disease.STENOSIS], truth[valve, Disease.REGURGITATION]


def _voted(
    models: FittedModels, test: TestSet, transform: FeatureTransform, embedded: Embedded
) -> list[dict[Pair, Claim]]:
    labeller, patients = models.labeller, test.images.patients
    places = transform.map(embedded.features)
    votes = cast_votes(models.index, places, embedded.valves, patients, labeller.readings, labeller.vote)
    return [claims_of_votes(cast, mode) for cast, mode in zip(votes, test.images.modes, strict=True)]


def claims_of_votes(votes: Sequence[PairVote], mode: DopplerMode) -> dict[Pair, Claim]:
    """The claims of plain votes, without confidence or abstention."""
    return {
        (one.valve, one.disease): Claim(grade=one.grade if one.is_present else min(one.grade, Severity.TRACE))
        for one in votes
        if mode.shows(one.disease)
    }


def _scored(test: TestSet, claims: Sequence[Mapping[Pair, Claim]]) -> tuple[ScoredImage, ...]:
    return tuple(
        ScoredImage(image_id=name, patient=patient, truth=truth, claims=said)
        for name, patient, truth, said in zip(
            test.images.image_ids, test.images.patients, test.truths, claims, strict=True
        )
    )
