"""Training of image networks for every task on generated pictures."""

import dataclasses

import numpy as np
import pytest
import torch

from echomine.domain.errors import ArtifactError, ConfigurationError, UsageError
from echomine.learning.image_model import (
    ImageModel,
    ImageModelConfig,
    blank_network,
    config_document,
    image_model_config,
    largest_pieces,
    train_image_model,
)
from echomine.learning.picture_batches import place
from echomine.learning.samples import Sample
from echomine.metrics.boxes import PictureObjects, detection_scores
from echomine.metrics.structures import dice

SIZE = 48
UNET = {
    "network": {"name": "unet", "width": 4},
    "input": {"size": [SIZE, SIZE]},
    "training": {"epochs": 12, "batch_size": 4, "learning_rate": 0.02, "precision": "32", "repeats": 4},
}


class KilledError(Exception):
    pass


def discs(count: int = 8, seed: int = 0) -> list[Sample]:
    """A bright disc on noise, and a ring around it: two structures."""
    rng = np.random.default_rng(seed)
    samples = []
    for number in range(count):
        row, column = rng.uniform(18, 30, size=2)
        distance = np.hypot(*(np.mgrid[:SIZE, :SIZE] - np.array([row, column])[:, None, None]))
        target = np.where(distance < 7, 1, np.where(distance < 12, 2, 0)).astype(np.uint8)
        grey = np.choose(target, [40, 200, 120]) + rng.normal(0, 12, target.shape)
        pixels = grey.clip(0, 255).astype(np.uint8)[None]
        samples.append(
            Sample(name=f"s{number}", group=f"p{number}", pixels=pixels, target=target, spacing_mm=(1.0, 1.0))
        )
    return samples


def classes_of(samples: list[Sample]) -> list[Sample]:
    """Bright or dark pictures."""
    return [
        dataclasses.replace(one, pixels=one.pixels // (1 + 3 * (number % 2)), target=number % 2)
        for number, one in enumerate(samples)
    ]


def objects_of(samples: list[Sample]) -> list[Sample]:
    """The disc with its ring as an object."""
    out = []
    for one in samples:
        mask = np.asarray(one.target) > 0
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        target = PictureObjects(
            size=one.size,
            boxes=np.array([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]], dtype=float),
            classes=np.array([1]),
            scores=np.zeros(0),
            masks=(mask,),
        )
        out.append(dataclasses.replace(one, target=target))
    return out


@pytest.fixture(scope="module")
def trained() -> ImageModel:
    return train_image_model(discs(), discs(4, seed=1), ("core", "ring"), image_model_config(UNET), seed=0)


def test_masks_are_learnt_and_drawn_at_the_size_of_the_picture(trained):
    for sample, drawn in zip(discs(4, seed=2), trained.label_maps(discs(4, seed=2)), strict=True):
        assert drawn.shape == sample.size
        assert dice(sample.target == 1, drawn == 1) > 0.85
        assert dice(sample.target == 2, drawn == 2) > 0.75


def test_the_history_tells_every_epoch(trained):
    history = trained.summary.history
    assert len(history) == trained.summary.epochs == 12
    assert history[-1]["loss"] < history[0]["loss"]
    best = max(figures["validation_dice"] for figures in history)
    assert history[trained.summary.best_epoch - 1]["validation_dice"] == best == trained.summary.validation_figure


def test_files_bring_a_model_back(trained):
    again = ImageModel.from_files(trained.to_files())
    assert again.config == trained.config
    assert again.classes == ("core", "ring")
    for one, other in zip(trained.label_maps(discs(2)), again.label_maps(discs(2)), strict=True):
        assert np.array_equal(one, other)


def test_the_weights_of_another_network_are_refused(trained):
    files = trained.to_files()
    other = files | {"image_model.json": files["image_model.json"].replace(b'"width": 4', b'"width": 8')}
    with pytest.raises(ArtifactError, match="another network"):
        ImageModel.from_files(other)
    with pytest.raises(ArtifactError, match="no image model"):
        ImageModel.from_files({"image_model.json": b"{}"})


