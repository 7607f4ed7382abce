from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from echomine.domain.errors import UsageError
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Severity, Valve
from echomine.pipeline.contact_sheet import contact_sheet, contact_sheet_png
from echomine.pipeline.find_similar import find_similar

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("mined")]


@pytest.fixture
def paired(workspace):
    """An image whose exam has a report, so that its own patient's paragraphs are in the index."""
    pair = workspace.catalog.reports.pairs()[0]
    return workspace.catalog.images.get(pair.image_id)


def test_hits_come_nearest_first_and_never_from_the_own_patient(workspace, paired):
    similar = find_similar(workspace, paired.path, k=25)
    scores = [hit.score for hit in similar.hits]
    assert scores == sorted(scores, reverse=True)
    assert len(similar.hits) == 25
    assert paired.record.patient not in {hit.paragraph.patient for hit in similar.hits}
    assert similar.image_id not in {case.image_id for case in similar.cases}


def test_the_own_patient_is_found_when_asked_for(workspace, paired):
    everyone = find_similar(workspace, paired.path, k=1000, own_patient=True)
    assert paired.record.patient in {hit.paragraph.patient for hit in everyone.hits}


def test_a_valve_filter_leaves_only_paragraphs_about_it(workspace, paired):
    similar = find_similar(workspace, paired.path, k=10, valve=Valve.MITRAL)
    assert len(similar.hits) == 10
    for hit in similar.hits:
        assert Valve.MITRAL in {finding.valve for finding in hit.paragraph.findings}


def test_the_same_image_gives_the_same_answer(workspace, paired):
    first, second = (find_similar(workspace, paired.path).document() for _ in range(2))
    assert first == second


def test_a_screenshot_gets_hits_but_no_severity(workspace, tmp_path):
    picture = tmp_path / "screen.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)).save(picture)
    similar = find_similar(workspace, picture)
    assert len(similar.hits) == 10
    assert all(label.abstained for label in similar.labels)
    assert any("no scale" in note for note in similar.notes)


def test_what_is_no_image_is_one_sentence_with_its_reason(workspace, tmp_path):
    text = tmp_path / "notes.dcm"
    text.write_text("not an image")
    with pytest.raises(UsageError, match=r"notes.dcm: .* \(not_an_image\)"):
        find_similar(workspace, text)
    with pytest.raises(UsageError, match="source_missing"):
        find_similar(workspace, Path("nowhere.dcm"))


def test_the_contact_sheet_is_a_picture_and_the_same_each_time(workspace, paired):
    similar = find_similar(workspace, paired.path)
    sheet = contact_sheet_png(similar)
    assert sheet.startswith(b"\x89PNG")
    assert contact_sheet_png(similar) == sheet


def test_what_is_said_below_a_case_is_no_wider_than_its_picture(workspace, paired):
    similar = find_similar(workspace, paired.path)
    long = replace(
        similar.labels[0], severity=SeverityInterval(Severity.MILD_MODERATE, Severity.MODERATE_SEVERE), abstained=True
    )
    figure = contact_sheet(replace(similar, cases=tuple(replace(one, labels=(long, long)) for one in similar.cases)))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    shown = [axes for axes in figure.axes if "Case" in axes.get_title(loc="left")]
    assert len(shown) == 4
    for axes in shown:
        caption, picture = axes.xaxis.label.get_window_extent(), axes.get_window_extent()
        assert picture.x0 - 2 <= caption.x0 < caption.x1 <= picture.x1 + 2
        assert caption.y0 > figure.axes[-1].get_window_extent().y1, "above what is said of the paragraphs"
