"""One short-axis cine MR scan: masks, volumes, ejection fractions, mass, anatomy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from echomine.archive.nifti_files import NiftiImage, read_nifti, write_nifti_mask
from echomine.archive.volume_geometry import Placement, stack_placement
from echomine.cardiac.anatomical_guarantee import INVENTED, Remedy, ValidShapes, valid_volume
from echomine.cardiac.cine_segmentation import segment_by_all
from echomine.cardiac.patient_groups import GROUPS, volumes_of
from echomine.cardiac.short_axis_anatomy import ShortAxisCriterion, volume_violations
from echomine.cardiac.volumes import (
    FEWEST_SLICES,
    NO_PAIR,
    CineVolumes,
    Flag,
    cine_volumes,
    mask_flags,
    myocardial_mass_g,
    structure_volume_ml,
)
from echomine.domain.errors import ItemError, MeasurementError, Reason, UsageError
from echomine.domain.heart_choices import EfTableName, Sex
from echomine.domain.structures import ShortAxis
from echomine.pipeline.cardiac_models import (
    CINE_MR,
    CINE_MR_3D,
    PATIENT_GROUPS,
    load_groups,
    load_mr_ensembles,
    load_shapes,
)
from echomine.pipeline.cardiac_pictures import short_axis_png
from echomine.pipeline.cardiac_report import report_files, study_of
from echomine.pipeline.cardiac_result import (
    AnatomyNote,
    CardiacResult,
    CardiacValue,
    PatientGroup,
    anatomy_notes,
    ef_categories,
    ef_notes,
    unique_flags,
)
from echomine.pipeline.given_masks import read_given_mask
from echomine.pipeline.scan_modality import check_short_axis

ElementT = TypeVar("ElementT", bound=np.generic)
VOXELS = "voxels counted in a short-axis mask"
OF_VOLUMES = "(EDV - ESV) / EDV of the voxel volumes"


@dataclass(frozen=True, slots=True, kw_only=True)
class MrRequest:
    """What is asked.

    Attributes:
        scans: One 4D cine stack, or a volume of one instant, or two of end diastole and end systole.
        masks: Masks of the same scans to be measured, instead of the networks' own.
        workspace: Where the networks are.
        generation: Of the networks; ``""`` takes the current one.
        out: Folder for masks, picture and JSON; None writes nothing.
        study: DICOM images that the scan was made from; a structured report belongs to their study.
        guarantee: Whether masks are made anatomically valid before they are measured; None: those of networks are, and
            masks that were given are measured as they are.
        table, sex: For the category of the ejection fraction.
    """

    scans: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    workspace: Path = Path("echomine-workspace")
    generation: str = ""
    out: Path | None = None
    study: Path | None = None
    guarantee: bool | None = None
    table: str = EfTableName.ASE2015
    sex: Sex = Sex.UNKNOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """One volume of the scan in canonical order.

    Attributes:
        name: ``ed``, ``es`` or ``only``.
        volume: (Z, Y, X).
        mask: Of the same size.
        image: The file it came from.
        placement: How it lies in the file.
        frame: Its number in a 4D file.
        remedies: How slices became valid that were not.
    """

    name: str
    volume: NDArray[np.float32]
    mask: NDArray[np.uint8]
    image: NiftiImage
    placement: Placement
    frame: int | None = None
    remedies: Mapping[int, Remedy] = field(default_factory=dict)


def quantify_mr(request: MrRequest) -> CardiacResult:
    """Measures one scan.

    Raises:
        UsageError: If the number of files is wrong or one is missing.
        ItemError: If a file cannot be used, with its reason.
        ArtifactError: If there are no networks and no masks were given.
    """
    if not 1 <= len(request.scans) <= 2 or len(request.masks) not in (0, len(request.scans)):
        raise UsageError("give one scan, or two of end diastole and end systole, and as many masks or none")
    images = study_of(request.study, kind="mr", out=request.out)
    instants, model = _masked(request)
    chosen = _chosen(instants)
    mends = not request.masks if request.guarantee is None else request.guarantee
    measured = _made_valid(chosen, load_shapes(request.workspace)) if mends else chosen
    values, flags, volumes = _values(measured)
    is_valid = not any(_violations(one) for one in measured)
    result = CardiacResult(
        kind="mr",
        values=values,
        categories=ef_categories(values, table=request.table, sex=request.sex, flags=flags),
        flags=unique_flags([*flags, *_doubts_of_masks(measured), *(() if is_valid else (Flag.INVALID_ANATOMY,))]),
        anatomy=_anatomy(chosen, measured),
        group=_group(volumes, request.workspace),
        notes=ef_notes(values, table=request.table, sex=request.sex, flags=flags),
        anatomy_valid=is_valid,
        model=model,
    )
    if request.out is None:
        return result
    files = _written(measured, request.out) | report_files(result, images, request.out, finding="both ventricles")
    return replace(result, files=files)


def _masked(request: MrRequest) -> tuple[list[Instant], str]:
    """Every volume of the files with a mask, and where the masks come from."""
    ensembles = () if request.masks else load_mr_ensembles(request.workspace, request.generation)
    instants: list[Instant] = []
    for at, path in enumerate(request.scans):
        image = read_nifti(path, dimensions=(3, 4))
        placement = stack_placement(image.affine, image.spacing_mm)
        volumes = _volumes(image, placement, path)
        if request.masks:
            masks = _instants(placement.canonical(read_given_mask(request.masks[at], image, ShortAxis)))
        else:
            spacing: Any = placement.spacing_mm
            masks = [segment_by_all(ensembles, one, spacing) for one in volumes]
        name = ("ed", "es")[at] if len(request.scans) == 2 else ""
        instants += [
            Instant(name=name, volume=volume, mask=mask, image=image, placement=placement, frame=frame)
            for frame, (volume, mask) in enumerate(zip(volumes, masks, strict=True))
        ]
    kinds = (CINE_MR if one.preparation.between_mm is None else CINE_MR_3D for one in ensembles)
    names = [f"{kind} {one.generation}" for kind, one in zip(kinds, ensembles, strict=True)]
    return instants, " + ".join(names) or "mask given"


def _volumes(image: NiftiImage, placement: Placement, path: Path) -> list[NDArray[np.float32]]:
    check_short_axis(image, path, step_mm=placement.spacing_mm[0])
    volumes = placement.canonical(image.values)
    if len(volumes) < FEWEST_SLICES:
        raise ItemError(
            Reason.WRONG_SHAPE, f"{path.name} has {len(volumes)} slices, {FEWEST_SLICES} or more make a ventricle"
        )
    return _instants(volumes)


def _instants(values: NDArray[ElementT]) -> list[NDArray[ElementT]]:
    """(Z, Y, X) of every instant of a volume or a cine stack."""
    return [values] if values.ndim == 3 else list(np.moveaxis(values, -1, 0))


def _chosen(instants: list[Instant]) -> list[Instant]:
    """End diastole and end systole: as named by two files, else the largest and smallest ventricle of a cine."""
    if len(instants) == 2 and instants[0].name:
        return instants
    if len(instants) == 1:
        return [replace(instants[0], name="only", frame=None)]
    sizes = [int(np.count_nonzero(one.mask == ShortAxis.LV)) for one in instants]
    if not any(sizes):
        raise ItemError(Reason.NO_HEART, "no frame of the cine shows a left ventricle; check the scan's orientation")
    largest = int(np.argmax(sizes))
    smallest = min((at for at, size in enumerate(sizes) if size), key=lambda at: sizes[at])
    return [replace(instants[largest], name="ed"), replace(instants[smallest], name="es")]


def _violations(instant: Instant) -> dict[int, dict[ShortAxisCriterion, float]]:
    return volume_violations(instant.mask, instant.placement.spacing_mm)


def _made_valid(instants: Sequence[Instant], shapes: ValidShapes | None) -> list[Instant]:
    found = [valid_volume(one.mask, one.placement.spacing_mm, shapes) for one in instants]
    return [replace(one, mask=mask, remedies=how) for one, (mask, how) in zip(instants, found, strict=True)]


def _anatomy(drawn: Sequence[Instant], measured: Sequence[Instant]) -> tuple[AnatomyNote, ...]:
    """The violations of the masks as they were drawn or given, with what was done about each."""
    return tuple(
        note
        for one, valid in zip(drawn, measured, strict=True)
        for note in anatomy_notes(one.name, _violations(one), {at: how.value for at, how in valid.remedies.items()})
    )


def _doubts_of_masks(instants: Sequence[Instant]) -> tuple[Flag, ...]:
    remedies = {how for one in instants for how in one.remedies.values()}
    return (Flag.INVENTED_MASK,) if remedies & INVENTED else ()


def _group(volumes: CineVolumes | None, workspace: Path) -> PatientGroup | None:
    """The patient's group, where both instants of both ventricles were measured."""
    classifier = load_groups(workspace)
    if classifier is None or volumes is None or set(volumes.flags) & NO_PAIR:
        return None
    try:
        (guess,) = classifier.guess([volumes_of(volumes)])
    except MeasurementError:  # a structure is absent, which a flag tells
        return None
    return PatientGroup(
        name=guess.group,
        meaning=GROUPS.get(guess.group, ""),
        shares=guess.shares,
        model=f"{PATIENT_GROUPS} {classifier.generation}",
    )


