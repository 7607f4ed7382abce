"""Sentences about one valve: its looks, its lesions, its numbers."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, Severity, Valve
from echomine.synthetic import wording
from echomine.synthetic.beats import ejection_mean_gradient_mmhg
from echomine.synthetic.patients import ExamState
from echomine.synthetic.physics import SEMILUNAR, RegurgitantJet, ValveState, grade_of

Grades: TypeAlias = Mapping[tuple[Valve, Disease], Severity]
"""The grades that a reader gives."""

_PLUS_SHARE = 0.12
_ORIFICE_CM2 = (0.0, 0.02, 0.05, 0.20, 0.25, 0.33, 0.40, 0.75)
_VENA_CONTRACTA_CM = (0.0, 0.05, 0.15, 0.30, 0.42, 0.55, 0.70, 1.10)


def pick(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of the options, all equally likely."""
    return options[int(rng.integers(len(options)))]


def fill(template: str, **words: str) -> str:
    """The template with its slots filled; a slot ``{Word}`` takes a capital letter, ``{WORD}`` capitals only."""
    capital = {key.capitalize(): value[:1].upper() + value[1:] for key, value in words.items()}
    upper = {key.upper(): value.upper() for key, value in words.items()}
    return template.format(**words, **capital, **upper)


def grade_word(grade: Severity, disease: Disease, rng: np.random.Generator) -> str:
    """A word for the grade, at times on the four-step plus scale for a regurgitation."""
    if disease is Disease.REGURGITATION and grade in wording.PLUS_GRADES and rng.random() < _PLUS_SHARE:
        return wording.PLUS_GRADES[grade]
    return pick(wording.GRADE_WORDS[grade], rng)


def lesion_name(valve: Valve, disease: Disease, rng: np.random.Generator, *, short: float = 0.0) -> str:
    """A name of the lesion, abbreviated with probability ``short``."""
    names = wording.LESION_SHORT if rng.random() < short else wording.LESION_NAMES
    return pick(names[valve, disease], rng)


def valve_description(state: ExamState, valve: Valve, grades: Grades, rng: np.random.Generator, *, short: float) -> str:
    """A few sentences that say what the valve looks like, whether it is narrow or leaks, and how much."""
    sentences = [_morphology(valve, grades, rng), *_status(valve, grades, rng, short=short)]
    diseased = any(is_disease(grades[valve, disease]) for disease in FLOW_DISEASES)
    if rng.random() < (0.75 if diseased else 0.2):
        sentences += _measurements(state, valve, rng)
    if rng.random() < 0.1:
        sentences.append(pick(wording.REMARKS, rng))
    if rng.random() < 0.12:
        sentences = [*sentences[1:2], sentences[0], *sentences[2:]]
    return " ".join(sentences)


def lesion_sentence(
    valve: Valve, disease: Disease, grades: Grades, rng: np.random.Generator, *, short: float = 0.0
) -> str:
    """One sentence on one lesion, present or absent."""
    grade, lesion = grades[valve, disease], lesion_name(valve, disease, rng, short=short)
    if grade is Severity.NONE:
        return fill(pick(wording.ABSENT_ONE, rng), lesion=lesion)
    return fill(pick(wording.PRESENT_ONE, rng), lesion=lesion, grade=grade_word(grade, disease, rng))


def _status(valve: Valve, grades: Grades, rng: np.random.Generator, *, short: float) -> list[str]:
    present = [disease for disease in FLOW_DISEASES if grades[valve, disease] is not Severity.NONE]
    if not present and rng.random() < 0.7:
        return [fill(pick(wording.ABSENT_BOTH, rng), valve=valve.value)]
    if present and rng.random() < 0.4:
        return [_joined_status(valve, present, grades, rng, short=short)]
    sentences = [lesion_sentence(valve, disease, grades, rng, short=short) for disease in FLOW_DISEASES]
    return sentences if rng.random() < 0.6 else sentences[::-1]


def _joined_status(
    valve: Valve, present: Sequence[Disease], grades: Grades, rng: np.random.Generator, *, short: float
) -> str:
    first = present[0]
    other = FLOW_DISEASES[1 - FLOW_DISEASES.index(first)]
    words = {
        "lesion": lesion_name(valve, first, rng, short=short),
        "grade": grade_word(grades[valve, first], first, rng),
        "other": lesion_name(valve, other, rng, short=short),
    }
    if len(present) == 1:
        return fill(pick(wording.FIRST_PRESENT_THEN_ABSENT, rng), **words)
    words["other_grade"] = grade_word(grades[valve, other], other, rng)
    return fill(pick(wording.BOTH_PRESENT, rng), **words)


def _morphology(valve: Valve, grades: Grades, rng: np.random.Generator) -> str:
    if is_disease(grades[valve, Disease.STENOSIS]):
        return pick(wording.STENOTIC_MORPHOLOGY[valve], rng)
    if grades[valve, Disease.REGURGITATION] >= Severity.MILD_MODERATE and rng.random() < 0.7:
        return pick(wording.LEAKING_MORPHOLOGY[valve], rng)
    return pick(wording.NORMAL_MORPHOLOGY[valve], rng)


def _measured(value: float, rng: np.random.Generator) -> float:
    return value * float(1 + rng.normal(0, 0.015))


