"""Reports in HL7 v2 messages: the observations (OBX) of each request (OBR) of an ORU message are one report."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from echomine.archive.report_pdf import pdf_text
from echomine.archive.text_decoding import decode_text
from echomine.domain.errors import ItemError, Reason

if TYPE_CHECKING:
    import hl7

Row = Mapping[str, Any]
"""Fields of one report as ``report_files`` wants them: text, id, patient, study_uid, date."""

MAX_SEGMENT = 8 * 1024**2
_TEXT_TYPES = frozenset({"TX", "FT", "ST"})
_WITHDRAWN = frozenset({"D", "W", "X"})
"""Result states: deleted, wrong patient, cannot be obtained (HL7 table 0085)."""
_STUDY_UID = "113014"
"""DICOM's code for a study, by which IHE's profiles name the OBX that holds its UID."""
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}\W")
_ESCAPE = re.compile(r"\\([^\\\n]{1,64})\\")
_HEADINGS = {"IMP": "IMPRESSION", "GDT": "FINDINGS", "59776-5": "FINDINGS", "19005-8": "IMPRESSION"}
"""Suffixes of an observation's code, and codes of LOINC, that say which part of a report it is."""
_TITLES = frozenset(
    {"FINDINGS", "IMPRESSION", "IMPRESSIONS", "CONCLUSION", "CONCLUSIONS", "SUMMARY", "INTERPRETATION", "INDICATION"}
    | {"INDICATIONS", "REASON FOR STUDY", "REASON FOR EXAM", "CLINICAL HISTORY", "HISTORY", "COMPARISON", "TECHNIQUE"}
)
"""Names of observations that are headings of a report."""


def hl7_rows(data: bytes, *, max_characters: int) -> Iterator[Row | ItemError]:
    """One row for each report of the messages in a file, an error for each message that holds none.

    MLLP frames and batch headers are passed over. Text (TX, FT, ST) and numbers with units (NM) are taken, and PDF
    documents (ED, Base64). Withdrawn observations are not.

    Raises:
        ItemError: ``bad_encoding``, or ``bad_row`` when the file holds no message.
    """
    text = decode_text(data.replace(b"\x0b", b"").replace(b"\x1c", b"")).text
    messages = list(_messages(text))
    if not messages:
        raise ItemError(Reason.BAD_ROW, "the file holds no HL7 message: none of its lines starts with MSH")
    for segments in messages:
        try:
            yield from _reports(segments, max_characters)
        except ItemError as error:
            yield error


def _messages(text: str) -> Iterator[list[str]]:
    """The segments of each message; a line that starts no segment continues the one before."""
    message: list[str] = []
    for line in text.split("\n"):
        if line.startswith("MSH"):
            if message:
                yield message
            message = [line]
        elif message and line.strip() and not line.startswith(("FHS", "BHS", "BTS", "FTS")):
            if _SEGMENT.match(line):
                message.append(line)
            else:
                message[-1] += f"\\.br\\{line}"
    if message:
        yield message


def _reports(segments: list[str], max_characters: int) -> Iterator[Row | ItemError]:
    message = _parsed(segments)
    kind = _field(message[0], 9, part=1)  # what the message is: ORU^R01
    if kind != "ORU":
        raise ItemError(Reason.WRONG_MODALITY, "the message carries no observations (it is no ORU)")
    patient = next((_field(one, 3, part=1) for one in message if _name(one) == "PID"), "")
    groups = list(_groups(message))
    if not groups:
        raise ItemError(Reason.EMPTY_REPORT, "the message holds no OBR with observations")
    for group in groups:
        try:
            yield _report(group, max_characters) | {"patient": patient}
        except ItemError as error:
            yield error


def _parsed(segments: list[str]) -> "hl7.Message":
    import hl7

    if max(map(len, segments)) > MAX_SEGMENT:
        raise ItemError(Reason.TOO_LARGE, "a segment of the message is longer than a report may be")
    if not segments[0].startswith("MSH|^~\\"):
        raise ItemError(Reason.BAD_ROW, "the message does not use HL7's usual delimiters |^~\\&")
    try:
        return hl7.parse("\r".join(segments))
    except Exception as error:  # the parser's own errors, IndexError and AssertionError among them
        raise ItemError(Reason.BAD_ROW, "the message is no HL7 v2; send it again") from error


