"""Structured reports, masks and output of all heart commands."""

import json
import shutil
import subprocess

import nibabel
import numpy as np
import pydicom
import pytest
from typer.testing import CliRunner

from echomine.cli import app
from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.pipeline.echo_frames import EchoView
from echomine.pipeline.quantify_calcium import CalciumRequest, quantify_calcium
from echomine.pipeline.quantify_echo import EchoRequest, quantify_echo
from echomine.pipeline.quantify_mr import MrRequest, quantify_mr
from tests.pipeline.heart_files import chest_ct, measured_mr, save, words_of


def _no_error(path):
    if shutil.which("dciodvfy") is None:
        return True
    said = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
    return not [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]


def test_mr_and_echo_report_into_the_study_that_is_named(mr_files, echo_files, tmp_path, make_dicom):
    for name in ("MR", "US"):
        (tmp_path / f"{name}.dcm").write_bytes(
            make_dicom(
                Modality=name,
                SeriesInstanceUID="1.2.9",
                PatientBirthDate="",
                PatientSex="",
                StudyTime="101010",
                StudyID="1",
            )
        )
    mr = measured_mr(mr_files, out=tmp_path / "mr", study=tmp_path / "MR.dcm")
    view = EchoView(images=(echo_files["a4c"],), masks=(echo_files["a4c_mask"],))
    echo = quantify_echo(EchoRequest(four_chamber=view, out=tmp_path / "echo", study=tmp_path / "US.dcm"))
    for result, said in (
        (mr, ("Left Ventricular Ejection Fraction", "voxels counted", "mask given", "Left Ventricle Mass")),
        (echo, ("Method of Disks, Single Plane", "Area-Length Single Plane", "single plane", "normal")),
    ):
        report = pydicom.dcmread(result.files["structured_report"])
        assert (report.Modality, report.StudyInstanceUID, report.PatientID) == ("SR", "1.2.3", "MRN-77")
        assert all(words in words_of(report) for words in said)
        assert _no_error(result.files["structured_report"])
    with pytest.raises(ItemError, match="holds images of US, wanted is MR") as caught:
        measured_mr(mr_files, out=tmp_path / "mr", study=tmp_path / "US.dcm")
    assert caught.value.reason is Reason.WRONG_MODALITY
    with pytest.raises(UsageError, match="--out"):
        measured_mr(mr_files, study=tmp_path / "MR.dcm")


def test_commands_print_json_alone(mr_files, echo_files, tmp_path):
    values, mask = chest_ct()
    scan, sites = save(tmp_path / "ct.nii.gz", values, (1, 1, 3)), save(tmp_path / "sites.nii.gz", mask, (1, 1, 3))
    commands = (
        ["mr", mr_files["ed"], mr_files["es"], "--mask", mr_files["ed_mask"], "--mask", mr_files["es_mask"]],
        [
            "echo",
            echo_files["a4c"],
            echo_files["a2c"],
            "--mask",
            echo_files["a4c_mask"],
            "--mask",
            echo_files["a2c_mask"],
        ],
        ["calcium", scan, "--mask", sites, "--risk-scheme", "deepcac"],
    )
    for command in commands:
        done = CliRunner().invoke(app, ["cardiac", *map(str, command), "--json"])
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["kind"] == command[0]


@pytest.mark.parametrize("number", [257, 4, 1.5, -1])
def test_numbers_that_are_no_class_are_refused(mr_files, echo_files, tmp_path, number):
    """Cast to bytes first, 257 would be 1."""
    affine = np.diag([-0.4, -0.4, 1, 1])
    apical = np.asarray(nibabel.load(echo_files["a4c_mask"]).dataobj) * np.float32(number)
    echo = EchoView(images=(echo_files["a4c"],), masks=(save(tmp_path / "echo.nii.gz", apical, None, affine),))
    values, mask = chest_ct()
    ct = save(tmp_path / "ct.nii.gz", values, (1, 1, 3))
    sites = save(tmp_path / "sites.nii.gz", mask * np.float32(number if number != 4 else 7), (1, 1, 3))
    heart = np.asarray(nibabel.load(mr_files["ed_mask"]).dataobj) * np.float32(number)
    short_axis = save(tmp_path / "mr.nii.gz", heart, (1.5, 1.5, 8))
    for measure in (
        lambda: quantify_echo(EchoRequest(four_chamber=echo)),
        lambda: quantify_calcium(CalciumRequest(scan=ct, mask=sites)),
        lambda: quantify_mr(MrRequest(scans=(mr_files["ed"],), masks=(short_axis,))),
    ):
        with pytest.raises(ItemError, match="which is no class") as caught:
            measure()
        assert caught.value.reason is Reason.WRONG_SHAPE
