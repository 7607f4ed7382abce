"""Grading measurements by a named guideline: tables as data, and the rows that fired."""

import math
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from echomine.domain.errors import ConfigurationError, UsageError
from echomine.domain.records import Measurement
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Disease, Valve
from echomine.reports.grades import interval_of

DEFAULT_GUIDELINES: tuple[str, ...] = ("EACVI/ASE 2017", "ASE 2017", "EAE/ASE 2009", "VARC-2")
"""Guidelines that between them grade each lesion once: native valves by the first three, else VARC."""

_BOUNDS = frozenset({"grade", "from", "above", "to", "below"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeBand:
    """A range of values that means one grade: ``low <= x <= high``, each end open where so marked."""

    severity: SeverityInterval
    low: float
    high: float
    low_open: bool
    high_open: bool

    def holds(self, value: float) -> bool:
        """Whether a value lies within the band."""
        above = value > self.low if self.low_open else value >= self.low
        below = value < self.high if self.high_open else value <= self.high
        return above and below


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineRow:
    """How one measurement grades one lesion in one guideline; ``prosthetic`` rows are for prostheses only."""

    guideline: str
    valve: Valve
    disease: Disease
    measure: str
    unit: str
    bands: tuple[GradeBand, ...]
    prosthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FiredRow:
    """A row of a guideline that a measurement met."""

    row: GuidelineRow
    measurement: Measurement
    severity: SeverityInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class GuidelineGrade:
    """What the numbers say of one lesion by one guideline.

    Attributes:
        severity: Grades that all rows allow; where they disagree, the range between them.
        fired: The rows that it rests on.
    """

    guideline: str
    valve: Valve
    disease: Disease
    severity: SeverityInterval
    fired: tuple[FiredRow, ...]


def guideline_names() -> tuple[str, ...]:
    """Names of the guidelines that ship with echomine."""
    return tuple(_tables())


def grade_measurements(
    measurements: Iterable[Measurement],
    *,
    guidelines: Iterable[str] = DEFAULT_GUIDELINES,
    prosthetic: Collection[Valve] = (),
) -> tuple[GuidelineGrade, ...]:
    """Grades of the lesions that measurements at a valve speak of, one per guideline and lesion.

    Measurements without a valve, or that no table has, are left aside; none give an empty tuple. A valve named in
    ``prosthetic`` is graded by tables for prostheses, every other one by those for native valves.

    Raises:
        UsageError: If a guideline is unknown; the message lists those there are.
    """
    taken = tuple(measurements)
    grades = []
    for name in guidelines:
        if name not in _tables():
            raise UsageError(f"no guideline {name!r}, there are {', '.join(_tables())}")
        grades.extend(_grades_of(name, taken, prosthetic))
    return tuple(grades)


def _grades_of(name: str, measurements: tuple[Measurement, ...], prosthetic: Collection[Valve]) -> list[GuidelineGrade]:
    fired: dict[tuple[Valve, Disease], list[FiredRow]] = {}
    for row in (row for row in _tables()[name] if row.prosthetic == (row.valve in prosthetic)):
        for measurement in measurements:
            severity = _severity(row, measurement)
            if severity is not None:
                hit = FiredRow(row=row, measurement=measurement, severity=severity)
                fired.setdefault((row.valve, row.disease), []).append(hit)
    return [
        GuidelineGrade(guideline=name, valve=valve, disease=disease, severity=_hull(rows), fired=tuple(rows))
        for (valve, disease), rows in fired.items()
    ]


def _severity(row: GuidelineRow, measurement: Measurement) -> SeverityInterval | None:
    fits = (measurement.name, measurement.unit, measurement.valve) == (row.measure, row.unit, row.valve)
    return next((band.severity for band in row.bands if band.holds(measurement.value)), None) if fits else None


def _hull(rows: Iterable[FiredRow]) -> SeverityInterval:
    """What rows say together: their overlap where they share a grade, else the range between them."""
    severities = [row.severity for row in rows]
    low = max(severity.low for severity in severities)
    high = min(severity.high for severity in severities)
    if low <= high:
        return SeverityInterval(low, high)
    return SeverityInterval(high, low)


def guideline_files() -> dict[str, str]:
    """The guidelines that ship with echomine, file name -> TOML text, in order of their names."""
    folder = resources.files("echomine.reports") / "guidelines"
    entries = sorted((entry.name, entry) for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return {name: entry.read_text(encoding="utf-8") for name, entry in entries}


@cache
def _tables() -> dict[str, tuple[GuidelineRow, ...]]:
    return dict(guideline_from(name, text) for name, text in guideline_files().items())


def guideline_from(name: str, text: str) -> tuple[str, tuple[GuidelineRow, ...]]:
    """A guideline's name and rows, read from the text of its TOML file.

    Raises:
        ConfigurationError: If a row breaks the schema; the message names file and row.
    """
    content = tomllib.loads(text)
    guideline = str(content.get("guideline", ""))
    if not guideline:
        raise ConfigurationError(f'guideline file {name} has no name: write guideline = "..."')
    rows = enumerate(content.get("row", []), 1)
    prosthetic = bool(content.get("prosthetic", False))
    return guideline, tuple(
        _row(f"guideline file {name}, row {number}", guideline, row, prosthetic=prosthetic) for number, row in rows
    )


def _row(where: str, guideline: str, row: Mapping[str, Any], *, prosthetic: bool) -> GuidelineRow:
    try:
        return GuidelineRow(
            guideline=guideline,
            valve=Valve(row["valve"]),
            disease=Disease(row["disease"]),
            measure=row["measure"],
            unit=row["unit"],
            bands=tuple(_band(band) for band in row["grades"]),
            prosthetic=prosthetic,
        )
    except (KeyError, ValueError) as error:
        raise ConfigurationError(f"{where}: {error}") from error


def _band(band: Mapping[str, Any]) -> GradeBand:
    unknown = sorted(set(band) - _BOUNDS)
    if unknown:
        raise ValueError(f"unknown bound {unknown[0]!r}, known are {', '.join(sorted(_BOUNDS))}")
    return GradeBand(
        severity=interval_of(band["grade"]),
        low=float(band.get("from", band.get("above", -math.inf))),
        high=float(band.get("to", band.get("below", math.inf))),
        low_open="above" in band,
        high_open="below" in band,
    )
