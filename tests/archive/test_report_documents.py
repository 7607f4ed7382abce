"""Reports in HL7 v2, FHIR R4, DICOM and PDF: the same records from each, and a reason for every kind of damage."""

import base64
import io
import json
import zlib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian
from pypdf import PdfWriter

from echomine.archive import report_dicom, report_pdf
from echomine.archive.report_dicom import dicom_row
from echomine.archive.report_fhir import fhir_rows
from echomine.archive.report_files import ReportEntry, ReportLimits, count_reports, read_reports
from echomine.archive.report_hl7 import hl7_rows
from echomine.archive.report_pdf import pdf_text
from echomine.domain.errors import ItemError, Reason
from echomine.domain.vocabulary import ItemState

ORU = "\r".join(
    (
        r"MSH|^~\&|ECHO|LAB|EHR|HOSP|202001311200||ORU^R01^ORU_R01|1|P|2.5.1",
        "PID|1||MRN-7^^^HOSP^MR~X9^^^OTHER||DOE^JANE",
        "OBR|1|P-1|F-1^ECHO|93306^ECHO|||20200131101500||||||||||||||||||F",
        r"OBX|1|FT|59776-5&GDT^Findings||Moderate MR \T\ mild TR.\.br\LVOT \S\2~No AS.||||||F",
        "OBX|2|NM|79990-0^AV peak velocity||4.2|m/s|||||F",
        "OBX|3|NM|79991-8^AV mean gradient||44|mm[Hg]|||||F",
        "OBX|4|TX|19005-8&IMP^Impression||Severe aortic stenosis.||||||F",
        "OBX|5|TX|19005-8&IMP^Impression||Wrong patient: endocarditis.||||||W",
        "OBX|6|HD|113014^DICOM Study^DCM||1.2.840.1||||||F",
        "OBX|7|CWE|1^Coded||A^B||||||F",
    )
)
ORU_TEXT = (
    "FINDINGS:\nModerate MR & mild TR.\nLVOT ^2\nNo AS.\n"
    "AV peak velocity: 4.2 m/s\nAV mean gradient: 44 mmHg\nIMPRESSION:\nSevere aortic stenosis."
)


def only(path, **options):
    items = list(read_reports(path, **options))
    assert len(items) == 1, items
    return items[0]


def stored(folder, name, data):
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def pdf_of(*lines):
    """A one-page PDF written by hand."""
    content = "BT /F 12 Tf 40 760 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        f"<</Length {len(content)}>>stream\n{content}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    out, places = "%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj{body}endobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    trailer = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(out)}\n%%EOF"
    return f"{out}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}{trailer}".encode()


def encoded(data):
    return base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()


# HL7 v2


def test_an_oru_message(tmp_path):
    entry = only(stored(tmp_path, "a.hl7", ORU))
    assert entry.text == ORU_TEXT
    assert (entry.name, entry.patient_id, entry.study_uid) == ("F-1", "MRN-7", "1.2.840.1")
    assert entry.performed == date(2020, 1, 31)
    assert "MRN-7" not in repr(entry)


def test_names_of_observations_are_headings_where_they_name_a_part(tmp_path):
    lines = ["OBX|1|TX|F^Findings||Mild AS.", "OBX|2|TX|I^Impression:||Mild AS, mild MR.", "OBX|3|TX|X^Echo||Done."]
    message = "\r".join(["MSH|^~\\&|E|H|||20200131||ORU^R01|1|P|2.5", "OBR|1||F-9|93306", *lines])
    entry = only(stored(tmp_path, "n.hl7", message))
    assert entry.text.splitlines() == ["FINDINGS:", "Mild AS.", "IMPRESSION:", "Mild AS, mild MR.", "Done."]


def test_a_batch_in_mllp_frames_with_a_message_that_is_no_report(tmp_path):
    other = "MSH|^~\\&|A|B|C|D|2020||ADT^A08|2|P|2.5\rPID|1||M"
    framed = b"FHS|^~\\&|\rBHS|^~\\&|\r" + b"\x0b" + ORU.encode() + b"\x1c\r\x0b" + other.encode() + b"\x1c\rBTS|2\r"
    first, second = read_reports(stored(tmp_path, "a.hl7", framed))
    assert first.text == ORU_TEXT
    assert (second.reason, second.state) == (Reason.WRONG_MODALITY, ItemState.SKIPPED)


