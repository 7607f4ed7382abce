"""Learning: text space, image feature and transform, index and labeller, each a new generation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from echomine.archive.artifacts import Generation
from echomine.archive.workspace import Workspace
from echomine.domain.config import config_to_dict
from echomine.domain.errors import ArtifactError
from echomine.domain.records import Paragraph
from echomine.domain.vocabulary import DopplerMode
from echomine.pipeline.labeller import Judgement, Labeller, paragraph_readings
from echomine.pipeline.learning_data import LearningData, learning_patients, load_learning_data
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
from echomine.pipeline.model_chain import IMAGE_FEATURE, INDEX, LABELLER, TEXT_SPACE, TRANSFORM
from echomine.pipeline.progress import SILENT, Progress
from echomine.pipeline.settings import Settings
from echomine.pipeline.taught_rows import PairedFeatures, Vectors
from echomine.reports import lexicon_version
from echomine.retrieval.text_spaces import text_space_from_files

_PAIRS, _PAIR_FEATURES = "pairs.json", "pair_features.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnResult:
    """The generations that a run of learning wrote.

    Attributes:
        generations: In the order they were made.
    """

    generations: tuple[Generation, ...]

    def ids(self) -> dict[str, str]:
        """Kind to generation id."""
        return {one.kind: one.generation_id for one in self.generations}

    def document(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {one.kind: {"generation": one.generation_id, "metrics": dict(one.metrics)} for one in self.generations}

    def rows(self) -> list[tuple[str, ...]]:
        """Rows of a table."""
        return [(one.kind, one.generation_id, _words(one.metrics)) for one in self.generations]


def learn(workspace: Workspace, settings: Settings, *, seed: int = 0, progress: Progress = SILENT) -> LearnResult:
    """All artifacts anew, from learning patients alone; the last one, the labeller, is the new model version.

    Raises:
        UsageError: If there are no reports, no images, or nothing that links them.
        WorkspaceError: If the workspace cannot be written.
    """
    space = learn_space(workspace, settings, seed=seed, progress=progress)
    trained = train_transform_network(workspace, settings, seed=seed, progress=progress)
    built = build_index(workspace, settings, seed=seed, progress=progress)
    return LearnResult(generations=(*space.generations, *trained.generations, *built.generations))


def learn_space(workspace: Workspace, settings: Settings, *, seed: int = 0, progress: Progress = SILENT) -> LearnResult:
    """A new text space from the paragraphs of learning patients."""
    paragraphs = _learning_paragraphs(workspace, settings)
    space = make_text_space(paragraphs, settings, seed=seed, progress=progress)
    generation = workspace.artifacts.write(
        TEXT_SPACE,
        space.to_files(),
        config=config_to_dict(settings.text_space) | config_to_dict(settings.learning),
        seeds={"seed": seed},
        metrics={"paragraphs": len(paragraphs), "size": space.size},
    )
    return LearnResult(generations=(generation,))


def train_transform_network(
    workspace: Workspace, settings: Settings, *, seed: int = 0, progress: Progress = SILENT
) -> LearnResult:
    """A new image feature, and a new transform from it into the current text space."""
    space = workspace.artifacts.load(TEXT_SPACE)
    data = with_weak_labels(_learning_data(workspace, settings, progress))
    hand_made = not data.exams
    feature, displays = make_image_feature(
        data, settings, seed=seed, progress=progress, checkpoint_dir=workspace.path / "training"
    )
    feature_generation = workspace.artifacts.write(
        IMAGE_FEATURE,
        feature.to_files(),
        config=_configs(settings.image_feature, settings.network, settings.learning),
        seeds={"seed": seed},
        metrics={"images": len(data.images.image_ids), "views": len(data.views), "hand_made": hand_made},
    )
    with progress.stage("Placing paragraphs", 1):
        vectors = vectors_of(text_space_from_files(space.files), data.paragraphs)
    paired = taught_rows(data, feature, displays, vectors, settings, seed=seed, progress=progress)
    transform = make_transform(paired, settings, seed=seed, progress=progress)
    transform_generation = workspace.artifacts.write(
        TRANSFORM,
        {**transform.to_files(), **_pair_files(paired)},
        config=_configs(settings.transform, settings.statements, settings.learning),
        parents={TEXT_SPACE: space.generation_id, IMAGE_FEATURE: feature_generation.generation_id},
        seeds={"seed": seed},
        metrics={"pairs": len(paired.pairs.image_ids), "views": len(set(paired.image_ids)), "hand_made": hand_made},
    )
    return LearnResult(generations=(feature_generation, transform_generation))


def build_index(workspace: Workspace, settings: Settings, *, seed: int = 0, progress: Progress = SILENT) -> LearnResult:
    """A new index of all paragraphs in the current text space, and the labeller calibrated on it."""
    space_generation = workspace.artifacts.load(TEXT_SPACE)
    transform = workspace.artifacts.load(TRANSFORM)
    if transform.parents.get(TEXT_SPACE) != space_generation.generation_id:
        raise ArtifactError("the transform was learnt in another text space; train it again before the index is built")
    space = text_space_from_files(space_generation.files)
    paragraphs = tuple(workspace.catalog.reports.paragraphs())
    with progress.stage("Placing paragraphs", 1):
        vectors = vectors_of(space, paragraphs)
    index = make_index(paragraphs, vectors, settings, text_space=space_generation.generation_id)
    index_generation = workspace.artifacts.write(
        INDEX,
        index.to_files(),
        config=config_to_dict(settings.index),
        parents={TEXT_SPACE: space_generation.generation_id},
        metrics={"paragraphs": len(index)},
    )
    by_id = {one.paragraph_id: one for one in paragraphs}
    paired = paired_rows(transform.files, vectors)
    judgements = make_judgements(paired, by_id, index, settings, seed=seed, progress=progress)
    labeller = Labeller(
        vote=settings.vote,
        readings=paragraph_readings(paragraphs, settings.vote),
        judgements=judgements,
        lexicon=lexicon_version(),
    )
    labeller_generation = workspace.artifacts.write(
        LABELLER,
        labeller.to_files(),
        config=config_to_dict(settings.vote) | config_to_dict(settings.labeller) | config_to_dict(settings.confidence),
        parents={
            TEXT_SPACE: space_generation.generation_id,
            IMAGE_FEATURE: transform.parents[IMAGE_FEATURE],
            TRANSFORM: transform.generation_id,
            INDEX: index_generation.generation_id,
        },
        seeds={"seed": seed},
        metrics={name.value: _threshold_words(one) for name, one in judgements.items()},
    )
    return LearnResult(generations=(index_generation, labeller_generation))


def learning_patients_of(workspace: Workspace, settings: Settings) -> frozenset[str]:
    """The patients of the catalog that models may learn from."""
    return learning_patients(workspace.catalog.patients(), settings.learning.fractions)


def _configs(*groups: object) -> dict[str, Any]:
    """The settings of several groups; where two share a name, the later one's."""
    return {name: value for group in groups for name, value in config_to_dict(group).items()}


