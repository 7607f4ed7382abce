"""Measurements of a scan as a DICOM structured report (TID 1500), beside the images they were made from.

References:
    DICOM PS3.16 TID 1500, PS3.3 A.35.3 (Comprehensive SR).
"""

import copy
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from highdicom.sr import (
    AlgorithmIdentification,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from echomine.archive.durable_files import write_bytes
from echomine.archive.quiet_reading import QUIET
from echomine.domain.errors import ItemError, Reason

OWN_SCHEME = "99ECHOMINE"
CODES = {
    "lv_ef": Code("10230-1", "LN", "Left Ventricular Ejection Fraction"),
    "lv_edv": Code("8821-1", "LN", "Left Ventricular End Diastolic Volume"),
    "lv_esv": Code("8823-7", "LN", "Left Ventricular End Systolic Volume"),
    "lv_mass": Code("18087-7", "LN", "Left Ventricle Mass"),
    "agatston_coronary": Code("112058", "DCM", "Calcium score"),
}
"""Names that have a code in the standard's context groups; others are coded in a scheme of ours."""
TECHNIQUES = {
    "biplane": codes.DCM.MethodOfDisksBiplane,
    "single_plane": codes.DCM.MethodOfDisksSinglePlane,
    "area_length": codes.DCM.AreaLengthSinglePlane,
}
"""Ways to measure a volume that have a code (CID 12228)."""
UNITS = {
    "ml": Code("mL", "UCUM", "milliliter"),
    "%": Code("%", "UCUM", "percent"),
    "g": Code("g", "UCUM", "gram"),
    "mg": Code("mg", "UCUM", "milligram"),
    "mm": Code("mm", "UCUM", "millimeter"),
    "mm3": Code("mm3", "UCUM", "cubic millimeter"),
    "": Code("1", "UCUM", "no units"),
}
PROCEDURES = {
    "CT": Code("25045-6", "LN", "CT unspecified body region"),
    "MR": Code("25056-3", "LN", "MRI unspecified body region"),
    "US": Code("25061-3", "LN", "Ultrasound unspecified body region"),
}
NEEDED = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")
MAY_BE_EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
)
"""Attributes of patient and study that a report copies from its images, and that the standard lets be empty."""
_LONGEST_CODE, _LONGEST_MEANING = 16, 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedValue:
    """One measurement for a report.

    Attributes:
        name: Plain name, also of its code where there is one.
        value: In ``unit``, one of :data:`UNITS`.
        method: How it was measured, in words; written as a parameter of the algorithm.
        technique: One of :data:`TECHNIQUES`, or ``""``.
    """

    name: str
    value: float
    unit: str
    method: str = ""
    technique: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedWord:
    """A statement that is no number: a quality flag, a category.

    Attributes:
        name: What is stated, in plain words.
        word: What is said of it.
    """

    name: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """What a report says.

    Attributes:
        finding: What all values are about, for the tracking identifier.
        algorithm: What found it: a generation of networks, a mask that was given.
        values: What was measured.
        words: Flags and categories.
    """

    finding: str
    algorithm: str
    values: tuple[ReportedValue, ...]
    words: tuple[ReportedWord, ...] = ()


def write_structured_report(path: Path, content: ReportContent, images: Sequence[Dataset]) -> None:
    """Writes a report about a series.

    The same content and images give the same instance UID.

    Args:
        path: DICOM file to write.
        content: What it says.
        images: Headers of the images, whose patient and study the report belongs to.

    Raises:
        ItemError: If there are no values or the images lack what a report needs.
        WorkspaceError: If the file cannot be written.
    """
    if not content.values or not images:
        raise ItemError(Reason.FAILED, "a structured report needs one or more values and the images they are from")
    missing = sorted({name for image in images for name in NEEDED if not image.get(name)})
    if missing:
        raise ItemError(Reason.BROKEN_DICOM, f"the images lack {', '.join(missing)}, which a structured report names")
    try:
        with QUIET:
            document = _document(content, [_completed(image) for image in images])
            buffer = io.BytesIO()
            document.save_as(buffer, enforce_file_format=True)
    except (AttributeError, ValueError, TypeError, KeyError) as error:
        raise ItemError(
            Reason.BROKEN_DICOM, f"the images lack what a structured report needs ({type(error).__name__})"
        ) from error
    write_bytes(path, buffer.getvalue())


def _completed(image: Dataset) -> Dataset:
    """A header in which what may be empty is there: files without names and dates often left it out altogether."""
    whole = copy.deepcopy(image)
    for name in MAY_BE_EMPTY:
        if name not in whole:
            setattr(whole, name, "")
    return whole


def _document(content: ReportContent, images: Sequence[Dataset]) -> ComprehensiveSR:
    uid = _uid("instance", content, images)
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=_uid("tracking", content, images), identifier=content.finding),
        algorithm_id=_algorithm(content.algorithm),
        measurements=[_measurement(one) for one in content.values],
        qualitative_evaluations=[
            QualitativeEvaluation(name=_own_code(one.name), value=_own_code(one.word)) for one in content.words
        ],
    )
    device = DeviceObserverIdentifyingAttributes(
        uid=str(generate_uid(entropy_srcs=["device"])),
        name="echomine",
        manufacturer_name="echomine",
        model_name="echomine",
    )
    observer = ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    modality = str(images[0].get("Modality", ""))
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=PROCEDURES.get(modality, PROCEDURES["CT"]),
        imaging_measurements=[group],
    )
    return ComprehensiveSR(
        evidence=list(images),
        content=report[0],
        series_instance_uid=_uid("series", content, images),
        series_number=9000,
        sop_instance_uid=uid,
        instance_number=1,
        manufacturer="echomine",
        manufacturer_model_name="echomine",
        software_versions=version("echomine"),
        device_serial_number="0",
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="Measurements, research use only",
    )


def _measurement(one: ReportedValue) -> Measurement:
    return Measurement(
        name=CODES.get(one.name, _own_code(one.name)),
        value=round(one.value, 4),
        unit=UNITS[one.unit],
        method=TECHNIQUES.get(one.technique),
        algorithm_id=_algorithm(one.method) if one.method else None,
    )


def _algorithm(words: str) -> AlgorithmIdentification:
    return AlgorithmIdentification(name="echomine", version=version("echomine"), parameters=[words])


def _own_code(name: str) -> Code:
    words = name.replace("_", " ")
    return Code(words.upper().replace(" ", "_")[:_LONGEST_CODE], OWN_SCHEME, words[:_LONGEST_MEANING])


def _uid(purpose: str, content: ReportContent, images: Sequence[Dataset]) -> str:
    """A UID that depends on what it names alone."""
    parts = [purpose, repr(content), *(str(image.get("SOPInstanceUID", "")) for image in images)]
    return str(generate_uid(entropy_srcs=parts))
