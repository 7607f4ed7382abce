"""Paragraphs of known meaning for the retrieval tests."""

from datetime import date, timedelta

import numpy as np
import pytest

from echomine.domain.records import Finding, Paragraph, Span
from echomine.domain.severity import GRADES, SeverityInterval
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Severity, Valve

_FILL = ["the", "leaflets", "appear", "mobile", "with", "a", "gradient", "by", "doppler", "and", "no", "change"]


def _paragraph(number: int, rng: np.random.Generator) -> Paragraph:
    valve = list(Valve)[rng.integers(4)]
    disease = FLOW_DISEASES[rng.integers(2)]
    grade = GRADES[rng.integers(7)]
    words = [*rng.choice(_FILL, 8), grade.word.replace("_", " "), valve, disease, *rng.choice(_FILL, 8)]
    text = " ".join(words)
    finding = Finding(
        valve=valve,
        disease=disease,
        severity=SeverityInterval.exactly(grade),
        assertion=Assertion.NEGATED if grade is Severity.NONE else Assertion.PRESENT,
        span=Span(0, len(text)),
        quote=text,
    )
    return Paragraph(
        paragraph_id=f"r{number}#0",
        report_id=f"r{number}",
        text=text,
        span=Span(0, len(text)),
        findings=(finding,),
        patient=f"p{number % 40}",
        performed=date(2020, 1, 1) + timedelta(days=number) if number % 10 else None,
        site="north" if number % 3 else "south",
    )


@pytest.fixture(scope="session")
def corpus() -> list[Paragraph]:
    """600 paragraphs of 40 patients; each speaks of one valve and one disease."""
    rng = np.random.default_rng(7)
    return [_paragraph(number, rng) for number in range(600)]
