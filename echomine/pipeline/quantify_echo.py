"""One echo exam: left ventricular volumes and ejection fraction from apical views."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.durable_files import write_bytes
from echomine.archive.nifti_files import NiftiImage, read_nifti, write_nifti_mask
from echomine.archive.volume_geometry import Placement, plane_placement
from echomine.cardiac.anatomical_guarantee import Remedy
from echomine.cardiac.apical_anatomy import (
    APICAL_LIMITS,
    ApicalCriterion,
    apical_violation_places,
    apical_violations,
)
from echomine.cardiac.apical_guarantee import valid_apical
from echomine.cardiac.apical_volumes import (
    FEWEST_PIXELS,
    ApicalProfile,
    apical_profile,
    area_length_ml,
    biplane_discs_ml,
    is_foreshortened,
    single_plane_discs_ml,
)
from echomine.cardiac.cine_segmentation import segment_cine
from echomine.cardiac.clip_segmentation import segment_clip
from echomine.cardiac.ef_category import Sex
from echomine.cardiac.ensemble import SliceEnsemble
from echomine.cardiac.volumes import Flag, ejection_fraction_pct, touches_border
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.structures import Apical
from echomine.pipeline.cardiac_models import APICAL_CLIPS, APICAL_ECHO, load_echo_ensemble
from echomine.pipeline.cardiac_pictures import DrawnPlane, curve_png, plane_png
from echomine.pipeline.cardiac_result import AnatomyNote, CardiacResult, CardiacValue, Curve, unique_flags
from echomine.pipeline.quantify_mr import check_same_grid, ef_categories

LARGEST_CLIP_STEP = 1.5
"""Frames of a clip are written with a step of 1, or of seconds."""
DISCS = "20 discs, length of the instant itself"
VIEW_NAMES = ("a4c", "a2c")
METHODS = {
    "biplane": f"biplane {DISCS}, the longer of both views",
    "single_plane": f"four-chamber view, {DISCS}",
    "area_length": "four-chamber view, 8 A^2 / (3 pi L)",
}


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
class EchoRequest:
    """What is asked.

    Attributes:
        four_chamber: The view that is needed.
        two_chamber: For biplane volumes; None takes the ventricle as round.
        workspace, generation: Where the networks are, which of them.
        out: Folder for masks, curve and picture; None writes nothing.
        guarantee: Whether the networks' masks of end diastole and end systole are made valid before they are measured;
            masks that were given are measured as they are.
        table, sex: For the category of the ejection fraction.
    """

    four_chamber: EchoView
    two_chamber: EchoView | None = None
    workspace: Path = Path("echomine-workspace")
    generation: str = ""
    out: Path | None = None
    guarantee: bool = True
    table: str = "ase2015"
    sex: Sex = Sex.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One picture of a view with its mask, in canonical order, and how the mask became valid."""

    picture: NDArray[np.float32]
    mask: NDArray[np.uint8]
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
    spacing_mm: tuple[float, ...] = (1.0, 1.0)


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


def quantify_echo(request: EchoRequest) -> CardiacResult:
    """Measures one exam.

    Raises:
        UsageError: If files are missing.
        ItemError: If a file cannot be used or shows no ventricle.
        ArtifactError: If there are no networks and no masks were given.
    """
    views = [view for view in (request.four_chamber, request.two_chamber) if view is not None]
    ensemble = None if all(view.masks for view in views) else _networks(views, request)
    seen = [_seen(view, ensemble) for view in views]
    anatomy = _anatomy(seen)
    if request.guarantee:
        seen = [view if given.masks else _made_valid(view) for view, given in zip(seen, views, strict=True)]
    left, remedies = _anatomy(seen), _remedies(seen)
    values = _values(seen)
    notes: tuple[str, ...] = ()
    if ensemble is not None and request.two_chamber is not None and not request.two_chamber.masks:
        notes = ("the networks learnt from four-chamber views; the two-chamber mask deserves a look",)
    result = CardiacResult(
        kind="echo",
        values=values,
        categories=ef_categories(values, table=request.table, sex=request.sex),
        flags=unique_flags([*_flags(seen), *((Flag.INVALID_ANATOMY,) if left else ())]),
        anatomy=tuple(replace(one, remedy="" if one in left else remedies[one.instant].value) for one in anatomy),
        anatomy_valid=not left,
        curves=_curves(seen),
        model=_model(ensemble),
        notes=notes,
    )
    return replace(result, files=_written(seen, result.curves, request.out)) if request.out else result


def _networks(views: Sequence[EchoView], request: EchoRequest) -> SliceEnsemble:
    unmasked = [view.images for view in views if not view.masks]
    clips = all(len(paths) == 1 and read_nifti(paths[0], dimensions=(2, 3)).values.ndim == 3 for paths in unmasked)
    return load_echo_ensemble(request.workspace, request.generation, clips=clips)


def _model(ensemble: SliceEnsemble | None) -> str:
    if ensemble is None:
        return "mask given"
    return f"{APICAL_CLIPS if ensemble.sees_clips else APICAL_ECHO} {ensemble.generation}"