def _groups(message: "hl7.Message") -> Iterator[list[Any]]:
    """Each OBR with the segments that follow it."""
    group: list[Any] = []
    for segment in message:
        if _name(segment) == "OBR":
            if group:
                yield group
            group = [segment]
        elif group:
            group.append(segment)
    if group:
        yield group


def _report(group: list[Any], max_characters: int) -> dict[str, str]:
    request, *rest = group
    if _field(request, 25) == "X":
        raise ItemError(Reason.EMPTY_REPORT, "the request was cancelled")
    lines: list[str] = []
    study_uid = next((_field(one, 1, part=1) for one in rest if _name(one) == "ZDS"), "")
    heading = ""
    for segment in rest:
        if _name(segment) != "OBX" or _field(segment, 11) in _WITHDRAWN:
            continue
        if _field(segment, 3, part=1) == _STUDY_UID:
            study_uid = study_uid or _field(segment, 5, part=1)
            continue
        value = _value(segment, max_characters)
        if value and (title := _heading(segment)) != heading:
            heading = title
            lines += [f"{title}:"] if title else []
        lines += [value] if value else []
    return {
        "text": "\n".join(lines),
        "id": _field(request, 3, part=1) or _field(request, 2, part=1),
        "study_uid": study_uid,
        "date": _field(request, 7)[:8],
    }


def _value(segment: Any, max_characters: int) -> str:  # noqa: ANN401  segments are untyped lists
    kind = _field(segment, 2)
    if kind in _TEXT_TYPES:
        return "\n".join(_unescaped(line) for line in _raw(segment, 5).split("~"))
    if kind == "NM" and _raw(segment, 5):
        name = _unescaped(_field(segment, 3, part=2))
        unit = _unescaped(_field(segment, 6, part=1)).replace("mm[Hg]", "mmHg")
        return f"{name}: {_raw(segment, 5)} {unit}".strip()
    return _document(segment, max_characters) if kind == "ED" else ""


def _document(segment: Any, max_characters: int) -> str:  # noqa: ANN401
    """Text of an embedded PDF: source ^ type ^ subtype ^ Base64 ^ data."""
    parts = _raw(segment, 5).split("^")
    if len(parts) < 5 or parts[3].upper() != "BASE64" or "PDF" not in f"{parts[1]}{parts[2]}".upper():
        return ""
    try:
        data = base64.b64decode(re.sub(r"\\\.br\\|\s", "", parts[4]), validate=True)
    except binascii.Error as error:
        raise ItemError(Reason.UNDECODABLE, "its embedded document is no Base64; send it again") from error
    return pdf_text(data, max_characters=max_characters)


def _heading(segment: Any) -> str:  # noqa: ANN401
    """The part of the report that an observation is, where its code says so: ``59776-5&GDT^Procedure findings``."""
    code, _, suffix = _field(segment, 3, part=1).partition("&")
    title = _unescaped(_field(segment, 3, part=2)).strip(" :").upper()
    return _HEADINGS.get(suffix) or _HEADINGS.get(code, "") or (title if title in _TITLES else "")


def _name(segment: Any) -> str:  # noqa: ANN401
    return str(segment[0])


def _raw(segment: Any, number: int) -> str:  # noqa: ANN401
    return str(segment[number]) if number < len(segment) else ""


def _field(segment: Any, number: int, *, part: int = 0) -> str:  # noqa: ANN401
    """A field, of its first repetition one component (counted from 1) where ``part`` is given; ``""`` if absent."""
    text = _raw(segment, number).split("~")[0]
    if not part:
        return text.strip()
    parts = text.split("^")
    return parts[part - 1].strip() if part <= len(parts) else ""


def _unescaped(text: str) -> str:
    """Text with HL7's escapes replaced; what is unknown goes (highlighting, character sets)."""
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = match[1]
    if code.startswith((".br", ".sp", ".ce", ".sk")):
        return " " if code.startswith(".sk") else "\n"
    if re.fullmatch(r"X(?:[0-9A-Fa-f]{2})+", code):
        return decode_text(bytes.fromhex(code[1:])).text
    return {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}.get(code, "")
