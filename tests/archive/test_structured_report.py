import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pydicom
import pytest

from echomine.archive.structured_report import ReportContent, ReportedValue, ReportedWord, write_structured_report
from echomine.archive.study_headers import read_study_headers
from echomine.domain.errors import ItemError, Reason, UsageError

CONTENT = ReportContent(
    finding="heart",
    algorithm="cine_mr 0123",
    values=(
        ReportedValue(name="lv_ef", value=58.1, unit="%", method="(EDV - ESV) / EDV", technique="biplane"),
        ReportedValue(name="agatston_coronary", value=118.4, unit=""),
        ReportedValue(name="volume_coronary", value=90.0, unit="mm3"),
    ),
    words=(ReportedWord(name="quality flag", word="absent_myocardium"), ReportedWord(name="category", word="normal")),
)


@pytest.fixture
def slices(make_dicom, tmp_path):
    headers = []
    for at in range(3):
        data = make_dicom(
            np.zeros((8, 8), np.uint16),
            regions=None,
            SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
            SOPInstanceUID=f"1.2.3.{at + 1}",
            SeriesInstanceUID="1.2.9",
            Modality="CT",
            StudyTime="101010",
            PatientBirthDate="",
            PatientSex="",
            AccessionNumber="",
            StudyID="1",
            ReferringPhysicianName="",
        )
        (tmp_path / f"{at}.dcm").write_bytes(data)
        headers.append(pydicom.dcmread(tmp_path / f"{at}.dcm", stop_before_pixels=True))
    return headers


def _numbers(item):
    found = {}
    for part in item.get("ContentSequence", []):
        if part.ValueType == "NUM":
            value = part.MeasuredValueSequence[0]
            unit = value.MeasurementUnitsCodeSequence[0].CodeValue
            found[part.ConceptNameCodeSequence[0].CodeValue] = (float(value.NumericValue), unit)
        found |= _numbers(part)
    return found


def test_values_units_and_codes_are_read_back(slices, tmp_path):
    write_structured_report(tmp_path / "sr.dcm", CONTENT, slices)
    report = pydicom.dcmread(tmp_path / "sr.dcm")
    assert report.SOPClassUID == "1.2.840.10008.5.1.4.1.1.88.33"
    assert report.StudyInstanceUID == slices[0].StudyInstanceUID
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert _numbers(report) == {
        "10230-1": (58.1, "%"),
        "112058": (118.4, "1"),
        "VOLUME_CORONARY": (90.0, "mm3"),
    }
    said = "; ".join(str(element.value) for element in report.iterall())
    assert "(EDV - ESV) / EDV" in said
    assert "Method of Disks, Biplane" in said
    assert "cine_mr 0123" in said
    assert "absent myocardium" in said
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert {one.ReferencedSOPInstanceUID for one in evidence} == {"1.2.3.1", "1.2.3.2", "1.2.3.3"}


def test_same_values_same_instance(slices, tmp_path):
    uids = set()
    for name in ("a.dcm", "b.dcm"):
        write_structured_report(tmp_path / name, CONTENT, slices)
        uids.add(pydicom.dcmread(tmp_path / name).SOPInstanceUID)
    assert len(uids) == 1
    for other in ({"values": CONTENT.values[:1]}, {"words": ()}, {"algorithm": "x"}):
        write_structured_report(tmp_path / "c.dcm", replace(CONTENT, **other), slices)
        uids.add(pydicom.dcmread(tmp_path / "c.dcm").SOPInstanceUID)
    assert len(uids) == 4


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dicom3tools is not installed")
def test_the_reference_validator_finds_no_error(slices, tmp_path):
    write_structured_report(tmp_path / "sr.dcm", CONTENT, slices)
    said = subprocess.run(["dciodvfy", str(tmp_path / "sr.dcm")], capture_output=True, text=True, check=False)
    errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
    assert errors == []


def test_images_without_names_and_dates_will_do(slices, tmp_path):
    for image in slices:
        for name in ("PatientName", "PatientBirthDate", "StudyTime", "AccessionNumber", "PatientSex"):
            if name in image:
                delattr(image, name)
    write_structured_report(tmp_path / "sr.dcm", CONTENT, slices)
    assert pydicom.dcmread(tmp_path / "sr.dcm").PatientBirthDate == ""
    assert "PatientBirthDate" not in slices[0]


def test_images_without_a_place_in_a_study_are_told_what_they_lack(slices, tmp_path):
    del slices[1].SeriesInstanceUID
    with pytest.raises(ItemError, match="SeriesInstanceUID"):
        write_structured_report(tmp_path / "sr.dcm", CONTENT, slices)


def test_nothing_to_report_is_one_sentence(slices, tmp_path):
    for content, images in ((replace(CONTENT, values=()), slices), (CONTENT, ())):
        with pytest.raises(ItemError, match="needs one or more values"):
            write_structured_report(tmp_path / "sr.dcm", content, images)


def test_headers_are_those_of_the_images_of_one_study(slices, tmp_path, make_dicom):
    write_structured_report(tmp_path / "report.dcm", CONTENT, slices)
    (tmp_path / "notes.txt").write_text("no DICOM")
    headers = read_study_headers(tmp_path)
    assert [header.SOPInstanceUID for header in headers] == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert not any("PixelData" in header for header in headers)
    assert [header.SOPInstanceUID for header in read_study_headers(tmp_path / "1.dcm")] == ["1.2.3.2"]
    with pytest.raises(UsageError, match="there is no file or folder"):
        read_study_headers(tmp_path / "none")
    with pytest.raises(ItemError, match="no DICOM image") as caught:
        read_study_headers(tmp_path / "notes.txt")
    assert caught.value.reason is Reason.NOT_AN_IMAGE
    (tmp_path / "other.dcm").write_bytes(make_dicom(StudyInstanceUID="1.2.4"))
    with pytest.raises(ItemError, match="2 studies"):
        read_study_headers(tmp_path)