def _seen(view: EchoView, ensemble: SliceEnsemble | None) -> SeenView:
    frames: list[Frame] = []
    stored: list[tuple[NiftiImage, Placement, range]] = []
    for at, path in enumerate(view.images):
        image = read_nifti(path, dimensions=(2, 3))
        _check_clip(image, path)
        placement = plane_placement(image.affine, image.spacing_mm)
        pictures = _planes(placement.canonical(image.values))
        if view.masks:
            given = read_nifti(view.masks[at], dimensions=(2, 3))
            check_same_grid(given, image, view.masks[at])
            masks = [one.astype(np.uint8) for one in _planes(placement.canonical(given.values))]
        else:
            assert ensemble is not None
            masks = _segmented(pictures, placement, ensemble)
        stored.append((image, placement, range(len(frames), len(frames) + len(pictures))))
        frames += [_framed(picture, mask, placement.spacing_mm) for picture, mask in zip(pictures, masks, strict=True)]
    ed, es = _instants(frames, named=len(view.images) == 2)
    return SeenView(frames=tuple(frames), ed=ed, es=es, stored=tuple(stored), spacing_mm=stored[0][1].spacing_mm)


def _check_clip(image: NiftiImage, path: Path) -> None:
    """A third axis that steps by millimetres is space, not time."""
    step_mm = float(np.linalg.norm(image.affine[:3, 2]))
    if image.values.ndim == 3 and step_mm > LARGEST_CLIP_STEP:
        raise ItemError(
            Reason.WRONG_MODALITY, f"{path.name} steps {step_mm:.1f} mm along its third axis: a volume, not a clip"
        )


def _planes(values: NDArray[Any]) -> list[NDArray[Any]]:
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
        return Frame(picture=picture, mask=mask, profile=None)
    profile = apical_profile(cavity, spacing_mm, atrium=atrium if atrium.any() else None)
    return Frame(picture=picture, mask=mask, profile=profile)


def _made_valid(view: SeenView) -> SeenView:
    """The view with valid masks at the two instants that are measured."""
    frames = list(view.frames)
    for at in {view.ed, view.es}:
        valid = valid_apical(frames[at].mask, view.spacing_mm)
        frames[at] = replace(_framed(frames[at].picture, valid.mask, view.spacing_mm), remedy=valid.remedy)
    return replace(view, frames=tuple(frames))


def _instants(frames: Sequence[Frame], *, named: bool) -> tuple[int, int]:
    """End diastole and end systole: as named, else where the single-plane volume is largest and smallest."""
    if named and len(frames) == 2:
        return 0, 1
    volumes = [single_plane_discs_ml(one.profile) if one.profile else float("nan") for one in frames]
    if all(np.isnan(volumes)):
        raise ItemError(Reason.NO_HEART, "no frame shows a left ventricle; check view, orientation and mask")
    return int(np.nanargmax(volumes)), int(np.nanargmin(volumes))


def _values(seen: Sequence[SeenView]) -> tuple[CardiacValue, ...]:
    found: list[CardiacValue] = []
    for method, volumes in _volumes(seen).items():
        edv, esv = volumes
        ef = ejection_fraction_pct(edv, esv) if edv is not None and esv is not None and edv > 0 else None
        suffix = "" if not found else f"_{method}"
        found += [
            CardiacValue(name=f"lv_edv{suffix}", value=edv, unit="ml", method=METHODS[method]),
            CardiacValue(name=f"lv_esv{suffix}", value=esv, unit="ml", method=METHODS[method]),
            CardiacValue(name=f"lv_ef{suffix}", value=ef, unit="%", method=f"(EDV - ESV) / EDV, {METHODS[method]}"),
        ]
    lengths = [one.profile.length_mm if one.profile else None for one in _pair(seen[0])]
    names = ("lv_length_ed", "lv_length_es")
    how = "middle of the mitral plane to the apex, four-chamber view"
    return (
        *found,
        *(CardiacValue(name=n, value=mm, unit="mm", method=how) for n, mm in zip(names, lengths, strict=True)),
    )


def _pair(view: SeenView) -> tuple[Frame, Frame]:
    return view.frames[view.ed], view.frames[view.es]


def _is_single(view: SeenView) -> bool:
    return view.ed == view.es


def _volumes(seen: Sequence[SeenView]) -> dict[str, tuple[float | None, float | None]]:
    """EDV and ESV by method, the best first; a single picture has one volume and no ejection.

    Both planes together count only where both show the same instants: one that has but a single picture says nothing of
    the other's systole.
    """
    single = _is_single(seen[0])
    four = [one.profile for one in _pair(seen[0])]
    table: dict[str, tuple[float | None, float | None]] = {}
    if len(seen) == 2 and _is_single(seen[1]) == single:
        two = [one.profile for one in _pair(seen[1])]
        both = [biplane_discs_ml(a, b) if a and b else None for a, b in zip(four, two, strict=True)]
        if None not in both:
            table["biplane"] = (both[0], both[1])
    discs = [single_plane_discs_ml(one) if one else None for one in four]
    areas = [area_length_ml(one) if one else None for one in four]
    table |= {"single_plane": (discs[0], discs[1]), "area_length": (areas[0], areas[1])}
    return {name: (edv, None) for name, (edv, _) in table.items()} if single else table


