"""Reports in FHIR R4: DiagnosticReport resources alone, in a list, or in a bundle.

The JSON is read directly, field by field: a validating model of all of FHIR would refuse a bundle for one resource that
is none of a report's, and here each report stands or falls alone.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import Any

from echomine.archive.report_pdf import pdf_text
from echomine.archive.text_decoding import decode_text
from echomine.domain.errors import ItemError, Reason

Row = Mapping[str, Any]
"""Fields of one report as ``report_files`` wants them: text, id, patient, study_uid, date."""

_WITHDRAWN = frozenset({"cancelled", "entered-in-error"})
_BREAKS = re.compile(r"<(?:br|p|div|li|tr|h[1-6])\b[^<>]*>|</(?:p|div|li|tr|h[1-6]|ul|ol|table)\s*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")
_UID_SYSTEM = "urn:dicom:uid"


def fhir_rows(data: bytes, *, max_characters: int) -> Iterator[Row | ItemError]:
    """One row for each DiagnosticReport of a JSON file, an error for each that holds no text.

    Text is that of ``presentedForm`` (plain, HTML, PDF) or else narrative, result Observations and ``conclusion``.

    Raises:
        ItemError: ``bad_encoding``, or ``bad_row`` when the file is no JSON or holds no DiagnosticReport.
    """
    try:
        document = json.loads(decode_text(data).text)
    except (ValueError, RecursionError) as error:
        raise ItemError(Reason.BAD_ROW, "the file is no JSON; export it as FHIR R4 JSON") from error
    yield from resource_rows(document, max_characters=max_characters)


def resource_rows(document: object, *, max_characters: int) -> Iterator[Row | ItemError]:
    """The rows of a resource that was parsed before, as :func:`fhir_rows`."""
    known = dict(_resources(document))
    reports = [one for one in known.values() if one.get("resourceType") == "DiagnosticReport"]
    if not reports:
        raise ItemError(Reason.BAD_ROW, "it holds no DiagnosticReport; name a FHIR R4 DiagnosticReport or bundle")
    for report in reports:
        try:
            yield _row(report, known, max_characters)
        except ItemError as error:
            yield error


def _resources(document: object) -> Iterator[tuple[str, dict[str, Any]]]:
    """All resources by the references that lead to them; those of a bundle by URL and by type and id."""
    entries = document if isinstance(document, list) else _items(document, "entry") or [document]
    for number, entry in enumerate(entries):
        resource = _object(entry, "resource") or (entry if isinstance(entry, dict) else {})
        if "resourceType" not in resource:
            continue
        kind = resource["resourceType"]
        keys = [_word(entry, "fullUrl"), f"{kind}/{_word(resource, 'id')}" if _word(resource, "id") else ""]
        named = [key for key in keys if key] or [f"#{number}"]
        # a report is listed once, whatever leads to it
        yield from ((key, resource) for key in (named[:1] if kind == "DiagnosticReport" else named))


def _row(report: dict[str, Any], known: Mapping[str, dict[str, Any]], max_characters: int) -> Row:
    if _word(report, "status") in _WITHDRAWN:
        raise ItemError(Reason.EMPTY_REPORT, "the report was withdrawn (cancelled or entered in error)")
    nearby = {f"#{_word(one, 'id')}": one for one in _items(report, "contained")} | dict(known)
    return {
        "text": _presented(report, max_characters) or _structured(report, nearby),
        "id": _word(report, "id") or _first_identifier(report),
        "patient": _patient(_object(report, "subject"), nearby),
        "study_uid": _study_uid(report, nearby),
        "date": (_word(report, "effectiveDateTime") or _word(_object(report, "effectivePeriod"), "start"))[:10],
    }


def _presented(report: dict[str, Any], max_characters: int) -> str:
    """Text of the first attachment that has one, plain text before HTML before PDF."""
    forms = {
        _word(form, "contentType").split(";")[0].lower(): form for form in reversed(_items(report, "presentedForm"))
    }
    for kind in ("text/plain", "text/html", "application/xhtml+xml", "application/pdf"):
        if data := _word(forms.get(kind), "data"):
            text = _attachment(kind, data, max_characters)
            if text.strip():
                return text
    return ""


def _attachment(kind: str, data: str, max_characters: int) -> str:
    try:
        content = base64.b64decode(re.sub(r"\s", "", data), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ItemError(Reason.UNDECODABLE, "its attachment is no Base64; export it again") from error
    if kind == "application/pdf":
        return pdf_text(content, max_characters=max_characters)
    text = decode_text(content).text
    return text if kind == "text/plain" else _without_tags(text)


def _structured(report: dict[str, Any], known: Mapping[str, dict[str, Any]]) -> str:
    lines = [_without_tags(_word(_object(report, "text"), "div"))]
    results = [known.get(_word(reference, "reference")) for reference in _items(report, "result")]
    lines += [_observed(observation) for observation in results if observation]
    if conclusion := _word(report, "conclusion"):
        lines += ["CONCLUSION:", conclusion]
    return "\n".join(line for line in lines if line.strip())


def _observed(observation: dict[str, Any]) -> str:
    """``Aortic valve peak velocity: 4.2 m/s`` or the words of an observation."""
    name = _concept(_object(observation, "code"))
    quantity = _object(observation, "valueQuantity")
    unit = (_word(quantity, "unit") or _word(quantity, "code")).replace("mm[Hg]", "mmHg")
    number = f"{_word(quantity, 'value')} {unit}".strip()
    value = _word(observation, "valueString") or _concept(_object(observation, "valueCodeableConcept")) or number
    return f"{name}: {value}" if name and value else value


def _concept(concept: object) -> str:
    return _word(concept, "text") or next((_word(one, "display") for one in _items(concept, "coding")), "")


def _patient(subject: object, known: Mapping[str, dict[str, Any]]) -> str:
    """The hospital's number where the bundle holds it, else the id that the reference names."""
    reference = _word(subject, "reference")
    stated = _word(_object(subject, "identifier"), "value")
    return stated or _first_identifier(known.get(reference)) or reference.rpartition("/")[2].removeprefix("urn:uuid:")


def _study_uid(report: dict[str, Any], known: Mapping[str, dict[str, Any]]) -> str:
    for reference in _items(report, "imagingStudy"):
        study = known.get(_word(reference, "reference"))
        for identifier in [_object(reference, "identifier"), *_items(study, "identifier")]:
            if _word(identifier, "system") == _UID_SYSTEM:
                return _word(identifier, "value").removeprefix("urn:oid:")
    return ""


def _first_identifier(resource: object) -> str:
    return next((_word(one, "value") for one in _items(resource, "identifier")), "")


def _without_tags(markup: str) -> str:
    """Text of HTML: block elements become line ends."""
    lines = unescape(_TAGS.sub("", _BREAKS.sub("\n", markup))).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip())


def _word(value: object, name: str) -> str:
    """A string or number of an object, ``""`` for anything else."""
    found = value.get(name) if isinstance(value, dict) else None
    return str(found).strip() if isinstance(found, str | int | float) else ""


def _object(value: object, name: str) -> dict[str, Any]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _items(value: object, name: str) -> list[Any]:
    """The objects of a list, an empty list for anything else."""
    found = value.get(name) if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
