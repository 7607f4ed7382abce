"""The TOML file of an image model: data, split, network, training, evaluation."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echomine.archive.artifacts import is_artifact_name
from echomine.archive.training_data import DataConfig
from echomine.domain.config import config_from
from echomine.domain.errors import ConfigurationError, UsageError
from echomine.learning.image_model import ImageModelConfig, image_model_config
from echomine.learning.samples import SplitConfig

_MODEL_TABLES = ("network", "input", "augmentation", "loss", "training", "keep_largest", "score_threshold")
_KNOWN = ("name", "seed", "data", "split", "evaluation", *_MODEL_TABLES)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationConfig:
    """How a model is judged.

    Attributes:
        distances: Whether surface distances are given; they need a pixel spacing, in mm.
        repeats: Draws of the bootstrap over patients.
    """

    distances: bool = True
    repeats: int = 500

    def __post_init__(self) -> None:
        if self.repeats < 10:
            raise ConfigurationError(f"evaluation.repeats is 10 or more, got {self.repeats}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingFile:
    """Everything that a training run is made of.

    Attributes:
        name: Of the model, in the workspace.
        data: Where the pictures are.
        model: Network, input, augmentation, loss, training.
        seed: Fixes weights, order and augmentation; the split has its own.

    Raises:
        ConfigurationError: If the name cannot be that of an artifact.
    """

    name: str
    data: DataConfig
    model: ImageModelConfig
    split: SplitConfig = field(default_factory=SplitConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    seed: int = 0

    def __post_init__(self) -> None:
        if not is_artifact_name(self.kind):
            raise ConfigurationError(f"{self.name!r} is no name for a model; use letters, digits, '_', '-' and '.'")

    @property
    def kind(self) -> str:
        """Kind of its artifact."""
        return artifact_kind(self.name)

    def folder(self, override: Path | None = None) -> Path:
        """Where the data lie: the folder given, else the path with its environment variables.

        Raises:
            UsageError: If a variable is not set.
        """
        if override is not None:
            return override
        expanded = os.path.expandvars(self.data.path)
        if "$" in expanded:
            raise UsageError(f"data.path {self.data.path} names a variable that is not set; set it, or give --data")
        return Path(expanded)


_TABLES: Mapping[str, type] = {"data": DataConfig, "split": SplitConfig, "evaluation": EvaluationConfig}


def artifact_kind(name: str) -> str:
    """Kind of the artifact of a model."""
    return f"image_model_{name}"


def read_training_file(path: Path) -> TrainingFile:
    """The settings of a TOML file.

    Raises:
        UsageError: If the file is missing, no TOML, or names an unknown network.
        ConfigurationError: If a table or key is unknown, or a value cannot be.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as TOML: {error}") from error
    return training_file({"name": path.stem, **tables})


def training_file(tables: Mapping[str, Any]) -> TrainingFile:
    """The settings of a mapping of tables.

    Raises:
        UsageError: If it names an unknown network.
        ConfigurationError: If a table or key is unknown or missing, or a value cannot be.
    """
    unknown = sorted(set(tables) - set(_KNOWN))
    if unknown:
        raise ConfigurationError(
            f"no table {', '.join(unknown)} in the settings; known are {', '.join(sorted(_KNOWN))}"
        )
    if "data" not in tables:
        raise ConfigurationError("the settings need a table [data] with kind and path")
    given: dict[str, Any] = {name: config_from(kind, tables.get(name, {})) for name, kind in _TABLES.items()}
    plain = {name: tables[name] for name in ("name", "seed") if name in tables}
    model = image_model_config({key: tables[key] for key in _MODEL_TABLES if key in tables})
    return config_from(TrainingFile, plain | given | {"model": model})
