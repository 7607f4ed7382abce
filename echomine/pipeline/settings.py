"""Settings of learning and labelling, read from a TOML file."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echomine.domain.config import config_from
from echomine.domain.errors import ConfigurationError, UsageError
from echomine.domain.splits import DEFAULT_FRACTIONS

if TYPE_CHECKING:
    from echomine.learning.display_description import DisplayFeatureConfig
    from echomine.learning.image_feature import ImageFeatureConfig
    from echomine.learning.statements import StatementConfig
    from echomine.learning.transform import TransformConfig
    from echomine.retrieval.confidence import ConfidenceConfig
    from echomine.retrieval.text_space import TextSpaceConfig
    from echomine.retrieval.vector_index import IndexConfig
    from echomine.retrieval.vote import VoteConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class LabellerConfig:
    """Settings of the labeller beside the vote.

    Attributes:
        precision: Wanted share of right labels among those not abstained from.
        folds: Parts of the learning patients; each is voted on by a transform that did not see it.
    """

    precision: float = 0.95
    folds: int = 5

    def __post_init__(self) -> None:
        if not 0.5 <= self.precision < 1 or self.folds < 2:
            raise ConfigurationError(
                f"a labeller needs 0.5 <= precision < 1 and 2 or more folds, got {self.precision} and {self.folds}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningConfig:
    """Settings of what learning sees.

    Attributes:
        fractions: Shares of patients in train, validation and test; the test patients are never learnt from.
        unlabelled_images: At most so many images without a pair or view join the training of the image feature.
        weak_rounds: Without hand-made pairs, how often the proposed ones are revised.
    """

    fractions: tuple[float, float, float] = DEFAULT_FRACTIONS
    unlabelled_images: int = 1000
    weak_rounds: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, one group a table of the TOML file."""

    text_space: "TextSpaceConfig"
    image_feature: "DisplayFeatureConfig"
    network: "ImageFeatureConfig"
    transform: "TransformConfig"
    statements: "StatementConfig"
    index: "IndexConfig"
    vote: "VoteConfig"
    confidence: "ConfidenceConfig"
    labeller: LabellerConfig = field(default_factory=LabellerConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)


def read_settings(path: Path | None) -> Settings:
    """The settings of a TOML file, or the defaults without one.

    Raises:
        UsageError: If the file is missing or no TOML.
        ConfigurationError: If a table or a key is unknown, or a value is out of range.
    """
    if path is None:
        return settings_from({})
    try:
        return settings_from(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from error


def settings_from(tables: Mapping[str, Any]) -> Settings:
    """The settings of a mapping of tables, each group at its defaults where nothing is said.

    Raises:
        ConfigurationError: If a table or key is unknown, or a value is out of range.
    """
    groups = _groups()
    unknown = sorted(set(tables) - set(groups))
    if unknown:
        raise ConfigurationError(
            f"no table {', '.join(unknown)} in the settings; known are {', '.join(sorted(groups))}"
        )
    return Settings(**{name: build(tables.get(name, {})) for name, build in groups.items()})


def _groups() -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    from echomine.learning.display_description import display_feature_config
    from echomine.learning.image_feature import image_feature_config
    from echomine.learning.statements import StatementConfig
    from echomine.learning.transform import TransformConfig
    from echomine.retrieval.confidence import ConfidenceConfig
    from echomine.retrieval.text_space import TextSpaceConfig
    from echomine.retrieval.vector_index import IndexConfig
    from echomine.retrieval.vote import VoteConfig

    plain = {
        "text_space": TextSpaceConfig,
        "transform": TransformConfig,
        "statements": StatementConfig,
        "index": IndexConfig,
        "vote": VoteConfig,
        "confidence": ConfidenceConfig,
        "labeller": LabellerConfig,
        "learning": LearningConfig,
    }

    def builder(kind: type[Any]) -> Callable[[Mapping[str, Any]], Any]:
        return lambda values: config_from(kind, values)

    return {name: builder(kind) for name, kind in plain.items()} | {
        "image_feature": display_feature_config,
        "network": image_feature_config,
    }
