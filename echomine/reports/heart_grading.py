"""Grading the heart around the valves, and stages that several numbers decide together, by tables that are data."""

import math
import tomllib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from echomine.domain.errors import ConfigurationError
from echomine.domain.records import Measurement
from echomine.reports.grading import guideline_files

DIASTOLIC = "diastolic_dysfunction"
_HIGHEST = "high_e_a"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartGrade:
    """What numbers say of the heart by one guideline.

    Attributes:
        kind: ``lv_systolic_dysfunction``, ``pulmonary_hypertension_probability``, ``diastolic_dysfunction``,
            ``aortic stenosis stage``, ...
        grade: Its grade in the guideline's own words; ``mild to moderate`` where the patient's sex would decide.
        numbers: The measurements that it rests on.
    """

    guideline: str
    kind: str
    grade: str
    numbers: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A measurement within bounds, each open where so named (``above``, ``below``)."""

    measure: str
    unit: str
    valve: str = ""
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False
    pressure: bool = False

    def of(self, measurements: Sequence[Measurement]) -> Measurement | None:
        """The first measurement that the condition is about, whether it holds or not."""
        return next((m for m in measurements if self._is_about(m)), None)

    def holds(self, value: float) -> bool:
        """Whether a value lies within the bounds."""
        above = value > self.low if self.low_open else value >= self.low
        return above and (value < self.high if self.high_open else value <= self.high)

    def _is_about(self, measurement: Measurement) -> bool:
        here = not self.valve or measurement.valve == self.valve
        return (measurement.name, measurement.unit) == (self.measure, self.unit) and here


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartRow:
    """How one measurement grades one thing of the heart, for one sex or both (``""``)."""

    guideline: str
    kind: str
    sex: str
    scale: tuple[str, ...]
    raised_by: frozenset[str]
    bands: tuple[tuple[str, Condition], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage of a lesion: all conditions hold, and none of ``unless``."""

    guideline: str
    name: str
    lesion: str
    conditions: tuple[Condition, ...]
    unless: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diastole:
    """Criteria of diastolic dysfunction and the bounds of its grades."""

    guideline: str
    criteria: tuple[Condition, ...]
    bounds: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartTables:
    """All tables of all guidelines that grade the heart."""

    rows: tuple[HeartRow, ...]
    stages: tuple[Stage, ...]
    diastole: tuple[Diastole, ...]


def grade_heart(
    measurements: Iterable[Measurement], *, sex: str = "", signs: Collection[str] = ()
) -> tuple[HeartGrade, ...]:
    """Grades of ventricles, atria, pulmonary pressure and diastole, and stages of lesions, that measurements allow.

    Args:
        measurements: As read from a report; the first of each name counts.
        sex: ``male``, ``female``, or ``""`` where it is not known: both tables then count.
        signs: Kinds of other findings that are present; some raise the probability of pulmonary hypertension.

    Returns:
        One grade per guideline and kind; none without measurements.
    """
    taken = tuple(measurements)
    if not taken:
        return ()
    tables = standard_tables()
    kinds = dict.fromkeys((row.guideline, row.kind) for row in tables.rows)
    graded = [_graded([r for r in tables.rows if (r.guideline, r.kind) == key], taken, sex, signs) for key in kinds]
    graded += [_staged(stage, taken) for stage in tables.stages]
    graded += [_diastole(table, taken) for table in tables.diastole]
    return tuple(grade for grade in graded if grade is not None)


def _graded(
    rows: Sequence[HeartRow], measurements: Sequence[Measurement], sex: str, signs: Collection[str]
) -> HeartGrade | None:
    grades, numbers = [], []
    for row in rows:
        number = row.bands[0][1].of(measurements)
        if number is None or (sex and row.sex not in {"", sex}):
            continue
        grade = next((grade for grade, band in row.bands if band.holds(number.value)), "")
        if grade:
            grades.append(_raised(row, grade, signs))
            numbers.append(number)
    if not grades:
        return None
    told = " or ".join(dict.fromkeys(grades))
    return HeartGrade(guideline=rows[0].guideline, kind=rows[0].kind, grade=told, numbers=tuple(dict.fromkeys(numbers)))


def _raised(row: HeartRow, grade: str, signs: Collection[str]) -> str:
    """The grade, one step higher on its scale where another sign is present."""
    if row.raised_by.isdisjoint(signs) or grade not in row.scale:
        return grade
    return row.scale[min(row.scale.index(grade) + 1, len(row.scale) - 1)]


def _staged(stage: Stage, measurements: Sequence[Measurement]) -> HeartGrade | None:
    numbers = [condition.of(measurements) for condition in stage.conditions]
    met = [
        number
        for number, condition in zip(numbers, stage.conditions, strict=True)
        if number is not None and condition.holds(number.value)
    ]
    if len(met) < len(stage.conditions) or any(_is_met(other, measurements) for other in stage.unless):
        return None
    return HeartGrade(guideline=stage.guideline, kind=f"{stage.lesion} stage", grade=stage.name, numbers=tuple(met))


def _is_met(condition: Condition, measurements: Sequence[Measurement]) -> bool:
    number = condition.of(measurements)
    return number is not None and condition.holds(number.value)