def test_each_request_of_a_message_is_a_report_and_zds_names_the_exam(tmp_path):
    two = ORU + "\rOBR|2||F-2|x\rOBX|1|TX|a||Mild\nPR.\rZDS|1.2.9^^Application^DICOM"
    first, second = read_reports(stored(tmp_path, "a.hl7", two))
    assert (first.name, second.name) == ("F-1", "F-2")
    assert (second.text, second.study_uid, second.patient_id) == ("Mild\nPR.", "1.2.9", "MRN-7")


def test_a_pdf_within_a_message(tmp_path):
    message = ORU.split("\rOBX")[0] + f"\rOBX|1|ED|P^Report||^application^pdf^Base64^{encoded(pdf_of('Mild MR.'))}"
    assert only(stored(tmp_path, "a.hl7", message)).text.strip() == "Mild MR."


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("no message at all", Reason.BAD_ROW),
        ("\x00\x01\x02\x03" * 50, Reason.BAD_ENCODING),
        ("MSH|^~", Reason.BAD_ROW),
        ("MSH", Reason.BAD_ROW),
        (ORU.replace("|^~\\&|", "*^~\\&*", 1), Reason.BAD_ROW),
        (ORU.split("\rOBR")[0], Reason.EMPTY_REPORT),
        (ORU.split("\rOBX")[0], Reason.EMPTY_REPORT),
        (ORU.replace("||F\r", "||X\r").replace("|||||F", "|||||X"), Reason.EMPTY_REPORT),
        (ORU.split("\rOBX")[0] + "\rOBX|1|ED|P||^application^pdf^Base64^%%%", Reason.UNDECODABLE),
        (ORU.split("\rOBX")[0] + "\rOBX|1|ED|P||^application^pdf^Base64^AAAA", Reason.UNDECODABLE),
        (ORU.split("\rOBX")[0] + "\rOBX|1|TX|P||" + "a " * (9 << 20), Reason.TOO_LARGE),
    ],
)
def test_bad_messages(message, reason, tmp_path):
    problem = only(stored(tmp_path, "a.hl7", message))
    assert problem.reason is reason
    assert "MRN" not in problem.message


def test_an_escape_does_not_blow_up_the_text():
    (row,) = hl7_rows(
        (ORU.split("\rOBX")[0] + r"\rOBX|1|FT|a||a\.sp999999999\b\H\c\X0D0A\d\Z".replace(r"\r", "\r", 1)).encode(),
        max_characters=1000,
    )
    assert row["text"] == "a\nbc\nd\\Z"


# FHIR R4

REPORT = {
    "resourceType": "DiagnosticReport",
    "id": "dr-1",
    "status": "final",
    "subject": {"reference": "Patient/p1"},
    "effectiveDateTime": "2020-01-31T10:15:00Z",
    "imagingStudy": [{"reference": "urn:uuid:study"}],
    "presentedForm": [
        {"contentType": "application/pdf", "data": "AAAA"},
        {"contentType": "text/plain; charset=utf-8", "data": encoded("Moderate MR.\r\nNo AS.")},
    ],
    "conclusion": "not read: the presented form is",
}
PATIENT = {"resourceType": "Patient", "id": "p1", "identifier": [{"value": "MRN-7"}], "name": [{"family": "Doe"}]}
STUDY = {"resourceType": "ImagingStudy", "identifier": [{"system": "urn:dicom:uid", "value": "urn:oid:1.2.840.1"}]}


