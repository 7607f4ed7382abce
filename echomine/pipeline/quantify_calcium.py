"""One CT: calcium candidates, scores by site, risk category."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from echomine.archive.ct_series import PARALLEL, TILTED, read_ct_series
from echomine.archive.durable_files import write_bytes
from echomine.archive.nifti_files import NiftiImage, nifti_of, read_nifti, write_nifti_mask
from echomine.archive.volume_geometry import Placement, axial_placement
from echomine.cardiac.calcium import (
    CalciumScores,
    CalciumSite,
    MassCalibration,
    calcium_scores,
    candidates,
    scores_by_site,
)
from echomine.cardiac.calcium_finder import find_calcium
from echomine.cardiac.calcium_risk import risk_scheme
from echomine.cardiac.ct_quality import check_scorable, ct_flags
from echomine.cardiac.volumes import Flag
from echomine.domain.heart_choices import AgatstonConvention, RiskSchemeName
from echomine.pipeline.cardiac_models import CALCIUM, load_calcium_finder
from echomine.pipeline.cardiac_pictures import DrawnPlane, plane_png
from echomine.pipeline.cardiac_report import report_files, study_of
from echomine.pipeline.cardiac_result import CardiacResult, CardiacValue, Category
from echomine.pipeline.given_masks import read_given_mask

SHOWN_SLICES = 4
UNNAMED = 1 + max(CalciumSite)
"""Class of every dense piece in a mask that names no sites; given back as a mask by site it is refused."""
WINDOW_HU = (-160.0, 640.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CalciumRequest:
    """What is asked.

    Attributes:
        scan: A folder of DICOM slices or a NIfTI file in Hounsfield units.
        mask: NIfTI mask of calcium by site (1 LAD, 2 LCX, 3 RCA, 4 aorta, 5 aortic, 6 mitral valve).
        everything: Score all candidates, bone included, where there is no mask.
        workspace: Where the networks are that name the candidates when there is neither.
        generation: Which of them; the current one by default.
        convention: Of the Agatston score.
        scheme: Of the risk.
        mg_per_mm3_hu: Mass calibration of the scanner; None assumes one.
        out: Folder for mask, picture and report; None writes nothing.
        study: DICOM images that a NIfTI scan was made from: its structured report belongs to their study; a series has
            its own.
    """

    scan: Path
    mask: Path | None = None
    everything: bool = False
    workspace: Path = Path("echomine-workspace")
    generation: str = ""
    convention: AgatstonConvention = AgatstonConvention.SCALED
    scheme: str = RiskSchemeName.FOUR
    mg_per_mm3_hu: float | None = None
    out: Path | None = None
    study: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CtScan:
    """A CT in canonical order.

    Attributes:
        image: As stored.
        placement: How it lies there.
        values_hu: (Z, Y, X).
        slices: DICOM headers, for a structured report; none for NIfTI.
        notes: What had to be assumed.
    """

    image: NiftiImage
    placement: Placement
    values_hu: NDArray[np.float32]
    slices: tuple[Dataset, ...] = ()
    notes: tuple[str, ...] = ()


def quantify_calcium(request: CalciumRequest) -> CardiacResult:
    """Scores one CT.

    Raises:
        ArtifactError: If there are no networks, no mask was given and not all candidates are to be scored.
        ItemError: If the scan cannot be used, with its reason.
        ConfigurationError: If the scheme is unknown or the mass factor is none.
    """
    scheme, calibration = risk_scheme(request.scheme), _calibration(request)
    scan = read_ct(request.scan)
    images = study_of(request.study, kind="calcium", out=request.out) or scan.slices
    spacing = scan.placement.spacing_mm
    check_scorable(scan.values_hu, spacing)
    mask, scores, origin = _scored(request, scan, calibration)
    values = _values(scores, request, calibration)
    by_site = "coronary" in scores
    is_by_networks = by_site and request.mask is None
    total = scores["coronary" if by_site else "all_candidates"].agatston
    category = Category(of="agatston_coronary", word=scheme.category(total), scheme=scheme.name, source=scheme.source)
    result = CardiacResult(
        kind="calcium",
        values=values,
        categories=(category,) if by_site else (),
        flags=(*ct_flags(scan.values_hu, spacing), *((Flag.SYNTHETIC_TRAINING,) if is_by_networks else ())),
        model=origin,
        notes=scan.notes,
    )
    if request.out is None:
        return result
    finding = "calcium by site" if by_site else "every dense piece, bone included"
    files = _written(scan, mask, request.out) | report_files(result, images, request.out, finding=finding)
    return replace(result, files=files)


def read_ct(path: Path) -> CtScan:
    """A CT from a folder of DICOM slices or from a NIfTI file.

    Raises:
        UsageError: If there is nothing.
        ItemError: If it cannot be used.
    """
    if path.is_dir():
        series = read_ct_series(path)
        image = nifti_of(series.values_hu, series.affine, series.spacing_mm)
        slices, notes = series.slices, series.notes
    else:
        image, slices, notes = read_nifti(path, dimensions=(3,)), (), ()
    placement = axial_placement(image.affine, image.spacing_mm)
    if not notes and placement.spacing_mm[0] < PARALLEL * np.linalg.norm(image.affine[:3, placement.order[0]]):
        notes = (TILTED,)
    return CtScan(
        image=image, placement=placement, values_hu=placement.canonical(image.values), slices=slices, notes=notes
    )


def _calibration(request: CalciumRequest) -> MassCalibration:
    factor = request.mg_per_mm3_hu
    return MassCalibration() if factor is None else MassCalibration(mg_per_mm3_hu=factor)


def _scored(
    request: CalciumRequest, scan: CtScan, calibration: MassCalibration
) -> tuple[NDArray[np.uint8], Mapping[str, CalciumScores], str]:
    spacing, values = scan.placement.spacing_mm, scan.values_hu
    numbered, _ = candidates(values, spacing)
    if request.mask is not None:
        mask = scan.placement.canonical(read_given_mask(request.mask, scan.image, CalciumSite))
        mask[numbered == 0] = 0
        scores = scores_by_site(values, mask, spacing, convention=request.convention, calibration=calibration)
        return mask, scores, "mask given"
    if not request.everything:
        finder = load_calcium_finder(request.workspace, request.generation)
        mask = find_calcium(values, spacing, finder)
        scores = scores_by_site(values, mask, spacing, convention=request.convention, calibration=calibration)
        return mask, scores, f"{CALCIUM} {finder.generation}"
    mask = np.where(numbered > 0, UNNAMED, 0).astype(np.uint8)
    score = calcium_scores(values, mask > 0, spacing, convention=request.convention, calibration=calibration)
    return mask, {"all_candidates": score}, "every candidate, bone included"


def _values(
    scores: Mapping[str, CalciumScores], request: CalciumRequest, calibration: MassCalibration
) -> tuple[CardiacValue, ...]:
    rule = f"Agatston, {request.convention.value}, >= 130 HU, 26-connected, >= 1.5 mm3"
    stated = "assumed for 120 kV" if request.mg_per_mm3_hu is None else "as given"
    found = []
    for site, one in scores.items():
        rows = (
            ("agatston", one.agatston, "", rule),
            ("volume", one.volume_mm3, "mm3", "voxels x voxel volume"),
            ("mass", one.mass_mg, "mg", f"mean HU x volume x {calibration.mg_per_mm3_hu} mg/mm3/HU, {stated}"),
            ("lesions", float(one.lesions), "", "26-connected pieces"),
        )
        found += [CardiacValue(name=f"{name}_{site}", value=v, unit=unit, method=how) for name, v, unit, how in rows]
    return tuple(found)


def _written(scan: CtScan, mask: NDArray[np.uint8], out: Path) -> dict[str, str]:
    mask_path, picture = out / "mask_calcium.nii.gz", out / "overlay.png"
    write_nifti_mask(mask_path, scan.placement.stored(mask), scan.image)
    amounts = mask.astype(bool).sum(axis=(1, 2))
    shown = np.sort(np.argsort(amounts, kind="stable")[-SHOWN_SLICES:])
    aspect = scan.placement.spacing_mm[1] / scan.placement.spacing_mm[2]
    planes = [
        DrawnPlane(
            title=f"slice {at + 1}/{len(mask)}",
            values=np.clip(scan.values_hu[at], *WINDOW_HU),
            mask=mask[at],
            aspect=aspect,
        )
        for at in shown
    ]
    write_bytes(picture, plane_png(planes))
    return {"mask": str(mask_path), "overlay": str(picture)}
