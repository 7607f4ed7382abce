"""The display feature: learns from few views, never judges by what it has seen of a patient, comes back from files."""

import dataclasses

import numpy as np
import pytest

from echomine.domain.errors import ArtifactError, ConfigurationError
from echomine.domain.vocabulary import FlowKind, Valve
from echomine.doppler.display import PhysicalGrid
from echomine.learning.coarse_task import CoarseTarget
from echomine.learning.display_description import DisplayFeatureConfig, display_feature_config, measured_numbers
from echomine.learning.display_feature import DisplayFeature, learn_displays
from echomine.learning.image_feature import ImageFeatureConfig

GRID = PhysicalGrid(rows=64, columns=64, seconds=2.4)
CONFIG = DisplayFeatureConfig(grid=GRID, kernels=100, bands=16, components=24, folds=3, measured=False)


def displays(count: int = 48) -> tuple[np.ndarray, list[Valve]]:
    """Beats of one of four heights, at any time."""
    rng = np.random.default_rng(0)
    images = rng.integers(4, 40, (count, 1, 64, 64), dtype=np.uint8)
    which = np.arange(count) % 4
    for image, height, start in zip(images, which, rng.integers(0, 20, count), strict=True):
        for beat in range(3):
            image[0, 32 : 38 + 6 * height, start + 15 * beat : start + 15 * beat + 8] += 150
    return images, [list(Valve)[height] for height in which]


def views(valves: list[Valve]) -> list[CoarseTarget | None]:
    return [CoarseTarget(valve, FlowKind.NORMAL) if row % 3 else None for row, valve in enumerate(valves)]


@pytest.fixture(scope="module")
def trained() -> DisplayFeature:
    images, valves = displays()
    return learn_displays(images, views(valves), CONFIG, seed=3)[0]


def test_the_valve_is_told_without_a_network(trained: DisplayFeature) -> None:
    images, valves = displays()
    found = trained.embed(images).valves.argmax(axis=1)
    unseen = [row for row in range(len(images)) if row % 3 == 0]
    assert np.mean([list(Valve)[found[row]] is valves[row] for row in unseen]) > 0.9


def test_shape_parts_and_batches(trained: DisplayFeature) -> None:
    images, _ = displays(7)
    embedded = trained.embed(images)
    assert embedded.features.shape == (7, trained.width)
    np.testing.assert_allclose(embedded.features[:, -4:], embedded.valves)
    plain = trained.width // 5
    np.testing.assert_allclose(
        embedded.features[:, plain : 2 * plain], embedded.valves[:, :1] * embedded.features[:, :plain], atol=1e-5
    )
    np.testing.assert_allclose(trained.embed(images[3:4]).features[0], embedded.features[3], atol=1e-4)
    assert trained.embed(images[:0]).features.shape == (0, trained.width)
    assert np.isnan(embedded.numbers).all()


def test_the_same_display_twice_gives_the_same_row(trained: DisplayFeature) -> None:
    images, _ = displays(3)
    assert np.array_equal(trained.embed(images).features, trained.embed(images.copy()).features)


def test_files_bring_it_back_and_broken_ones_are_told(trained: DisplayFeature) -> None:
    images, _ = displays(5)
    files = trained.to_files()
    loaded = DisplayFeature.from_files(files)
    assert loaded.config == trained.config
    assert np.array_equal(loaded.embed(images).features, trained.embed(images).features)
    with pytest.raises(ArtifactError, match="learn it again"):
        DisplayFeature.from_files({name: data[:40] for name, data in files.items()})


def test_measurements_join_with_flags_for_what_is_missing() -> None:
    images, valves = displays(16)
    config = dataclasses.replace(CONFIG, measured=True, kernels=0)
    feature = learn_displays(images, views(valves), config, seed=0)[0]
    assert np.isfinite(feature.embed(images).features).all()
    assert np.isfinite(feature.embed(np.zeros_like(images)).features).all()


def test_numbers_measured_elsewhere_teach_the_same() -> None:
    images, valves = displays(16)
    config = dataclasses.replace(CONFIG, measured=True)
    own = learn_displays(images, views(valves), config, seed=0)[0]
    given = learn_displays(images, views(valves), config, seed=0, numbers=measured_numbers(images, config))[0]
    assert own.to_files() == given.to_files()


@pytest.mark.slow
def test_a_network_can_join() -> None:
    images, valves = displays()
    config = dataclasses.replace(CONFIG, network=True, pooling=1)
    network = ImageFeatureConfig(epochs=1, batch_size=16, precision="32", accelerator="cpu")
    feature = learn_displays(images, views(valves), config, network, seed=0)[0]
    loaded = DisplayFeature.from_files(feature.to_files())
    np.testing.assert_allclose(loaded.embed(images).features, feature.embed(images).features, atol=1e-4)


def test_bad_input_is_refused() -> None:
    images, valves = displays(8)
    with pytest.raises(ConfigurationError, match="one view"):
        learn_displays(images, views(valves)[:4], CONFIG, seed=0)
    with pytest.raises(ConfigurationError, match="kernels, measurements or a network"):
        DisplayFeatureConfig(kernels=0, measured=False)
    with pytest.raises(ConfigurationError, match="multiples of pooling"):
        DisplayFeatureConfig(pooling=5)
    with pytest.raises(ConfigurationError, match="kernel"):
        display_feature_config({"kernel": 3})