def test_a_stopped_run_goes_on_to_the_same_weights(trained, tmp_path):
    def stop(done: int, total: int) -> None:
        if done > total // 2:
            raise KilledError

    arguments = (discs(), discs(4, seed=1), ("core", "ring"), image_model_config(UNET))
    with pytest.raises(KilledError):
        train_image_model(*arguments, seed=0, checkpoint_dir=tmp_path, on_progress=stop)
    steps: list[int] = []
    resumed = train_image_model(
        *arguments, seed=0, checkpoint_dir=tmp_path, on_progress=lambda done, _: steps.append(done)
    )
    assert steps[0] > 1
    assert resumed.to_files() == trained.to_files()
    assert resumed.summary == trained.summary
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_classes_are_learnt(loss):
    config = image_model_config(
        {
            **UNET,
            "network": {"name": "spectral_net"},
            "loss": {"name": loss},
            "training": {**UNET["training"], "epochs": 10, "repeats": 4, "learning_rate": 5e-3},
        }
    )
    model = train_image_model(classes_of(discs()), [], ("bright", "dark"), config, seed=0)
    probabilities = model.probabilities(classes_of(discs(6, seed=3)))
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    assert probabilities.argmax(axis=1).tolist() == [0, 1, 0, 1, 0, 1]
    assert model.probabilities([]).shape == (0, 2)


SMALL_DETECTOR = {
    "backbone": "resnet18_fpn",
    "norm": "group",
    "pyramid": 32,
    "min_size": 32,
    "max_size": 32,
    "hidden": 64,
    "rois": 32,
    "proposals": 50,
    "anchor_sizes": [16],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["faster_rcnn", "mask_rcnn"])
def test_a_trained_detector_finds_what_it_never_saw(name):
    config = image_model_config(
        {
            "network": {"name": name, **SMALL_DETECTOR},
            "input": {"size": [SIZE, SIZE]},
            "training": {**UNET["training"], "epochs": 4, "learning_rate": 1e-3, "gradient_clip": 5.0},
        }
    )
    model = train_image_model(objects_of(discs()), objects_of(discs(2, seed=1)), ("disc",), config, seed=0)
    assert model.summary.history[-1]["loss"] < 0.5 * model.summary.history[0]["loss"]
    unseen = objects_of(discs(6, seed=2))
    truth, found = [one.target for one in unseen], list(model.objects(unseen))
    assert detection_scores(truth, found, ("disc",)).map50 > 0.8
    if name == "mask_rcnn":
        assert detection_scores(truth, found, ("disc",), by_mask=True).map50 > 0.8
        assert all(mask.shape == (SIZE, SIZE) for one in found for mask in one.masks)


def test_settings_come_back_from_json():
    config = image_model_config(UNET | {"keep_largest": True})
    assert image_model_config(config_document(config)) == config


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"network": {"name": "unet", "depth": 3}}, ConfigurationError, "known are dropout, norm, width"),
        ({"network": {"name": "unett"}}, UsageError, "there are"),
        ({"network": {}}, ConfigurationError, "name a network"),
        ({"network": "unet"}, ConfigurationError, "name a network"),
        ({"training": {"epoch": 3}}, ConfigurationError, "known are .*epochs"),
        ({"training": {"precision": "8"}}, ConfigurationError, "a precision is one of auto, 32, bf16, 16"),
        ({"optimiser": {}}, ConfigurationError, "known are"),
        ({"augmentation": {"zoom": 2.0}}, ConfigurationError, "shares below 1"),
        ({"training": {"gradient_clip": -1.0}}, ConfigurationError, "gradient_clip of 0 or more, got .* -1.0"),
        ({"loss": {"class_weights": [1.0, -1.0]}}, ConfigurationError, "class_weights"),
        ({"loss": {"label_smoothing": 1.5}}, ConfigurationError, "share below 1"),
        ({"score_threshold": 5}, ConfigurationError, "score_threshold lies in 0..1, got 5"),
    ],
)
def test_unknown_settings_list_the_known_ones(change, error, words):
    with pytest.raises(error, match=words):
        image_model_config(UNET | change)