def _values(instants: Sequence[Instant]) -> tuple[tuple[CardiacValue, ...], tuple[Flag, ...], CineVolumes | None]:
    spacing = instants[0].placement.spacing_mm
    if len(instants) == 1:
        return _values_of_one(instants[0].mask, spacing), mask_flags(instants[0].mask), None
    ed, es = instants
    if not np.allclose(spacing, es.placement.spacing_mm, rtol=1e-3):
        raise ItemError(Reason.BAD_SPACING, "end diastole and end systole have different spacings")
    found = cine_volumes(ed.mask, es.mask, spacing)
    return _values_of_two(found), found.flags, found


def _values_of_two(found: CineVolumes) -> tuple[CardiacValue, ...]:
    table = (
        ("lv_edv", found.lv_edv_ml, "ml", VOXELS),
        ("lv_esv", found.lv_esv_ml, "ml", VOXELS),
        ("lv_ef", found.lv_ef_pct, "%", OF_VOLUMES),
        ("lv_stroke_volume", found.lv_stroke_ml, "ml", "EDV - ESV"),
        ("rv_edv", found.rv_edv_ml, "ml", VOXELS),
        ("rv_esv", found.rv_esv_ml, "ml", VOXELS),
        ("rv_ef", found.rv_ef_pct, "%", OF_VOLUMES),
        ("lv_mass", found.lv_mass_g, "g", "1.05 g/ml x myocardium at end diastole"),
    )
    return tuple(CardiacValue(name=name, value=value, unit=unit, method=how) for name, value, unit, how in table)


