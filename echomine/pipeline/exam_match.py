"""Which paragraph of an exam speaks of which of its images, by what is measured on the image; no one linked them.

A display shows the flows of one valve, a report speaks of all four. Two things tell the valve without any learning:
what physiology takes the measured flows for, and the numbers that a paragraph states beside the same numbers measured.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Finding, Paragraph
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Disease, Severity, Valve
from echomine.doppler.display_numbers import NUMBERS
from echomine.doppler.envelope import Side
from echomine.reports import extract_measurements

Numbers = NDArray[np.float32]

_SEMILUNAR = (("vmax", Side.BELOW, 0.15), ("mean_gradient", Side.BELOW, 0.3), ("pht", Side.ABOVE, 0.3))
_INFLOW = (("mean_gradient", Side.ABOVE, 0.3), ("pht", Side.ABOVE, 0.3))
_COMPARED: dict[Valve, tuple[tuple[str, Side, float], ...]] = {
    Valve.AORTIC: _SEMILUNAR,
    Valve.PULMONIC: _SEMILUNAR,
    Valve.MITRAL: _INFLOW,
    Valve.TRICUSPID: (("vmax", Side.BELOW, 0.15), *_INFLOW),
}
"""Numbers that reports state of a valve, the side of a grid they are measured on, and how far both differ, as the
standard deviation of the logarithm: readers and beats differ by 10 to 30 %."""
_FORWARD: dict[Valve, tuple[Side, str]] = {
    Valve.AORTIC: (Side.BELOW, "ejection"),
    Valve.PULMONIC: (Side.BELOW, "ejection"),
    Valve.MITRAL: (Side.ABOVE, "filling"),
    Valve.TRICUSPID: (Side.ABOVE, "filling"),
}
_LEAK: dict[Valve, tuple[Side, str]] = {
    Valve.AORTIC: (Side.ABOVE, "aortic_jet"),
    Valve.PULMONIC: (Side.ABOVE, "pulmonic_jet"),
    Valve.MITRAL: (Side.BELOW, "mitral_jet"),
    Valve.TRICUSPID: (Side.BELOW, "tricuspid_jet"),
}
_NO_FLOW, _KINDS = 0.05, 0.5
"""What is left to a valve none of whose flows is seen, and the weight of the kinds of flow, which two valves share."""
_BY_CHANCE, _FARTHEST = 1.5, 2.0
"""Logarithm of how much likelier a number is to be met by its own measurement than by any other, and the most that a
number speaks against a paragraph: it may have been measured on another image."""
_GRAVITY = 0.2
"""Lesions are what displays are kept for: logarithm for each grade of the gravest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamParagraphs:
    """The paragraphs of an exam that may speak of one of its images.

    Attributes:
        paragraphs: C paragraphs, of one valve each where the report has such.
        fit: (C,) logarithm of how well each fits what was measured.
    """

    paragraphs: tuple[Paragraph, ...]
    fit: NDArray[np.float64]

    def likeliest(self, beside: NDArray[np.float64] | None = None) -> tuple[Paragraph, float]:
        """The likeliest paragraph and its probability among the others; ``beside`` (C,) is added to the fit."""
        scores = self.fit if beside is None else self.fit + beside
        powers = np.exp(scores - scores.max())
        best = int(scores.argmax())
        return self.paragraphs[best], float(powers[best] / powers.sum())


def exam_paragraphs(paragraphs: Sequence[Paragraph], numbers: Numbers | None, valve: Valve | None) -> ExamParagraphs:
    """How well each paragraph of an exam fits an image of it.

    A summary of several valves names no display, so it counts only where the report has nothing else.

    Args:
        paragraphs: One or more.
        numbers: What :func:`doppler.display_numbers` gives; None where nothing was measured.
        valve: The valve that somebody saw on the image; None where nobody looked.
    """
    single = [one for one in paragraphs if len(_valves(one)) == 1]
    seen = [one for one in single if valve in _valves(one)] if valve else []
    kept = tuple(seen or single or paragraphs)
    fit = [_GRAVITY * gravest(one.findings) + (_fit(one, numbers) if numbers is not None else 0.0) for one in kept]
    return ExamParagraphs(paragraphs=kept, fit=np.array(fit))


def gravest(findings: Sequence[Finding]) -> int:
    """Grade of the gravest lesion that is there; 0 without one."""
    return max(map(lesion_grade, findings), default=0)


def lesion_grade(finding: Finding) -> int:
    """Grade of a stenosis or regurgitation that is there; 0 of anything else."""
    is_lesion = finding.assertion is Assertion.PRESENT and finding.disease in FLOW_DISEASES
    return max(int(finding.severity.high), 0) if is_lesion else 0


def _valves(paragraph: Paragraph) -> set[Valve]:
    return {one.valve for one in paragraph.findings}


def _fit(paragraph: Paragraph, numbers: Numbers) -> float:
    return sum(_kinds_fit(paragraph, valve, numbers) for valve in _valves(paragraph)) + _numbers_fit(paragraph, numbers)


def _kinds_fit(paragraph: Paragraph, valve: Valve, numbers: Numbers) -> float:
    """A leak that the paragraph does not name speaks for no display of it."""
    leaks = any(
        one.valve is valve and one.disease is Disease.REGURGITATION and lesion_grade(one) >= Severity.TRACE
        for one in paragraph.findings
    )
    shown = _number(numbers, _FORWARD[valve]) + (_number(numbers, _LEAK[valve]) if leaks else 0.0)
    return _KINDS * math.log(_NO_FLOW + shown)


def _numbers_fit(paragraph: Paragraph, numbers: Numbers) -> float:
    total = 0.0
    for stated in extract_measurements(paragraph.text):
        if stated.valve is None or stated.value <= 0:
            continue
        for name, side, spread in _COMPARED[stated.valve]:
            measured = float(numbers[_PLACES[side, name]])
            if name == stated.name and not math.isnan(measured):
                off = (measured - math.log(stated.value)) / spread
                total += max(_BY_CHANCE - off * off / 2, -_FARTHEST)
    return total


_PLACES: Mapping[tuple[Side, str], int] = {key: place for place, key in enumerate(NUMBERS)}


def _number(numbers: Numbers, key: tuple[Side, str]) -> float:
    value = float(numbers[_PLACES[key]])
    return 0.0 if math.isnan(value) else value
