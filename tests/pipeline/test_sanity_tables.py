"""Tables of what is near in text space: other patients only, findings and no words of a report."""

import numpy as np

from echomine.domain.records import Finding, Paragraph, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.pipeline.sanity_tables import PARAGRAPHS, nearest_paragraphs


def paragraph(number: int, patient: str, grade: Severity) -> Paragraph:
    text = f"secret {number}"
    finding = Finding(
        valve=Valve.MITRAL,
        disease=Disease.REGURGITATION,
        severity=SeverityInterval.exactly(grade),
        assertion=Assertion.PRESENT,
        span=Span(0, len(text)),
        quote=text,
    )
    return Paragraph(
        paragraph_id=f"r#{number}",
        report_id="r",
        text=text,
        span=Span(0, len(text)),
        findings=(finding,),
        patient=patient,
    )


def vectors(*angles: float) -> dict[str, np.ndarray]:
    return {
        f"r#{number}": np.array([np.cos(angle), np.sin(angle)], dtype=np.float32) for number, angle in enumerate(angles)
    }


def test_the_nearest_paragraph_is_that_of_another_patient() -> None:
    pool = [
        paragraph(0, "a", Severity.MILD),
        paragraph(1, "a", Severity.SEVERE),
        paragraph(2, "b", Severity.MODERATE),
        paragraph(3, "b", Severity.TRACE),
    ]
    rows = nearest_paragraphs(pool, vectors(0.0, 0.1, np.pi / 3, np.pi))
    assert set(rows) == {
        ("mild mitral regurgitation", "moderate mitral regurgitation", "0.50"),
        ("severe mitral regurgitation", "moderate mitral regurgitation", f"{np.cos(np.pi / 3 - 0.1):.2f}"),
        ("moderate mitral regurgitation", "severe mitral regurgitation", f"{np.cos(np.pi / 3 - 0.1):.2f}"),
        ("trace mitral regurgitation", "severe mitral regurgitation", f"{np.cos(np.pi - 0.1):.2f}"),
    }
    assert "secret" not in repr(rows)


def test_of_many_that_say_the_same_one_is_drawn_and_few_of_all() -> None:
    same = [paragraph(number, f"p{number}", Severity.MILD) for number in range(20)]
    assert len(nearest_paragraphs(same, vectors(*np.linspace(0, 1, 20)))) == 1
    grades = [Severity(number % 6 + 1) for number in range(20)]
    several = [paragraph(number, f"p{number}", grade) for number, grade in enumerate(grades)]
    rows = nearest_paragraphs(several, vectors(*np.linspace(0, 1, 20)))
    assert len(rows) == len({row[0] for row in rows}) == PARAGRAPHS


def test_without_paragraphs_or_other_patients_there_is_no_table() -> None:
    assert nearest_paragraphs([], {}) == ()
    alone = [paragraph(0, "a", Severity.MILD), paragraph(1, "a", Severity.SEVERE)]
    assert nearest_paragraphs(alone, vectors(0.0, 1.0)) == ()
