"""What the hand-made views, the reports and the measurements together say of an image that has no pair.

A view names valve and flow. The reports say which grades go with them, and which numbers go with a grade: the peak
velocities, gradients and half-times that paragraphs state beside it. What is measured on the display then tells the
likely grades of a stenosis, and of a leak of a semilunar valve. No report is linked to any image for this.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Measurement, Paragraph, View
from echomine.domain.severity import GRADES
from echomine.domain.vocabulary import Disease, DopplerMode, FlowKind, Severity, Valve
from echomine.doppler.display_numbers import NUMBERS
from echomine.doppler.envelope import Side
from echomine.learning.statements import Candidates
from echomine.learning.transform import unit_rows
from echomine.reports import extract_measurements
from echomine.retrieval.vote import readings_of

Rows = NDArray[np.float32]
Vectors = Mapping[str, Rows]
Lesion = tuple[Valve, Disease]

_SEMILUNAR = (Valve.AORTIC, Valve.PULMONIC)
_INFLOWS = (Valve.MITRAL, Valve.TRICUSPID)
_RARE, _FEWEST_VALUES, _FEWEST_RESIDUALS = 2, 5, 8
_SPREAD_OF_MEDIAN = 1.48
_LEAST_TEXT_SPREAD, _LEAST_MEASURED_SPREAD = 0.02, 0.03
_FARTHEST = 4.0
"""A number farther from its grade than so many spreads says no more: it may be wrong."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A number that reports state, and the side of the display it is measured on."""

    name: str
    disease: Disease
    side: Side
    usual_error: float


_SOURCES: dict[Valve, tuple[_Source, ...]] = {
    **dict.fromkeys(
        _SEMILUNAR,
        (
            _Source("vmax", Disease.STENOSIS, Side.BELOW, 0.1),
            _Source("mean_gradient", Disease.STENOSIS, Side.BELOW, 0.3),
            _Source("pht", Disease.REGURGITATION, Side.ABOVE, 0.25),
        ),
    ),
    **dict.fromkeys(
        _INFLOWS,
        (
            _Source("mean_gradient", Disease.STENOSIS, Side.ABOVE, 0.3),
            _Source("pht", Disease.STENOSIS, Side.ABOVE, 0.25),
        ),
    ),
}
"""Which measurement tells the grade of which lesion, in the apical windows: away is below the baseline of a grid."""


@dataclass(frozen=True, slots=True)
class _Curve:
    """Logarithm of a number at each grade, and its spread there."""

    by_grade: Rows
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing that reports say of a valve: both lesions with their grades.

    Attributes:
        valve: The valve.
        grades: Grade of stenosis and of regurgitation.
        vector: (m,) mean of the paragraphs that say it, length 1.
        count: How many do.
    """

    valve: Valve
    grades: tuple[Severity, Severity]
    vector: Rows
    count: int

    def grade(self, disease: Disease) -> Severity:
        """Grade of a lesion."""
        return self.grades[0 if disease is Disease.STENOSIS else 1]


def statements_of(paragraphs: Sequence[Paragraph], vectors: Vectors) -> tuple[Statement, ...]:
    """What paragraphs say of a valve and both its lesions, rare statements left out."""
    said: dict[tuple[Valve, Severity, Severity], list[str]] = defaultdict(list)
    for paragraph in paragraphs:
        grades = _grades(paragraph)
        for valve in Valve:
            both = [grades.get((valve, disease)) for disease in (Disease.STENOSIS, Disease.REGURGITATION)]
            if both[0] is not None and both[1] is not None:
                said[valve, both[0], both[1]].append(paragraph.paragraph_id)
    return tuple(
        Statement(
            valve=valve,
            grades=(stenosis, leak),
            vector=unit_rows(np.mean([vectors[name] for name in names], axis=0, keepdims=True))[0],
            count=len(names),
        )
        for (valve, stenosis, leak), names in sorted(said.items())
        if len(names) >= _RARE
    )


def candidates_of(
    views: Sequence[View],
    modes: Sequence[DopplerMode],
    numbers: Rows,
    statements: Sequence[Statement],
    evidence: "Evidence",
) -> tuple[Candidates, NDArray[np.int64]]:
    """The statements that views allow, and the rows of the views that allow any.

    Args:
        views: N views.
        modes: How each image was taken.
        numbers: (N, numbers) measured on each.
        statements: What reports say.
        evidence: What numbers say of grades.
    """
    allowed = np.array(
        [[_agrees(view, mode, one) for one in statements] for view, mode in zip(views, modes, strict=True)], dtype=bool
    ).reshape(len(views), len(statements))
    kept = np.flatnonzero(allowed.any(axis=1))
    likely = np.array([evidence.likelihoods(views[row].valve, numbers[row], statements) for row in kept.tolist()])
    candidates = Candidates(
        vectors=np.stack([one.vector for one in statements]) if statements else np.zeros((0, 0), np.float32),
        counts=np.array([one.count for one in statements], dtype=np.int64),
        allowed=allowed[kept],
        evidence=likely.reshape(len(kept), len(statements)).astype(np.float32),
    )
    return candidates, kept


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What numbers say of grades: learnt from paragraphs that state both, and from pairs that state a number.

    Attributes:
        curves: Valve and name of a number to its curve.
        errors: Name to bias and spread of what is measured, logarithmic.
    """

    curves: Mapping[tuple[Valve, str], _Curve]
    errors: Mapping[str, tuple[float, float]]

    @classmethod
    def of(cls, paragraphs: Sequence[Paragraph], paired: Sequence[Paragraph], numbers: Rows) -> "Evidence":
        """Learnt on paragraphs, and on N pairs: the paragraph of each and the (N, numbers) measured on its image."""
        return cls(_curves(paragraphs), _errors(paired, numbers))

    def likelihoods(self, valve: Valve, numbers: Rows, statements: Sequence[Statement]) -> Rows:
        """(C,) logarithmic likelihood of the numbers of one image under statements of that valve; 0 for others."""
        total = np.zeros(len(statements), dtype=np.float32)
        own = np.array([one.valve is valve for one in statements], dtype=bool)
        for source in _SOURCES[valve]:
            curve, value = self.curves.get((valve, source.name)), _number(numbers, source)
            if curve is None or np.isnan(value):
                continue
            bias, spread = self.errors.get(source.name, (0.0, source.usual_error))
            at = curve.by_grade[[int(one.grade(source.disease)) for one in statements]]
            off = (value - bias - at) / np.hypot(curve.spread, spread)
            total += np.where(own, -0.5 * np.minimum(off**2, _FARTHEST**2), 0).astype(np.float32)
        return total


