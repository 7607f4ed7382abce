"""What the transform is taught with: rows of the images that have a pair or a view."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Pair, Paragraph
from echomine.domain.vocabulary import DopplerMode
from echomine.learning.display_feature import Embedded
from echomine.learning.statements import StatementConfig, settle_viewed
from echomine.pipeline.learning_data import GriddedImages, LearningData
from echomine.pipeline.viewed_statements import Evidence, candidates_of, statements_of

Vectors = Mapping[str, NDArray[np.float32]]
"""(m,) unit vector of each paragraph id."""

COPY_WEIGHT = 0.5
"""Weight of a copy of another look beside the display itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedFeatures:
    """What the transform learns from: one row a pair, one a viewed image, and one a copy of another look of either.

    Attributes:
        image_ids, patients, modes: N each.
        paragraph_ids: N; ``""`` for an image that has a view but no pair, and for a copy.
        features: (N, d).
        valves: (N, valves) probability of each valve, told by heads that never saw the patient.
        targets: (N, m).
        weights: (N,) weight of each row.
    """

    image_ids: tuple[str, ...]
    patients: tuple[str, ...]
    modes: tuple[DopplerMode, ...]
    paragraph_ids: tuple[str, ...]
    features: NDArray[np.float32]
    valves: NDArray[np.float32]
    targets: NDArray[np.float32]
    weights: NDArray[np.float32]

    @property
    def pairs(self) -> "PairedFeatures":
        """The rows that are pairs."""
        return self.rows(np.array([name != "" for name in self.paragraph_ids], dtype=bool))

    def with_rows(self, others: "PairedFeatures") -> "PairedFeatures":
        """These rows, then the others."""
        return PairedFeatures(
            image_ids=self.image_ids + others.image_ids,
            patients=self.patients + others.patients,
            modes=self.modes + others.modes,
            paragraph_ids=self.paragraph_ids + others.paragraph_ids,
            features=np.concatenate([self.features, others.features]),
            valves=np.concatenate([self.valves, others.valves]),
            targets=np.concatenate([self.targets, others.targets]),
            weights=np.concatenate([self.weights, others.weights]),
        )

    def rows(self, chosen: NDArray[np.bool_]) -> "PairedFeatures":
        """Some of the rows."""
        kept = np.flatnonzero(chosen).tolist()
        return PairedFeatures(
            image_ids=tuple(self.image_ids[row] for row in kept),
            patients=tuple(self.patients[row] for row in kept),
            modes=tuple(self.modes[row] for row in kept),
            paragraph_ids=tuple(self.paragraph_ids[row] for row in kept),
            features=self.features[kept],
            valves=self.valves[kept],
            targets=self.targets[kept],
            weights=self.weights[kept],
        )


def is_taught(data: LearningData) -> list[bool]:
    """Of each image whether it has a pair or a view."""
    named = {pair.image_id for pair in data.pairs} | {view.image_id for view in data.views}
    return [name in named for name in data.images.image_ids]


def taught_images(data: LearningData) -> GriddedImages:
    """The images that have a pair or a view, in their order."""
    return data.images.only({name for name, known in zip(data.images.image_ids, is_taught(data), strict=True) if known})


def with_copies(rows: PairedFeatures, taught: GriddedImages, copies: Sequence[Embedded]) -> PairedFeatures:
    """The rows, and for each once more the features of every copy of its image: no pairs, of less weight."""
    places = taught.rows()
    at = [places[name] for name in rows.image_ids]
    for copy in copies:
        rows = rows.with_rows(
            PairedFeatures(
                image_ids=rows.image_ids[: len(at)],
                patients=rows.patients[: len(at)],
                modes=rows.modes[: len(at)],
                paragraph_ids=("",) * len(at),
                features=copy.features[at],
                valves=copy.valves[at],
                targets=rows.targets[: len(at)],
                weights=np.float32(COPY_WEIGHT) * rows.weights[: len(at)],
            )
        )
    return rows


