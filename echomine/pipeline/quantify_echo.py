"""One echo exam: left ventricular volumes and ejection fraction from apical views."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from echomine.archive.durable_files import write_bytes
from echomine.archive.nifti_files import read_nifti, write_nifti_mask
from echomine.cardiac.anatomical_guarantee import INVENTED, Remedy
from echomine.cardiac.apical_anatomy import APICAL_LIMITS
from echomine.cardiac.apical_volumes import (
    area_length_ml,
    biplane_discs_ml,
    is_foreshortened,
    single_plane_discs_ml,
)
from echomine.cardiac.ensemble import SliceEnsemble
from echomine.cardiac.shape_measures import beside_largest
from echomine.cardiac.volumes import Flag, ejection_fraction_pct, touches_border
from echomine.domain.heart_choices import EfTableName, Sex
from echomine.domain.structures import Apical
from echomine.pipeline.cardiac_models import APICAL_CLIPS, APICAL_ECHO, load_echo_ensemble
from echomine.pipeline.cardiac_pictures import DrawnPlane, curve_png, plane_png
from echomine.pipeline.cardiac_report import report_files, study_of
from echomine.pipeline.cardiac_result import (
    AnatomyNote,
    CardiacResult,
    CardiacValue,
    Curve,
    ef_categories,
    ef_notes,
    unique_flags,
)
from echomine.pipeline.echo_frames import EchoView, SeenView, made_valid, seen_view, view_violations, violation_mark

DISCS = "20 discs, length of the instant itself"
VIEW_NAMES = ("a4c", "a2c")
METHODS = {
    "biplane": f"biplane {DISCS}, the longer of both views",
    "single_plane": f"four-chamber view, {DISCS}",
    "area_length": "four-chamber view, 8 A^2 / (3 pi L)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoRequest:
    """What is asked.

    Attributes:
        four_chamber: The view that is needed.
        two_chamber: For biplane volumes; None takes the ventricle as round.
        workspace, generation: Where the networks are, which of them.
        out: Folder for masks, curve and picture; None writes nothing.
        study: DICOM images that the scan was made from; a structured report belongs to their study.
        guarantee: Whether masks of end diastole and end systole are made valid before they are measured; None: those of
            networks are, and masks that were given are measured as they are.
        table, sex: For the category of the ejection fraction.
    """

    four_chamber: EchoView
    two_chamber: EchoView | None = None
    workspace: Path = Path("echomine-workspace")
    generation: str = ""
    out: Path | None = None
    study: Path | None = None
    guarantee: bool | None = None
    table: str = EfTableName.ASE2015
    sex: Sex = Sex.UNKNOWN


def quantify_echo(request: EchoRequest) -> CardiacResult:
    """Measures one exam.

    Raises:
        UsageError: If files are missing.
        ItemError: If a file cannot be used or shows no ventricle.
        ArtifactError: If there are no networks and no masks were given.
    """
    views = [view for view in (request.four_chamber, request.two_chamber) if view is not None]
    images = study_of(request.study, kind="echo", out=request.out)
    ensemble = None if all(view.masks for view in views) else _networks(views, request)
    seen = [seen_view(view, ensemble) for view in views]
    anatomy = _anatomy(seen)
    mends = [not given.masks if request.guarantee is None else request.guarantee for given in views]
    seen = [made_valid(view) if mend else view for view, mend in zip(seen, mends, strict=True)]
    left, remedies = _anatomy(seen), _remedies(seen)
    values, flags = _values(seen), _flags(seen)
    if left:
        flags = (*flags, Flag.INVALID_ANATOMY)
    if ensemble is not None and ensemble.sees_clips:
        flags = (*flags, Flag.SYNTHETIC_MOTION)
    notes: tuple[str, ...] = ()
    if ensemble is not None and request.two_chamber is not None and not request.two_chamber.masks:
        notes = ("the networks learnt from four-chamber views; the two-chamber mask deserves a look",)
    result = CardiacResult(
        kind="echo",
        values=values,
        categories=ef_categories(values, table=request.table, sex=request.sex, flags=flags),
        flags=flags,
        anatomy=tuple(replace(one, remedy="" if one in left else remedies[one.instant].value) for one in anatomy),
        anatomy_valid=not left,
        curves=_curves(seen),
        model=_model(ensemble),
        notes=(*notes, *ef_notes(values, table=request.table, sex=request.sex, flags=flags)),
    )
    if request.out is None:
        return result
    files = _written(seen, result.curves, request.out) | report_files(
        result, images, request.out, finding="left ventricle"
    )
    return replace(result, files=files)


def _networks(views: Sequence[EchoView], request: EchoRequest) -> SliceEnsemble:
    unmasked = [view.images for view in views if not view.masks]
    clips = all(len(paths) == 1 and read_nifti(paths[0], dimensions=(2, 3)).values.ndim == 3 for paths in unmasked)
    return load_echo_ensemble(request.workspace, request.generation, clips=clips)


def _model(ensemble: SliceEnsemble | None) -> str:
    if ensemble is None:
        return "mask given"
    return f"{APICAL_CLIPS if ensemble.sees_clips else APICAL_ECHO} {ensemble.generation}"


def _values(seen: Sequence[SeenView]) -> tuple[CardiacValue, ...]:
    found: list[CardiacValue] = []
    for method, volumes in _volumes(seen).items():
        edv, esv = volumes
        ef = ejection_fraction_pct(edv, esv) if edv is not None and esv is not None and edv > 0 else None
        suffix = "" if not found else f"_{method}"
        how = METHODS[method]
        rows = (
            ("lv_edv", edv, "ml", how),
            ("lv_esv", esv, "ml", how),
            ("lv_ef", ef, "%", f"(EDV - ESV) / EDV, {how}"),
        )
        found += [
            CardiacValue(name=name + suffix, value=value, unit=unit, method=words, technique=method)
            for name, value, unit, words in rows
        ]
    shown = seen[0].pair[: 1 if seen[0].is_single else 2]
    lengths = [one.profile.length_mm if one.profile else None for one in shown]
    names = ("lv_length_ed", "lv_length_es")
    how = "middle of the mitral plane to the apex, four-chamber view"
    return (
        *found,
        *(CardiacValue(name=n, value=mm, unit="mm", method=how) for n, mm in zip(names, lengths, strict=False)),
    )


def _volumes(seen: Sequence[SeenView]) -> dict[str, tuple[float | None, float | None]]:
    """EDV and ESV by method, the best first; a single picture has one volume and no ejection.

    Both planes together count only where both show the same instants: one that has but a single picture says nothing of
    the other's systole.
    """
    single = seen[0].is_single
    four = [one.profile for one in seen[0].pair]
    table: dict[str, tuple[float | None, float | None]] = {}
    if len(seen) == 2 and seen[1].is_single == single:
        two = [one.profile for one in seen[1].pair]
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
        for criterion, value in view_violations(view, number).items()
    )


def _remedies(seen: Sequence[SeenView]) -> dict[str, Remedy]:
    """How the mask of each measured instant became valid."""
    return {
        f"{name}_{instant}": frame.remedy
        for name, view in zip(VIEW_NAMES, seen, strict=False)
        for instant, frame in zip(("ed", "es"), view.pair, strict=True)
    }


def _flags(seen: Sequence[SeenView]) -> tuple[Flag, ...]:
    four = seen[0].pair
    flags: list[Flag] = [] if "biplane" in _volumes(seen) else [Flag.SINGLE_PLANE]
    for view in seen:
        pair = view.pair
        flags += [Flag.ABSENT_LV for one in pair if one.profile is None]
        flags += [Flag.ABSENT_LA for one in pair if not (one.mask == Apical.LA).any()]
        flags += [Flag.INVENTED_MASK for one in pair if one.remedy in INVENTED]
        flags += [Flag.SEVERAL_PIECES for one in pair if beside_largest(one.mask == Apical.LV).any()]
        flags += [Flag.CUT_AT_BORDER for one in pair if touches_border(one.mask == Apical.LV)]
        if view.ed == view.es or np.array_equal(pair[0].mask, pair[1].mask):
            flags.append(Flag.SAME_INSTANT)
    if len(seen) == 2:
        pairs = zip(four, seen[1].pair, strict=True)
        flags += [
            Flag.FORESHORTENED for a, b in pairs if a.profile and b.profile and is_foreshortened(a.profile, b.profile)
        ]
    ed, es = (single_plane_discs_ml(one.profile) if one.profile else None for one in four)
    if ed is not None and es is not None and es > ed:
        flags.append(Flag.INSTANTS_SWAPPED)
    return unique_flags(flags)


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
            aspect=frame.spacing_mm[0] / frame.spacing_mm[1],
            wrong=violation_mark(view, number),
        )
        for name, view in zip(("A4C", "A2C"), seen, strict=False)
        for instant, number, frame in zip(("ED", "ES"), (view.ed, view.es), view.pair, strict=True)
    ]
    write_bytes(out / "overlay.png", plane_png(pictures))
    files["overlay"] = str(out / "overlay.png")
    if curves:
        marks = [(view.ed, view.es) for view in seen if len(view.frames) > 2]
        write_bytes(out / "curve.png", curve_png(curves, marks))
        files["curve"] = str(out / "curve.png")
    return files
