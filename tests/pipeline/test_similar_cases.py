"""What is shown of a query: the measurement stands beside what retrieval says."""

from dataclasses import replace

from echomine.domain.records import Evidence, Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve
from echomine.pipeline.similar_cases import SimilarCases, agreement_words, measured_words

MEASURED = Label(
    source=LabelSource.MEASUREMENT,
    valve=Valve.AORTIC,
    disease=Disease.STENOSIS,
    severity=SeverityInterval.exactly(Severity.MODERATE),
    assertion=Assertion.PRESENT,
    confidence=0.9,
    evidence=(
        Evidence(kind="measurement", reference="vmax", score=3.1, note="EACVI/ASE 2017, aortic stenosis: moderate"),
        Evidence(kind="agreement", reference="retrieval", score=4.0, note="conflict: retrieval says none"),
    ),
)


def test_a_measured_grade_says_by_what_and_what_the_other_sources_say():
    doubted = replace(MEASURED, valve=Valve.MITRAL, abstained=True)
    similar = SimilarCases(
        image_id="1.2",
        picture=None,
        labels=(),
        hits=(),
        cases=(),
        notes=(),
        model="m",
        measured_labels=(MEASURED, doubted),
    )
    assert similar.measured_rows() == [
        ("aortic", "stenosis", "moderate", "0.90", "vmax 3.1, EACVI/ASE 2017", "conflict: retrieval says none")
    ]
    assert len(similar.document()["measured_labels"]) == 2


def test_numbers_are_shown_to_three_digits_and_words_without_underscores():
    pieces = (
        Evidence(kind="measurement", reference="mean_gradient", score=24.513, note="EAE/ASE 2009, mitral"),
        Evidence(kind="measurement", reference="pht", score=1445.377, note="EAE/ASE 2009, mitral"),
        Evidence(kind="agreement", reference="report", score=0.0, note="agrees: report says trace to mild_moderate"),
    )
    label = replace(MEASURED, evidence=pieces)
    assert measured_words(label) == "mean gradient 24.5, pht 1445, EAE/ASE 2009"
    assert agreement_words(label) == "agrees: report says trace to mild-moderate"
