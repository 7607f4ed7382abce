"""The chain of artifacts that labels an image: image feature, transform, paragraph index, labeller."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.artifacts import ArtifactStore, Generation
from echomine.archive.grid_reading import OnGrid
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ArtifactError
from echomine.domain.records import ImageRecord, Label
from echomine.doppler.display import PhysicalGrid
from echomine.learning.display_feature import DisplayFeature
from echomine.learning.transform import FeatureTransform, Transform
from echomine.pipeline.labeller import Labeller
from echomine.retrieval.paragraph_index import ParagraphIndex

TEXT_SPACE, IMAGE_FEATURE, TRANSFORM, INDEX, LABELLER = (
    "text_space",
    "image_feature",
    "transform",
    "index",
    "labeller",
)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Where N images lie.

    Attributes:
        vectors: (N, m) unit vectors in text space.
        valves: (N, valves) probability of each valve.
    """

    vectors: NDArray[np.float32]
    valves: NDArray[np.float32]

    def first(self, count: int) -> "Places":
        """The first of them."""
        return Places(self.vectors[:count], self.valves[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChain:
    """Loaded models that fit each other.

    Attributes:
        version: Generation of the labeller, the model version on every label.
        feature, transform, index, labeller: The four parts.
    """

    version: str
    feature: DisplayFeature
    transform: FeatureTransform
    index: ParagraphIndex
    labeller: Labeller

    @property
    def grid(self) -> PhysicalGrid:
        """The grid that images are resampled to."""
        return self.feature.config.grid

    @property
    def is_measured(self) -> bool:
        """Whether displays are measured before they are placed."""
        return self.feature.config.measured

    def places(self, displays: Sequence[OnGrid]) -> Places:
        """Places of N displays, each mapped by itself, so that none depends on the others.

        Those that were not measured yet are measured here.
        """
        images = np.stack([one.pixels for one in displays])
        numbers = [one.numbers for one in displays if one.numbers is not None]
        measured = np.stack(numbers) if len(numbers) == len(displays) else None
        embedded = self.feature.embed(images, numbers=measured)
        vectors = np.concatenate([self.transform.map(row[None]) for row in embedded.features])
        return Places(vectors, embedded.valves)

    def labels(self, places: Places, records: Sequence[ImageRecord]) -> list[tuple[Label, ...]]:
        """Labels of N images at their places, each without its own patient's paragraphs."""
        owners = [record.patient for record in records]
        found = self.labeller.near(self.index, places.vectors, places.valves, owners)
        return [
            self.labeller.labels(record, near, model=self.version) for record, near in zip(records, found, strict=True)
        ]


def load_chain(workspace: Workspace) -> ModelChain:
    """The current models, every file checked, every part made for the others.

    Raises:
        ArtifactError: If a part is missing or altered, or was made for another part.
    """
    version = workspace.artifacts.current(LABELLER)
    if version is None:
        raise ArtifactError("nothing is learnt yet; run `echomine learn`")
    return _load(workspace.path.absolute(), version)


@lru_cache(maxsize=2)
def _load(path: Path, version: str) -> ModelChain:
    artifacts = Workspace.artifacts_of(path)
    labeller = artifacts.load(LABELLER, version)
    feature = _parent(artifacts, labeller, IMAGE_FEATURE)
    transform = _parent(artifacts, labeller, TRANSFORM)
    index = _parent(artifacts, labeller, INDEX)
    text_space = transform.parents.get(TEXT_SPACE, "")
    if transform.parents.get(IMAGE_FEATURE) != feature.generation_id:
        raise ArtifactError(
            f"transform {transform.generation_id} was learnt on another image feature; run `echomine learn` again"
        )
    return ModelChain(
        version=version,
        feature=DisplayFeature.from_files(feature.files),
        transform=Transform.from_files(transform.files),
        index=ParagraphIndex.from_files(index.files, text_space=text_space),
        labeller=Labeller.from_files(labeller.files),
    )


def _parent(artifacts: ArtifactStore, child: Generation, kind: str) -> Generation:
    try:
        return artifacts.load(kind, child.parents[kind])
    except KeyError:
        raise ArtifactError(
            f"{child.kind} {child.generation_id} does not say which {kind} it belongs to; run `echomine learn` again"
        ) from None
