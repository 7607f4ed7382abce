import dataclasses

import numpy as np
import pytest
import torch

from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.vocabulary import FlowKind, Valve
from echomine.doppler.display import PhysicalGrid, ScaleGuess
from echomine.learning.coarse_task import CoarseTarget
from echomine.learning.image_feature import (
    ImageFeature,
    ImageFeatureConfig,
    image_feature_config,
    train_image_feature,
)

GRID = PhysicalGrid(rows=64, columns=64)
CONFIG = ImageFeatureConfig(grid=GRID, epochs=2, batch_size=16, precision="32", accelerator="cpu", validation_share=0.2)


def displays(count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Bars at one of four heights, at any time."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 40, (count, 1, 64, 64), dtype=np.uint8)
    classes = np.arange(count) % 4
    for image, height, start in zip(images, classes, rng.integers(0, 40, count), strict=True):
        image[0, 6 + 14 * height : 14 + 14 * height, start : start + 20] += 150
    return images, classes


def views(classes: np.ndarray) -> list[CoarseTarget | None]:
    return [
        CoarseTarget(list(Valve)[height], FlowKind.NORMAL) if row % 5 else None for row, height in enumerate(classes)
    ]


@pytest.fixture(scope="module")
def trained() -> ImageFeature:
    images, classes = displays()
    return train_image_feature(images, views(classes), CONFIG, seed=3)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(trained):
    images, classes = displays()
    again = train_image_feature(images, views(classes), CONFIG, seed=3)
    other = train_image_feature(images, views(classes), CONFIG, seed=4)
    assert again.to_files() == trained.to_files()
    assert other.to_files() != trained.to_files()


def test_training_leaves_the_global_generator_and_the_images_alone():
    images, classes = displays()
    kept = images.copy()
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_image_feature(images, views(classes), dataclasses.replace(CONFIG, epochs=1), seed=0)
    assert torch.equal(torch.rand(3), expected)
    assert np.array_equal(images, kept)


def test_files_bring_the_feature_back(trained):
    images, _ = displays()
    loaded = ImageFeature.from_files(trained.to_files())
    assert loaded.config == trained.config
    assert np.array_equal(loaded.embed(images), trained.embed(images))


def test_features_do_not_depend_on_the_batch_or_the_number_format_of_the_images(trained):
    images, _ = displays(9)
    whole = trained.embed(images)
    assert whole.shape == (9, trained.width)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(trained.embed(images, batch_size=2), whole, atol=5e-3)
    np.testing.assert_allclose(trained.embed((images / 255).astype(np.float32)), whole, atol=5e-3)
    assert trained.embed(images[:0]).shape == (0, trained.width)


def test_four_heights_are_learnt():
    images, classes = displays(80)
    config = dataclasses.replace(CONFIG, epochs=8, validation_share=0.0)
    feature = train_image_feature(images, views(classes), config, seed=0)
    features = feature.embed(images)
    centres = np.stack([features[classes == height].mean(axis=0) for height in range(4)])
    nearest = ((features[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == classes).mean() > 0.95


class KilledError(Exception):
    pass


def test_a_killed_run_is_taken_up_and_ends_as_an_undisturbed_one(tmp_path, trained):
    images, classes = displays()
    steps: list[int] = []

    def kill(done: int, total: int) -> None:
        if done == total // 2 + 1:
            raise KilledError

    with pytest.raises(KilledError):
        train_image_feature(images, views(classes), CONFIG, seed=3, checkpoint_dir=tmp_path, on_progress=kill)
    assert [path.suffix for path in tmp_path.iterdir()] == [".resume"]
    resumed = train_image_feature(
        images, views(classes), CONFIG, seed=3, checkpoint_dir=tmp_path, on_progress=lambda done, _: steps.append(done)
    )
    assert resumed.to_files() == trained.to_files()
    assert resumed.summary == trained.summary
    assert steps[0] > 1
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_of_another_run_is_not_taken_up(tmp_path, trained):
    images, classes = displays()

    def kill(done: int, total: int) -> None:
        if done > total // 2:
            raise KilledError

    with pytest.raises(KilledError):
        train_image_feature(images, views(classes), CONFIG, seed=99, checkpoint_dir=tmp_path, on_progress=kill)
    fresh = train_image_feature(images, views(classes), CONFIG, seed=3, checkpoint_dir=tmp_path)
    assert fresh.to_files() == trained.to_files()


def test_a_damaged_checkpoint_starts_afresh(tmp_path, trained):
    images, classes = displays()
    (tmp_path / "image_feature.resume").write_bytes(b"cut off")
    assert (
        train_image_feature(images, views(classes), CONFIG, seed=3, checkpoint_dir=tmp_path).to_files()
        == trained.to_files()
    )


def test_nothing_is_written_or_said(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    images, classes = displays(20)
    train_image_feature(images, views(classes), dataclasses.replace(CONFIG, epochs=1), seed=0)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_progress_counts_every_step_once():
    images, classes = displays(40)
    steps: list[tuple[int, int]] = []
    config = dataclasses.replace(CONFIG, validation_share=0.0)
    train_image_feature(images, views(classes), config, seed=0, on_progress=lambda *step: steps.append(step))
    assert steps == [(number + 1, len(steps)) for number in range(len(steps))]


@pytest.mark.parametrize("change", [{"backbone": "shufflenet_v2_x0_5"}, {"precision": "bf16"}, {"with_axis": False}])
def test_other_backbones_formats_and_channels_train(change):
    images, classes = displays(20)
    feature = train_image_feature(images, views(classes), dataclasses.replace(CONFIG, epochs=1, **change), seed=0)
    assert np.isfinite(feature.embed(images)).all()


def test_settings_come_back_from_json_with_their_grid():
    config = ImageFeatureConfig(grid=PhysicalGrid(rows=32, guess=ScaleGuess(height_mps=5.0)), epochs=3)
    assert image_feature_config(dataclasses.asdict(config)) == config
    with pytest.raises(ConfigurationError, match="epoch_count"):
        image_feature_config({"epoch_count": 3})


def test_images_of_another_size_are_refused(trained):
    with pytest.raises(ConfigurationError, match=r"\(N, 1, 64, 64\)"):
        trained.embed(np.zeros((1, 1, 32, 64), dtype=np.uint8))


def test_missing_views_without_a_profile_are_refused():
    images, _ = displays(4)
    with pytest.raises(ConfigurationError, match="no image has a view"):
        train_image_feature(images, [None] * 4, dataclasses.replace(CONFIG, profile_weight=0.0), seed=0)


@pytest.mark.parametrize("name", ["image_feature.json", "image_feature.safetensors"])
def test_a_broken_file_is_an_artifact_error(trained, name):
    with pytest.raises(ArtifactError):
        ImageFeature.from_files(trained.to_files() | {name: b"broken"})
