import math

import pytest

from echomine.domain.records import Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve
from echomine.pipeline.evaluation_result import estimate_words
from echomine.pipeline.scoring import Claim, ScoredImage, claims_of, rows_of, score

AS = (Valve.AORTIC, Disease.STENOSIS)
AR = (Valve.AORTIC, Disease.REGURGITATION)
MR = (Valve.MITRAL, Disease.REGURGITATION)


def image(truth, claims, *, patient="p1", name="i1"):
    return ScoredImage(image_id=name, patient=patient, truth=truth, claims=claims)


def figures(*images):
    return {name: one.value for name, one in score(images, repeats=2).figures.items()}


def test_recall_precision_and_severity_by_hand():
    """Three true diseases: one right, one found two classes off, one missed; one false alarm."""
    found = figures(
        image(
            {AS: Severity.SEVERE, AR: Severity.NONE}, {AS: Claim(grade=Severity.SEVERE), AR: Claim(grade=Severity.MILD)}
        ),
        image({MR: Severity.MILD}, {MR: Claim(grade=Severity.SEVERE)}, patient="p2", name="i2"),
        image({MR: Severity.MODERATE}, {}, patient="p3", name="i3"),
    )
    assert found["recall"] == pytest.approx(2 / 3)
    assert found["precision"] == pytest.approx(2 / 3)
    assert found["severity"] == pytest.approx(1 / 3)
    assert found["severity_found"] == pytest.approx(1 / 2)
    assert found["exact"] == pytest.approx(1 / 3)


def test_trace_is_no_disease_on_either_side():
    missed = figures(image({MR: Severity.MILD}, {MR: Claim(grade=Severity.TRACE)}))
    alarmed = figures(image({MR: Severity.TRACE}, {MR: Claim(grade=Severity.MILD)}))
    assert missed["recall"] == 0
    assert alarmed["precision"] == 0
    assert math.isnan(alarmed["recall"])


def test_a_disease_claimed_of_another_valve_is_a_false_alarm_but_its_absence_is_not():
    alarmed = rows_of([image({AS: Severity.SEVERE}, {MR: Claim(grade=Severity.SEVERE)})])
    assert [(row.truth, row.claimed) for row in alarmed] == [
        (Severity.SEVERE, Severity.NONE),
        (Severity.NONE, Severity.SEVERE),
    ]
    assert len(rows_of([image({AS: Severity.SEVERE}, {MR: Claim(grade=Severity.NONE)})])) == 1


def test_a_lesion_that_the_display_cannot_show_is_not_scored():
    assert len(rows_of([image({AS: Severity.NONE}, {AR: Claim(grade=Severity.SEVERE)})])) == 1


def test_a_half_step_is_right_for_its_neighbours():
    found = figures(image({MR: Severity.MILD_MODERATE}, {MR: Claim(grade=Severity.MODERATE)}))
    assert (found["severity"], found["exact"], found["within_one"]) == (1.0, 0.0, 1.0)


def test_kept_precision_counts_only_what_is_not_abstained_from():
    claims = {
        AS: Claim(grade=Severity.SEVERE, confidence=0.95),
        AR: Claim(grade=Severity.SEVERE, confidence=0.4, abstained=True),
    }
    found = figures(image({AS: Severity.SEVERE, AR: Severity.NONE}, claims))
    assert found["kept_precision"] == 1.0
    assert found["coverage"] == 0.5
    assert found["calibration_error"] == pytest.approx((0.05 + 0.4) / 2)


def label(assertion, severity):
    return Label(
        source=LabelSource.RETRIEVAL,
        valve=Valve.AORTIC,
        disease=Disease.STENOSIS,
        severity=severity,
        assertion=assertion,
        confidence=0.9,
    )


def test_an_ungraded_label_of_presence_still_names_the_disease():
    claims = claims_of([label(Assertion.PRESENT, SeverityInterval.unspecified())])
    found = figures(image({AS: Severity.SEVERE}, claims))
    assert found["recall"] == 1.0
    assert found["severity"] == 0.0


def test_a_negated_label_claims_absence_whatever_its_interval():
    claims = claims_of([label(Assertion.NEGATED, SeverityInterval(Severity.NONE, Severity.MODERATE))])
    assert claims[AS].grade <= Severity.TRACE


def test_one_patient_has_a_value_and_no_interval():
    one = score([image({AS: Severity.SEVERE}, {AS: Claim(grade=Severity.SEVERE)})], repeats=20)
    assert one.document()["figures"]["recall"] == {"value": 1.0, "low": None, "high": None}
    assert estimate_words(one.figures["recall"]) == "1.00"