def _diastole(table: Diastole, measurements: Sequence[Measurement]) -> HeartGrade | None:
    """Dysfunction by a majority of criteria; its grade by E/A, and between the bounds by the pressure criteria."""
    ejection = next((m for m in measurements if m.name == "lvef"), None)
    told = [(criterion, number) for criterion in table.criteria if (number := criterion.of(measurements)) is not None]
    positive = [number for criterion, number in told if criterion.holds(number.value)]
    normal_ejection = ejection is not None and ejection.value >= table.bounds["normal_ejection_fraction_pct"]
    numbers = tuple(number for _, number in told)
    if normal_ejection:
        if len(told) < table.bounds["fewest_criteria"]:
            return None
        if 2 * len(positive) <= len(told):
            word = "indeterminate" if 2 * len(positive) == len(told) else "normal"
            return HeartGrade(guideline=table.guideline, kind=DIASTOLIC, grade=word, numbers=numbers)
    return _diastolic_grade(table, measurements, told, numbers)


def _diastolic_grade(
    table: Diastole,
    measurements: Sequence[Measurement],
    told: Sequence[tuple[Condition, Measurement]],
    numbers: tuple[Measurement, ...],
) -> HeartGrade | None:
    ratio = next((m for m in measurements if m.name == "e_a"), None)
    if ratio is None:
        return None
    early = next((m for m in measurements if m.name == "e_velocity"), None)
    if ratio.value >= table.bounds[_HIGHEST]:
        grade = "grade III"
    elif ratio.value <= table.bounds["low_e_a"] and early is not None and early.value <= table.bounds["low_e_mps"]:
        grade = "grade I"
    else:
        grade = _by_pressure(told)
    kept = (ratio, *numbers)
    return HeartGrade(guideline=table.guideline, kind=DIASTOLIC, grade=grade, numbers=kept) if grade else None


def _by_pressure(told: Sequence[tuple[Condition, Measurement]]) -> str:
    """Grade II or I by the majority of the criteria of filling pressure; two must be told."""
    votes = [criterion.holds(number.value) for criterion, number in told if criterion.pressure]
    if len(votes) < 2:
        return ""
    if 2 * sum(votes) == len(votes):
        return "indeterminate"
    return "grade II" if 2 * sum(votes) > len(votes) else "grade I"


@cache
def standard_tables() -> HeartTables:
    """The tables that ship with echomine, read once per process."""
    return heart_tables(guideline_files())


def heart_tables(files: Mapping[str, str]) -> HeartTables:
    """The tables of guideline files (name -> TOML text).

    Raises:
        ConfigurationError: If a table breaks the schema; the message names file and table.
    """
    rows: list[HeartRow] = []
    stages: list[Stage] = []
    diastole: list[Diastole] = []
    for name, text in files.items():
        content = tomllib.loads(text)
        guideline = str(content.get("guideline", ""))
        try:
            rows.extend(_heart_row(guideline, table) for table in content.get("heart", []))
            stages.extend(_stage(guideline, table) for table in content.get("stage", []))
            if "diastole" in content:
                criteria = tuple(_condition(table) for table in content.get("criterion", []))
                diastole.append(Diastole(guideline=guideline, criteria=criteria, bounds=content["diastole"]))
        except (KeyError, TypeError) as error:
            raise ConfigurationError(f"guideline file {name}: a table lacks or does not know {error}") from error
    return HeartTables(rows=tuple(rows), stages=tuple(stages), diastole=tuple(diastole))


def _heart_row(guideline: str, table: Mapping[str, Any]) -> HeartRow:
    about = {key: table[key] for key in ("measure", "unit", "valve") if key in table}
    bands = tuple((str(band["grade"]), _condition({**about, **_without_grade(band)})) for band in table["grades"])
    return HeartRow(
        guideline=guideline,
        kind=table["kind"],
        sex=table.get("sex", ""),
        scale=tuple(table.get("scale", ())),
        raised_by=frozenset(table.get("raised_by", ())),
        bands=bands,
    )


def _without_grade(band: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in band.items() if key != "grade"}


def _stage(guideline: str, table: Mapping[str, Any]) -> Stage:
    return Stage(
        guideline=guideline,
        name=f"{table['stage']} ({table['meaning']}): {table['grade']}",
        lesion=f"{table['valve']} {table['disease']}",
        conditions=tuple(_condition(condition) for condition in table["conditions"]),
        unless=tuple(_condition(condition) for condition in table.get("unless", ())),
    )


def _condition(table: Mapping[str, Any]) -> Condition:
    known = {"measure", "unit", "valve", "from", "above", "to", "below", "pressure"}
    unknown = sorted(set(table) - known)
    if unknown:
        raise KeyError(f"{unknown[0]}, known are {', '.join(sorted(known))}")
    return Condition(
        measure=table["measure"],
        unit=table["unit"],
        valve=table.get("valve", ""),
        low=float(table.get("from", table.get("above", -math.inf))),
        high=float(table.get("to", table.get("below", math.inf))),
        low_open="above" in table,
        high_open="below" in table,
        pressure=bool(table.get("pressure", False)),
    )
