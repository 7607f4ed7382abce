"""`echomine measure` on a sample: one JSON document, a picture, and a reason where nothing is measured."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.cli import main

SAMPLES = Path(__file__).parents[2] / "data_samples"


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["echomine", "measure", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return int(left.value.code or 0), said.out, said.err

    return run


def test_a_sample_measures_without_a_workspace(measure, tmp_path) -> None:
    image = next((SAMPLES / "images").rglob("E000003_0.dcm"))
    code, out, _ = measure(image, "--json", "--picture", tmp_path / "out.png")
    document = json.loads(out)
    assert code == 0
    assert document["calibration_source"] == "dicom"
    assert document["vmax_mps"] > 0
    assert document["beats"]
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size[0] > 100
    code, out, _ = measure(image)
    assert code == 0
    assert "Vmax m/s" in out


def test_a_picture_without_a_display_ends_with_one(measure, tmp_path) -> None:
    Image.fromarray(np.zeros((200, 200), np.uint8)).save(tmp_path / "black.png")
    code, out, _ = measure(tmp_path / "black.png", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["calibrated"] is False
    assert document["problems"]
