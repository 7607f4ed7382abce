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
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
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
_LONGEST_CODE = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedValue:
    """One measurement for a report.

    Attributes:
        name: Plain name, also of its code where there is one.
        value: In ``unit``, one of :data:`UNITS`.
        method: How it was measured, in words.
    """

    name: str
    value: float
    unit: str
    method: str = ""


def write_structured_report(
    path: Path, values: Sequence[ReportedValue], images: Sequence[Dataset], *, finding: str
) -> None:
    """Writes a report about a series.

    The same values and images give the same instance UID.

    Args:
        path: DICOM file to write.
        values: What was measured.
        images: Headers of the images, whose patient and study the report belongs to.
        finding: What all values are about, for the tracking identifier.

    Raises:
        ItemError: If there are no values or the images lack what a report needs.
        WorkspaceError: If the file cannot be written.
    """
    if not values or not images:
        raise ItemError(Reason.FAILED, "a structured report needs one or more values and the images they are from")
    try:
        with QUIET:
            document = _document(values, [_completed(image) for image in images], finding)
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


def _document(values: Sequence[ReportedValue], images: Sequence[Dataset], finding: str) -> ComprehensiveSR:
    uid = _uid("instance", values, images)
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=_uid("tracking", values, images), identifier=finding),
        measurements=[_measurement(one) for one in values],
    )
    device = DeviceObserverIdentifyingAttributes(
        uid=_uid("device", (), ()), name="echomine", manufacturer_name="echomine", model_name="echomine"
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
        series_instance_uid=_uid("series", values, images),
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
    name = CODES.get(one.name, Code(one.name.upper()[:_LONGEST_CODE], OWN_SCHEME, one.name.replace("_", " ")))
    return Measurement(name=name, value=round(one.value, 4), unit=UNITS[one.unit])


def _uid(purpose: str, values: Sequence[ReportedValue], images: Sequence[Dataset]) -> str:
    """A UID that depends on what it names alone."""
    parts = [purpose, *(f"{one.name}={one.value!r}" for one in values)]
    parts += [str(image.get("SOPInstanceUID", "")) for image in images]
    return str(generate_uid(entropy_srcs=parts))
