"""What learning sees: reports, images, and the hand-made pairs and views. Never the truth."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echomine.archive.spectral_files import ImageFile
from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.domain.records import Pair, Paragraph, View
from echomine.domain.splits import split_of, unit_hash
from echomine.domain.vocabulary import DopplerMode, Split
from echomine.learning.display_description import DisplayFeatureConfig
from echomine.pipeline.displays import gridded_displays
from echomine.pipeline.exam_match import ExamParagraphs
from echomine.pipeline.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class GriddedImages:
    """N calibrated images in memory.

    Attributes:
        image_ids: N ids.
        patients: N pseudonyms.
        study_uids: N exams.
        modes: N kinds of Doppler.
        pixels: (N, 1, rows, columns) uint8 on the grid.
        numbers: (N, numbers) measured on them, as :func:`doppler.display_numbers` gives them; None where nobody did.
    """

    image_ids: tuple[str, ...]
    patients: tuple[str, ...]
    study_uids: tuple[str, ...]
    modes: tuple[DopplerMode, ...]
    pixels: NDArray[np.uint8]
    numbers: NDArray[np.float32] | None = None

    def rows(self) -> dict[str, int]:
        """Row of each image id."""
        return {name: row for row, name in enumerate(self.image_ids)}

    def of_patients(self, patients: Collection[str]) -> "GriddedImages":
        """The images of some patients."""
        return self._kept([row for row, patient in enumerate(self.patients) if patient in patients])

    def only(self, image_ids: Collection[str]) -> "GriddedImages":
        """Those of the images that are named."""
        return self._kept([row for row, name in enumerate(self.image_ids) if name in image_ids])

    def _kept(self, kept: list[int]) -> "GriddedImages":
        return GriddedImages(
            image_ids=tuple(self.image_ids[row] for row in kept),
            patients=tuple(self.patients[row] for row in kept),
            study_uids=tuple(self.study_uids[row] for row in kept),
            modes=tuple(self.modes[row] for row in kept),
            pixels=self.pixels[kept],
            numbers=None if self.numbers is None else self.numbers[kept],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningData:
    """Everything a run of learning may look at.

    Attributes:
        paragraphs: Of the learning patients, in a stable order.
        images: Of the learning patients.
        pairs: Hand-made or proposed; both ends are above.
        views: Hand-made or proposed; their images are above.
        exams: Where pairs are proposed, the paragraphs that may speak of each image, by its id; else none.
    """

    paragraphs: tuple[Paragraph, ...]
    images: GriddedImages
    pairs: tuple[Pair, ...]
    views: tuple[View, ...]
    exams: Mapping[str, ExamParagraphs] = field(default_factory=dict)

    def without_hands(self) -> "LearningData":
        """The same lab without ``pairs.csv`` and ``views.csv``."""
        return LearningData(paragraphs=self.paragraphs, images=self.images, pairs=(), views=())

    def of_patients(self, patients: Collection[str]) -> "LearningData":
        """What concerns some patients alone."""
        paragraphs = tuple(one for one in self.paragraphs if one.patient in patients)
        images = self.images.of_patients(patients)
        return LearningData(
            paragraphs=paragraphs,
            images=images,
            pairs=_known_pairs(self.pairs, images.image_ids, paragraphs),
            views=tuple(view for view in self.views if view.image_id in set(images.image_ids)),
        )


def learning_patients(patients: Iterable[str], fractions: Sequence[float]) -> frozenset[str]:
    """Those of the patients that models may learn from: train and validation. Unknown patients are among them."""
    return frozenset(one for one in patients if not one or split_of(one, fractions=fractions) is not Split.TEST)


def load_learning_data(
    workspace: Workspace,
    config: DisplayFeatureConfig,
    *,
    patients: Collection[str] | None,
    most_unlabelled: int | None,
    progress: Progress,
) -> LearningData:
    """The learning data of some patients, or of all.

    Images with a pair or view always come along. Of the others come all (``most_unlabelled`` None), or as many as the
    image feature looks at and ``most_unlabelled`` allows, chosen by a hash of their id, so that the choice does not
    depend on what else is there. Uncalibrated and unreadable images are left out. Displays are
    measured as they are read, where the image feature wants that, by as many processes as read.

    Raises:
        UsageError: If there is no paragraph or no image.
    """
    catalog = workspace.catalog
    paragraphs = tuple(catalog.reports.paragraphs(patients=patients))
    if not paragraphs:
        raise UsageError("no report in the workspace names a valve; `echomine ingest --reports FILE` adds reports")
    pairs, views = catalog.reports.pairs(), catalog.reports.views()
    wanted = {pair.image_id for pair in pairs} | {view.image_id for view in views}
    files = [one for one in catalog.images.all() if patients is None or one.record.patient in patients]
    files = [one for one in files if one.record.calibration is not None]
    if most_unlabelled is not None:
        taught = sum(one.record.image_id in wanted for one in files)
        room = len(files) if config.network else max(0, config.sample - taught)
        files = _chosen(files, wanted, min(most_unlabelled, room))
    images = _read_images(files, config, progress)
    return LearningData(
        paragraphs=paragraphs,
        images=images,
        pairs=_known_pairs(pairs, images.image_ids, paragraphs),
        views=tuple(view for view in views if view.image_id in set(images.image_ids)),
    )


def _chosen(files: Sequence[ImageFile], wanted: Collection[str], most_others: int) -> list[ImageFile]:
    others = [one for one in files if one.record.image_id not in wanted]
    drawn = sorted(others, key=lambda one: unit_hash(one.record.image_id))[:most_others]
    kept = {one.record.image_id for one in drawn} | set(wanted)
    return [one for one in files if one.record.image_id in kept]


def _read_images(files: Sequence[ImageFile], config: DisplayFeatureConfig, progress: Progress) -> GriddedImages:
    good, pixels, numbers = [], [], []
    with progress.stage("Reading displays", len(files)) as advance:
        for display in gridded_displays(files, config.grid, measured=config.measured):
            advance(1)
            if display.pixels is not None:
                good.append(display.file.record)
                pixels.append(display.pixels)
            if display.numbers is not None:
                numbers.append(display.numbers)
    if not good:
        raise UsageError("the workspace has no readable calibrated image; `echomine ingest FOLDER` adds images")
    return GriddedImages(
        image_ids=tuple(one.image_id for one in good),
        patients=tuple(one.patient for one in good),
        study_uids=tuple(one.study_uid for one in good),
        modes=tuple(one.mode for one in good),
        pixels=np.stack(pixels),
        numbers=np.stack(numbers) if numbers else None,
    )


def _known_pairs(pairs: Sequence[Pair], image_ids: Sequence[str], paragraphs: Sequence[Paragraph]) -> tuple[Pair, ...]:
    images, texts = set(image_ids), {one.paragraph_id for one in paragraphs}
    return tuple(pair for pair in pairs if pair.image_id in images and pair.paragraph_id in texts)
