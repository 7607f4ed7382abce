"""What every reader of training sets shares: settings, patients, bad pictures."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath

from echomine.domain.errors import ConfigurationError, ItemError, Reason
from echomine.doppler.display import PhysicalGrid
from echomine.learning.samples import Sample, SampleSet

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


class DataKind(StrEnum):
    """Form of a data set."""

    IMAGE_FOLDER = "image_folder"
    MASK_FOLDER = "mask_folder"
    NIFTI = "nifti"
    COCO = "coco"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """Where a data set lies and how to read it.

    Attributes:
        kind: A form of :class:`DataKind`.
        path: Folder; ``$NAME`` in it is taken from the environment.
        labels: Of masks: name of each structure to its value.
        label: Of an image folder with metadata: ``coarse`` for valve and flow of the labels, or a field's name.
        classes: Of an image folder: only pictures of these classes; empty takes all.
        group: Regular expression whose first group, in the path of a file below its folder, is the patient or case;
            empty takes what the data set states, else all of the file name before the first underscore.
        pattern: Only files whose name matches, such as ``*_4CH_*``.
        images, masks: Folders of pictures and masks below the path.
        mask_suffix: What the name of a mask has behind that of its picture.
        annotations: COCO file below the path.
        spacing_mm: Height and width of a pixel of pictures, which state none themselves.
        grid: Rows and columns of the physical grid that displays are resampled to; empty leaves them as they are.
    """

    kind: str
    path: str
    labels: Mapping[str, int] = field(default_factory=dict)
    label: str = ""
    classes: tuple[str, ...] = ()
    group: str = ""
    pattern: str = "*"
    images: str = "images"
    masks: str = "masks"
    mask_suffix: str = ""
    annotations: str = "annotations.json"
    spacing_mm: tuple[float, ...] = ()
    grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in set(DataKind):
            raise ConfigurationError(f"data.kind is one of {', '.join(DataKind)}, got {self.kind!r}")
        if self.kind in {DataKind.MASK_FOLDER, DataKind.NIFTI} and not self.labels:
            raise ConfigurationError(
                "masks need [data.labels]: the name of each structure and its value, such as LV = 1"
            )
        if any(not 0 < value < 65536 for value in self.labels.values()):
            raise ConfigurationError(f"values of structures lie in 1..65535, 0 is the background, got {self.labels}")
        if len(set(self.labels.values())) < len(self.labels):
            raise ConfigurationError(f"each structure of data.labels needs a value of its own, got {dict(self.labels)}")
        if self.grid and (len(self.grid) != 2 or min(self.grid) < 1):
            raise ConfigurationError(f"data.grid is rows and columns, got {self.grid}")
        if self.spacing_mm and (len(self.spacing_mm) != 2 or min(self.spacing_mm) <= 0):
            raise ConfigurationError(f"data.spacing_mm is height and width of a pixel in mm, got {self.spacing_mm}")
        _check_expression(self.group)

    @property
    def values(self) -> dict[int, int]:
        """Value in a mask to class number."""
        return {value: number for number, value in enumerate(self.labels.values(), start=1)}

    @property
    def physical_grid(self) -> PhysicalGrid | None:
        """The grid of displays."""
        return PhysicalGrid(rows=self.grid[0], columns=self.grid[1]) if self.grid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSample:
    """A picture that was left out.

    Attributes:
        name: Its name below the path.
        reason: The code.
        message: What to do.
    """

    name: str
    reason: Reason
    message: str

    def document(self) -> dict[str, str]:
        """The problem as plain JSON values."""
        return {"name": self.name, "reason": self.reason.value, "message": self.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSet:
    """A data set, and what was wrong with the rest of it."""

    samples: SampleSet
    problems: tuple[BadSample, ...] = ()


def group_of(name: str, expression: str, stated: str = "") -> str:
    """The patient or case of a file, by its path below the folder of the data.

    Raises:
        ItemError: ``bad_row`` if the expression does not match the name.
    """
    if not expression:
        return stated or PurePosixPath(name).name.split("_", maxsplit=1)[0]
    found = re.search(expression, name)
    if found is None or not found.groups():
        raise ItemError(Reason.BAD_ROW, f"data.group {expression!r} finds no patient in the name {name}")
    return str(found.group(1))


def collected(names: Iterator[tuple[str, Callable[[], list[Sample]]]], classes: tuple[str, ...]) -> LoadedSet:
    """The samples that could be read, sorted by name, and the problems of the others."""
    samples: list[Sample] = []
    problems: list[BadSample] = []
    taken: set[str] = set()
    for name, read in names:
        try:
            found = read()
            _check_new(found, taken)
            samples += found
        except ItemError as error:
            problems.append(BadSample(name=name, reason=error.reason, message=str(error)))
    ordered = sorted(samples, key=lambda sample: (sample.volume or sample.name, sample.position))
    return LoadedSet(samples=SampleSet(classes=classes, samples=tuple(ordered)), problems=tuple(problems))


def _check_new(samples: Sequence[Sample], taken: set[str]) -> None:
    names = {one.name for one in samples}
    if names & taken:
        raise ItemError(Reason.BAD_ROW, f"two pictures are called {min(names & taken)}: rename one or leave it out")
    taken |= names


def pixel_spacing(config: DataConfig) -> tuple[float, float] | None:
    """Height and width of a pixel of pictures; None where nobody states it."""
    return (config.spacing_mm[0], config.spacing_mm[1]) if config.spacing_mm else None


def _check_expression(expression: str) -> None:
    try:
        groups = re.compile(expression).groups
    except re.error as error:
        raise ConfigurationError(f"data.group {expression!r} is no regular expression: {error}") from error
    if expression and not groups:
        raise ConfigurationError(f"data.group {expression!r} needs a group in round brackets around the patient")
