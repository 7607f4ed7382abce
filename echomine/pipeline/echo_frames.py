"""The apical views of one echo exam: which files they are, their frames with masks, end diastole and end systole."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echomine.archive.nifti_files import NiftiImage, read_nifti
from echomine.archive.volume_geometry import ElementT, Placement, plane_placement
from echomine.cardiac.anatomical_guarantee import Remedy
from echomine.cardiac.apical_anatomy import ApicalCriterion, apical_violation_places, apical_violations
from echomine.cardiac.apical_guarantee import valid_apical
from echomine.cardiac.apical_volumes import FEWEST_PIXELS, ApicalProfile, apical_profile, single_plane_discs_ml
from echomine.cardiac.cine_segmentation import segment_cine
from echomine.cardiac.clip_segmentation import segment_clip
from echomine.cardiac.ensemble import SliceEnsemble
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.structures import Apical
from echomine.pipeline.given_masks import read_given_mask
from echomine.pipeline.scan_modality import check_clip


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoView:
    """The files of one apical view.

    Attributes:
        images: One clip, or two pictures of end diastole and end systole.
        masks: As many masks, or none for the networks' own.
    """

    images: tuple[Path, ...]
    masks: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if not 1 <= len(self.images) <= 2 or len(self.masks) not in (0, len(self.images)):
            raise UsageError("a view is one clip, or two pictures of end diastole and end systole, with masks or none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a view with its mask, in canonical order, and how the mask became valid."""

    picture: NDArray[np.float32]
    mask: NDArray[np.uint8]
    spacing_mm: tuple[float, ...]
    profile: ApicalProfile | None
    remedy: Remedy = Remedy.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenView:
    """All frames of a view and the two that were measured.

    Attributes:
        frames: In time.
        ed, es: Their numbers; the same for a single picture.
        stored: Image, placement and frame numbers of each file, for writing masks.
    """

    frames: tuple[Frame, ...]
    ed: int
    es: int
    stored: tuple[tuple[NiftiImage, Placement, range], ...] = field(repr=False)

    @property
    def pair(self) -> tuple[Frame, Frame]:
        """The frames of end diastole and end systole."""
        return self.frames[self.ed], self.frames[self.es]

    @property
    def is_single(self) -> bool:
        """Whether one frame stands for both instants."""
        return self.ed == self.es


def echo_views(diastole: Sequence[Path], systole: Sequence[Path], masks: Sequence[Path]) -> tuple[EchoView, ...]:
    """Views from lists of files: end-diastolic pictures or clips, end-systolic ones, masks view by view.

    Raises:
        UsageError: If the numbers do not fit.
    """
    if len(systole) not in (0, len(diastole)):
        raise UsageError(f"--es is given once for each view or not at all, got {len(systole)} for {len(diastole)}")
    pairs = [tuple(pair) for pair in zip(diastole, *([systole] if systole else []), strict=True)]
    needed = sum(len(pair) for pair in pairs)
    if len(masks) not in (0, needed):
        raise UsageError(f"--mask is given once for each picture or clip, got {len(masks)} for {needed}")
    width = len(pairs[0])
    parts = [tuple(masks[at * width : (at + 1) * width]) for at in range(len(pairs))]
    return tuple(EchoView(images=pair, masks=part) for pair, part in zip(pairs, parts, strict=True))


def listed_views(files: Sequence[Path], masks: Sequence[Path]) -> tuple[EchoView, ...]:
    """Views of one row of a list: clips of four chambers and of two; or pictures, each view's ED before its ES.

    Two or four pictures are pairs, since a view of one instant has no ejection fraction.

    Raises:
        UsageError: If the numbers do not fit, or a file is missing.
        ItemError: If a file cannot be read.
    """
    pictures = [read_nifti(path, dimensions=(2, 3)).values.ndim == 2 for path in files] if len(files) > 1 else []
    if len(files) in (2, 4) and all(pictures):
        return echo_views(files[::2], files[1::2], masks)
    if len(files) > 2:
        raise UsageError(f"an echo exam is one or two clips, or pictures in pairs of ED and ES, got {len(files)} files")
    return echo_views(files, (), masks)