def _curves(seen: Sequence[SeenView]) -> tuple[Curve, ...]:
    """The volume of every frame of every clip, each with the length of its own frame."""
    return tuple(
        Curve(
            name=f"lv_volume_{name}",
            values=tuple(single_plane_discs_ml(one.profile) if one.profile else None for one in view.frames),
            unit="ml",
            method=f"one view, {DISCS}",
        )
        for name, view in zip(VIEW_NAMES, seen, strict=False)
        if len(view.frames) > 2
    )


def _anatomy(seen: Sequence[SeenView]) -> tuple[AnatomyNote, ...]:
    """Violations of the frames that were measured; a two-chamber mask of the ventricle alone has few to make."""
    return tuple(
        AnatomyNote(
            instant=f"{name}_{instant}",
            slice_number=number,
            criterion=criterion.value,
            value=value,
            limit=APICAL_LIMITS[criterion].value,
            unit=APICAL_LIMITS[criterion].unit,
        )
        for name, view in zip(VIEW_NAMES, seen, strict=False)
        for instant, number in zip(("ed", "es"), (view.ed, view.es), strict=True)
        for criterion, value in _apical_violations(view, number).items()
    )


def _remedies(seen: Sequence[SeenView]) -> dict[str, Remedy]:
    """How the mask of each measured instant became valid."""
    return {
        f"{name}_{instant}": frame.remedy
        for name, view in zip(VIEW_NAMES, seen, strict=False)
        for instant, frame in zip(("ed", "es"), _pair(view), strict=True)
    }


def _apical_violations(view: SeenView, number: int) -> dict[ApicalCriterion, float]:
    mask = view.frames[number].mask
    has_wall = bool((mask == Apical.MYOCARDIUM).any())
    found = apical_violations(mask, view.spacing_mm)
    return {one: value for one, value in found.items() if has_wall or one is not ApicalCriterion.LV_BACKGROUND}


def _flags(seen: Sequence[SeenView]) -> tuple[Flag, ...]:
    four = _pair(seen[0])
    flags: list[Flag] = [] if len(seen) == 2 else [Flag.SINGLE_PLANE]
    for view in seen:
        pair = _pair(view)
        flags += [Flag.ABSENT_LV for one in pair if one.profile is None]
        flags += [Flag.ABSENT_LA for one in pair if not (one.mask == Apical.LA).any()]
        flags += [Flag.INVENTED_MASK for one in pair if one.remedy in {Remedy.REPLACED, Remedy.EMPTIED}]
        flags += [Flag.CUT_AT_BORDER for one in pair if touches_border(one.mask == Apical.LV)]
        if view.ed == view.es or np.array_equal(pair[0].mask, pair[1].mask):
            flags.append(Flag.SAME_INSTANT)
    if len(seen) == 2:
        pairs = zip(four, _pair(seen[1]), strict=True)
        flags += [
            Flag.FORESHORTENED for a, b in pairs if a.profile and b.profile and is_foreshortened(a.profile, b.profile)
        ]
    ed, es = (single_plane_discs_ml(one.profile) if one.profile else 0.0 for one in four)
    return unique_flags([*flags, *((Flag.INSTANTS_SWAPPED,) if es > ed else ())])


def _written(seen: Sequence[SeenView], curves: Sequence[Curve], out: Path) -> dict[str, str]:
    files: dict[str, str] = {}
    for name, view in zip(VIEW_NAMES, seen, strict=False):
        for at, (image, placement, numbers) in enumerate(view.stored):
            masks = [view.frames[number].mask for number in numbers]
            mask = masks[0] if image.values.ndim == 2 else np.stack(masks, axis=-1)
            path = out / (f"mask_{name}.nii.gz" if len(view.stored) == 1 else f"mask_{name}_{('ed', 'es')[at]}.nii.gz")
            write_nifti_mask(path, placement.stored(mask), image)
            files[path.name.removesuffix(".nii.gz")] = str(path)
    pictures = [
        DrawnPlane(
            title=f"{name} {instant}",
            values=frame.picture,
            mask=frame.mask,
            aspect=view.spacing_mm[0] / view.spacing_mm[1],
            wrong=np.any(list(apical_violation_places(frame.mask).values()), axis=0),
        )
        for name, view in zip(("A4C", "A2C"), seen, strict=False)
        for instant, frame in zip(("ED", "ES"), _pair(view), strict=True)
    ]
    write_bytes(out / "overlay.png", plane_png(pictures))
    files["overlay"] = str(out / "overlay.png")
    if curves:
        marks = [(view.ed, view.es) for view in seen if len(view.frames) > 2]
        write_bytes(out / "curve.png", curve_png(curves, marks))
        files["curve"] = str(out / "curve.png")
    return files