def _values_of_one(mask: NDArray[np.uint8], spacing: Sequence[float]) -> tuple[CardiacValue, ...]:
    lv, rv, muscle = (
        structure_volume_ml(mask, label, spacing) or None
        for label in (ShortAxis.LV, ShortAxis.RV, ShortAxis.MYOCARDIUM)
    )
    mass = None if muscle is None else myocardial_mass_g(muscle)
    return (
        CardiacValue(name="lv_volume", value=lv, unit="ml", method=VOXELS),
        CardiacValue(name="rv_volume", value=rv, unit="ml", method=VOXELS),
        CardiacValue(name="lv_mass", value=mass, unit="g", method="1.05 g/ml x myocardium of this instant"),
    )


def _written(instants: Sequence[Instant], out: Path) -> dict[str, str]:
    from echomine.archive.durable_files import write_bytes

    files = {}
    for one in instants:
        path = out / f"mask_{one.name}.nii.gz"
        stored = one.placement.stored(one.mask)
        write_nifti_mask(path, stored, one.image)
        files[f"mask_{one.name}"] = str(path)
    picture = out / "overlay.png"
    write_bytes(
        picture, short_axis_png([(one.name, one.volume, one.mask, one.placement.spacing_mm) for one in instants])
    )
    return files | {"overlay": str(picture)}
