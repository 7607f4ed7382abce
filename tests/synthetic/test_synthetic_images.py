"""Drawn displays measured with a ruler: scale, envelope, density, independence of the settings."""

from dataclasses import replace

import numpy as np
import pytest

from echomine.domain.vocabulary import Disease, DopplerMode, FlowKind, Severity, Valve
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.flows import forward_sign
from echomine.synthetic.images import DrawnImage, draw_exam_image, draw_image, needed_mps, true_findings, view_of
from echomine.synthetic.physics import valve_state
from echomine.synthetic.plan import ImagePlan, exam_state, plan_archive
from echomine.synthetic.screen import _tick_step
from echomine.synthetic.settings import choose_settings
from echomine.synthetic.spectrum import SIGNAL_TOP

CONFIG = ArchiveConfig(
    n_reported_pairs=0,
    n_unreported_images=60,
    n_valve_paragraphs=0,
    n_views=0,
    contaminated_share=0.0,
    fibrillation_share=0.0,
)
SEED = 5
PLAN, _ = plan_archive(CONFIG, SEED)


def drawn(
    index: int,
    valve: Valve,
    *,
    stenosis: float = 0.5,
    regurgitation: float = 0.5,
    mode: DopplerMode = DopplerMode.CW,
    config: ArchiveConfig = CONFIG,
) -> DrawnImage:
    plan = replace(PLAN.images[index], valve=valve, mode=mode)
    exam = exam_state(config, SEED, plan.exam)
    state = valve_state(valve, stenosis, regurgitation, np.random.default_rng(index))
    exam = replace(exam, valves={**exam.valves, valve: state})
    return draw_exam_image(config, SEED, plan, exam)


def spectral(image: DrawnImage) -> np.ndarray:
    region = image.regions[1]
    return image.levels[region.min_y0 : region.max_y1 + 1, region.min_x0 : region.max_x1 + 1].astype(float)


def velocities(image: DrawnImage) -> np.ndarray:
    """Velocity of each row of the display as the DICOM region states it, in m/s."""
    region = image.regions[1]
    rows = np.arange(region.max_y1 - region.min_y0 + 1)
    return (region.reference_value_y + (rows - region.reference_y0) * region.delta_y) / 100.0


def smooth(strip: np.ndarray) -> np.ndarray:
    """Mean of 15 columns and 5 rows, as a reader's eye does."""
    for axis, size in ((1, 15), (0, 5)):
        strip = np.apply_along_axis(np.convolve, axis, strip, np.ones(size) / size, mode="same")
    return strip


def fastest(image: DrawnImage, sign: int) -> float:
    """Outer edge of the flow on one side, at 28 % of the level of the flow above the background, in m/s."""
    strip, velocity = smooth(spectral(image)), velocities(image)
    strip[:8] = 0.0
    strip[-8:] = 0.0
    strip[:, :100] = 0.0  # the small print
    side = sign * velocity > 0.35
    background = np.median(strip[8:-8])
    flow = np.percentile(strip[side], 97)
    bright = (strip > background + 0.28 * (flow - background)) & side[:, None]
    counted = bright.sum(axis=1) >= 3
    return float(np.max(np.abs(velocity[counted])))


@pytest.mark.parametrize("index", range(12))
def test_the_envelope_lies_at_vmax(index: int) -> None:
    image = drawn(index, Valve.AORTIC, stenosis=5.5)
    vmax = image.exam.valves[Valve.AORTIC].forward.vmax_mps
    step = abs(image.regions[1].delta_y) / 100
    assert fastest(image, -1) == pytest.approx(vmax, abs=max(2 * step, 0.06 * vmax))


def test_the_envelope_is_unbiased_over_many_images() -> None:
    ratios = []
    for index in range(20):
        image = drawn(index, Valve.AORTIC, stenosis=6.2)
        ratios.append(fastest(image, -1) / image.exam.valves[Valve.AORTIC].forward.vmax_mps)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.02)


def test_the_zero_line_is_at_the_reference_pixel() -> None:
    for index in range(10):
        image = drawn(index, Valve.MITRAL)
        row = spectral(image)[image.regions[1].reference_y0]
        assert np.median(row) == image.settings.baseline_level
        assert velocities(image)[image.regions[1].reference_y0] == 0


def test_an_inverted_display_has_a_positive_step_and_the_jet_up() -> None:
    config = replace(CONFIG, inverted_share=1.0)
    image = drawn(3, Valve.AORTIC, stenosis=6.5, config=config)
    assert image.regions[1].delta_y > 0
    strip, velocity = smooth(spectral(image)), velocities(image)
    above = np.arange(len(velocity)) < image.regions[1].reference_y0
    away = velocity < -0.4
    assert above[away].all()
    up, down = (strip[(side > 0.4) & (side < 0.75), 100:] for side in (-velocity, velocity))
    assert np.percentile(up, 95) > np.percentile(down, 95) + 20


def test_the_sector_stands_first_and_regions_lie_inside_the_image() -> None:
    for index in range(20):
        image = drawn(index, Valve.TRICUSPID)
        assert [region.spatial_format for region in image.regions[:2]] == [1, 3]
        rows, columns = image.levels.shape
        for region in image.regions:
            assert 0 <= region.min_x0 < region.max_x1 < columns
            assert 0 <= region.min_y0 < region.max_y1 < rows
        assert (image.regions[1].units_x, image.regions[1].units_y) == (4, 7)


