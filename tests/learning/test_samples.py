"""Splits by group, and the sentences for samples that cannot be learnt from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echomine.domain.errors import ItemError, Reason, UsageError
from echomine.domain.vocabulary import Split
from echomine.learning.samples import (
    Sample,
    SampleSet,
    SplitConfig,
    check_label_map,
    check_learnable,
    check_pixels,
    parts_of,
)

PIXELS = np.zeros((1, 8, 8), dtype=np.uint8)


def sample_set(groups: list[str], split: list[Split | None] | None = None) -> SampleSet:
    stated = split or [None] * len(groups)
    samples = [
        Sample(name=f"{row}", group=group, pixels=PIXELS, target=0, split=part)
        for row, (group, part) in enumerate(zip(groups, stated, strict=True))
    ]
    return SampleSet(classes=("a", "b"), samples=tuple(samples))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=12, max_size=60), st.integers(0, 99))
def test_a_group_is_in_one_part_and_every_part_has_some(numbers, seed):
    samples = sample_set([f"p{number}" for number in [*range(6), *numbers]])
    parts = parts_of(samples, SplitConfig(seed=seed))
    by_group = {
        one.group: {parts[other.name] for other in samples.samples if other.group == one.group}
        for one in samples.samples
    }
    assert all(len(found) == 1 for found in by_group.values())
    assert set(parts.values()) == set(Split)
    assert parts == parts_of(samples, SplitConfig(seed=seed))


def test_the_split_of_the_data_set_is_kept_and_named_test_groups_too():
    stated = sample_set(["a", "a", "b"], [Split.TEST, Split.TEST, Split.TRAIN])
    assert list(parts_of(stated, SplitConfig()).values()) == [Split.TEST, Split.TEST, Split.TRAIN]
    named = parts_of(sample_set(["a", "b", "c", "d"]), SplitConfig(test_groups=("c",), validation=0))
    assert [name for name, part in named.items() if part is Split.TEST] == ["2"]


def test_in_a_cross_validation_every_group_is_tested_once():
    samples = sample_set([f"p{number % 7}" for number in range(20)])
    tested = []
    for fold in range(3):
        parts = parts_of(samples, SplitConfig(folds=3, fold=fold, seed=4))
        assert set(parts.values()) == set(Split)
        tested += [one.name for one in samples.samples if parts[one.name] is Split.TEST]
    assert sorted(tested) == sorted(one.name for one in samples.samples)
    with pytest.raises(UsageError, match="got fold 3 of 3"):
        SplitConfig(folds=3, fold=3)


@pytest.mark.parametrize(
    ("samples", "config", "words"),
    [
        (sample_set(["a"]), SplitConfig(), "two or more"),
        (sample_set(["a", "a"]), SplitConfig(), "more patients"),
        (sample_set(["a", "b", "c"]), SplitConfig(test_groups=("z",)), "no group is called z"),
        (sample_set(["a", "a"], [Split.TRAIN, Split.TEST]), SplitConfig(), "one part"),
    ],
)
def test_what_cannot_be_split_is_told(samples, config, words):
    with pytest.raises(UsageError, match=words):
        parts_of(samples, config)


def test_label_values_become_class_numbers():
    labels = np.array([[0, 255], [85, 0]])
    assert check_label_map("x", labels, (2, 2), {85: 1, 255: 2}).tolist() == [[0, 2], [1, 0]]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.full((4, 4), 7), "unknown value"),
        (np.full((4, 4), 0.5), "unknown value"),
        (np.zeros((4, 5)), "one size"),
    ],
)
def test_masks_that_do_not_fit_are_told(labels, words):
    with pytest.raises(ItemError, match=words) as error:
        check_label_map("x", labels, (4, 4), {1: 1})
    assert error.value.reason is Reason.BAD_TARGET


def test_pixels_that_are_no_numbers_are_told():
    pixels = np.zeros((1, 4, 4), dtype=np.float64)
    assert check_pixels("x", pixels).dtype == np.float32
    pixels[0, 1, 1] = np.nan
    with pytest.raises(ItemError, match="1 pixel") as error:
        check_pixels("x", pixels)
    assert error.value.reason is Reason.BAD_PIXELS


def test_a_class_that_no_mask_shows_is_told():
    empty = Sample(name="x", group="x", pixels=PIXELS, target=np.zeros((8, 8), dtype=np.uint8))
    with pytest.raises(UsageError, match="LV.*empty"):
        check_learnable([empty], ("LV",))
    with pytest.raises(UsageError, match="shows b"):
        check_learnable(sample_set(["p"]).samples, ("a", "b"))