def bundle(*resources):
    entries = [{"resource": one} for one in resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def test_a_bundle(tmp_path):
    document = bundle(REPORT, PATIENT)
    document["entry"].append({"fullUrl": "urn:uuid:study", "resource": STUDY})
    entry = only(stored(tmp_path, "b.json", json.dumps(document)))
    assert entry.text == "Moderate MR.\nNo AS."
    assert (entry.name, entry.patient_id, entry.study_uid) == ("dr-1", "MRN-7", "1.2.840.1")
    assert entry.performed == date(2020, 1, 31)


def test_a_report_without_a_presented_form_is_read_from_its_parts(tmp_path):
    observations = [
        {"resourceType": "Observation", "id": "o1", "code": {"text": "AV mean gradient"},
         "valueQuantity": {"value": 44, "code": "mm[Hg]"}},
        {"resourceType": "Observation", "id": "o2", "code": {"coding": [{"display": "Mitral valve"}]},
         "valueString": "Moderate regurgitation."},
    ]  # fmt: skip
    report = {key: value for key, value in REPORT.items() if key not in {"presentedForm", "imagingStudy"}} | {
        "text": {"div": "<div xmlns='x'><p>Trace PR &amp; TR.</p><script>1<2</script></div>"},
        "contained": [observations[0]],
        "result": [{"reference": "#o1"}, {"reference": "Observation/o2"}, {"reference": "Observation/absent"}],
        "conclusion": "Severe AS.",
    }
    entry = only(stored(tmp_path, "b.json", json.dumps([report, observations[1]])))
    assert entry.text.splitlines()[0] == "Trace PR & TR."
    assert entry.text.splitlines()[-4:] == [
        "AV mean gradient: 44 mmHg",
        "Mitral valve: Moderate regurgitation.",
        "CONCLUSION:",
        "Severe AS.",
    ]
    assert entry.patient_id == "p1"


def test_bulk_export_lines_may_be_resources(tmp_path):
    lines = "\n".join(json.dumps(one) for one in (REPORT, {"id": "a", "text": "Mild TR."}, PATIENT))
    first, second, third = read_reports(stored(tmp_path, "b.ndjson", lines))
    assert (first.text, second.text, third.reason) == ("Moderate MR.\nNo AS.", "Mild TR.", Reason.BAD_ROW)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", Reason.BAD_ROW),
        ("[" * 100_000, Reason.BAD_ROW),
        ("7", Reason.BAD_ROW),
        ("{}", Reason.BAD_ROW),
        (json.dumps(bundle(PATIENT)), Reason.BAD_ROW),
        (json.dumps({"resourceType": "Bundle", "entry": {"resource": 3}}), Reason.BAD_ROW),
        (json.dumps({"resourceType": "DiagnosticReport"}), Reason.EMPTY_REPORT),
        (json.dumps({"resourceType": "DiagnosticReport", "presentedForm": "x", "result": 3}), Reason.EMPTY_REPORT),
        (json.dumps(REPORT | {"status": "entered-in-error"}), Reason.EMPTY_REPORT),
        (json.dumps(REPORT | {"presentedForm": [{"contentType": "text/plain", "data": "%"}]}), Reason.UNDECODABLE),
        (json.dumps(REPORT | {"presentedForm": REPORT["presentedForm"][:1]}), Reason.UNDECODABLE),
        (json.dumps(REPORT | {"presentedForm": [], "conclusion": "a " * (9 << 20)}), Reason.TOO_LARGE),
    ],
)  # fmt: skip
def test_bad_resources(document, reason, tmp_path):
    assert only(stored(tmp_path, "b.json", document)).reason is reason


# DICOM


def coded(meaning, value="X"):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return item


def content(kind, name="", **values):
    item = Dataset()
    item.ValueType = kind
    if name:
        item.ConceptNameCodeSequence = [coded(name)]
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def dicom(sop_class=report_dicom.STRUCTURED_REPORTS + "22", syntax=ExplicitVRLittleEndian, **values):
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.StudyInstanceUID = sop_class, "1.2.5", "1.2.840.1"
    dataset.PatientID, dataset.PatientName, dataset.StudyDate = "MRN-7", "DOE^JANE", "20200131"
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID, dataset.file_meta.MediaStorageSOPInstanceUID = sop_class, "1.2.5"
    dataset.file_meta.TransferSyntaxUID = syntax
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def measured(value, unit):
    item = Dataset()
    item.NumericValue, item.MeasurementUnitsCodeSequence = value, [coded(unit, unit)]
    return item


