"""Image models end to end on generated pictures: train, judge, use, resume after a kill."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

from echomine.archive.training_sets import load_training_set
from echomine.archive.workspace import Workspace
from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.domain.vocabulary import Split
from echomine.metrics.structures import dice
from echomine.pipeline.image_models import evaluate, load_model, train
from echomine.pipeline.training_file import TrainingFile, read_training_file, training_file
from echomine.pipeline.use_image_model import PredictionRequest, predict

SIZE = 40
TABLES = {
    "name": "disc",
    "data": {"kind": "nifti", "path": "unused", "labels": {"disc": 1}},
    "split": {"validation": 0.2, "test": 0.2},
    "evaluation": {"repeats": 20},
    "network": {"name": "unet", "width": 4},
    "input": {"size": [SIZE, SIZE]},
    "training": {"epochs": 8, "batch_size": 4, "repeats": 4, "learning_rate": 0.02, "precision": "32"},
}


def disc_picture(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    middle = rng.uniform(14, 26, size=2)
    mask = np.hypot(*(np.mgrid[:SIZE, :SIZE] - middle[:, None, None])) < 8
    return (60 + 130 * mask + rng.normal(0, 10, mask.shape)).clip(0, 255).astype(np.uint8), mask.astype(np.uint8)


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def write_volumes(folder: Path, patients: int = 10, slices: int = 2) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(patients):
        pairs = [disc_picture(rng) for _ in range(slices)]
        for suffix, rows in (("", [one for one, _ in pairs]), ("_gt", [one for _, one in pairs])):
            image = nibabel.Nifti1Image(np.stack(rows, axis=2), np.diag([0.5, 2.0, 5.0, 1.0]))
            image.header.set_xyzt_units("mm")
            nibabel.save(image, folder / f"p{number}_x{suffix}.nii.gz")
    return folder


def as_toml(tables: dict[str, object], path: Path) -> Path:
    lines = [f"{key} = {json.dumps(value)}" for key, value in tables.items() if not isinstance(value, dict)]
    for name, table in tables.items():
        if isinstance(table, dict):
            lines.append(f"[{name}]")
            lines += [
                f"{key} = {{ {', '.join(f'{k} = {v}' for k, v in value.items())} }}"
                if isinstance(value, dict)
                else f"{key} = {json.dumps(value)}"
                for key, value in table.items()
            ]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def disc_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, TrainingFile]:
    folder = tmp_path_factory.mktemp("discs")
    data, workspace, file = write_volumes(folder / "data"), folder / "workspace", training_file(TABLES)
    result = train(workspace, file, data=data)
    assert result.problems == ()
    return data, workspace, file


def test_training_leaves_a_generation_and_a_report(disc_model):
    _, workspace, file = disc_model
    generation = Workspace.artifacts_of(workspace).load(file.kind)
    assert set(generation.files) == {"image_model.json", "image_model.safetensors", "model.onnx", "known_patients.json"}
    assert generation.seeds == {"seed": 0, "split": 0}
    assert generation.metrics["dice"] > 0.85
    folder = workspace / "image_models" / "disc"
    card = (folder / "MODEL_CARD.md").read_text()
    for words in (
        "Research use only",
        "| test | 4 | 2 |",
        "dice_disc",
        "hd95_mm_disc",
        "U-Net",
        "epochs in",
        "chosen on the validation part",
        "| disc | 2 count, 0 missed, 0 false alarms, 0 absent |",
    ):
        assert words in card
    assert opened(folder / "learning_curve.png").shape[1] > 300
    assert opened(folder / "test_overlays.png").shape[1] > 300
    assert any(folder.glob("logs/events*"))
    assert not list((workspace / "training").rglob("*.resume"))


def test_judging_again_gives_the_same_figures_and_onnx_too(disc_model):
    data, workspace, file = disc_model
    kept = json.loads((workspace / "image_models" / "disc" / "scores.json").read_text())
    judged = [evaluate(workspace, file, data=data, onnx=onnx) for onnx in (False, True)]
    assert [(one.known_patients, one.problems) for one in judged] == [(0, ())] * 2
    again, by_onnx = (one.scores for one in judged)
    assert again.document() == kept
    assert by_onnx.figures["dice"].value == pytest.approx(again.figures["dice"].value, abs=0.01)
    assert evaluate(workspace, file, data=data, part=Split.TRAIN).scores.groups == 6
    dice_mean = again.figures["dice"]
    assert dice_mean.low <= dice_mean.value <= dice_mean.high
    assert again.rows[0]["presence"] == "both"


@pytest.mark.parametrize("onnx", [False, True])
def test_volumes_get_masks_on_their_own_grid(disc_model, tmp_path, onnx):
    data, workspace, file = disc_model
    request = PredictionRequest(
        model="disc", sources=(data / "p3_x.nii.gz",), out=tmp_path / "out", data=file.data, onnx=onnx
    )
    result = predict(workspace, request)
    drawn, like = (nibabel.load(path) for path in (tmp_path / "out/masks/p3_x.nii.gz", data / "p3_x.nii.gz"))
    truth = np.asarray(nibabel.load(data / "p3_x_gt.nii.gz").dataobj)
    assert np.allclose(drawn.affine, like.affine)
    assert dice(truth == 1, np.asarray(drawn.dataobj) == 1) > 0.85
    row = result.rows[0]
    assert row["disc_ml"] == pytest.approx(row["disc_pixels"] * 0.5 * 2.0 * 5.0 / 1000)
    assert len(list((tmp_path / "out/overlays").iterdir())) == 2
    assert (tmp_path / "out/predictions.csv").read_text().startswith("name,disc_pixels,disc_ml\n")


def test_pictures_get_masks_and_bad_ones_are_listed(disc_model, tmp_path):
    _, workspace, file = disc_model
    picture, mask = disc_picture(np.random.default_rng(5))
    Image.fromarray(picture).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"no picture")
    result = predict(
        workspace, PredictionRequest(model="disc", sources=(tmp_path,), out=tmp_path / "out", data=file.data)
    )
    assert [(one.name, one.reason.value) for one in result.problems] == [("bad.png", "not_an_image")]
    assert dice(mask == 1, opened(tmp_path / "out/masks/good.png") == 1) > 0.8
    assert "disc_mm2" not in result.rows[0]


def test_another_split_than_that_of_the_training_is_told(disc_model):
    """Patients who were learnt from would make the figures too good."""
    data, workspace, file = disc_model
    other = training_file(TABLES | {"split": {**TABLES["split"], "seed": 3}})
    known = set(json.loads(Workspace.artifacts_of(workspace).load(file.kind).files["known_patients.json"]))
    judged = evaluate(workspace, other, data=data)
    assert len(known) == 8
    assert judged.known_patients == len({row["group"] for row in judged.scores.rows} & known) > 0
    assert evaluate(workspace, file, data=data, part=Split.TRAIN).known_patients == 6


def test_a_data_set_of_elsewhere_is_judged_whole_and_its_bad_pictures_are_listed(disc_model, tmp_path):
    _, workspace, file = disc_model
    other = write_volumes(tmp_path / "other", patients=3)
    (other / "p2_x_gt.nii.gz").unlink()
    judged = evaluate(workspace, file, data=other, part=None)
    assert (judged.scores.items, judged.scores.groups) == (2, 2)
    assert [one.name for one in judged.problems] == ["p2_x.nii.gz"]
    assert judged.document()["problems"][0]["reason"] == "bad_target"


def test_a_folder_is_predicted_without_its_masks_and_what_was_predicted_before(disc_model, tmp_path):
    _, workspace, file = disc_model
    scans = write_volumes(tmp_path / "scans", patients=2)
    for _ in range(2):
        request = PredictionRequest(model="disc", sources=(scans,), out=scans / "out", data=file.data)
        result = predict(workspace, request)
        assert [row["name"] for row in result.rows] == ["p0_x.nii.gz", "p1_x.nii.gz"]


def test_pictures_of_one_name_do_not_overwrite_each_other(disc_model, tmp_path):
    _, workspace, file = disc_model
    for folder in ("a", "b"):
        (tmp_path / "s" / folder).mkdir(parents=True)
        Image.fromarray(disc_picture(np.random.default_rng(5))[0]).save(tmp_path / "s" / folder / "x.png")
    sources = ((tmp_path / "s",), tuple(tmp_path / "s" / folder / "x.png" for folder in ("a", "b")))
    whole, apart = (
        predict(workspace, PredictionRequest(model="disc", sources=one, out=tmp_path / "out", data=file.data))
        for one in sources
    )
    assert [row["name"] for row in whole.rows] == ["a/x.png", "b/x.png"]
    assert all(
        (tmp_path / "out" / kind / name).exists() for kind in ("masks", "overlays") for name in ("a/x.png", "b/x.png")
    )
    assert [row["name"] for row in apart.rows] == ["x.png"]
    assert [(one.reason.value, "written over" in one.message) for one in apart.problems] == [("bad_row", True)]


def test_displays_are_predicted_on_the_grid_that_was_learnt_from(tmp_path):
    """A display of another scale is another picture: predicting without the grid would ask about one never shown."""
    rng, rows, folder = np.random.default_rng(0), [], tmp_path / "set" / "train"
    folder.mkdir(parents=True)
    for number in range(8):
        Image.fromarray(rng.integers(0, 255, (60, 80), dtype=np.uint8)).save(folder / f"p{number}_a.png")
        scale = {"mps_per_px": 0.02 + 0.02 * number, "baseline_y": 30.0, "s_per_px": 0.01 + 0.005 * number}
        rows.append({"file_name": f"p{number}_a.png", "class": "ab"[number % 2], "patient": f"p{number}", **scale})
    (folder / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    tables = TABLES | {
        "data": {"kind": "image_folder", "path": "unused", "grid": [32, 32]},
        "network": {"name": "spectral_net"},
        "input": {"size": [32, 32], "with_axis": True},
        "training": {**TABLES["training"], "epochs": 1, "repeats": 1},
    }
    file = training_file(tables)
    train(tmp_path / "w", file, data=tmp_path / "set")
    request = PredictionRequest(model="disc", sources=(folder,), out=tmp_path / "out", data=file.data)
    asked = [row["p_a"] for row in predict(tmp_path / "w", request).rows]
    learnt = load_training_set(file.data, tmp_path / "set").samples.samples
    model, _ = load_model(tmp_path / "w", "disc")
    assert asked == pytest.approx(model.probabilities(learnt)[:, 0], abs=1e-5)


def test_pictures_without_spacing_have_no_distances(tmp_path):
    rng = np.random.default_rng(1)
    for number in range(6):
        picture, mask = disc_picture(rng)
        for name, values in (("images", picture), ("masks", mask)):
            (tmp_path / "data" / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(tmp_path / "data" / name / f"p{number}_a.png")
    tables = TABLES | {
        "data": {"kind": "mask_folder", "path": "unused", "labels": {"disc": 1}},
        "training": {**TABLES["training"], "epochs": 1, "repeats": 1},
    }
    with pytest.raises(UsageError, match=r"evaluation\.distances = false"):
        train(tmp_path / "w", training_file(tables), data=tmp_path / "data")
    assert not (tmp_path / "w").exists(), "it is told before anything is trained"
    result = train(
        tmp_path / "w",
        training_file(tables | {"evaluation": {"distances": False, "repeats": 20}}),
        data=tmp_path / "data",
    )
    assert set(result.scores.figures) == {"dice_disc", "dice", "iou_disc", "iou"}


def test_models_and_data_that_do_not_fit_are_told(disc_model, tmp_path):
    data, workspace, file = disc_model
    with pytest.raises(ArtifactError, match="there are disc"):
        load_model(workspace, "heart")
    other = training_file(TABLES | {"data": {**TABLES["data"], "labels": {"LV": 1}}})
    with pytest.raises(ArtifactError, match="was trained for disc"):
        evaluate(workspace, other, data=data)
    classifier = training_file(TABLES | {"network": {"name": "resnet18"}})
    with pytest.raises(UsageError, match="resnet18 is for classification"):
        train(tmp_path, classifier, data=data)
    boxes = tmp_path / "boxes"
    (boxes / "images").mkdir(parents=True)
    rows = [{"image_id": number, "category_id": 1, "bbox": [4, 4, 9, 9]} for number in range(4)]
    for row in rows:
        Image.fromarray(np.zeros((20, 20), np.uint8)).save(boxes / "images" / f"p{row['image_id']}.png")
    named = [{"id": number, "file_name": f"p{number}.png"} for number in range(4)]
    document = {"images": named, "annotations": rows, "categories": [{"id": 1, "name": "disc"}]}
    (boxes / "annotations.json").write_text(json.dumps(document))
    for_masks = {"data": {"kind": "coco", "path": "unused"}, "network": {"name": "mask_rcnn"}}
    with pytest.raises(UsageError, match=r"4 picture\(s\) such as p0 hold boxes alone"):
        train(tmp_path, training_file(TABLES | for_masks), data=boxes)
    with pytest.raises(UsageError, match="not set"):
        training_file(TABLES | {"data": {**TABLES["data"], "path": "$NOBODY_SET_THIS/x"}}).folder()
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no source"):
        predict(
            workspace,
            PredictionRequest(model="disc", sources=(tmp_path / "empty",), out=tmp_path / "o", data=file.data),
        )


def test_a_toml_file_is_read_and_unknown_keys_list_the_known_ones(tmp_path):
    path = as_toml({key: value for key, value in TABLES.items() if key != "name"}, tmp_path / "disc.toml")
    assert read_training_file(path) == training_file(TABLES)
    for change, words in (
        ({"datum": {}}, "known are .*data"),
        ({"data": {**TABLES["data"], "colour": 1}}, "known are .*labels"),
        ({"split": {"train": 0.5}}, "known are .*validation"),
        ({"evaluation": {"repeats": 1}}, "10 or more"),
        ({"evaluation": {"distances": "no"}}, "distances .* true or false, got 'no'"),
        ({"seed": "x"}, "seed .* a whole number"),
        ({"data": "folder"}, "table of settings"),
        ({"name": "../lv"}, "no name for a model"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            training_file(TABLES | change)
    with pytest.raises(UsageError, match="TOML"):
        read_training_file(tmp_path / "none.toml")


def test_the_configurations_of_the_benchmark_are_read():
    configs = sorted((Path(__file__).parents[2] / "benchmarks" / "configs").glob("*.toml"))
    tasks = [read_training_file(path).model.network.task.value for path in configs]
    assert set(tasks) == {"classification", "segmentation", "detection", "instance_segmentation"}


@pytest.mark.slow
def test_a_killed_training_goes_on_where_it_was(disc_model, tmp_path):
    """kill -9 after some epochs; the same command ends with the weights of the run that was not killed."""
    data, workspace, file = disc_model
    config = as_toml(TABLES, tmp_path / "disc.toml")
    command = [sys.executable, "-m", "echomine", "models", "train", "--config", str(config), "--data", str(data)]
    command += ["--workspace", str(tmp_path / "w"), "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    checkpoint = tmp_path / "w" / "training" / "disc" / "image_model.resume"
    deadline = time.monotonic() + 240
    while not checkpoint.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    assert checkpoint.exists()
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "disc"
    kept, resumed = (Workspace.artifacts_of(place).load(file.kind) for place in (workspace, tmp_path / "w"))
    assert json.loads(done.stdout)["scores"]["figures"]["dice"]["value"] == pytest.approx(
        kept.metrics["dice"], abs=0.02
    )
    assert set(resumed.files) == set(kept.files)
    assert not checkpoint.exists()


@pytest.mark.slow
def test_exported_labels_train_a_classifier(mined_workspace, tmp_path):
    """The loop closes: what echomine labelled becomes a data set, and the data set a classifier."""
    from echomine.archive.image_folders import COARSE_NAMES
    from echomine.archive.training_data import DataConfig
    from echomine.pipeline.export_labels import ExportRequest, export_labels

    workspace = Workspace.open(mined_workspace.workspace, create=False)
    export_labels(workspace, ExportRequest(form="hf", out=tmp_path / "set", abstained=True))
    workspace.close()
    data = {"kind": "image_folder", "path": "unused", "label": "valve_of", "grid": [32, 32]}
    for part in (tmp_path / "set").glob("*/metadata.jsonl"):
        rows = [json.loads(line) for line in part.read_text().splitlines()]
        for row in rows:
            row["valve_of"] = row["labels"][0]["valve"]
            row["labels"] = [one | {"abstained": False} for one in row["labels"]]
        part.write_text("\n".join(json.dumps(row) for row in rows))
    coarse = load_training_set(DataConfig(**data | {"label": "coarse", "grid": (32, 32)}), tmp_path / "set")
    assert set(coarse.samples.classes) <= set(COARSE_NAMES)
    tables = TABLES | {
        "data": data,
        "network": {"name": "spectral_net"},
        "input": {"size": [32, 32], "with_axis": True},
        "training": {**TABLES["training"], "epochs": 3, "repeats": 1},
    }
    result = train(tmp_path / "w", training_file(tables), data=tmp_path / "set")
    assert 0 <= result.scores.figures["accuracy"].value <= 1
    assert result.scores.groups > 1
    assert sum(map(sum, result.scores.counts["confusion"])) == result.scores.items


@pytest.mark.slow
def test_the_commands_judge_use_and_draw(disc_model, tmp_path):
    data, workspace, _ = disc_model
    config = as_toml(TABLES, tmp_path / "disc.toml")

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "echomine", "models", *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        return done.stdout if "--json" in arguments else done.stdout + done.stderr

    shared = ("--config", str(config), "--workspace", str(workspace))
    assert json.loads(run("evaluate", *shared, "--data", str(data), "--json"))["groups"] == 2
    assert "dice_disc" in run("evaluate", *shared, "--data", str(data), "--onnx")
    out = run("predict", str(data / "p0_x.nii.gz"), *shared, "--out", str(tmp_path / "o"), "--no-overlays", "--json")
    assert json.loads(out)["predictions"][0]["disc_pixels"] > 50
    assert "there is no folder" in run("evaluate", *shared, "--data", str(tmp_path / "none"), code=2)
    drawn = json.loads(run("draw", "beats", "--out", str(tmp_path / "beats"), "--count", "3", "--json"))
    assert drawn["pictures"] == 3
