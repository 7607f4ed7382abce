"""Training by Prefect against the plain call, on the same pictures."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from echomine.archive.workspace import Workspace
from echomine.domain.errors import UsageError
from echomine.pipeline.image_models import train
from echomine.pipeline.training_file import read_training_file
from flows.train_image_model import train_image_model, train_stage

SIZE = 40
CONFIG = f"""
name = "disc"
[data]
kind = "mask_folder"
path = "unused"
labels = {{ disc = 1 }}
[split]
validation = 0.2
test = 0.2
[evaluation]
repeats = 20
distances = false
[network]
name = "unet"
width = 4
[input]
size = [{SIZE}, {SIZE}]
[training]
epochs = 2
batch_size = 4
precision = "32"
accelerator = "cpu"
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "disc.toml"
    path.write_text(CONFIG)
    rng = np.random.default_rng(0)
    for number in range(8):
        mask = np.hypot(*(np.mgrid[:SIZE, :SIZE] - rng.uniform(14, 26, (2, 1, 1)))) < 8
        grey = (60 + 130 * mask + rng.normal(0, 10, mask.shape)).clip(0, 255).astype(np.uint8)
        for name, values in (("images", grey), ("masks", mask.astype(np.uint8))):
            folder = tmp_path / "data" / name
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / f"p{number}_a.png")
    return path


@pytest.mark.slow
@pytest.mark.usefixtures("prefect_server")
def test_the_flow_trains_what_the_plain_call_does(config: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    by_flow = train_image_model(str(tmp_path / "flow"), str(config), str(data))
    file = read_training_file(config)
    plain = train(tmp_path / "plain", file, data=data).document()
    assert by_flow["scores"] == plain["scores"]
    assert by_flow["quarantined"] == 0
    kept, wanted = (Workspace.artifacts_of(tmp_path / one).load(file.kind) for one in ("flow", "plain"))
    assert kept.generation_id == by_flow["generation"]
    assert kept.files["image_model.safetensors"] == wanted.files["image_model.safetensors"]


def test_a_flow_without_a_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--config"):
        train_stage.fn(str(tmp_path), "", "")
