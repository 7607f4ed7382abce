"""Reports in DICOM: the text of structured reports (SR), and encapsulated PDF documents."""

import io
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from echomine.archive.report_pdf import pdf_text
from echomine.domain.errors import ItemError, Reason

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

Row = Mapping[str, Any]
"""Fields of one report as ``report_files`` wants them: text, id, patient, study_uid, date."""

STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
ENCAPSULATED_PDF = "1.2.840.10008.5.1.4.1.1.104.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
_LONGEST_ENTRY = 3
MAX_ITEMS, MAX_DEPTH = 20_000, 30
"""Content items of one structured report, and how deep they may nest."""


def dicom_row(data: bytes, *, max_characters: int) -> Row:
    """The report of a DICOM file.

    Of a structured report, each text becomes a line, each number a line with its site, name and unit, each container
    a heading; the names of persons that observed or verified it are not taken.

    Raises:
        ItemError: ``broken_dicom``, ``deflated``, ``wrong_modality`` for any other kind of DICOM file, ``too_large``,
            or what :func:`pdf_text` raises.
    """
    dataset = _parsed(data)
    try:
        return {
            "text": _text(dataset, max_characters),
            "id": _stated(dataset, "SOPInstanceUID"),
            "patient": _stated(dataset, "PatientID"),
            "study_uid": _stated(dataset, "StudyInstanceUID"),
            "date": (_stated(dataset, "StudyDate") or _stated(dataset, "ContentDate"))[:8],
        }
    except ItemError:
        raise
    except Exception as error:  # values are decoded on access: struct.error, ValueError, RecursionError, ...
        raise _broken(error) from error


def _parsed(data: bytes) -> "Dataset":
    import pydicom

    if data[128:132] != b"DICM":
        raise ItemError(Reason.BROKEN_DICOM, "it is no DICOM file: the mark DICM is not there")
    try:
        deflated = _transfer_syntax(data) == DEFLATED
        dataset = None if deflated else pydicom.dcmread(io.BytesIO(data))
    except Exception as error:  # a dozen types
        raise _broken(error) from error
    if dataset is None:
        raise ItemError(Reason.DEFLATED, "its content is deflated, which has no safe size; store it uncompressed")
    return dataset


def _transfer_syntax(data: bytes) -> str:
    """Transfer syntax of the file, read from the group 2 header alone, so that nothing is inflated."""
    from pydicom.filereader import read_dataset

    stream = io.BytesIO(data)
    stream.seek(132)
    meta = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_after_group_2)
    return str(meta.get("TransferSyntaxUID", "")).strip(" \0")


def _after_group_2(tag: "BaseTag", _vr: str | None, _length: int) -> bool:
    return tag.group != 2


def _broken(error: Exception) -> ItemError:
    return ItemError(Reason.BROKEN_DICOM, f"its content cannot be read ({type(error).__name__}); export it again")


def _text(dataset: "Dataset", max_characters: int) -> str:
    kind = _stated(dataset, "SOPClassUID")
    if kind == ENCAPSULATED_PDF:
        return pdf_text(bytes(dataset.get("EncapsulatedDocument") or b""), max_characters=max_characters)
    if kind.startswith(STRUCTURED_REPORTS):
        return "\n".join(_lines(dataset))
    if not kind:
        raise ItemError(Reason.BROKEN_DICOM, "it does not say what kind of DICOM file it is; export it again")
    raise ItemError(Reason.WRONG_MODALITY, "it is neither a structured report nor an encapsulated PDF")


def _lines(dataset: "Dataset") -> Iterator[str]:
    """Lines of the content tree, depth first, without recursion: a hostile file may nest without end."""
    waiting = [(item, 1, "") for item in reversed(dataset.get("ContentSequence") or ())]
    seen = 0
    while waiting:
        item, depth, site = waiting.pop()
        seen += 1
        if seen > MAX_ITEMS or depth > MAX_DEPTH:
            raise ItemError(Reason.TOO_LARGE, "the structured report has more items than is safe to read")
        children = item.get("ContentSequence") or ()
        site = _modifier(children, "finding site") or site
        line = _line(item, f"{site} {_direction(children)}".strip())
        if line:
            yield line
        waiting += [(child, depth + 1, site) for child in reversed(children) if not _is_modifier(child)]


def _is_modifier(item: "Dataset") -> bool:
    return _stated(item, "RelationshipType") == "HAS CONCEPT MOD"


def _modifier(children: Iterable["Dataset"], name: str) -> str:
    """The value of the modifier of a name: where a measurement was taken, which way the blood flowed."""
    modifiers = [child for child in children if _is_modifier(child)]
    return next((_code(child) for child in modifiers if _meaning(child, "ConceptNameCodeSequence").lower() == name), "")


def _direction(children: Iterable["Dataset"]) -> str:
    """``Regurgitant Flow`` where a flow was measured that ran backwards; forward flow needs no word."""
    direction = _modifier(children, "flow direction")
    return direction if direction.lower().startswith("regurgitant") else ""


def _line(item: "Dataset", place: str) -> str:
    """One content item in words; ``place`` (site and direction) goes before its name where that lacks it."""
    kind, name = _stated(item, "ValueType"), _meaning(item, "ConceptNameCodeSequence")
    if kind == "CONTAINER":
        return f"{name.upper()}:" if name else ""
    value = {"TEXT": _written, "NUM": _number, "CODE": _code}.get(kind, _nothing)(item)
    if not value:
        return ""
    if not name or (kind == "TEXT" and len(value.split()) > _LONGEST_ENTRY):
        return value
    return f"{_placed(name, place)}: {value}"


def _placed(name: str, place: str) -> str:
    said = frozenset(name.lower().split())
    missing = [word for word in place.split() if word.lower() not in said]
    return " ".join([*missing, name])


def _written(item: "Dataset") -> str:
    return _stated(item, "TextValue")


def _number(item: "Dataset") -> str:
    measured = next(iter(item.get("MeasuredValueSequence") or ()), None)
    if measured is None:
        return ""
    unit = next(iter(measured.get("MeasurementUnitsCodeSequence") or ()), None)
    code = _stated(unit, "CodeValue") if unit is not None else ""
    written = {"1": "", "mm[Hg]": "mmHg"}.get(code, code)
    return f"{_stated(measured, 'NumericValue')} {written}".strip()


def _code(item: "Dataset") -> str:
    return _meaning(item, "ConceptCodeSequence")


def _nothing(_item: "Dataset") -> str:
    return ""


def _meaning(item: "Dataset", keyword: str) -> str:
    """The words of the first code of a sequence."""
    first = next(iter(item.get(keyword) or ()), None)
    return "" if first is None else _stated(first, "CodeMeaning")


def _stated(dataset: "Dataset", keyword: str) -> str:
    value = dataset.get(keyword)
    return "" if value is None else str(value).strip(" \0")
