"""Beats of synthetic displays as boxes and masks, against the physics they were drawn from."""

import numpy as np
import pytest

from echomine.domain.vocabulary import Disease, DopplerMode
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.flow_objects import FlowShape
from echomine.synthetic.images import beats_of, draw_image, true_flows
from echomine.synthetic.physics import SEMILUNAR
from echomine.synthetic.plan import plan_archive

CONFIG = ArchiveConfig(
    n_reported_pairs=0, n_unreported_images=40, n_valve_paragraphs=0, n_views=0, compact=True, pw_share=0.2
)
PLANS = plan_archive(CONFIG, 4)[0].images
FORWARD = {True: FlowShape.EJECTION, False: FlowShape.INFLOW}


def seen_beats(plan):
    outlines = beats_of(CONFIG, 4, plan)
    return outlines.beats if outlines is not None else ()


def strip_of(plan):
    drawn = draw_image(CONFIG, 4, plan)
    layout = drawn.settings.layout
    return drawn.levels[layout.y0 : layout.y0 + layout.height, layout.x0 : layout.x0 + layout.width]


def test_boxes_reach_the_true_peak_velocity():
    """The highest box of a flow, in m/s of the display's scale, is the Vmax of the truth table."""
    checked = 0
    for plan in PLANS:
        beats = seen_beats(plan)
        if not beats:
            continue
        drawn, flows = draw_image(CONFIG, 4, plan), true_flows(CONFIG, 4, plan)
        forward = [beat for beat in beats if beat.shape is FORWARD[plan.valve in SEMILUNAR]]
        truth = flows.get(Disease.STENOSIS)
        if not forward or truth is None:
            continue
        step = abs(drawn.settings.mps_per_px)
        reach = max((box[3] - box[1]) * step for box in (beat.box for beat in forward))
        assert reach >= truth.vmax_mps - 2 * step
        assert reach <= truth.vmax_mps * 1.1 + 2 * step
        checked += 1
    assert checked > 15


def test_every_beat_touches_the_baseline_and_lies_in_the_display():
    for plan in PLANS[:20]:
        settings = draw_image(CONFIG, 4, plan).settings
        for beat in seen_beats(plan):
            x0, y0, x1, y1 = beat.box
            assert y0 <= settings.baseline_row <= y1
            assert 0 <= x0 < x1 <= settings.layout.width
            assert 0 <= y0 < y1 <= settings.layout.height
            assert beat.mask[y0:y1, x0:x1].sum() == beat.mask.sum() > 0


def test_the_flow_under_a_mask_is_brighter_than_the_noise():
    brighter = []
    for plan in PLANS[:20]:
        beats = seen_beats(plan)
        if not beats:
            continue
        strip = strip_of(plan)
        inside = np.any([beat.mask for beat in beats], axis=0)
        brighter.append(strip[inside].mean() > strip[~inside].mean())
    assert np.mean(brighter) > 0.9


def test_the_edge_of_every_beat_that_is_asked_for_is_to_be_seen_in_the_picture():
    """In pixels: on the whole what lies just inside an envelope is brighter than what lies just outside, as anyone who
    is to draw it needs."""
    seen = []
    for plan in PLANS:
        beats, strip = seen_beats(plan), strip_of(plan).astype(float)
        baseline = draw_image(CONFIG, 4, plan).settings.baseline_row
        for beat in beats:
            columns = np.flatnonzero(beat.mask.any(axis=0))
            heights = beat.mask[:, columns].sum(axis=0)
            side = -1 if beat.mask[:baseline].sum() > beat.mask[baseline + 1 :].sum() else 1
            high = heights > 0.5 * heights.max()
            inner, outer = (
                baseline + side * np.rint(part * heights[high]).astype(int).clip(0) for part in (0.85, 1.15)
            )
            inside = (outer >= 0) & (outer < len(strip))
            seen.append(
                strip[inner[inside], columns[high][inside]].mean() - strip[outer[inside], columns[high][inside]].mean()
            )
    assert len(seen) > 50
    assert np.mean(np.array(seen) > 5) > 0.95


def test_the_envelope_holds_all_beats_and_their_parts_at_the_edges():
    more = 0
    for plan in PLANS:
        outlines = beats_of(CONFIG, 4, plan)
        if outlines is None or not outlines.beats:
            continue
        joined = np.any([beat.mask for beat in outlines.beats], axis=0)
        assert not (joined & ~outlines.envelope).any()
        rest = np.flatnonzero((outlines.envelope & ~joined).sum(axis=0) > 2)
        width = joined.shape[1]
        assert all(column < 0.3 * width or column > 0.7 * width for column in rest), "only what the edges cut is added"
        more += bool(rest.size)
    assert more > 3


def test_shapes_follow_the_valve_and_pulsed_displays_have_none():
    for plan in PLANS:
        beats = seen_beats(plan)
        if plan.mode is DopplerMode.PW:
            assert beats_of(CONFIG, 4, plan) is None
        elif beats:
            outlet = {FlowShape.EJECTION, FlowShape.DIASTOLIC_JET}
            assert all((beat.shape in outlet) is (plan.valve in SEMILUNAR) for beat in beats)


@pytest.mark.parametrize("kind", ["beats", "views"])
def test_a_drawn_training_set_is_read_back(kind, tmp_path):
    from echomine.archive.training_data import DataConfig
    from echomine.archive.training_sets import load_training_set
    from echomine.pipeline.draw_training_set import DrawnKind, draw_training_set

    drawn = draw_training_set(DrawnKind(kind), tmp_path / "set", count=8, seed=1)
    assert drawn.pictures == 8
    config = (
        DataConfig(kind="coco", path="")
        if kind == "beats"
        else DataConfig(kind="image_folder", path="", label="class", grid=(32, 48))
    )
    loaded = load_training_set(config, tmp_path / "set")
    assert loaded.problems == ()
    samples = loaded.samples.samples
    assert len(samples) == 8
    assert all(one.group.startswith("SYN") and one.split is not None for one in samples)
    if kind == "views":
        assert all(one.pixels.shape == (1, 32, 48) for one in samples)
        return
    masks = load_training_set(
        DataConfig(kind="mask_folder", path="", labels={"envelope": 1}), tmp_path / "set"
    ).samples.samples
    assert [one.group for one in masks] == [one.group for one in samples]
    for boxes, mask in zip(samples, masks, strict=True):
        assert not (np.any(boxes.target.masks, axis=0) & (mask.target == 0)).any()
