"""Displays drawn from formulas come back as the numbers they were drawn from."""

from dataclasses import replace

import numpy as np
import pytest

from echomine.domain.records import Calibration
from echomine.domain.vocabulary import DopplerMode, Valve
from echomine.doppler.display import SpectralDisplay
from echomine.doppler.envelope import on_dark
from echomine.doppler.flow_kinds import FlowName
from echomine.doppler.reading import ProblemCode, read_display
from tests.doppler import drawn_displays as drawn


def test_three_parabolas_away() -> None:
    reading = read_display(drawn.display(-drawn.jets(3.5)))
    flow = reading.main
    assert flow is not None
    assert flow.toward is False
    assert len(flow.beats) == 3
    assert flow.cut_beats == 0
    assert flow.vmax_mps == pytest.approx(3.5, rel=0.03)
    assert flow.vti_cm == pytest.approx(100 * 3.5 * 0.32 * 2 / 3, rel=0.05)
    assert flow.mean_gradient_mmhg == pytest.approx(4 * 3.5**2 * 8 / 15, rel=0.08)
    assert [beat.x_peak for beat in flow.beats] == pytest.approx([115, 315, 515], abs=8)
    assert not reading.problems


def test_an_early_peak_of_three_metres_per_second_away_is_aortic_stenosis() -> None:
    place = np.clip((drawn.times()[None, :] - np.array([[0.3], [1.1], [1.9]])) / 0.32, 0.0, 1.0)
    ejection = 3.0 * np.sin(np.pi * place ** (np.log(0.5) / np.log(0.34))).sum(axis=0)
    reading = read_display(drawn.display(-ejection), valve=None)
    assert reading.names[0].name is FlowName.AORTIC_STENOSIS
    assert read_display(drawn.display(-ejection), valve=Valve.PULMONIC).names[0].name is FlowName.PULMONIC_STENOSIS


def test_a_decay_towards_the_probe_has_its_half_time() -> None:
    velocity = 1.8 * (drawn.decay(drawn.times(), 0.4, 0.5, 400.0) + drawn.decay(drawn.times(), 1.4, 0.5, 400.0))
    flow = read_display(drawn.display(velocity)).main
    assert flow is not None
    assert flow.toward is True
    assert flow.pht_ms == pytest.approx(400.0, rel=0.08)


def test_half_times_that_beats_do_not_agree_on_are_not_told() -> None:
    decays = [
        drawn.decay(drawn.times(), start, 0.5, half) for start, half in ((0.2, 150.0), (1.1, 420.0), (2.0, 800.0))
    ]
    flow = read_display(drawn.display(1.8 * np.sum(decays, axis=0))).main
    assert flow is not None
    assert sum(beat.pht_ms is not None for beat in flow.beats) >= 2
    assert flow.pht_ms is None


def test_upside_down_is_the_same() -> None:
    display = drawn.display(-drawn.jets(3.0))
    turned = SpectralDisplay(
        pixels=display.pixels[::-1].copy(),
        calibration=Calibration(
            mps_per_px=-drawn.MPS_PER_PX,
            baseline_y=drawn.HEIGHT - 1 - drawn.BASELINE,
            s_per_px=drawn.S_PER_PX,
        ),
    )
    one, other = read_display(display).main, read_display(turned).main
    assert one is not None
    assert other is not None
    assert other.toward is False
    assert other.vmax_mps == pytest.approx(one.vmax_mps)
    assert other.vti_cm == pytest.approx(one.vti_cm)
    assert other.side is not one.side


def test_another_scale_scales_the_numbers() -> None:
    display = drawn.display(-drawn.jets(3.0))
    assert display.calibration is not None
    double = replace(display, calibration=replace(display.calibration, mps_per_px=2 * drawn.MPS_PER_PX))
    one, other = read_display(display).main, read_display(double).main
    assert one is not None
    assert other is not None
    assert one.vmax_mps
    assert one.mean_gradient_mmhg
    assert other.vmax_mps == pytest.approx(2 * one.vmax_mps)
    assert other.mean_gradient_mmhg == pytest.approx(4 * one.mean_gradient_mmhg)


