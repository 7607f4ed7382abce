"""Query by image: the nearest paragraphs, the nearest archived images, and the labels read from the paragraphs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.grid_reading import OnGrid
from echomine.archive.spectral_files import SpectralFile, read_shown_pixels, read_spectral_file
from echomine.archive.text_masking import without_text
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ItemError, UsageError
from echomine.domain.records import Hit, ImageRecord, Label
from echomine.domain.vocabulary import Valve
from echomine.pipeline.displays import on_grid
from echomine.pipeline.label_archive import places_of
from echomine.pipeline.measure_image import measure_file
from echomine.pipeline.measured_labels import labels_of_image, measured_labels, suggested_valve
from echomine.pipeline.model_chain import ModelChain, load_chain
from echomine.pipeline.similar_cases import SimilarCases, SimilarImage
from echomine.retrieval.columns import ParagraphFilter
from echomine.retrieval.paragraph_index import Neighbour

CASES, PICTURES = 8, 4
"""Nearest images that are named, and those of them that are shown."""


def find_similar(
    workspace: Workspace,
    image: Path,
    *,
    k: int = 10,
    valve: Valve | None = None,
    own_patient: bool = False,
    pictures: bool = True,
) -> SimilarCases:
    """The paragraphs and cases nearest to an image.

    Args:
        workspace: Where the models and the catalog are.
        image: DICOM file or picture; it need not be in the catalog.
        k: How many paragraphs are shown, those nearest of the valves that the image may show; the labels rest on as
            many of each as the labeller was calibrated with.
        valve: Only paragraphs about this valve, and labels as if the image were known to show it.
        own_patient: Whether paragraphs and images of the image's own patient may be shown.
        pictures: Whether to read the pictures too; finding the print to mask takes longer than all the rest.

    Raises:
        UsageError: If the image cannot be used; the sentence says why.
        ArtifactError: If nothing is learnt yet, or a model was altered.
    """
    try:
        spectral = read_spectral_file(image)
    except ItemError as error:
        raise UsageError(f"{image.name}: {error} ({error.reason.value})") from error
    chain = load_chain(workspace)
    record = _record(workspace, spectral)
    place = places_of(chain, [OnGrid(on_grid(spectral, chain.grid))])
    owner = "" if own_patient else record.patient
    valves = place.valves if valve is None else np.array([[one is valve for one in Valve]], dtype=np.float32)
    near = chain.labeller.near(chain.index, place.vectors, valves, [owner])[0]
    labels = chain.labeller.labels(record, near, model=chain.version)
    wanted = ParagraphFilter(valves=frozenset(one.valve for one in near))
    found = chain.index.search(place.vectors, k, wanted=wanted, own_patients=[owner])[0]
    suggested = suggested_valve(labels)
    measured = measure_file(spectral, valve=suggested.valve if suggested else None)
    return SimilarCases(
        image_id=record.image_id,
        picture=as_rgb(without_text(spectral.display.pixels)) if pictures else None,
        labels=labels,
        hits=_hits(workspace, found),
        cases=_cases(workspace, chain, place.vectors[0], owner=owner, itself=record.image_id, pictures=pictures),
        notes=_notes(record, spectral, owner, own_patient=own_patient),
        model=chain.version,
        measured=measured,
        measured_labels=labels_of_image(measured_labels(measured.reading, suggested=suggested), record, labels),
    )


def as_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) of (H, W) or (H, W, 3)."""
    return np.repeat(pixels[..., None], 3, axis=2) if pixels.ndim == 2 else pixels


def _record(workspace: Workspace, spectral: SpectralFile) -> ImageRecord:
    known = workspace.catalog.images.get(spectral.image_id)
    if known is not None and known.record.content_sha256 == spectral.content_sha256:
        return known.record
    return ImageRecord(
        image_id=spectral.image_id,
        content_sha256=spectral.content_sha256,
        patient=workspace.pseudonym(spectral.identity.patient_id),
        study_uid=spectral.study_uid,
        mode=spectral.display.mode,
        box=spectral.box,
        calibration=spectral.display.calibration,
    )


def _hits(workspace: Workspace, found: Sequence[Neighbour]) -> tuple[Hit, ...]:
    paragraphs = workspace.catalog.reports.some_paragraphs([one.paragraph_id for one in found])
    return tuple(
        Hit(paragraph=paragraphs[one.paragraph_id], score=one.score) for one in found if one.paragraph_id in paragraphs
    )


def _cases(
    workspace: Workspace, chain: ModelChain, place: NDArray[np.float32], *, owner: str, itself: str, pictures: bool
) -> tuple[SimilarImage, ...]:
    """The labelled images nearest in text space."""
    placed = [
        one
        for one in workspace.catalog.ledger.placed_images(chain.version)
        if one.image_id != itself and (not owner or one.patient != owner)
    ]
    if not placed:
        return ()
    matrix = np.stack([np.frombuffer(one.vector, dtype="<f2") for one in placed]).astype(np.float32)
    scores = matrix @ place
    nearest = np.argsort(-scores, kind="stable")[:CASES].tolist()
    chosen = [placed[row].image_id for row in nearest]
    labels = _labels_by_image(workspace, chosen, chain.version)
    return tuple(
        SimilarImage(
            image_id=placed[row].image_id,
            score=float(scores[row]),
            labels=labels.get(placed[row].image_id, ()),
            picture=_picture(workspace, placed[row].image_id) if pictures and rank < PICTURES else None,
        )
        for rank, row in enumerate(nearest)
    )


def _labels_by_image(workspace: Workspace, image_ids: Sequence[str], model: str) -> dict[str, tuple[Label, ...]]:
    labels: dict[str, tuple[Label, ...]] = {}
    for label in workspace.catalog.ledger.labels_of_images(image_ids, model=model):
        labels[label.image_id] = (*labels.get(label.image_id, ()), label)
    return labels


def _picture(workspace: Workspace, image_id: str) -> NDArray[np.uint8] | None:
    file = workspace.catalog.images.get(image_id)
    try:
        return as_rgb(read_shown_pixels(file)) if file else None
    except ItemError:
        return None  # a case whose file is gone is still a case


def _notes(record: ImageRecord, spectral: SpectralFile, owner: str, *, own_patient: bool) -> tuple[str, ...]:
    notes = list(spectral.notes)
    if record.calibration is None:
        notes.append("the image states no scale, so severities are not read and every label is abstained")
    if not owner and not own_patient:
        notes.append("the image states no patient, so reports of the same patient may be among the hits")
    return tuple(notes)
