"""What a severity does to the blood flow: guideline cut-offs on a continuous latent with seven steps.

A latent severity runs 0..7; its integer part is the grade (0 none ... 6 severe). Tables of eight knots give a
physical quantity at the edges of the grades, linear in between.

References:
    Baumgartner et al. 2017 (EACVI/ASE, aortic stenosis); Baumgartner et al. 2009 (EAE/ASE, stenosis);
    Zoghbi et al. 2017 (ASE, native regurgitation).
    Gamaza-Chulian et al., J Am Soc Echocardiogr 2017;30:947-955 (acceleration over ejection time in aortic stenosis:
    mild 0.22 +- 0.05, moderate 0.29 +- 0.07, severe 0.37 +- 0.06).
"""

from dataclasses import dataclass

import numpy as np

from echomine.domain.vocabulary import Disease, Severity, Valve

SEMILUNAR = (Valve.AORTIC, Valve.PULMONIC)

_VMAX_MPS = {
    Valve.AORTIC: (1.0, 1.8, 2.5, 2.85, 3.1, 3.65, 4.0, 5.4),
    Valve.PULMONIC: (0.65, 1.4, 2.0, 2.75, 3.05, 3.65, 4.0, 5.0),
}
_MEAN_GRADIENT_MMHG = {
    Valve.MITRAL: (0.35, 1.4, 2.4, 4.2, 5.6, 8.6, 10.2, 18.0),
    Valve.TRICUSPID: (0.12, 0.7, 1.3, 2.3, 3.1, 4.4, 5.2, 10.0),
}
_INFLOW_HALF_TIME_MS = {
    Valve.MITRAL: (48.0, 72.0, 92.0, 138.0, 160.0, 205.0, 225.0, 360.0),
    Valve.TRICUSPID: (50.0, 78.0, 96.0, 128.0, 145.0, 178.0, 192.0, 300.0),
}
_REGURGITANT_HALF_TIME_MS = {
    Valve.AORTIC: (950.0, 850.0, 640.0, 500.0, 400.0, 300.0, 200.0, 90.0),
    Valve.PULMONIC: (560.0, 480.0, 340.0, 250.0, 190.0, 140.0, 100.0, 45.0),
}
_PEAK_FRACTION = {
    Valve.AORTIC: (0.24, 0.24, 0.24, 0.245, 0.265, 0.30, 0.345, 0.395),
    Valve.PULMONIC: (0.42, 0.42, 0.445, 0.47, 0.495, 0.52, 0.545, 0.57),
}
_PEAK_FRACTION_SPREAD = 0.05
_PEAK_FRACTION_BOUNDS = (0.15, 0.6)
_DENSITY_DB = (-27.0, -23.0, -17.5, -14.0, -11.0, -7.5, -4.5, 0.0)
_TRIANGULARITY = (0.0, 0.0, 0.0, 0.04, 0.15, 0.36, 0.62, 1.0)
_JET_RANGE_MPS = {
    Valve.AORTIC: (3.4, 4.9),
    Valve.MITRAL: (4.3, 5.9),
    Valve.TRICUSPID: (2.0, 3.9),
    Valve.PULMONIC: (1.3, 2.4),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardFlow:
    """Flow through an open valve.

    Attributes:
        vmax_mps: Peak velocity of an ejection; 0 for an inflow, whose peak follows from the gradient.
        peak_fraction: Where in the ejection the peak lies, 0..1: later when severe.
        mean_gradient_mmhg: Mean gradient of an inflow; 0 for an ejection.
        half_time_ms: Pressure half-time of an inflow; 0 for an ejection.
        atrial_ratio: Peak of the A wave over the E wave.
    """

    vmax_mps: float = 0.0
    peak_fraction: float = 0.35
    mean_gradient_mmhg: float = 0.0
    half_time_ms: float = 0.0
    atrial_ratio: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegurgitantJet:
    """Flow back through a leaking valve.

    Attributes:
        vmax_mps: Peak velocity, set by the pressures, not by the severity.
        density_db: Level of the jet relative to the forward flow of the same display.
        half_time_ms: Pressure half-time of a diastolic jet; 0 for a systolic one.
        triangularity: 0 parabolic .. 1 early-peaking triangle, of a systolic jet.
        duration_fraction: Part of the phase that the jet lasts, 0..1.
    """

    vmax_mps: float
    density_db: float
    half_time_ms: float = 0.0
    triangularity: float = 0.0
    duration_fraction: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValveState:
    """One valve at one exam: latent severities and the flows that follow from them."""

    valve: Valve
    stenosis_latent: float
    regurgitation_latent: float
    forward: ForwardFlow
    jet: RegurgitantJet | None

    def latent(self, disease: Disease) -> float:
        """Latent severity of stenosis or regurgitation, 0..7."""
        return self.stenosis_latent if disease is Disease.STENOSIS else self.regurgitation_latent

    def grade(self, disease: Disease) -> Severity:
        """The grade that the physics has."""
        return grade_of(self.latent(disease))


def grade_of(latent: float) -> Severity:
    """The grade of a latent severity 0..7."""
    return Severity(int(min(max(latent, 0.0), 6.999)))


def valve_state(
    valve: Valve, stenosis_latent: float, regurgitation_latent: float, rng: np.random.Generator
) -> ValveState:
    """The flows of a valve at the given latent severities; the generator sets what severity does not."""
    return ValveState(
        valve=valve,
        stenosis_latent=stenosis_latent,
        regurgitation_latent=regurgitation_latent,
        forward=_forward_flow(valve, stenosis_latent, rng),
        jet=_regurgitant_jet(valve, regurgitation_latent, rng),
    )


def _at(knots: tuple[float, ...], latent: float) -> float:
    return float(np.interp(latent, np.arange(len(knots)), knots))


def _forward_flow(valve: Valve, latent: float, rng: np.random.Generator) -> ForwardFlow:
    if valve in SEMILUNAR:
        peak = _at(_PEAK_FRACTION[valve], latent) + rng.normal(0, _PEAK_FRACTION_SPREAD)
        peak_fraction = float(np.clip(peak, *_PEAK_FRACTION_BOUNDS))
        return ForwardFlow(vmax_mps=_at(_VMAX_MPS[valve], latent), peak_fraction=peak_fraction)
    ratio = rng.uniform(0.5, 1.05)
    return ForwardFlow(
        mean_gradient_mmhg=_at(_MEAN_GRADIENT_MMHG[valve], latent),
        half_time_ms=_at(_INFLOW_HALF_TIME_MS[valve], latent),
        atrial_ratio=float(ratio),
    )


def _regurgitant_jet(valve: Valve, latent: float, rng: np.random.Generator) -> RegurgitantJet | None:
    velocity = rng.uniform(*_JET_RANGE_MPS[valve])
    part = rng.uniform(0.55, 0.9)
    if grade_of(latent) is Severity.NONE:
        return None
    diastolic = valve in SEMILUNAR
    return RegurgitantJet(
        vmax_mps=float(velocity),
        density_db=_at(_DENSITY_DB, latent),
        half_time_ms=_at(_REGURGITANT_HALF_TIME_MS[valve], latent) if diastolic else 0.0,
        triangularity=0.0 if diastolic else _at(_TRIANGULARITY, latent),
        duration_fraction=float(part) if grade_of(latent) is Severity.TRACE else 1.0,
    )
