import dataclasses
import json

import numpy as np
import pytest

from echomine.domain.errors import ArtifactError
from echomine.domain.records import Calibration, ImageRecord
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, DopplerMode, Severity, Valve
from echomine.pipeline.labeller import Labeller, fit_judgements, judged_votes, stated_presence
from echomine.pipeline.valve_neighbours import ValveNeighbours
from echomine.retrieval.confidence import ConfidenceConfig
from echomine.retrieval.paragraph_index import Neighbour
from echomine.retrieval.vote import Ballot, Reading, VoteConfig, vote

SCALE = Calibration(mps_per_px=0.02, baseline_y=100.0, s_per_px=0.005)


def reading(severity, disease=Disease.STENOSIS):
    return Reading(valve=Valve.AORTIC, disease=disease, severity=SeverityInterval.exactly(severity))


SEVERE, NONE = (reading(Severity.SEVERE),), (reading(Severity.NONE),)


def votes_with_truth():
    """Forty clear votes that are right and forty torn ones that are right by a coin."""
    clear = vote([Ballot(score=0.9, readings=SEVERE)] * 5)
    torn = vote([Ballot(score=0.5, readings=SEVERE)] * 3 + [Ballot(score=0.5, readings=NONE)] * 2)
    return [*clear * 40, *torn * 40], [True] * 40 + [number % 2 == 0 for number in range(40)]


@pytest.fixture(scope="module")
def labeller():
    votes, right = votes_with_truth()
    return Labeller(
        vote=VoteConfig(),
        readings={"clear": SEVERE, "absent": NONE, "thick": (reading(Severity.MILD, Disease.THICKENING),)},
        judgements=fit_judgements(votes, right, ConfidenceConfig(), precision=0.95),
        lexicon="l1",
    )


def record(calibration=SCALE):
    return ImageRecord(image_id="1.2.3", content_sha256="", patient="p", calibration=calibration)


def hits(*names):
    neighbours = tuple(Neighbour(paragraph_id=name, score=0.9) for name in names)
    return (ValveNeighbours(valve=Valve.AORTIC, probability=1.0, neighbours=neighbours),)


def test_a_clear_vote_is_kept_with_the_paragraphs_that_made_it(labeller):
    (label,) = labeller.labels(record(), hits("clear", "clear", "clear", "thick"), model="m1")
    assert (label.valve, label.disease, label.assertion) == (Valve.AORTIC, Disease.STENOSIS, Assertion.PRESENT)
    assert label.severity == SeverityInterval.exactly(Severity.SEVERE)
    assert not label.abstained
    assert label.confidence > 0.9
    assert [one.reference for one in label.evidence] == ["clear"] * 3
    assert (label.model, label.lexicon) == ("m1", "l1")


def test_a_torn_vote_is_abstained_from_and_less_sure(labeller):
    (clear,) = labeller.labels(record(), hits("clear"), model="m1")
    (torn,) = labeller.labels(record(), hits("clear", "clear", "clear", "absent", "absent"), model="m1")
    assert torn.abstained
    assert torn.confidence < clear.confidence


def test_without_a_scale_no_severity_is_claimed_and_every_label_is_abstained(labeller):
    (label,) = labeller.labels(record(calibration=None), hits("clear"), model="m1")
    assert label.abstained
    assert not label.severity.is_specified


def test_a_pulsed_wave_display_claims_no_regurgitation(labeller):
    both = Labeller(
        vote=labeller.vote,
        readings={"both": (reading(Severity.SEVERE), reading(Severity.SEVERE, Disease.REGURGITATION))},
        judgements=labeller.judgements,
        lexicon="l1",
    )
    continuous, pulsed = (
        both.labels(dataclasses.replace(record(), mode=mode), hits("both"), model="m")
        for mode in (DopplerMode.CW, DopplerMode.PW)
    )
    assert {label.disease for label in continuous} == {Disease.STENOSIS, Disease.REGURGITATION}
    assert {label.disease for label in pulsed} == {Disease.STENOSIS}


def test_what_a_doppler_display_cannot_show_is_no_label(labeller):
    assert labeller.labels(record(), hits("thick"), model="m1") == ()


def test_reload_gives_the_same_labels_and_bytes(labeller):
    again = Labeller.from_files(labeller.to_files())
    found = hits("clear", "absent", "clear")
    assert again.labels(record(), found, model="m") == labeller.labels(record(), found, model="m")
    assert again.to_files() == labeller.to_files()


def test_a_labeller_that_keeps_nothing_comes_back_and_abstains_from_everything(labeller):
    votes, right = votes_with_truth()
    judgements = fit_judgements(votes, [False] * len(right), ConfidenceConfig(), precision=0.95)
    files = dataclasses.replace(labeller, judgements=judgements).to_files()
    json.loads(files["labeller.json"], parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    again = Labeller.from_files(files)
    assert again.judgements[Assertion.PRESENT].threshold.coverage == 0
    assert all(one.abstained for one in again.labels(record(), hits("clear", "clear"), model="m"))


def test_a_missing_part_is_an_artifact_error(labeller):
    files = labeller.to_files()
    del files["readings.json"]
    with pytest.raises(ArtifactError, match="the labeller lacks a part"):
        Labeller.from_files(files)
    settings = json.loads(labeller.to_files()["labeller.json"])
    for wrong in ({"vote": {}}, settings | {"vote": settings["vote"] | {"k": "ten"}}):
        broken = labeller.to_files() | {"labeller.json": json.dumps(wrong).encode()}
        with pytest.raises(ArtifactError, match="the labeller lacks a part"):
            Labeller.from_files(broken)


def test_stated_presence_counts_an_ungraded_lesion_and_not_a_trace():
    stated = stated_presence(
        [
            Reading(valve=Valve.AORTIC, disease=Disease.STENOSIS, severity=SeverityInterval.unspecified()),
            reading(Severity.TRACE, Disease.REGURGITATION),
        ]
    )
    assert stated == {
        (Valve.AORTIC, Disease.STENOSIS): True,
        (Valve.AORTIC, Disease.REGURGITATION): False,
    }


def test_a_lesion_not_mentioned_is_not_judged_unless_it_is_claimed_of_another_valve():
    aortic = vote([Ballot(score=0.9, readings=SEVERE)])
    absent = vote([Ballot(score=0.9, readings=NONE)])
    about_mitral = (
        Reading(valve=Valve.MITRAL, disease=Disease.STENOSIS, severity=SeverityInterval.exactly(Severity.NONE)),
    )
    other_lesion = (reading(Severity.MILD, Disease.REGURGITATION),)
    assert [right for _, right in judged_votes(aortic, SEVERE)] == [True]
    assert [right for _, right in judged_votes(absent, SEVERE)] == [False]
    assert [right for _, right in judged_votes(aortic, about_mitral)] == [False]
    assert judged_votes(absent, about_mitral) == []
    assert judged_votes(aortic, other_lesion) == []


def test_the_threshold_keeps_what_was_right(labeller):
    judgement = labeller.judgements[Assertion.PRESENT]
    assert np.isclose(judgement.threshold.precision, 1.0)
    assert judgement.threshold.coverage == pytest.approx(0.5)