def test_a_later_start_moves_the_beats() -> None:
    early = read_display(drawn.display(-drawn.jets(3.0))).main
    late = read_display(drawn.display(-drawn.jets(3.0, starts=(0.5, 1.3, 2.1)))).main
    assert early is not None
    assert late is not None
    shift = 0.2 / drawn.S_PER_PX
    assert [beat.x_start for beat in late.beats] == pytest.approx([beat.x_start + shift for beat in early.beats], abs=4)


def test_beats_cut_by_the_border_are_not_counted() -> None:
    flow = read_display(drawn.display(-drawn.jets(3.0, starts=(-0.15, 0.8, 1.7, 3.05)))).main
    assert flow is not None
    assert len(flow.beats) == 2
    assert flow.cut_beats == 2


def test_lines_of_interference_and_clicks_change_nothing() -> None:
    display = drawn.display(-drawn.jets(3.0))
    disturbed = display.pixels.copy()
    disturbed[200:203] = np.maximum(disturbed[200:203], 60)
    for click in (90, 320, 700):
        disturbed[100:280, click : click + 3] = 220
    clean = read_display(display).main
    flow = read_display(replace(display, pixels=disturbed)).main
    assert clean is not None
    assert flow is not None
    assert len(flow.beats) == 3
    assert flow.vmax_mps == pytest.approx(clean.vmax_mps, rel=0.04)


def test_an_overlay_is_left_out() -> None:
    display = drawn.display(-drawn.jets(3.0))
    pixels = display.pixels.copy()
    overlay = np.zeros(pixels.shape, dtype=bool)
    overlay[220:280, 10:70] = True
    pixels[overlay] = 255
    flow = read_display(replace(display, pixels=pixels), overlay=overlay).main
    assert flow is not None
    assert len(flow.beats) == 3
    assert flow.vmax_mps == pytest.approx(3.0, rel=0.03)


def test_a_dense_flow_inside_a_fainter_one_is_not_the_edge() -> None:
    outer = drawn.draw(-drawn.jets(3.5), level=50.0, clutter_mps=0.2)
    inner = drawn.draw(-drawn.jets(1.0), level=120.0, noise=0.1)
    flow = read_display(SpectralDisplay(pixels=np.maximum(outer, inner), calibration=drawn.SCALE)).main
    assert flow is not None
    assert flow.vmax_mps == pytest.approx(3.5, rel=0.04)


def test_a_flow_beyond_the_display_is_said_to_be() -> None:
    reading = read_display(drawn.display(-drawn.jets(5.0)))
    assert {problem.code for problem in reading.problems} & {ProblemCode.CLIPPED, ProblemCode.ALIASED}


def test_both_sides() -> None:
    velocity = -drawn.jets(2.0) + 1.7 * sum(
        drawn.decay(drawn.times(), start, 0.4, 600.0) for start in (0.66, 1.46, 2.26)
    )
    flows = read_display(drawn.display(velocity)).flows
    assert {flow.toward for flow in flows} == {True, False}
    assert all(len(flow.beats) == 3 for flow in flows)


def test_noise_alone_is_no_flow() -> None:
    reading = read_display(drawn.display(np.zeros(drawn.WIDTH)))
    assert reading.main is None
    assert reading.problems[0].code in {ProblemCode.NO_FLOW, ProblemCode.NO_COMPLETE_BEAT}


@pytest.mark.parametrize("level", [0, 255])
def test_an_even_picture_is_no_flow(level: int) -> None:
    even = SpectralDisplay(pixels=np.full((drawn.HEIGHT, drawn.WIDTH), level, np.uint8), calibration=drawn.SCALE)
    assert read_display(even).main is None


def test_without_a_scale_there_are_places_but_no_velocities() -> None:
    bare = SpectralDisplay(pixels=drawn.draw(-drawn.jets(3.0)))
    reading = read_display(bare, baseline_y=drawn.BASELINE)
    assert reading.main is not None
    assert reading.main.vmax_mps is None
    assert len(reading.main.beats) == 3
    assert reading.problems[0].code is ProblemCode.UNCALIBRATED


def test_a_display_without_a_baseline_is_refused() -> None:
    assert (
        read_display(SpectralDisplay(pixels=drawn.draw(-drawn.jets(3.0)))).problems[0].code is ProblemCode.NO_BASELINE
    )


def test_dark_on_white_is_turned_over() -> None:
    pixels = drawn.draw(-drawn.jets(3.0))
    assert np.array_equal(on_dark(255 - pixels), pixels)
    assert np.array_equal(on_dark(pixels), pixels)