def structured():
    findings = content("CONTAINER", "Findings", ContentSequence=[
        content("TEXT", "Finding", TextValue="Moderate mitral regurgitation, no aortic stenosis."),
        content("NUM", "AV mean gradient", MeasuredValueSequence=[measured("44", "mm[Hg]")]),
        content("CODE", "Aortic valve", ConceptCodeSequence=[coded("calcified")]),
        content("NUM", "not taken"),
    ])  # fmt: skip
    return dicom(ContentSequence=[content("PNAME", "Observer", PersonName="HOUSE^G"), findings])


def test_a_structured_report(tmp_path):
    entry = only(stored(tmp_path, "s.dcm", structured()))
    assert entry.text.splitlines() == [
        "FINDINGS:",
        "Moderate mitral regurgitation, no aortic stenosis.",
        "AV mean gradient: 44 mmHg",
        "Aortic valve: calcified",
    ]
    assert (entry.name, entry.patient_id, entry.study_uid) == ("1.2.5", "MRN-7", "1.2.840.1")
    assert entry.performed == date(2020, 1, 31)


def modifier(name, value):
    return content("CODE", name, RelationshipType="HAS CONCEPT MOD", ConceptCodeSequence=[coded(value)])


def test_where_a_number_was_measured_and_which_way_the_blood_ran(tmp_path):
    backwards = content("NUM", "Peak Velocity", MeasuredValueSequence=[measured("4.1", "m/s")])
    backwards.ContentSequence = [modifier("Flow Direction", "Regurgitant Flow")]
    group = content("CONTAINER", "Measurement Group", ContentSequence=[
        content("NUM", "Peak Velocity", MeasuredValueSequence=[measured("2.1", "m/s")]),
        content("NUM", "Aortic Valve Area", MeasuredValueSequence=[measured("1.6", "cm2")]),
        backwards,
    ])  # fmt: skip
    findings = content("CONTAINER", "Findings", ContentSequence=[modifier("Finding Site", "Aortic Valve"), group])
    entry = only(stored(tmp_path, "s.dcm", dicom(ContentSequence=[findings])))
    assert entry.text.splitlines() == [
        "FINDINGS:",
        "MEASUREMENT GROUP:",
        "Aortic Valve Peak Velocity: 2.1 m/s",
        "Aortic Valve Area: 1.6 cm2",
        "Aortic Valve Regurgitant Flow Peak Velocity: 4.1 m/s",
    ]


def test_an_encapsulated_pdf(tmp_path):
    data = pdf_of("Moderate mitral regurgitation.", "No aortic stenosis.")
    entry = only(
        stored(
            tmp_path, "p.dcm", dicom(report_dicom.ENCAPSULATED_PDF, EncapsulatedDocument=data + b" " * (len(data) % 2))
        )
    )
    assert entry.text.split("\n")[0] == "Moderate mitral regurgitation."
    assert "No aortic stenosis." in entry.text


def nested(depth):
    item = content("TEXT", TextValue="end")
    for _ in range(depth):
        item = content("CONTAINER", ContentSequence=[item])
    return item


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.EMPTY_REPORT),
        (b"no DICOM at all" * 20, Reason.BROKEN_DICOM),
        (structured()[:140], Reason.BROKEN_DICOM),
        (dicom("1.2.840.10008.5.1.4.1.1.6.1"), Reason.WRONG_MODALITY),
        (dicom(syntax=DeflatedExplicitVRLittleEndian), Reason.DEFLATED),
        (dicom(), Reason.EMPTY_REPORT),
        (dicom(report_dicom.ENCAPSULATED_PDF), Reason.UNDECODABLE),
        (dicom(ContentSequence=[nested(report_dicom.MAX_DEPTH + 1)]), Reason.TOO_LARGE),
        (dicom(ContentSequence=[content("TEXT", TextValue="x" * (17 << 20))]), Reason.TOO_LARGE),
    ],
)
def test_bad_dicom_reports(data, reason, tmp_path):
    problem = only(stored(tmp_path, "s.dcm", data))
    assert problem.reason is reason
    assert "DOE" not in problem.message


