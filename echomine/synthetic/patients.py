"""Patients and the state of their valves at each exam."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from echomine.domain.vocabulary import Disease, Valve
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.physics import ValveState, valve_state
from echomine.synthetic.randomness import Stream, generator

_PRIMARY_WEIGHTS = {Valve.AORTIC: 0.32, Valve.MITRAL: 0.30, Valve.TRICUSPID: 0.21, Valve.PULMONIC: 0.17}
_GRADE_WEIGHTS: dict[tuple[bool, Disease], tuple[float, ...]] = {
    (True, Disease.STENOSIS): (0.48, 0.04, 0.10, 0.08, 0.10, 0.08, 0.12),
    (True, Disease.REGURGITATION): (0.26, 0.14, 0.14, 0.10, 0.13, 0.10, 0.13),
    (False, Disease.STENOSIS): (0.93, 0.01, 0.02, 0.01, 0.015, 0.005, 0.01),
    (False, Disease.REGURGITATION): (0.45, 0.25, 0.14, 0.05, 0.06, 0.02, 0.03),
}
_FIRST_DATE = date(2009, 1, 5)
_DATE_RANGE_DAYS = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A synthetic patient.

    Attributes:
        index: Ordinal in the archive, from 0.
        patient_id: Synthetic hospital number.
        sex: ``F`` or ``M``.
        born: Date of birth.
        heart_rate_bpm: Resting heart rate.
        fibrillates: Whether the rhythm is atrial fibrillation: no A wave, uneven beats.
        ejection_fraction_pct: Of the left ventricle.
        primary: The valve that brought the patient to the laboratory.
        latents: Severity 0..7 per valve and disease at the first exam.
        first_exam: Date of the first exam.
    """

    index: int
    patient_id: str
    sex: str
    born: date
    heart_rate_bpm: float
    fibrillates: bool
    ejection_fraction_pct: float
    primary: Valve
    latents: Mapping[tuple[Valve, Disease], float]
    first_exam: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamState:
    """A patient at one exam: what both the displays and the report are made from."""

    patient: Patient
    exam_index: int
    performed: date
    heart_rate_bpm: float
    atrial_pressure_mmhg: int
    valves: Mapping[Valve, ValveState]


def make_patient(config: ArchiveConfig, seed: int, index: int) -> Patient:
    """The patient of that index, whatever other patients were made before."""
    rng = generator(seed, Stream.PATIENT, index)
    valves = list(_PRIMARY_WEIGHTS)
    primary = valves[int(rng.choice(len(valves), p=list(_PRIMARY_WEIGHTS.values())))]
    latents = {
        (valve, disease): _draw_latent(_GRADE_WEIGHTS[valve is primary, disease], rng)
        for valve in Valve
        for disease in (Disease.STENOSIS, Disease.REGURGITATION)
    }
    first_exam = _FIRST_DATE + timedelta(days=int(rng.integers(_DATE_RANGE_DAYS)))
    return Patient(
        index=index,
        patient_id=f"SYN{seed % 10000:04d}-{index:05d}",
        sex="F" if rng.random() < 0.5 else "M",
        born=first_exam - timedelta(days=int(rng.integers(32 * 365, 91 * 365))),
        heart_rate_bpm=float(np.clip(rng.normal(72, 13), 50, 108)),
        fibrillates=bool(rng.random() < config.fibrillation_share),
        ejection_fraction_pct=float(np.clip(rng.normal(57, 10), 15, 74)),
        primary=primary,
        latents=latents,
        first_exam=first_exam,
    )


def make_exam(seed: int, patient: Patient, exam_index: int, visit: int) -> ExamState:
    """The state of a patient at the visit (0 first, then every year or so, a little graver each time)."""
    rng = generator(seed, Stream.EXAM, exam_index)
    rate = float(np.clip(patient.heart_rate_bpm + rng.normal(0, 4), 50, 110))
    later = timedelta(days=int(visit * rng.integers(150, 700)))
    return ExamState(
        patient=patient,
        exam_index=exam_index,
        performed=patient.first_exam + later,
        heart_rate_bpm=rate,
        atrial_pressure_mmhg=int(rng.choice((3, 5, 8, 10, 15), p=(0.3, 0.25, 0.2, 0.15, 0.1))),
        valves={valve: _valve_at_visit(patient, valve, visit, rng) for valve in Valve},
    )


def _draw_latent(weights: tuple[float, ...], rng: np.random.Generator) -> float:
    return float(rng.choice(len(weights), p=weights) + rng.random())


def _valve_at_visit(patient: Patient, valve: Valve, visit: int, rng: np.random.Generator) -> ValveState:
    def progressed(disease: Disease) -> float:
        latent = patient.latents[valve, disease]
        step = visit * rng.uniform(0.0, 0.5)
        return min(latent + step, 6.99) if latent >= 1 else latent

    return valve_state(valve, progressed(Disease.STENOSIS), progressed(Disease.REGURGITATION), rng)