def test_a_velocity_that_no_heart_reaches_is_doubted() -> None:
    wrong = replace(drawn.SCALE, mps_per_px=4 * drawn.MPS_PER_PX)
    reading = read_display(SpectralDisplay(pixels=drawn.draw(-drawn.jets(3.0)), calibration=wrong))
    assert reading.problems[0].code is ProblemCode.IMPLAUSIBLE
    assert reading.main is None


def test_tissue_velocities_are_said_to_be() -> None:
    slow = replace(drawn.SCALE, mps_per_px=0.0008)
    reading = read_display(SpectralDisplay(pixels=drawn.draw(-drawn.jets(3.0)), calibration=slow, mode=DopplerMode.PW))
    assert ProblemCode.TISSUE in {problem.code for problem in reading.problems}


def test_beats_that_last_unlike_times_are_trusted_less() -> None:
    even = read_display(drawn.display(-drawn.jets(3.0))).main
    length = {0.3: 0.32, 1.1: 0.6, 1.9: 0.2}
    odd = sum(drawn.parabola(drawn.times(), start, lasting) for start, lasting in length.items())
    uneven = read_display(drawn.display(-3.0 * odd)).main
    assert even is not None
    assert uneven is not None
    assert even.confidence is even.best.confidence
    assert uneven.confidence == uneven.best.confidence - 1


def test_a_slow_decay_is_followed_to_its_end() -> None:
    starts = (0.3, 1.3, 2.3)
    velocity = 1.8 * np.sum([drawn.decay(drawn.times(), start, 0.5, 150.0) for start in starts], axis=0)
    flow = read_display(drawn.display(velocity)).main
    assert flow is not None
    assert flow.vti_cm == pytest.approx(1.8 * 0.5 * (1 - 0.976 / 2) * 100, rel=0.04)  # falls by 97.6 % in half a second
    assert flow.mean_gradient_mmhg == pytest.approx(4 * 1.8**2 * (1 - 0.976 + 0.976**2 / 3), rel=0.1)


def test_a_click_at_the_onset_widens_no_beat() -> None:
    pixels = drawn.draw(-drawn.jets(3.0))
    clicked = pixels.copy()
    for start in (0.3, 1.1, 1.9):
        column = round(start / 0.004)
        clicked[40:150, column - 1 : column + 3] = np.maximum(clicked[40:150, column - 1 : column + 3], 150)

    plain, noisy = (
        read_display(SpectralDisplay(pixels=one, calibration=drawn.SCALE)).main for one in (pixels, clicked)
    )

    assert plain is not None
    assert noisy is not None
    assert noisy.vti_cm == pytest.approx(plain.vti_cm, rel=0.02)
    assert noisy.vti_cm == pytest.approx(3.0 * 0.32 * 2 / 3 * 100, rel=0.04)  # two thirds of the box of a parabola


def test_flows_on_both_sides_at_once_are_trusted_less() -> None:
    up, down = drawn.draw(drawn.jets(1.8)), drawn.draw(-drawn.jets(2.0))
    later = drawn.draw(-drawn.jets(2.0, starts=(0.7, 1.5, 2.3)))
    at_once, in_turn = (
        read_display(SpectralDisplay(pixels=np.maximum(up, other), calibration=drawn.SCALE)).flows
        for other in (down, later)
    )
    assert [len(at_once), len(in_turn)] == [2, 2]
    assert all(flow.crossed for flow in at_once)
    assert not any(flow.crossed for flow in in_turn)
    assert max(flow.confidence for flow in at_once) < min(flow.confidence for flow in in_turn)


def test_the_half_time_is_that_of_the_early_wave_where_the_atrial_one_is_higher() -> None:
    times = drawn.times()
    early = [1.4 * drawn.decay(times, start, 0.5, 200.0) for start in (0.3, 1.3, 2.3)]
    atrial = [1.8 * np.exp(-(((times - start - 0.45) / 0.05) ** 2)) for start in (0.3, 1.3, 2.3)]
    flow = read_display(drawn.display(np.maximum(np.max(early, axis=0), np.max(atrial, axis=0)))).main
    assert flow is not None
    assert flow.vmax_mps is not None
    assert flow.vmax_mps > 1.5  # the atrial wave's
    assert flow.pht_ms == pytest.approx(200.0, rel=0.12)