# PDF


def test_a_pdf_named_by_its_exam(tmp_path):
    entry = only(stored(tmp_path, "1.2.840.1.pdf", pdf_of("Mild MR.")))
    assert (entry.text.strip(), entry.study_uid) == ("Mild MR.", "1.2.840.1")


def encrypted():
    writer = PdfWriter(io.BytesIO(pdf_of("Mild MR.")))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def bomb():
    packed = zlib.compress(zlib.compress(b" " * 200_000_000, 9), 9)
    old = pdf_of("x")
    start, end = old.index(b"<</Length"), old.index(b"endstream")
    return (
        old[:start]
        + b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n" % len(packed)
        + packed
        + b"\n"
        + old[end:]
    )


def test_bad_pdf(tmp_path):
    for name, data, reasons in (
        ("encrypted", encrypted(), {Reason.ENCRYPTED}),
        ("noise", b"%PDF-1.4" + bytes(range(256)) * 40, {Reason.UNDECODABLE}),
        ("cut", pdf_of("Mild MR.")[:90], {Reason.UNDECODABLE}),
        ("scanned", pdf_of(), {Reason.EMPTY_REPORT}),
        ("bomb", bomb(), {Reason.TOO_LARGE, Reason.UNDECODABLE, Reason.EMPTY_REPORT}),
    ):
        assert only(stored(tmp_path, f"{name}.pdf", data)).reason in reasons, name


def test_a_pdf_of_too_many_pages(monkeypatch):
    monkeypatch.setattr(report_pdf, "MAX_PAGES", 0)
    with pytest.raises(ItemError, match="1 pages"):
        pdf_text(pdf_of("a"), max_characters=10)


def test_a_long_pdf():
    with pytest.raises(ItemError, match="more text"):
        pdf_text(pdf_of("Mild mitral regurgitation."), max_characters=10)


# all


def test_a_folder_of_everything_gives_the_same_records(tmp_path):
    stored(tmp_path, "a.hl7", ORU)
    stored(tmp_path, "b.json", json.dumps(REPORT))
    stored(tmp_path, "c.dcm", structured())
    stored(tmp_path, "d.pdf", pdf_of("Mild MR."))
    stored(tmp_path, "e.txt", "Mild MR.")
    stored(tmp_path, "f.docx", "not read")
    stored(tmp_path, "g.dcm", dicom("1.2.840.10008.5.1.4.1.1.6.1"))
    items = list(read_reports(tmp_path))
    assert [type(item) for item in items] == [ReportEntry] * 5
    assert [item.origin for item in items] == ["a.hl7", "b.json", "c.dcm", "d.pdf", "e.txt"]
    assert count_reports(tmp_path) == 6


@pytest.mark.parametrize("suffix", ["hl7", "json", "dcm", "pdf"])
def test_a_file_above_the_limit_is_not_read(suffix, tmp_path):
    path = stored(tmp_path, f"a.{suffix}", "x" * 100)
    assert only(path, limits=ReportLimits(document_bytes=99)).reason is Reason.TOO_LARGE


def rows(reader, data):
    """What a reader makes of damaged bytes: rows, or errors of one kind."""
    try:
        made = reader(data, max_characters=100_000)
        return list(made) if not isinstance(made, dict) else [made]
    except ItemError as error:
        return [error]


SOUND = {
    "hl7": (hl7_rows, ORU.encode()),
    "fhir": (fhir_rows, json.dumps(bundle(REPORT, PATIENT)).encode()),
    "dicom": (dicom_row, structured()),
}


@pytest.mark.parametrize("form", SOUND)
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8), end=st.floats(0, 1))
def test_damage_ends_in_a_reason(form, places, end):
    reader, sound = SOUND[form]
    data = bytearray(sound)
    for place, value in places:
        data[int(place * (len(data) - 1))] = value
    for one in rows(reader, bytes(data[: int(end * len(data))])):
        assert isinstance(one, ItemError) or isinstance(one["text"], str)