def _measurements(state: ExamState, valve: Valve, rng: np.random.Generator) -> list[str]:
    """Sentences with the numbers that a display of this valve gives."""
    entry = state.valves[valve]
    sentences = _ejection_numbers(entry, rng) if valve in SEMILUNAR else _inflow_numbers(entry, rng)
    if entry.jet is None or not is_disease(entry.grade(Disease.REGURGITATION)):
        return sentences
    return [*sentences, *_jet_numbers(state, entry, entry.jet, rng)]


def _jet_numbers(state: ExamState, entry: ValveState, jet: RegurgitantJet, rng: np.random.Generator) -> list[str]:
    if entry.valve is Valve.TRICUSPID and rng.random() < 0.7:
        return [_pressure_sentence(jet.vmax_mps, state.atrial_pressure_mmhg, rng)]
    steps = range(len(_ORIFICE_CM2))
    orifice = float(np.interp(entry.regurgitation_latent, steps, _ORIFICE_CM2))
    contracta = float(np.interp(entry.regurgitation_latent, steps, _VENA_CONTRACTA_CM))
    options = [f"The vena contracta measures {contracta:.1f} cm.", f"Vena contracta {contracta:.1f} cm."]
    if jet.half_time_ms:
        half_time = f"{_measured(jet.half_time_ms, rng):.0f} ms"
        options = [
            f"The regurgitant pressure half-time is {half_time}.",
            f"Pressure half-time {half_time}.",
            f"The pressure half-time of the regurgitant jet measures {half_time}.",
        ]
    elif entry.valve is Valve.MITRAL:
        options += [f"EROA {orifice:.2f} cm2.", f"The effective regurgitant orifice area is {orifice:.2f} cm2."]
        options += [f"The regurgitant jet reaches {_measured(jet.vmax_mps, rng):.1f} m/s."]
    return [pick(options, rng)]


def _pressure_sentence(jet_mps: float, atrial_mmhg: int, rng: np.random.Generator) -> str:
    gradient = 4 * round(jet_mps, 1) ** 2
    options = (
        f"The peak velocity of the TR jet is {jet_mps:.1f} m/s, for an estimated RVSP of "
        f"{gradient + atrial_mmhg:.0f} mmHg with a right atrial pressure of {atrial_mmhg} mmHg.",
        f"TR Vmax {jet_mps:.1f} m/s, RVSP {gradient + atrial_mmhg:.0f} mmHg.",
        f"The RVSP is estimated at {gradient + atrial_mmhg:.0f} mmHg.",
        f"The peak TR gradient is {gradient:.0f} mmHg.",
    )
    return pick(options, rng)


def _ejection_numbers(entry: ValveState, rng: np.random.Generator) -> list[str]:
    vmax = _measured(entry.forward.vmax_mps, rng)
    mean = ejection_mean_gradient_mmhg(vmax, entry.forward.peak_fraction)
    if not is_disease(grade_of(entry.stenosis_latent)):
        return [pick((f"Peak velocity is {vmax:.1f} m/s.", f"Vmax {vmax:.1f} m/s."), rng)]
    options = [
        f"The peak velocity is {vmax:.1f} m/s with a mean gradient of {mean:.0f} mmHg.",
        f"Vmax {vmax:.1f} m/s, peak gradient {4 * vmax**2:.0f} mmHg, mean gradient {mean:.0f} mmHg.",
        f"Peak and mean gradients are {4 * vmax**2:.0f} and {mean:.0f} mmHg.",
        f"Peak velocity {100 * vmax:.0f} cm/s.",
        f"The maximal velocity across the valve is {vmax:.1f} m/s (peak gradient {4 * vmax**2:.0f} mmHg).",
    ]
    if entry.valve is Valve.AORTIC:
        area = 4.0 / vmax * rng.uniform(0.9, 1.1)
        options.append(f"Mean gradient {mean:.0f} mmHg, AVA {area:.1f} cm2 by continuity equation.")
        options.append(f"The calculated valve area is {area:.1f} cm2 at a peak velocity of {vmax:.1f} m/s.")
    return [pick(options, rng)]


def _inflow_numbers(entry: ValveState, rng: np.random.Generator) -> list[str]:
    mean = _measured(entry.forward.mean_gradient_mmhg, rng)
    half_time = _measured(entry.forward.half_time_ms, rng)
    if not is_disease(grade_of(entry.stenosis_latent)):
        return [f"The mean gradient is {mean:.0f} mmHg."] if mean >= 1 else []
    options = [
        f"The mean gradient is {mean:.1f} mmHg and the pressure half-time {half_time:.0f} ms.",
        f"The mean gradient is {mean:.1f} mmHg with a pressure half-time of {half_time:.0f} ms.",
        f"Mean diastolic gradient {mean:.0f} mmHg.",
        f"PHT {half_time:.0f} ms, mean gradient {mean:.1f} mmHg.",
    ]
    if entry.valve is Valve.MITRAL:
        area = 220.0 / half_time
        options.append(f"Mean gradient {mean:.0f} mmHg, valve area {area:.1f} cm2 by pressure half-time.")
        options.append(f"Pressure half-time {half_time:.0f} ms, giving a valve area of {area:.1f} cm2.")
    return [pick(options, rng)]
