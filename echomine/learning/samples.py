"""What image networks learn from and answer about: pictures with a class, a label map or objects."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.vocabulary import Split
from echomine.metrics.boxes import PictureObjects

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]
LabelMap: TypeAlias = NDArray[np.uint8]

_FEWEST_SAMPLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One picture, or one slice of a volume.

    Attributes:
        name: Its name, unique in its set.
        group: Patient or case; groups are split, never pictures.
        pixels: (C, H, W), uint8 or finite float32.
        target: Class number; label map (H, W) of class numbers, 0 the background; or objects. None when unknown.
        spacing_mm: Height and width of a pixel; None when nobody stated it.
        split: The part that the data set itself puts it in; None leaves it to the split by group.
        volume: Name of the volume it is a slice of; empty for a picture.
        position: Place in the volume.
        depth_mm: Distance of the slices.
    """

    name: str
    group: str
    pixels: Pixels
    target: int | LabelMap | PictureObjects | None = None
    spacing_mm: tuple[float, float] | None = None
    split: Split | None = None
    volume: str = ""
    position: int = 0
    depth_mm: float | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.pixels.shape[1]), int(self.pixels.shape[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSet:
    """A data set of one task.

    Attributes:
        classes: Names; for label maps and objects those beside the background, numbered from 1.
        samples: In the order of their names.
    """

    classes: tuple[str, ...]
    samples: tuple[Sample, ...]

    def groups(self) -> tuple[str, ...]:
        """Names of the groups, sorted."""
        return tuple(sorted({sample.group for sample in self.samples}))


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitConfig:
    """How groups are split, where the data set does not say.

    Attributes:
        validation, test: Shares of the groups, at least one group each where above 0.
        seed: Fixes the choice.
        test_groups: Names of the test groups; overrides ``test``.
        folds, fold: With 2 or more folds the test part is fold number ``fold``, from 0, of a cross-validation:
            every group is in the test part of exactly one of them; overrides ``test``.
    """

    validation: float = 0.15
    test: float = 0.25
    seed: int = 0
    test_groups: tuple[str, ...] = ()
    folds: int = 0
    fold: int = 0

    def __post_init__(self) -> None:
        if self.folds and not (self.folds > 1 and 0 <= self.fold < self.folds):
            raise UsageError(
                f"a cross-validation has 2 or more folds, numbered from 0, got fold {self.fold} of {self.folds}"
            )
        if not (0 <= self.validation < 1 and 0 <= self.test < 1 and self.validation + self.test < 1):
            raise UsageError(
                f"a split needs shares of 0 or more that leave some training groups, got validation "
                f"{self.validation} and test {self.test}"
            )


def parts_of(samples: SampleSet, config: SplitConfig) -> dict[str, Split]:
    """The part of each sample, by its name: all samples of a group fall into one part.

    Raises:
        UsageError: If there are fewer than two samples, a test group is unknown, a group is in two parts of the data
            set, or too few groups are there to split.
    """
    if len(samples.samples) < _FEWEST_SAMPLES:
        raise UsageError(
            f"the data set holds {len(samples.samples)} picture(s): learning and judging need two or more, of "
            "different patients"
        )
    stated = _stated_parts(samples)
    return {sample.name: part for sample, part in zip(samples.samples, _parts(samples, config, stated), strict=True)}


def _parts(samples: SampleSet, config: SplitConfig, stated: dict[str, Split]) -> list[Split]:
    chosen = _drawn_parts(samples.groups(), config) if len(stated) < len(samples.groups()) else {}
    return [stated.get(sample.group) or chosen[sample.group] for sample in samples.samples]


def _stated_parts(samples: SampleSet) -> dict[str, Split]:
    stated: dict[str, Split] = {}
    for sample in samples.samples:
        if sample.split is not None and stated.setdefault(sample.group, sample.split) is not sample.split:
            raise UsageError(
                f"group {sample.group} is in {stated[sample.group]} and {sample.split}: a patient belongs to one part"
            )
    return stated


def _drawn_parts(groups: Sequence[str], config: SplitConfig) -> dict[str, Split]:
    unknown = sorted(set(config.test_groups) - set(groups))
    if unknown:
        raise UsageError(f"no group is called {', '.join(unknown)}; there are {', '.join(groups[:20])}")
    order = [str(name) for name in np.random.default_rng(config.seed).permutation(np.array(groups))]
    test = list(config.test_groups) or _test_groups(order, config)
    rest = [name for name in order if name not in test]
    validation = rest[: _count(config.validation, len(groups))]
    if len(rest) <= len(validation):
        raise UsageError(
            f"{len(groups)} group(s) cannot be split into training, validation and test: give more patients, or set "
            "the shares of validation and test lower"
        )
    parts = dict.fromkeys(groups, Split.TRAIN)
    return parts | dict.fromkeys(validation, Split.VALIDATION) | dict.fromkeys(test, Split.TEST)


def _test_groups(order: list[str], config: SplitConfig) -> list[str]:
    return order[config.fold :: config.folds] if config.folds else order[: _count(config.test, len(order))]


def _count(share: float, groups: int) -> int:
    return max(1, round(share * groups)) if share > 0 else 0


def check_pixels(name: str, pixels: NDArray[np.generic]) -> Pixels:
    """Pixels (C, H, W) as uint8 or float32.

    Raises:
        ItemError: ``no_pixels`` if there are none, ``bad_pixels`` if one is NaN or infinite.
    """
    if pixels.ndim != 3 or not pixels.size:
        raise ItemError(Reason.NO_PIXELS, f"{name} is no picture of rows and columns: its shape is {pixels.shape}")
    if pixels.dtype == np.uint8:
        return np.asarray(pixels, dtype=np.uint8)
    values = pixels.astype(np.float32)
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise ItemError(
            Reason.BAD_PIXELS, f"{name} has {count} pixel(s) that are NaN or infinite: replace them before learning"
        )
    return values


def check_label_map(name: str, labels: NDArray[np.generic], size: tuple[int, int], values: dict[int, int]) -> LabelMap:
    """A label map with its stated values turned into class numbers; 0 stays the background.

    Args:
        name: For messages.
        labels: (H, W) values as stored.
        size: Height and width of the picture.
        values: Stored value to class number.

    Raises:
        ItemError: ``bad_target`` if sizes differ or a value is unknown.
    """
    if labels.shape != size:
        raise ItemError(
            Reason.BAD_TARGET,
            f"the mask of {name} has {labels.shape} pixels and the picture {size}: they must be of one size",
        )
    known = {0: 0} | values
    found = [int(value) if float(value).is_integer() else float(value) for value in np.unique(labels)]
    unknown = [value for value in found if value not in known]
    if unknown:
        raise ItemError(
            Reason.BAD_TARGET,
            f"the mask of {name} has the unknown value(s) {', '.join(map(str, unknown[:5]))}: name them in "
            f"[data.labels], known are {', '.join(map(str, sorted(known)))}",
        )
    out = np.zeros(size, dtype=np.uint8)
    for value, number in known.items():
        out[labels == value] = number
    return out


def check_learnable(training: Sequence[Sample], classes: Sequence[str]) -> None:
    """Refuses a training set from which a class cannot be learnt.

    Raises:
        UsageError: If a class is in no training picture.
    """
    seen: Counter[int] = Counter()
    first = 1
    for sample in training:
        if isinstance(sample.target, np.ndarray):
            seen.update(int(value) for value in np.unique(sample.target))
        elif isinstance(sample.target, PictureObjects):
            seen.update(int(value) for value in np.unique(sample.target.classes))
        elif sample.target is not None:
            first = 0
            seen[sample.target] += 1
    missing = [name for number, name in enumerate(classes, start=first) if not seen[number]]
    if missing:
        raise UsageError(
            f"no training picture shows {', '.join(missing)}: its masks are empty or its patients all in other parts; "
            "give some of more patients, or leave it out of data.labels or data.classes"
        )
