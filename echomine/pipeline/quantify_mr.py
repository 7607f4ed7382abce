"""One short-axis cine MR scan: masks, volumes, ejection fractions, mass, anatomy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.nifti_files import NiftiImage, read_nifti, write_nifti_mask
from echomine.archive.volume_geometry import Placement, stack_placement
from echomine.cardiac.anatomical_guarantee import ValidShapes, valid_volume
from echomine.cardiac.cine_segmentation import segment_by_all
from echomine.cardiac.ef_category import EF_TABLES, Sex, ef_category
from echomine.cardiac.short_axis_anatomy import volume_violations
from echomine.cardiac.volumes import (
    FEWEST_SLICES,
    CineVolumes,
    Flag,
    cine_volumes,
    mask_flags,
    myocardial_mass_g,
    structure_volume_ml,
)
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.structures import ShortAxis
from echomine.pipeline.cardiac_models import CINE_MR, CINE_MR_3D, load_mr_ensembles, load_shapes
from echomine.pipeline.cardiac_pictures import short_axis_png
from echomine.pipeline.cardiac_result import (
    AnatomyNote,
    CardiacResult,
    CardiacValue,
    Category,
    anatomy_notes,
    unique_flags,
)

CT_AIR = -500.0
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
        guarantee: Whether masks are made anatomically valid before they are measured.
        table, sex: For the category of the ejection fraction.
    """

    scans: tuple[Path, ...]
    masks: tuple[Path, ...] = ()
    workspace: Path = Path("echomine-workspace")
    generation: str = ""
    out: Path | None = None
    guarantee: bool = True
    table: str = "ase2015"
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
    """

    name: str
    volume: NDArray[np.float32]
    mask: NDArray[np.uint8]
    image: NiftiImage
    placement: Placement
    frame: int | None = None


def quantify_mr(request: MrRequest) -> CardiacResult:
    """Measures one scan.

    Raises:
        UsageError: If the number of files is wrong or one is missing.
        ItemError: If a file cannot be used, with its reason.
        ArtifactError: If there are no networks and no masks were given.
    """
    if not 1 <= len(request.scans) <= 2 or len(request.masks) not in (0, len(request.scans)):
        raise UsageError("give one scan, or two of end diastole and end systole, and as many masks or none")
    instants, model = _masked(request)
    shapes = load_shapes(request.workspace) if request.guarantee else None
    checked = [_checked(one, shapes, guarantee=request.guarantee) for one in _chosen(instants)]
    measured = [instant for instant, _ in checked]
    notes = [note for _, found in checked for note in found]
    values, flags = _values(measured)
    is_valid = all(not volume_violations(one.mask, one.placement.spacing_mm) for one in measured)
    result = CardiacResult(
        kind="mr",
        values=values,
        categories=_category(values, request),
        flags=unique_flags([*flags, *(() if is_valid else (Flag.INVALID_ANATOMY,))]),
        anatomy=tuple(notes),
        anatomy_valid=is_valid,
        model=model,
    )
    return replace(result, files=_written(measured, request.out)) if request.out else result


def _masked(request: MrRequest) -> tuple[list[Instant], str]:
    """Every volume of the files with a mask, and where the masks come from."""
    ensembles = () if request.masks else load_mr_ensembles(request.workspace, request.generation)
    instants: list[Instant] = []
    for at, path in enumerate(request.scans):
        image = read_nifti(path, dimensions=(3, 4))
        placement = stack_placement(image.affine, image.spacing_mm)
        volumes = _volumes(image, placement, path)
        masks: list[NDArray[np.uint8]]
        if request.masks:
            masks = _given_masks(request.masks[at], image)
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
    if float(image.values.min()) < CT_AIR:
        raise ItemError(Reason.WRONG_MODALITY, f"{path.name} holds values below {CT_AIR:.0f}, so it is CT and not MR")
    volumes = placement.canonical(image.values)
    if len(volumes) < FEWEST_SLICES:
        raise ItemError(
            Reason.WRONG_SHAPE, f"{path.name} has {len(volumes)} slices, {FEWEST_SLICES} or more make a ventricle"
        )
    return [volumes] if volumes.ndim == 3 else list(np.moveaxis(volumes, -1, 0))


def _given_masks(path: Path, image: NiftiImage) -> list[NDArray[np.uint8]]:
    found = read_nifti(path, dimensions=(3, 4))
    check_same_grid(found, image, path)
    labels = {int(label) for label in ShortAxis}
    if not set(np.unique(found.values).tolist()) <= labels:
        raise ItemError(Reason.WRONG_SHAPE, f"{path.name} holds other values than 0..3; 1 is RV, 2 myocardium, 3 LV")
    masks = stack_placement(found.affine, found.spacing_mm).canonical(found.values).astype(np.uint8)
    return [masks] if masks.ndim == 3 else list(np.moveaxis(masks, -1, 0))


def check_same_grid(mask: NiftiImage, image: NiftiImage, path: Path) -> None:
    """Refuses a mask whose size, spacing or place is not that of its image.

    Raises:
        ItemError: With what differs.
    """
    if mask.values.shape != image.values.shape:
        raise ItemError(
            Reason.WRONG_SHAPE, f"{path.name} has shape {mask.values.shape}, its image {image.values.shape}"
        )
    if not np.allclose(mask.spacing_mm, image.spacing_mm, rtol=1e-3) or not np.allclose(
        mask.affine, image.affine, atol=0.05
    ):
        raise ItemError(
            Reason.BAD_SPACING, f"{path.name} lies on another grid than its image: spacing or affine differ"
        )


def _chosen(instants: list[Instant]) -> list[Instant]:
    """End diastole and end systole: as named by two files, else the largest and smallest ventricle of a cine."""
    if len(instants) == 2 and instants[0].name:
        return instants
    if len(instants) == 1:
        return [replace(instants[0], name="only", frame=None)]
    sizes = [int(np.count_nonzero(one.mask == ShortAxis.LV)) for one in instants]
    if not any(sizes):
        raise ItemError(Reason.NO_HEART, "no frame of the cine shows a left ventricle; check the scan's orientation")
    largest, smallest = int(np.argmax(sizes)), int(np.argmin([size or max(sizes) for size in sizes]))
    return [replace(instants[largest], name="ed"), replace(instants[smallest], name="es")]


def _checked(instant: Instant, shapes: ValidShapes | None, *, guarantee: bool) -> tuple[Instant, list[AnatomyNote]]:
    spacing = instant.placement.spacing_mm
    violations = volume_violations(instant.mask, spacing)
    if not guarantee or not violations:
        return instant, anatomy_notes(instant.name, violations, {})
    mask, remedies = valid_volume(instant.mask, spacing, shapes)
    named = {at: remedy.value for at, remedy in remedies.items()}
    return replace(instant, mask=mask), anatomy_notes(instant.name, violations, named)


def _values(instants: Sequence[Instant]) -> tuple[tuple[CardiacValue, ...], tuple[Flag, ...]]:
    spacing = instants[0].placement.spacing_mm
    if len(instants) == 1:
        return _values_of_one(instants[0].mask, spacing), mask_flags(instants[0].mask)
    ed, es = instants
    if not np.allclose(spacing, es.placement.spacing_mm, rtol=1e-3):
        raise ItemError(Reason.BAD_SPACING, "end diastole and end systole have different spacings")
    found = cine_volumes(ed.mask, es.mask, spacing)
    return _values_of_two(found), found.flags


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


def _category(values: Sequence[CardiacValue], request: MrRequest) -> tuple[Category, ...]:
    return ef_categories(values, table=request.table, sex=request.sex)


def ef_categories(values: Sequence[CardiacValue], *, table: str, sex: Sex) -> tuple[Category, ...]:
    """The category of the left ventricle's ejection fraction, if there is one."""
    found = [one.value for one in values if one.name == "lv_ef" and one.value is not None]
    return tuple(
        Category(
            of="lv_ef", word=ef_category(value, table=table, sex=sex).word, scheme=table, source=EF_TABLES[table].source
        )
        for value in found
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
