"""One image of the plan, drawn: pixels, regions, and what is true of it."""

from dataclasses import dataclass

import numpy as np

from echomine.domain.records import TrueFinding, TrueFlow, UltrasoundRegion, View
from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import Disease, DopplerMode, FlowKind
from echomine.synthetic.beats import beats_over
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.flow_objects import FlowObject, Mask, envelope_mask, flow_objects, is_hard_to_see
from echomine.synthetic.flows import (
    RIGHT_HEART,
    Component,
    Scene,
    display_components,
    forward_peak_mps,
    forward_sign,
)
from echomine.synthetic.measured import forward_truth, jet_truth
from echomine.synthetic.patients import ExamState
from echomine.synthetic.physics import ValveState
from echomine.synthetic.plan import ImagePlan, exam_state
from echomine.synthetic.randomness import Stream, generator
from echomine.synthetic.screen import screen_pixels
from echomine.synthetic.settings import DisplaySettings, choose_settings
from echomine.synthetic.spectrum import Pixels, contrast_db, spectral_pixels

_SECTOR_DEPTH_CM = 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnImage:
    """A drawn display.

    Attributes:
        plan: What was to be drawn.
        exam: The patient at the exam.
        settings: How the machine was set.
        levels: (rows, columns) levels of the screen.
        regions: As SequenceOfUltrasoundRegions lists them: the 2D sector first.
    """

    plan: ImagePlan
    exam: ExamState
    settings: DisplaySettings
    levels: Pixels
    regions: tuple[UltrasoundRegion, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowOutlines:
    """What is to be outlined on a display.

    Attributes:
        beats: Each beat of which enough is shown.
        envelope: (H, W) all between baseline and envelope, parts of beats too.
    """

    beats: tuple[FlowObject, ...]
    envelope: Mask


def draw_image(config: ArchiveConfig, seed: int, plan: ImagePlan) -> DrawnImage:
    """Draw one image; it depends on the seed and the plan's indices alone."""
    return draw_exam_image(config, seed, plan, exam_state(config, seed, plan.exam))


def draw_exam_image(config: ArchiveConfig, seed: int, plan: ImagePlan, exam: ExamState) -> DrawnImage:
    """Draw one image of a patient whose state is given, instead of the one the plan would lead to."""
    rng = generator(seed, Stream.IMAGE, plan.image_index)
    state = exam.valves[plan.valve]
    settings, scene = _settings_and_scene(config, plan, exam, rng)
    components = _components(config, plan, state, scene, rng)
    strip = spectral_pixels(components, settings, rng)
    levels = screen_pixels(strip, settings, scene, _notes(settings, rng), rng)
    return DrawnImage(plan=plan, exam=exam, settings=settings, levels=levels, regions=_regions(settings))


def needed_mps(exam: ExamState, state: ValveState, mode: DopplerMode) -> tuple[float, float]:
    """Fastest velocity towards and away from the probe that the display shows, in m/s."""
    peak = forward_peak_mps(state.forward, exam.heart_rate_bpm, fibrillates=exam.patient.fibrillates) * 1.12
    jet = state.jet.vmax_mps * 1.06 if state.jet is not None and mode is DopplerMode.CW else 0.0
    return (peak, jet) if forward_sign(state.valve) > 0 else (jet, peak)


def true_findings(plan: ImagePlan, exam: ExamState) -> tuple[TrueFinding, ...]:
    """What the display can show: both flows on CW, the forward flow alone on PW."""
    state = exam.valves[plan.valve]
    shown = (Disease.STENOSIS, Disease.REGURGITATION)[: 2 if plan.mode is DopplerMode.CW else 1]
    return tuple(
        TrueFinding(image_id=plan.sop_uid, valve=plan.valve, disease=disease, severity=state.grade(disease))
        for disease in shown
    )


def true_flows(config: ArchiveConfig, seed: int, plan: ImagePlan) -> dict[Disease, TrueFlow]:
    """What a perfect reader would measure: the forward flow under stenosis, a jet under regurgitation.

    The scene is made as :func:`draw_image` makes it, nothing is drawn.
    """
    exam = exam_state(config, seed, plan.exam)
    state = exam.valves[plan.valve]
    _, scene = _settings_and_scene(config, plan, exam, generator(seed, Stream.IMAGE, plan.image_index))
    found = {Disease.STENOSIS: forward_truth(state, scene)}
    if plan.mode is DopplerMode.CW and state.jet is not None:
        found[Disease.REGURGITATION] = jet_truth(plan.valve, state.jet, scene)
    return {disease: flow for disease, flow in found.items() if flow is not None}


def beats_of(config: ArchiveConfig, seed: int, plan: ImagePlan) -> FlowOutlines | None:
    """The beats on the display as objects, and its flows as one mask; None where one is hard to see, or it is pulsed.

    Scene and flows are made as :func:`draw_image` makes them, nothing is drawn.
    """
    if plan.mode is not DopplerMode.CW:
        return None
    exam, rng = exam_state(config, seed, plan.exam), generator(seed, Stream.IMAGE, plan.image_index)
    state = exam.valves[plan.valve]
    settings, scene = _settings_and_scene(config, plan, exam, rng)
    contrast = contrast_db(_components(config, plan, state, scene, rng), settings)
    beats = flow_objects(state, scene, settings)
    if is_hard_to_see(state, settings, beats, contrast):
        return None
    return FlowOutlines(beats=beats, envelope=envelope_mask(state, scene, settings))


def view_of(plan: ImagePlan, exam: ExamState) -> View:
    """The coarse word that a human would give the display."""
    found = {row.disease for row in true_findings(plan, exam) if is_disease(row.severity)}
    if len(found) == 2:
        flow = FlowKind.MIXED
    elif found:
        flow = FlowKind(next(iter(found)).value)
    else:
        flow = FlowKind.NORMAL
    return View(image_id=plan.sop_uid, valve=plan.valve, flow=flow)


def _components(
    config: ArchiveConfig, plan: ImagePlan, state: ValveState, scene: Scene, rng: np.random.Generator
) -> tuple[Component, ...]:
    contaminated = bool(rng.random() < config.contaminated_share)
    return display_components(state, scene, plan.mode, rng, contaminated=contaminated)


def _settings_and_scene(
    config: ArchiveConfig, plan: ImagePlan, exam: ExamState, rng: np.random.Generator
) -> tuple[DisplaySettings, Scene]:
    needed = needed_mps(exam, exam.valves[plan.valve], plan.mode)
    settings = choose_settings(config, plan.valve, plan.mode, needed, rng)
    return settings, _scene(exam, plan, settings, rng)


def _scene(exam: ExamState, plan: ImagePlan, settings: DisplaySettings, rng: np.random.Generator) -> Scene:
    times = np.arange(settings.layout.width, dtype=np.float64) * settings.s_per_px
    right = plan.valve in RIGHT_HEART
    beats = beats_over(
        float(times[-1]),
        exam.heart_rate_bpm,
        rng,
        fibrillates=exam.patient.fibrillates,
        right_heart=right,
    )
    # inspiration raises right-heart flow by up to a quarter in health, left-heart flow hardly changes
    depth = rng.uniform(0.08, 0.2) if right else rng.uniform(0.0, 0.03)
    breath = np.sin(2 * np.pi * times / rng.uniform(3.0, 4.5) + rng.uniform(0, 2 * np.pi))
    return Scene(
        times_s=times,
        beats=tuple(beats),
        heart_rate_bpm=exam.heart_rate_bpm,
        swing=1.0 - depth * (0.5 + 0.5 * breath),
        fibrillates=exam.patient.fibrillates,
    )


def _notes(settings: DisplaySettings, rng: np.random.Generator) -> tuple[str, ...]:
    gain = round(50 + 2 * settings.gain_db)
    return (
        str(settings.mode),
        f"{gain}%",
        f"WF {int(rng.choice((125, 150, 225, 300)))}Hz",
        f"{rng.choice((1.6, 1.8, 2.0, 2.5)):.1f}MHz",
    )


def _regions(settings: DisplaySettings) -> tuple[UltrasoundRegion, ...]:
    layout = settings.layout
    x0, y0, x1, y1 = layout.sector
    step_cm = _SECTOR_DEPTH_CM / (y1 - y0)
    sector = UltrasoundRegion(
        spatial_format=1,
        data_type=1,
        flags=0,
        min_x0=x0,
        min_y0=y0,
        max_x1=x1 - 1,
        max_y1=y1 - 1,
        units_x=3,
        units_y=3,
        delta_x=step_cm,
        delta_y=step_cm,
        reference_x0=(x1 - x0) // 2,
        reference_y0=0,
        reference_value_x=0.0,
        reference_value_y=0.0,
    )
    spectral = _spectral_region(settings)
    return (sector, spectral, _ecg_region(settings)) if settings.has_ecg_region else (sector, spectral)


def _spectral_region(settings: DisplaySettings) -> UltrasoundRegion:
    layout = settings.layout
    return UltrasoundRegion(
        spatial_format=3,
        data_type=4 if settings.mode is DopplerMode.CW else 3,
        flags=0,
        min_x0=layout.x0,
        min_y0=layout.y0,
        max_x1=layout.x0 + layout.width - 1,
        max_y1=layout.y0 + layout.height - 1,
        units_x=4,
        units_y=7,
        delta_x=settings.s_per_px,
        delta_y=-100.0 * settings.mps_per_px,
        reference_x0=0,
        reference_y0=settings.baseline_row,
        reference_value_x=0.0,
        reference_value_y=0.0,
    )


def _ecg_region(settings: DisplaySettings) -> UltrasoundRegion:
    layout = settings.layout
    return UltrasoundRegion(
        spatial_format=4,
        data_type=10,
        flags=0,
        min_x0=layout.x0,
        min_y0=layout.y0 - layout.rows // 20,
        max_x1=layout.x0 + layout.width - 1,
        max_y1=layout.y0 + 3,
        units_x=4,
        units_y=0,
        delta_x=settings.s_per_px,
        delta_y=0.0,
    )