def paired_features(
    data: LearningData, pairs: Sequence[Pair], taught: GriddedImages, embedded: Embedded, vectors: Vectors
) -> PairedFeatures:
    """The rows that a transform learns from.

    Args:
        data: Holds the paragraphs.
        pairs: One row each.
        taught: Images, those of all pairs among them.
        embedded: Their rows.
        vectors: Of all paragraphs.
    """
    rows = taught.rows()
    own = [rows[pair.image_id] for pair in pairs]
    targets = concept_targets(data.paragraphs, vectors)
    return PairedFeatures(
        image_ids=tuple(pair.image_id for pair in pairs),
        patients=tuple(taught.patients[rows[pair.image_id]] for pair in pairs),
        modes=tuple(taught.modes[rows[pair.image_id]] for pair in pairs),
        paragraph_ids=tuple(pair.paragraph_id for pair in pairs),
        features=embedded.features[own],
        valves=embedded.valves[own],
        targets=np.stack([targets[pair.paragraph_id] for pair in pairs]),
        weights=np.array([pair.weight for pair in pairs], dtype=np.float32),
    )


def viewed_features(  # noqa: PLR0913 - everything that a view is settled by
    data: LearningData,
    paired: PairedFeatures,
    taught: GriddedImages,
    embedded: Embedded,
    vectors: Vectors,
    config: StatementConfig,
    *,
    ridge: float,
) -> PairedFeatures:
    """The pairs, and beside them the viewed images without a pair, each with what its view lets it say."""
    rows = taught.rows()
    views = [view for view in data.views if view.image_id not in set(paired.image_ids)]
    statements = statements_of(data.paragraphs, vectors)
    if not (views and statements and config.weight):
        return paired
    by_id = {one.paragraph_id: one for one in data.paragraphs}
    own = [rows[name] for name in paired.image_ids]
    stated = [by_id[name] for name in paired.paragraph_ids]
    evidence = Evidence.of(data.paragraphs, stated, embedded.numbers[own])
    at = [rows[view.image_id] for view in views]
    candidates, kept = candidates_of(
        views, [taught.modes[row] for row in at], embedded.numbers[at], statements, evidence
    )
    at = [at[place] for place in kept.tolist()]
    if not at:
        return paired
    features = embedded.features[at]
    targets = settle_viewed(paired.features, paired.targets, features, candidates, config, ridge=ridge)
    others = PairedFeatures(
        image_ids=tuple(taught.image_ids[row] for row in at),
        patients=tuple(taught.patients[row] for row in at),
        modes=tuple(taught.modes[row] for row in at),
        paragraph_ids=("",) * len(at),
        features=features,
        valves=embedded.valves[at],
        targets=targets,
        weights=np.full(len(at), config.weight, dtype=np.float32),
    )
    return paired.with_rows(others)


def concept_targets(paragraphs: Sequence[Paragraph], vectors: Vectors) -> dict[str, NDArray[np.float32]]:
    """The mean vector of all paragraphs that say the same, for each paragraph.

    A pair tells what an image shows, not how its report words it; the mean keeps the first and drops the second.
    """
    groups: dict[frozenset[tuple[str, str, int, str]], list[str]] = defaultdict(list)
    for paragraph in paragraphs:
        groups[statement_of(paragraph)].append(paragraph.paragraph_id)
    means = {}
    for members in groups.values():
        mean = np.mean([vectors[name] for name in members], axis=0)
        unit = np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
        means.update(dict.fromkeys(members, unit))
    return means


def statement_of(paragraph: Paragraph) -> frozenset[tuple[str, str, int, str]]:
    """What a paragraph says, without its wording: valve, disease, grade and assertion of each finding."""
    return frozenset(
        (one.valve.value, one.disease.value, int(one.severity.grade), one.assertion.value) for one in paragraph.findings
    )
