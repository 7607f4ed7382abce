"""Measured labels: guideline grades by hand, agreement, and the way through catalog, export and review."""

import json
from dataclasses import replace

import numpy as np
import pytest

from echomine.archive.workspace import Workspace
from echomine.domain.vocabulary import Disease, LabelSource, Severity, Valve
from echomine.doppler.reading import read_display
from echomine.pipeline.export_labels import ExportRequest, export_labels
from echomine.pipeline.measure_archive import measure_archive, review_order
from echomine.pipeline.measured_labels import (
    SuggestedValve,
    measured_labels,
    suggested_valve,
)
from echomine.pipeline.review_table import review_documents, review_table
from tests.doppler import drawn_displays as drawn
from tests.pipeline.sample_labels import label


def ejection(peak_mps: float) -> np.ndarray:
    place = np.clip((drawn.times()[None, :] - np.array([[0.3], [1.1], [1.9]])) / 0.32, 0.0, 1.0)
    return -peak_mps * np.sin(np.pi * place ** (np.log(0.5) / np.log(0.34))).sum(axis=0)


@pytest.mark.parametrize(
    ("peak_mps", "low", "high"),
    [(2.0, Severity.NONE, Severity.NONE), (3.5, Severity.MODERATE, Severity.MODERATE)],
)
def test_aortic_stenosis_by_the_joint_guideline(peak_mps: float, low: Severity, high: Severity) -> None:
    """EACVI/ASE 2017: no stenosis up to 2.5 m/s, moderate from 3 to 4 m/s and from 20 to 40 mmHg."""
    reading = read_display(drawn.display(ejection(peak_mps)), valve=Valve.AORTIC)
    suggested = SuggestedValve(valve=Valve.AORTIC, confidence=0.9)
    (found,) = measured_labels(reading, suggested=suggested)
    assert (found.valve, found.disease, found.source) == (Valve.AORTIC, Disease.STENOSIS, LabelSource.MEASUREMENT)
    assert (found.severity.low, found.severity.high) == (low, high)
    by = {piece.reference: piece for piece in found.evidence}
    assert by["vmax"].score == pytest.approx(peak_mps, abs=0.11)
    assert by["vmax"].note.startswith("EACVI/ASE 2017, aortic stenosis by vmax")


def test_the_guideline_is_the_callers_choice() -> None:
    """2.2 m/s is mild for ACC/AHA 2020 and none for EACVI/ASE 2017."""
    reading = read_display(drawn.display(ejection(2.2)), valve=Valve.AORTIC)
    (by_acc,) = measured_labels(reading, guidelines=["ACC/AHA 2020"])
    assert by_acc.severity.high is Severity.MILD
    assert "ACC/AHA 2020" in by_acc.evidence[0].note


def test_without_a_scale_nothing_is_labelled() -> None:
    display = replace(drawn.display(ejection(3.0)), calibration=None)
    assert measured_labels(read_display(display, baseline_y=drawn.BASELINE)) == ()


def test_a_valve_that_nothing_tells_lowers_the_confidence() -> None:
    reading = read_display(drawn.display(ejection(3.0)))
    (alone,) = measured_labels(reading)
    (told,) = measured_labels(reading, suggested=SuggestedValve(valve=Valve.AORTIC, confidence=0.95))
    assert alone.confidence < told.confidence


def test_suggested_valve_is_that_of_the_surest_label() -> None:
    labels = [label(Severity.MILD), label(Severity.MILD, valve=Valve.MITRAL, confidence=0.95)]
    assert suggested_valve(labels) == SuggestedValve(valve=Valve.MITRAL, confidence=0.95)
    assert suggested_valve([]) is None


@pytest.mark.slow
def test_measured_labels_reach_catalog_export_and_review(mined_copy, tmp_path) -> None:
    workspace = Workspace.open(mined_copy.workspace, create=False)
    result = measure_archive(workspace)
    assert result.counts["labelled"] + result.counts["abstained"] == 80
    assert result.counts["labelled"] > 20
    assert measure_archive(workspace).counts == {}
    export_labels(
        workspace,
        ExportRequest(form="jsonl", out=tmp_path / "labels.jsonl", source=LabelSource.MEASUREMENT, abstained=True),
    )
    rows = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert rows
    assert {row["source"] for row in rows} == {"measurement"}
    kinds = {piece["kind"] for row in rows for piece in row["evidence"]}
    assert kinds == {"measurement", "agreement"}
    items = review_order(workspace)
    assert [item.urgency for item in items] == sorted((item.urgency for item in items), reverse=True)
    assert all(item.distance > 0 for item in items)
    assert len(review_table(items).rows) == len(review_documents(items)) == len(items)