def seen_view(view: EchoView, ensemble: SliceEnsemble | None) -> SeenView:
    """The frames of a view with their masks, given ones or those of networks.

    Raises:
        UsageError: If a file is missing.
        ItemError: If a file cannot be used, a mask does not fit, or no frame shows a ventricle.
    """
    dimensions = (2, 3) if len(view.images) == 1 else (2,)
    frames: list[Frame] = []
    stored: list[tuple[NiftiImage, Placement, range]] = []
    for at, path in enumerate(view.images):
        image = read_nifti(path, dimensions=dimensions)
        check_clip(image, path)
        placement = plane_placement(image.affine, image.spacing_mm)
        pictures = _planes(placement.canonical(image.values))
        if view.masks:
            masks = _planes(placement.canonical(read_given_mask(view.masks[at], image, Apical)))
        else:
            assert ensemble is not None
            masks = _segmented(pictures, placement, ensemble)
        stored.append((image, placement, range(len(frames), len(frames) + len(pictures))))
        frames += [_framed(picture, mask, placement.spacing_mm) for picture, mask in zip(pictures, masks, strict=True)]
    ed, es = _instants(frames, named=len(view.images) == 2)
    return SeenView(frames=tuple(frames), ed=ed, es=es, stored=tuple(stored))


def _planes(values: NDArray[ElementT]) -> list[NDArray[ElementT]]:
    return [values] if values.ndim == 2 else list(np.moveaxis(values, -1, 0))


def _segmented(
    pictures: Sequence[NDArray[np.float32]], placement: Placement, ensemble: SliceEnsemble
) -> list[NDArray[np.uint8]]:
    if ensemble.sees_clips:
        return list(
            segment_clip(
                ensemble.networks,
                np.stack(pictures),
                placement.spacing_mm,
                ensemble.preparation,
                frame_networks=ensemble.frame_networks,
            )
        )
    rows_mm, columns_mm = placement.spacing_mm
    spacing, mirrors = (1.0, rows_mm, columns_mm), ensemble.mirrors
    return [
        segment_cine(ensemble.networks, picture[None], spacing, ensemble.preparation, mirrors=mirrors, turned=False)[0]
        for picture in pictures
    ]


def _framed(picture: NDArray[np.float32], mask: NDArray[np.uint8], spacing_mm: tuple[float, ...]) -> Frame:
    cavity, atrium = mask == Apical.LV, mask == Apical.LA
    if np.count_nonzero(cavity) < FEWEST_PIXELS:
        return Frame(picture=picture, mask=mask, spacing_mm=spacing_mm, profile=None)
    profile = apical_profile(cavity, spacing_mm, atrium=atrium if atrium.any() else None)
    return Frame(picture=picture, mask=mask, spacing_mm=spacing_mm, profile=profile)


def view_violations(view: SeenView, number: int) -> dict[ApicalCriterion, float]:
    """The criteria that the mask of a frame violates; a ventricle alone, without a wall, may lie on the background."""
    mask, spacing_mm = view.frames[number].mask, view.frames[number].spacing_mm
    has_wall = bool((mask == Apical.MYOCARDIUM).any())
    found = apical_violations(mask, spacing_mm)
    return {one: value for one, value in found.items() if has_wall or one is not ApicalCriterion.LV_BACKGROUND}


def violation_mark(view: SeenView, number: int) -> NDArray[np.bool_]:
    """(Y, X) where the mask of a frame violates anatomy."""
    frame = view.frames[number]
    places = apical_violation_places(frame.mask, frame.spacing_mm)
    mark = np.zeros(frame.mask.shape, dtype=np.bool_)
    for one in view_violations(view, number):
        mark |= places[one]
    return mark


def made_valid(view: SeenView) -> SeenView:
    """The view with valid masks at the two instants that are measured."""
    frames = list(view.frames)
    for at in {at for at in (view.ed, view.es) if view_violations(view, at)}:
        frame = frames[at]
        valid = valid_apical(frame.mask, frame.spacing_mm)
        frames[at] = replace(_framed(frame.picture, valid.mask, frame.spacing_mm), remedy=valid.remedy)
    return replace(view, frames=tuple(frames))


def _instants(frames: Sequence[Frame], *, named: bool) -> tuple[int, int]:
    """End diastole and end systole: as named, else where the single-plane volume is largest and smallest."""
    if named and len(frames) == 2:
        return 0, 1
    volumes = [single_plane_discs_ml(one.profile) if one.profile else float("nan") for one in frames]
    if all(np.isnan(volumes)):
        raise ItemError(Reason.NO_HEART, "no frame shows a left ventricle; check view, orientation and mask")
    return int(np.nanargmax(volumes)), int(np.nanargmin(volumes))