def _curves(paragraphs: Sequence[Paragraph]) -> dict[tuple[Valve, str], _Curve]:
    values: dict[tuple[Valve, str], list[tuple[int, float]]] = defaultdict(list)
    for paragraph in paragraphs:
        grades = _grades(paragraph)
        for valve, source, stated in _stated(paragraph):
            grade = grades.get((valve, source.disease))
            if grade is not None:
                values[valve, source.name].append((int(grade), float(np.log(stated.value))))
    curves = {key: _curve(np.array(known)) for key, known in sorted(values.items())}
    return {key: curve for key, curve in curves.items() if curve is not None}


def _curve(known: NDArray[np.float64]) -> _Curve | None:
    """Medians by grade, straight lines between; None where fewer than three grades have enough values."""
    grades = [grade for grade in range(len(GRADES)) if (known[:, 0] == grade).sum() >= _FEWEST_VALUES]
    if len(grades) < 3:
        return None
    medians = [float(np.median(known[known[:, 0] == grade, 1])) for grade in grades]
    curve = np.interp(np.arange(len(GRADES)), grades, medians)
    step = (medians[1] - medians[0]) / (grades[1] - grades[0])
    curve[: grades[0]] = medians[0] - step * (grades[0] - np.arange(grades[0]))
    off = np.abs(known[:, 1] - curve[known[:, 0].astype(int)])
    return _Curve(curve.astype(np.float32), float(_SPREAD_OF_MEDIAN * np.median(off)) + _LEAST_TEXT_SPREAD)


def _errors(paired: Sequence[Paragraph], numbers: Rows) -> dict[str, tuple[float, float]]:
    residuals: dict[str, list[float]] = defaultdict(list)
    for paragraph, row in zip(paired, numbers, strict=True):
        for _, source, stated in _stated(paragraph):
            value = _number(row, source)
            if not np.isnan(value):
                residuals[source.name].append(value - float(np.log(stated.value)))
    return {name: _spread(np.array(known)) for name, known in residuals.items() if len(known) >= _FEWEST_RESIDUALS}


def _spread(residuals: NDArray[np.float64]) -> tuple[float, float]:
    bias = float(np.median(residuals))
    return bias, float(_SPREAD_OF_MEDIAN * np.median(np.abs(residuals - bias))) + _LEAST_MEASURED_SPREAD


def _stated(paragraph: Paragraph) -> list[tuple[Valve, _Source, Measurement]]:
    """The numbers of a paragraph that tell a grade."""
    found = []
    for one in extract_measurements(paragraph.text):
        if one.valve is not None and one.value > 0:
            found += [(one.valve, source, one) for source in _SOURCES[one.valve] if source.name == one.name]
    return found


def _number(numbers: Rows, source: _Source) -> float:
    return float(numbers[NUMBERS.index((source.side, source.name))])


def _grades(paragraph: Paragraph) -> dict[Lesion, Severity]:
    readings = readings_of(paragraph)
    return {(one.valve, one.disease): one.severity.grade for one in readings if one.severity.is_specified}


def _agrees(view: View, mode: DopplerMode, statement: Statement) -> bool:
    """Whether a statement says what the view shows; what the display cannot show may be anything."""
    if statement.valve is not view.valve:
        return False
    shown = {
        Disease.STENOSIS: view.flow in {FlowKind.STENOSIS, FlowKind.MIXED},
        Disease.REGURGITATION: view.flow in {FlowKind.REGURGITATION, FlowKind.MIXED},
    }
    return all(
        there is (statement.grade(disease) >= Severity.MILD) for disease, there in shown.items() if mode.shows(disease)
    )
