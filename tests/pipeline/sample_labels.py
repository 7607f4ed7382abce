"""Labels of one aortic stenosis, for tests of what sources say of it."""

from dataclasses import replace

from echomine.domain.records import Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve


def label(severity: Severity, source: LabelSource = LabelSource.RETRIEVAL, **changes: object) -> Label:
    """An aortic stenosis of that grade, by that source."""
    made = Label(
        source=source,
        valve=Valve.AORTIC,
        disease=Disease.STENOSIS,
        severity=SeverityInterval.exactly(severity),
        assertion=Assertion.NEGATED if severity is Severity.NONE else Assertion.PRESENT,
        confidence=0.9,
        image_id="1.2.3",
        study_uid="1.2",
    )
    return replace(made, **changes)  # type: ignore[arg-type]