def _learning_paragraphs(workspace: Workspace, settings: Settings) -> tuple[Paragraph, ...]:
    return tuple(workspace.catalog.reports.paragraphs(patients=learning_patients_of(workspace, settings)))


def _learning_data(workspace: Workspace, settings: Settings, progress: Progress) -> LearningData:
    return load_learning_data(
        workspace,
        settings.image_feature,
        patients=learning_patients_of(workspace, settings),
        most_unlabelled=settings.learning.unlabelled_images,
        progress=progress,
    )


def _pair_files(paired: PairedFeatures) -> dict[str, bytes]:
    rows = list(zip(paired.image_ids, paired.patients, paired.modes, paired.paragraph_ids, strict=True))
    arrays = {
        "features": np.ascontiguousarray(paired.features),
        "valves": np.ascontiguousarray(paired.valves),
        "targets": np.ascontiguousarray(paired.targets),
        "weights": paired.weights,
    }
    return {_PAIRS: json.dumps(rows).encode(), _PAIR_FEATURES: bytes(save(arrays))}


def paired_rows(files: Mapping[str, bytes], vectors: Vectors) -> PairedFeatures:
    """The rows that a transform was learnt from, as its generation keeps them; a paragraph that is gone is left out.

    Raises:
        ArtifactError: If an older version learnt it.
    """
    rows = json.loads(files[_PAIRS])
    arrays = load(files[_PAIR_FEATURES])
    if "valves" not in arrays:
        raise ArtifactError("the transform was learnt by an older version; run `echomine learn` again")
    kept = [place for place, (*_, paragraph) in enumerate(rows) if not paragraph or paragraph in vectors]
    return PairedFeatures(
        image_ids=tuple(rows[place][0] for place in kept),
        patients=tuple(rows[place][1] for place in kept),
        modes=tuple(DopplerMode(rows[place][2]) for place in kept),
        paragraph_ids=tuple(rows[place][3] for place in kept),
        features=arrays["features"][kept],
        valves=arrays["valves"][kept],
        targets=arrays["targets"][kept],
        weights=arrays["weights"][kept],
    )


def _threshold_words(judgement: Judgement) -> str:
    threshold = judgement.threshold
    if not threshold.coverage:
        return f"keeps none: no vote of the learning patients reached {threshold.value:.2f}"
    return f"abstains below {threshold.value:.2f}, keeps {threshold.coverage:.0%} at {threshold.precision:.0%} right"


def _words(metrics: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in metrics.items())