@pytest.mark.parametrize("monitor", ["luck", "accuracy", "map50"])
def test_a_figure_that_the_task_has_not_is_refused(monitor):
    """A figure of another task would never come, and no epoch would be the best one."""
    config = image_model_config(UNET | {"training": {**UNET["training"], "monitor": monitor}})
    with pytest.raises(ConfigurationError, match="one of dice, loss, got"):
        train_image_model(discs(2), [], ("core", "ring"), config, seed=0)


def test_a_loss_that_explodes_is_told():
    config = image_model_config(UNET | {"training": {**UNET["training"], "learning_rate": 1e30}})
    with pytest.raises(UsageError, match="learning rate"):
        train_image_model(discs(4), [], ("core", "ring"), config, seed=0)


def test_largest_pieces_by_hand():
    labels = np.array([[1, 0, 2, 2], [0, 0, 0, 2], [1, 1, 0, 0]], dtype=np.uint8)
    assert largest_pieces(labels).tolist() == [[0, 0, 2, 2], [0, 0, 0, 2], [1, 1, 0, 0]]


def with_proposals_from_outside(name: str, **settings) -> ImageModelConfig:
    return image_model_config(
        {
            "network": {"name": name, **settings},
            "input": {"size": [SIZE, SIZE]},
            "training": {"epochs": 1, "batch_size": 2, "precision": "32"},
        }
    )


@pytest.mark.slow
def test_fast_rcnn_with_its_proposals_runs_on_the_same_path():
    settings = {name: value for name, value in SMALL_DETECTOR.items() if name != "anchor_sizes"}
    config = with_proposals_from_outside("fast_rcnn", **settings)
    model = train_image_model(objects_of(discs(4)), [], ("disc",), config, seed=0)
    found = list(model.objects(objects_of(discs(2, seed=5))))
    assert all(one.boxes.shape == (len(one.scores), 4) for one in found)
    again = ImageModel.from_files(model.to_files())
    assert np.allclose(next(again.objects(discs(1))).scores, next(model.objects(discs(1))).scores)


def test_a_run_killed_while_the_machines_are_learnt_does_not_tune_again(tmp_path, monkeypatch):
    from echomine.models.detection.rcnn import Rcnn

    config = with_proposals_from_outside("rcnn", network="resnet18", warp=32, context=2, windows=8, proposals=50)
    finish = Rcnn.finish

    def killed(*_given: object) -> None:
        raise KilledError

    monkeypatch.setattr(Rcnn, "finish", killed)
    with pytest.raises(KilledError):
        train_image_model(objects_of(discs(4)), [], ("disc",), config, seed=0, checkpoint_dir=tmp_path)
    monkeypatch.setattr(Rcnn, "finish", finish)
    steps: list[int] = []
    model = train_image_model(
        objects_of(discs(4)),
        [],
        ("disc",),
        config,
        seed=0,
        checkpoint_dir=tmp_path,
        on_progress=lambda done, _: steps.append(done),
    )
    assert steps == []
    assert model.network.finished
    assert list(tmp_path.iterdir()) == []


def test_rcnn_is_kept_with_the_machines_that_were_learnt_after_the_fit():
    """What the files bring back is what learning the machines by hand, on the tuned network, gives."""
    config = with_proposals_from_outside("rcnn", network="resnet18", warp=32, context=2, windows=8, proposals=50)
    samples = objects_of(discs(4))
    model = train_image_model(samples, [], ("disc",), config, seed=0)
    kept = ImageModel.from_files(model.to_files()).network
    assert kept.finished
    assert kept.machines.weight.abs().max() > 0
    assert kept.machines.moves.abs().max() > 0
    by_hand = blank_network(config, ("disc",)).eval()
    by_hand.load_state_dict(
        {name: value for name, value in kept.state_dict().items() if not name.startswith(("machines.", "finished"))},
        strict=False,
    )
    assert not by_hand.finished
    placed = [place(one, config.input) for one in samples]
    by_hand.finish([one.image.float() for one in placed], [one.target for one in placed])
    torch.testing.assert_close(dict(kept.named_buffers()), dict(by_hand.named_buffers()))
    found, wanted = (next(one.objects(samples)) for one in (model, ImageModel(config, ("disc",), by_hand)))
    assert np.allclose(found.scores, wanted.scores, atol=1e-5)
