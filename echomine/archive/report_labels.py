"""Labels that an exam's reports state themselves."""

from collections.abc import Sequence

from echomine.domain.folding import fold_findings
from echomine.domain.records import Evidence, Finding, Label, Paragraph
from echomine.domain.vocabulary import LabelSource

STATED = 1.0
"""Confidence of a label that a report states: what it says is certain, whether it is right is another question."""


def labels_of_exam(paragraphs: Sequence[Paragraph], *, lexicon: str, run: str = "") -> tuple[Label, ...]:
    """One label per valve and disease from all paragraphs of one exam, each with the span that it rests on.

    Args:
        paragraphs: Paragraphs of one exam, or of one report without an exam; none give no labels.
        lexicon: Version of the lexicon that read them.
        run: The run that reads them.
    """
    origin = [(finding, paragraph) for paragraph in paragraphs for finding in paragraph.findings]
    folded = fold_findings(finding for finding, _ in origin)
    return tuple(_label(finding, _paragraph_of(finding, origin), lexicon, run) for finding in folded)


def _paragraph_of(folded: Finding, origin: Sequence[tuple[Finding, Paragraph]]) -> Paragraph:
    """The paragraph that a folded finding took its span from."""
    return next(
        paragraph
        for finding, paragraph in origin
        if (finding.valve, finding.disease, finding.assertion, finding.span, finding.quote)
        == (folded.valve, folded.disease, folded.assertion, folded.span, folded.quote)
    )


def _label(finding: Finding, paragraph: Paragraph, lexicon: str, run: str) -> Label:
    return Label(
        source=LabelSource.REPORT,
        valve=finding.valve,
        disease=finding.disease,
        severity=finding.severity,
        assertion=finding.assertion,
        confidence=STATED,
        study_uid=paragraph.study_uid,
        patient=paragraph.patient,
        evidence=(Evidence(kind="span", reference=paragraph.report_id, span=finding.span),),
        run=run,
        lexicon=lexicon,
    )
