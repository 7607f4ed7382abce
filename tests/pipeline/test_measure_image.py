"""Measuring files: DICOM with a scale, and what cannot be measured."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.archive.truth import read_truth
from echomine.domain.vocabulary import Disease
from echomine.pipeline.measure_image import measure_image, shown_number, summary_rows
from echomine.pipeline.measurement_picture import measurement_picture, write_measurement_picture

SAMPLES = Path(__file__).parents[2] / "data_samples"
KEYS = {
    "calibrated",
    "calibration_source",
    "px_per_mps",
    "baseline_y",
    "vmax_mps",
    "mean_gradient_mmhg",
    "vti_cm",
    "beats",
    "flow",
    "problems",
}


def sample(valve: str, disease: Disease) -> tuple[Path, float]:
    """The sample file with the fastest such flow that the truth table has, and its Vmax."""
    from pydicom import dcmread

    flows = {
        row.image_id: row.flow.vmax_mps
        for row in read_truth(SAMPLES / "truth.csv")
        if row.flow and row.valve == valve and row.disease is disease
    }
    files = {
        dcmread(path, stop_before_pixels=True).SOPInstanceUID: path for path in (SAMPLES / "images").rglob("*.dcm")
    }
    fastest = max(flows, key=lambda image: flows[image])
    return files[fastest], flows[fastest]


def test_a_dicom_file_with_its_scale() -> None:
    path, vmax_mps = sample("aortic", Disease.STENOSIS)
    document = measure_image(path).document()
    assert document.keys() >= KEYS
    assert document["calibrated"] is True
    assert document["calibration_source"] == "dicom"
    outflow = next(flow for flow in document["flows"] if flow["toward_probe"] is False)
    assert outflow["vmax_mps"] == pytest.approx(vmax_mps, rel=0.06)
    x0, y0, x1, y1 = document["display"]
    for beat in outflow["beats"]:
        assert x0 <= beat["x_range"][0] < beat["x_peak"] < beat["x_range"][1] <= x1
        assert y0 <= beat["y_peak"] <= y1
        speed = abs(beat["y_peak"] - document["baseline_y"]) / document["px_per_mps"]
        assert speed == pytest.approx(beat["vmax_mps"], abs=0.02)


def test_the_picture_shows_nothing_outside_the_display(tmp_path: Path) -> None:
    path, _ = sample("aortic", Disease.STENOSIS)
    measured = measure_image(path)
    write_measurement_picture(measured, tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width == measured.box[2] - measured.box[0]
    assert measurement_picture(measured).shape[0] > measured.box[3] - measured.box[1]
    (row,) = summary_rows(measured)[:1]
    flow = measured.document()["flows"][0]
    assert row[-1] == flow["quality"]
    assert row[1].startswith("\u2265") == any(beat["beyond_display"] for beat in flow["beats"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.png", np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)),
        ("black.png", np.zeros((300, 400), np.uint8)),
        ("narrow.png", np.zeros((300, 50), np.uint8)),
        ("wide.png", np.zeros((60, 12_000), np.uint8)),
    ],
)
def test_a_picture_without_a_display_has_a_reason(name: str, content: np.ndarray, tmp_path: Path) -> None:
    Image.fromarray(content).save(tmp_path / name)
    measured = measure_image(tmp_path / name)
    assert not measured.measured
    assert measured.problems
    assert measured.document()["vmax_mps"] is None


def test_a_file_that_is_no_image_has_a_reason(tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("hello")
    measured = measure_image(tmp_path / "text.dcm")
    assert measured.document()["problems"][0]["code"] == "not_an_image"
    assert measurement_picture(measured).size


def test_numbers_have_the_same_digits_in_table_and_picture() -> None:
    assert [shown_number(value) for value in (None, 2.3456, 21.987, 123.4)] == ["", "2.35", "22", "123"]


def test_a_region_in_hertz_is_said_to_be_one():
    document = measure_image(SAMPLES / "special" / "frequency_scale.dcm").document()
    assert {problem["code"] for problem in document["problems"]} == {"frequency_scale"}
    assert document["vmax_mps"] is None