@pytest.mark.parametrize("valve", list(Valve))
def test_a_graver_leak_is_brighter_relative_to_the_forward_flow(valve: Valve) -> None:
    def contrast(latent: float) -> float:
        values = []
        for index in range(6):
            image = drawn(index, valve, regurgitation=latent)
            strip, velocity = spectral(image), velocities(image)
            jet = image.exam.valves[valve].jet.vmax_mps
            side = -forward_sign(valve) * velocity
            band = (side > 0.45 * jet) & (side < 0.7 * jet)
            columns = smooth(strip)[band].mean(axis=0)
            values.append(np.percentile(columns, 96) / SIGNAL_TOP - 2.5 * image.settings.gain_db / 100)
        return float(np.mean(values))

    levels = [contrast(latent) for latent in (1.5, 2.5, 4.5, 6.5)]
    assert levels == sorted(levels)
    assert levels[-1] - levels[0] > 0.2


def test_pulsed_displays_show_no_leak() -> None:
    image = drawn(2, Valve.MITRAL, regurgitation=6.5, mode=DopplerMode.PW)
    assert image.regions[1].data_type == 3
    assert needed_mps(image.exam, image.exam.valves[Valve.MITRAL], DopplerMode.PW)[1] == 0.0
    assert [row.disease for row in true_findings(image.plan, image.exam)] == [Disease.STENOSIS]


def test_flows_needed_are_inside_the_scale() -> None:
    for index in range(30):
        image = drawn(index, tuple(Valve)[index % 4], stenosis=6.8, regurgitation=6.8)
        toward, away = needed_mps(image.exam, image.exam.valves[image.plan.valve], DopplerMode.CW)
        velocity = velocities(image)
        assert velocity.max() >= toward
        assert -velocity.min() >= away


def test_truth_and_view_follow_the_physics() -> None:
    image = drawn(1, Valve.PULMONIC, stenosis=3.4, regurgitation=1.5)
    rows = true_findings(image.plan, image.exam)
    assert [(row.disease, row.severity) for row in rows] == [
        (Disease.STENOSIS, Severity.MILD_MODERATE),
        (Disease.REGURGITATION, Severity.TRACE),
    ]
    assert view_of(image.plan, image.exam).flow is FlowKind.STENOSIS
    mixed = drawn(1, Valve.PULMONIC, stenosis=3.4, regurgitation=2.5)
    assert view_of(mixed.plan, mixed.exam).flow is FlowKind.MIXED
    normal = drawn(1, Valve.PULMONIC, stenosis=0.4, regurgitation=1.5)
    assert view_of(normal.plan, normal.exam).flow is FlowKind.NORMAL


def test_the_same_plan_gives_the_same_pixels_in_any_order() -> None:
    first, second = PLAN.images[7], PLAN.images[8]
    once = draw_image(CONFIG, SEED, first).levels
    draw_image(CONFIG, SEED, second)
    assert np.array_equal(draw_image(CONFIG, SEED, first).levels, once)
    assert not np.array_equal(draw_image(CONFIG, SEED + 1, first).levels, once)


def _scale_rows(valve: Valve, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Printed scales of CW displays with severities drawn evenly, and whether stenosis and leak are disease."""
    rng = np.random.default_rng(11)
    exam = exam_state(CONFIG, SEED, PLAN.images[0].exam)
    scales, diseased = [], []
    for _ in range(n):
        latents = [rng.uniform(0, 2) if rng.random() < 0.5 else rng.uniform(2, 7) for _ in range(2)]
        state = valve_state(valve, latents[0], latents[1], rng)
        settings = choose_settings(CONFIG, valve, DopplerMode.CW, needed_mps(exam, state, DopplerMode.CW), rng)
        scales.append((settings.up_mps, settings.down_mps, float(settings.inverted), settings.gain_db))
        diseased.append([latent >= 2 for latent in latents])
    return np.array(scales), np.array(diseased)


@pytest.mark.parametrize("valve", list(Valve))
def test_the_printed_scale_alone_tells_little(valve: Valve) -> None:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import balanced_accuracy_score

    scales, diseased = _scale_rows(valve, 1000)
    for column in range(2):
        forest = RandomForestClassifier(30, min_samples_leaf=15, random_state=0, class_weight="balanced")
        forest.fit(scales[:500], diseased[:500, column])
        found = balanced_accuracy_score(diseased[500:, column], forest.predict(scales[500:]))
        assert found < 0.62, f"the scale gives away the {('stenosis', 'regurgitation')[column]}: {found:.2f}"


def test_plans_are_small_and_typed() -> None:
    assert all(isinstance(plan, ImagePlan) for plan in PLAN.images)
    assert len({plan.sop_uid for plan in PLAN.images}) == CONFIG.n_images


def test_the_axis_has_ticks_however_wide_it_is() -> None:
    for span in (0.8, 5.0, 12.0, 17.9, 20.0, 40.0):
        assert 2 <= span / _tick_step(span) <= 9
