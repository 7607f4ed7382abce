"""The paragraphs that have a say: of the likely valves alone, as heavy as the valve is likely."""

import numpy as np
import pytest

from echomine.domain.records import Finding, Paragraph, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.pipeline.labeller import cast_votes, paragraph_readings
from echomine.pipeline.valve_neighbours import near_by_valve
from echomine.retrieval.paragraph_index import ParagraphIndex
from echomine.retrieval.vote import VoteConfig

CONFIG = VoteConfig(k=3)
TOWARDS_MITRAL = np.array([[0.0, 1.0]], dtype=np.float32)


def paragraph(name: str, *valves: Valve, patient: str = "other", grade: Severity = Severity.MODERATE) -> Paragraph:
    findings = tuple(
        Finding(
            valve=valve,
            disease=Disease.STENOSIS,
            severity=SeverityInterval.exactly(grade),
            assertion=Assertion.PRESENT,
            span=Span(0, 1),
            quote="x",
        )
        for valve in valves
    )
    return Paragraph(paragraph_id=name, report_id=name, text="x", span=Span(0, 1), findings=findings, patient=patient)


PARAGRAPHS = (
    *(paragraph(f"aortic{number}", Valve.AORTIC) for number in range(4)),
    *(paragraph(f"mitral{number}", Valve.MITRAL, grade=Severity.SEVERE) for number in range(4)),
    paragraph("own", Valve.AORTIC, patient="me"),
    paragraph("both", Valve.AORTIC, Valve.MITRAL),
)
READINGS = paragraph_readings(PARAGRAPHS, CONFIG)


@pytest.fixture(scope="module")
def index() -> ParagraphIndex:
    towards = {"a": (1.0, 0.0), "m": (0.0, 1.0), "o": (1.0, 0.0), "b": (0.6, 0.8)}
    vectors = np.array([towards[one.paragraph_id[0]] for one in PARAGRAPHS], dtype=np.float32)
    return ParagraphIndex.build(PARAGRAPHS, vectors, text_space="t")


def valves(**shares: float) -> np.ndarray:
    return np.array([[shares.get(valve.value, 0.0) for valve in Valve]], dtype=np.float32)


def test_the_vote_follows_the_valve_and_not_the_nearest_paragraphs(index: ParagraphIndex) -> None:
    """The place lies at the mitral paragraphs; the heads say that the display is aortic."""
    (votes,) = cast_votes(index, TOWARDS_MITRAL, valves(aortic=0.9, mitral=0.1), [""], READINGS, CONFIG)
    assert [(one.valve, one.grade) for one in votes] == [(Valve.AORTIC, Severity.MODERATE)]
    assert votes[0].support == pytest.approx(0.9)


def test_each_likely_valve_is_searched_by_itself(index: ParagraphIndex) -> None:
    (near,) = near_by_valve(index, TOWARDS_MITRAL, valves(aortic=0.6, mitral=0.4), CONFIG)
    assert [(one.valve, round(one.probability, 3)) for one in near] == [(Valve.AORTIC, 0.6), (Valve.MITRAL, 0.4)]
    aortic, mitral = ([hit.paragraph_id for hit in one.neighbours] for one in near)
    assert aortic[0] == "both", "the nearest that speaks of the valve, whatever else it says"
    assert mitral == ["mitral0", "mitral1", "mitral2"]


def test_a_paragraph_about_two_valves_speaks_of_the_one_it_was_found_for(index: ParagraphIndex) -> None:
    (votes,) = cast_votes(index, TOWARDS_MITRAL, valves(aortic=1.0), [""], READINGS, CONFIG)
    assert {one.valve for one in votes} == {Valve.AORTIC}


def test_the_own_patient_is_left_out_and_unlikely_valves_are_not_asked(index: ParagraphIndex) -> None:
    (near,) = near_by_valve(index, TOWARDS_MITRAL, valves(aortic=0.71, mitral=0.29), VoteConfig(k=9), ["me"])
    assert [one.valve for one in near] == [Valve.AORTIC]
    assert {hit.paragraph_id for hit in near[0].neighbours} == {"aortic0", "aortic1", "aortic2", "aortic3", "both"}


def test_where_no_valve_is_likely_nothing_is_claimed(index: ParagraphIndex) -> None:
    shares = valves(aortic=0.25, mitral=0.25, tricuspid=0.25, pulmonic=0.25)
    assert near_by_valve(index, TOWARDS_MITRAL, shares, CONFIG) == [()]
    assert cast_votes(index, TOWARDS_MITRAL, shares, [""], READINGS, CONFIG) == [()]
