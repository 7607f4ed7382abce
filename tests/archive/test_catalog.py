"""The catalog: nothing twice, nothing lost, in a stable order, a page at a time."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from echomine.archive.catalog import Catalog
from echomine.archive.database import sqlite_url
from echomine.archive.image_table import Addition, NewImage, NewProblem
from echomine.archive.item_problems import ItemKind, ItemProblem
from echomine.archive.ledger import ImageResult, LabelFilter
from echomine.archive.report_table import MinedReport
from echomine.domain.errors import Reason, UsageError
from echomine.domain.records import (
    Calibration,
    Evidence,
    Finding,
    ImageRecord,
    Label,
    Pair,
    Paragraph,
    Report,
    Span,
    View,
)
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import (
    Assertion,
    Disease,
    DopplerMode,
    FlowKind,
    ItemState,
    LabelSource,
    Severity,
    Valve,
)

MILD = SeverityInterval.exactly(Severity.MILD)


POSTGRESQL = os.environ.get("ECHOMINE_TEST_DATABASE_URL", "")
"""A PostgreSQL database to test with as well; everything in it is dropped."""


@pytest.fixture(params=["sqlite", *(["postgresql"] if POSTGRESQL else [])])
def database_url(request, tmp_path):
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "catalog.sqlite")
    url = POSTGRESQL
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return url


@pytest.fixture
def catalog(database_url):
    opened = Catalog(database_url)
    yield opened
    opened.close()


def image(number, **changes):
    record = ImageRecord(
        image_id=f"1.2.{number:06d}",
        content_sha256=f"{number:064x}",
        patient=f"p-{number % 7}",
        study_uid=f"9.{number % 11}",
        mode=DopplerMode.CW,
        box=(1, 2, 3, 4),
        calibration=Calibration(mps_per_px=-0.02, baseline_y=1.5, s_per_px=0.004),
        performed=date(2020, 1, 2),
        site="north",
    )
    return NewImage(
        record=replace(record, **changes), relative_path=f"a/{number}.dcm", file_mark=f"m{number}", notes=("n",)
    )


def label(image_id="", **changes):
    return replace(
        Label(
            source=LabelSource.RETRIEVAL,
            valve=Valve.MITRAL,
            disease=Disease.REGURGITATION,
            severity=MILD,
            assertion=Assertion.PRESENT,
            confidence=0.75,
            image_id=image_id,
            study_uid="9.1",
            patient="p-1",
            evidence=(
                Evidence(kind="paragraph", reference="r#0", score=0.5),
                Evidence(kind="span", reference="r", span=Span(3, 9), note="x"),
            ),
        ),
        **changes,
    )


def mined(name="r-1", *, study_uid="9.1", words="mild mitral regurgitation", grade=Severity.MILD, lexicon="lex"):
    finding = Finding(
        valve=Valve.MITRAL,
        disease=Disease.REGURGITATION,
        severity=SeverityInterval.exactly(grade),
        assertion=Assertion.PRESENT,
        span=Span(0, len(words)),
        quote=words,
        section="MITRAL",
        detail="d",
    )
    shared = {"patient": "p-1", "study_uid": study_uid, "performed": date(2020, 1, 2), "site": "north"}
    report = Report(report_id=name, text=words, **shared)
    paragraph = Paragraph(
        paragraph_id=f"{name}#0",
        report_id=name,
        text=words,
        span=Span(0, len(words)),
        findings=(finding,),
        section="S",
        **shared,
    )
    return MinedReport(report=report, paragraphs=(paragraph,), lexicon=lexicon, content_sha256=words)


# --- images -------------------------------------------------------------------------------------------------------


def test_images_come_back_as_they_went_in(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    new = [image(1), image(2, calibration=None, performed=None, mode=DopplerMode.UNKNOWN)]
    assert catalog.images.add(source, new) == (Addition.ADDED, Addition.ADDED)
    found = list(catalog.images.all())
    assert [file.record for file in found] == [item.record for item in new]
    assert found[0].path == tmp_path / "a" / "1.dcm"
    assert found[0].notes == ("n",)
    assert catalog.images.get("1.2.000002").record == new[1].record
    assert catalog.images.get("none") is None
    assert set(catalog.images.some(["1.2.000001", "x"])) == {"1.2.000001"}
    assert [file.record.image_id for file in catalog.images.of_study("9.1")] == ["1.2.000001"]


def test_adding_again_changes_nothing(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    assert catalog.images.source(tmp_path) == source
    catalog.images.add(source, [image(1)])
    before = catalog.counts()
    assert catalog.images.add(source, [image(1)]) == (Addition.KNOWN,)
    assert catalog.counts() == before


def test_one_uid_with_two_contents_is_a_conflict_and_both_stay_findable(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    other = replace(image(1, content_sha256="f" * 64), relative_path="b/other.dcm")
    copy = replace(image(1), relative_path="b/copy.dcm")
    assert catalog.images.add(source, [image(1), other, copy]) == (Addition.ADDED, Addition.CONFLICT, Addition.KNOWN)
    (problem,) = catalog.images.problems()
    assert (problem.where, problem.reason, problem.relative_path) == ("1.2.000001", Reason.DUPLICATE_UID, "b/other.dcm")
    assert catalog.images.get("1.2.000001").path == tmp_path / "a" / "1.dcm"
    assert catalog.images.problem_counts() == {(ItemState.QUARANTINED, Reason.DUPLICATE_UID): 1}


def test_a_file_whose_content_changed_is_said_to_have(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(1)])
    assert catalog.images.add(source, [image(1, content_sha256="e" * 64)]) == (Addition.CONFLICT,)
    assert next(catalog.images.problems()).reason is Reason.SOURCE_CHANGED


def test_a_touched_file_gets_its_new_mark(catalog, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.dcm").touch()
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(1)])
    copy = replace(image(1), relative_path="b/copy.dcm", file_mark="other")
    assert catalog.images.add(source, [replace(image(1), file_mark="later"), copy]) == (Addition.KNOWN,) * 2
    assert catalog.images.file_marks(source, ["a/1.dcm", "b/copy.dcm"]) == {"a/1.dcm": "later"}


def test_an_image_whose_file_is_gone_lies_where_its_content_is_found_again(catalog, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for root in (old, new):
        (root / "a").mkdir(parents=True)
        for number in (1, 2):
            (root / "a" / f"{number}.dcm").touch()
    catalog.images.add(catalog.images.source(old), [image(1), image(2)])
    (old / "a" / "1.dcm").unlink()
    source = catalog.images.source(new)
    assert catalog.images.add(source, [image(1), image(2)]) == (Addition.KNOWN,) * 2
    assert catalog.images.get("1.2.000001").path == new / "a" / "1.dcm"
    assert catalog.images.get("1.2.000002").path == old / "a" / "2.dcm", "a copy moves nothing"
    assert set(catalog.images.file_marks(source, ["a/1.dcm", "a/2.dcm"])) == {"a/1.dcm"}


def test_problems_are_kept_once_and_forgotten_when_mended(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    problem = ItemProblem(
        where="file-1", kind=ItemKind.IMAGE, reason=Reason.TRUNCATED, message="cut off", relative_path="a/1.dcm"
    )
    for _ in range(2):
        catalog.images.add(source, [], [NewProblem(problem=problem, file_mark="m0")])
    assert list(catalog.images.problems()) == [problem]
    assert catalog.images.file_marks(source, ["a/1.dcm", "a/2.dcm"]) == {"a/1.dcm": "m0"}
    catalog.images.add(source, [image(1)])
    assert list(catalog.images.problems()) == []


def test_pages_give_every_image_once_in_order(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(1203)])
    ids = [file.record.image_id for file in catalog.images.all(batch=100)]
    assert ids == sorted(ids)
    assert len(set(ids)) == catalog.images.count() == 1203


# --- ledger and labels ----------------------------------------------------------------------------------------------


def labelled(file, **changes):
    return ImageResult(
        image_id=file.record.image_id, state=ItemState.LABELLED, labels=(label(file.record.image_id, **changes),)
    )


def test_pending_shrinks_as_results_are_recorded(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(25)])
    run = catalog.ledger.begin_run("label", model="m1", lexicon="lex", config={"k": 3})
    sizes = []
    for batch in catalog.ledger.pending("m1", batch=10):
        sizes.append(len(batch))
        catalog.ledger.record(run, [labelled(file) for file in batch])
    assert sizes == [10, 10, 5]
    assert catalog.ledger.count_pending("m1") == 0
    assert catalog.ledger.count_pending("m2") == 25
    catalog.ledger.finish_run(run, {"labelled": 25})
    (kept,) = catalog.ledger.runs(kind="label")
    assert (kept.run_id, kept.counts, kept.config, kept.finished is not None) == (
        run.run_id,
        {"labelled": 25},
        {"k": 3},
        True,
    )


@pytest.mark.parametrize(
    ("reason", "waiting"),
    [
        (Reason.SOURCE_MISSING, 1),
        (Reason.SOURCE_CHANGED, 1),
        (Reason.UNREADABLE, 1),
        (Reason.UNDECODABLE, 0),
        (Reason.FAILED, 0),
    ],
)
def test_an_image_is_looked_at_again_when_the_place_of_its_file_was_at_fault(catalog, tmp_path, reason, waiting):
    catalog.images.add(catalog.images.source(tmp_path), [image(1)])
    (file,) = catalog.images.all()
    run = catalog.ledger.begin_run("label", model="m1")
    bad = ImageResult(image_id=file.record.image_id, state=ItemState.QUARANTINED, reason=reason, message="it is gone")
    catalog.ledger.record(run, [bad])
    assert catalog.ledger.count_pending("m1") == waiting
    assert len([one for page in catalog.ledger.pending("m1") for one in page]) == waiting
    again = catalog.ledger.begin_run("label", model="m1")
    assert catalog.ledger.plan(again) == waiting


def test_states_add_up(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(6)])
    run = catalog.ledger.begin_run("label", model="m1")
    files = list(catalog.images.all())
    catalog.ledger.record(
        run,
        [
            labelled(files[0]),
            ImageResult(image_id=files[1].record.image_id, state=ItemState.ABSTAINED),
            ImageResult(
                image_id=files[2].record.image_id,
                state=ItemState.QUARANTINED,
                reason=Reason.SOURCE_MISSING,
                message="it is gone",
            ),
        ],
    )
    counts = catalog.ledger.states("m1")
    assert counts == {
        ItemState.PENDING: 3,
        ItemState.LABELLED: 1,
        ItemState.ABSTAINED: 1,
        ItemState.QUARANTINED: 1,
        ItemState.SKIPPED: 0,
    }
    (bad,) = catalog.ledger.results("m1", states=[ItemState.QUARANTINED])
    assert (bad.reason, bad.message) == (Reason.SOURCE_MISSING, "it is gone")
    assert len(list(catalog.ledger.results("m1"))) == 3
    assert catalog.ledger.forget("m1", reasons=[Reason.SOURCE_MISSING]) == 1
    assert catalog.ledger.states("m1")[ItemState.PENDING] == 4
    assert catalog.ledger.forget("m1") == 2


def test_a_plan_gives_each_image_one_place(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(10)])
    run = catalog.ledger.begin_run("label", model="m1")
    catalog.ledger.record(run, [labelled(catalog.images.get("1.2.000003"))])
    other = catalog.ledger.begin_run("label", model="m1")
    assert catalog.ledger.plan(other) == 9
    assert catalog.ledger.states("m1")[ItemState.PENDING] == 9
    assert sum(catalog.ledger.states("m1").values()) == 10
    catalog.images.add(source, [image(number) for number in range(10, 12)])
    assert catalog.ledger.states("m1")[ItemState.PENDING] == 11
    batches = [catalog.ledger.planned(other, first=first, last=first + 3) for first in (0, 4, 8)]
    assert [len(batch) for batch in batches] == [4, 4, 1]
    catalog.ledger.record(other, [labelled(file) for file in batches[0]])
    assert catalog.ledger.planned(other, first=0, last=3) == ()
    assert catalog.ledger.planned(other, first=4, last=7) == batches[1]
    assert catalog.ledger.run(other.run_id).model == "m1"
    with pytest.raises(UsageError):
        catalog.ledger.run("run-none")


def test_places_in_text_space(catalog, tmp_path):
    catalog.images.add(catalog.images.source(tmp_path), [image(number) for number in range(3)])
    run = catalog.ledger.begin_run("label", model="m1")
    files = list(catalog.images.all())
    catalog.ledger.record(run, [replace(labelled(files[0]), vector=b"ab"), labelled(files[1])])
    assert [(one.image_id, one.patient, one.vector) for one in catalog.ledger.placed_images("m1")] == [
        ("1.2.000000", "p-0", b"ab")
    ]
    assert catalog.patients() == {"p-0", "p-1", "p-2"}


def test_labels_come_back_as_they_went_in(catalog, tmp_path):
    catalog.images.add(catalog.images.source(tmp_path), [image(1)])
    run = catalog.ledger.begin_run("label", model="m1")
    (file,) = catalog.images.all()
    catalog.ledger.record(run, [labelled(file, lexicon="lex", abstained=True)])
    (kept,) = catalog.ledger.labels()
    assert kept == label("1.2.000001", lexicon="lex", abstained=True, run=run.run_id, model="m1")
    assert list(catalog.ledger.labels_of_images(["1.2.000001"], model="m1")) == [kept]
    assert list(catalog.ledger.labels_of_images(["1.2.000001"], model="m2")) == []


def test_recording_again_replaces_and_never_doubles(catalog, tmp_path):
    catalog.images.add(catalog.images.source(tmp_path), [image(1)])
    (file,) = catalog.images.all()
    for confidence in (0.5, 0.9):
        run = catalog.ledger.begin_run("label", model="m1")
        catalog.ledger.record(run, [labelled(file, confidence=confidence)])
    assert [kept.confidence for kept in catalog.ledger.labels()] == [0.9]
    other = catalog.ledger.begin_run("label", model="m2")
    catalog.ledger.record(other, [labelled(file, confidence=0.1)])
    assert [kept.confidence for kept in catalog.ledger.labels()] == [0.9, 0.1]
    catalog.ledger.record(other, [ImageResult(image_id=file.record.image_id, state=ItemState.ABSTAINED)])
    assert [kept.model for kept in catalog.ledger.labels()] == ["m1"]


def test_filters(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(3)])
    catalog.reports.put([mined()])
    run = catalog.ledger.begin_run("label", model="m1")
    options = ({"confidence": 0.2}, {"valve": Valve.AORTIC}, {"abstained": True})
    catalog.ledger.record(
        run, [labelled(file, **option) for file, option in zip(catalog.images.all(), options, strict=True)]
    )

    def count(**wanted):
        return len(list(catalog.ledger.labels(LabelFilter(**wanted))))

    assert count() == 4
    assert count(source=LabelSource.REPORT) == 1
    assert count(source=LabelSource.RETRIEVAL) == 3
    assert count(valve=Valve.AORTIC) == 1
    assert count(min_confidence=0.5) == 3
    assert count(abstained=True) == 1
    assert count(abstained=False) == 3
    assert count(models=("m1",)) == 3
    assert count(models=("", "m1")) == 4
    assert count(models=()) == 0


def test_labels_are_read_in_pages_in_one_order(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(700)])
    run = catalog.ledger.begin_run("label", model="m1")
    catalog.ledger.record(
        run,
        [
            ImageResult(
                image_id=file.record.image_id,
                state=ItemState.LABELLED,
                labels=tuple(label(file.record.image_id, valve=valve) for valve in reversed(Valve)),
            )
            for file in catalog.images.all()
        ],
    )
    keys = [(kept.image_id, kept.valve.value) for kept in catalog.ledger.labels()]
    assert len(keys) == 2800
    assert keys == sorted(keys)


def test_a_batch_with_a_doubled_label_leaves_nothing_of_itself(catalog, tmp_path):
    source = catalog.images.source(tmp_path)
    catalog.images.add(source, [image(number) for number in range(3)])
    run = catalog.ledger.begin_run("label", model="m1")
    files = list(catalog.images.all())
    doubled = replace(labelled(files[1]), labels=(label(files[1].record.image_id),) * 2)
    with pytest.raises(Exception, match="catalog"):
        catalog.ledger.record(run, [labelled(files[0]), doubled])
    assert catalog.ledger.count_pending("m1") == 3
    assert list(catalog.ledger.labels()) == []


WORKER = """
import sys
from echomine.archive.catalog import Catalog
from echomine.archive.ledger import ImageResult
from echomine.domain.records import Evidence, Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import *

catalog = Catalog(sys.argv[1])
run = catalog.ledger.begin_run("label", model="m1")
print("ready", flush=True)
for batch in catalog.ledger.pending("m1", batch=16):
    results = []
    for file in batch:
        number = int(file.record.image_id.split(".")[-1])
        labels = tuple(
            Label(source=LabelSource.RETRIEVAL, valve=valve, disease=Disease.STENOSIS, assertion=Assertion.PRESENT,
                  severity=SeverityInterval.exactly(Severity.MILD), confidence=(number % 100) / 100,
                  image_id=file.record.image_id, evidence=(Evidence(kind="paragraph", reference=str(number)),))
            for valve in list(Valve)[: number % 5]
        )
        state = ItemState.LABELLED if labels else ItemState.ABSTAINED
        results.append(ImageResult(image_id=file.record.image_id, state=state, labels=labels))
    catalog.ledger.record(run, results)
"""


def test_killed_at_any_moment_a_rerun_completes_the_labels(catalog, database_url, tmp_path):
    url = database_url
    catalog.images.add(catalog.images.source(tmp_path), [image(number) for number in range(2000)])
    kills = 0
    for attempt in range(8):
        worker = subprocess.Popen([sys.executable, "-c", WORKER, url], stdout=subprocess.PIPE)
        assert worker.stdout is not None
        worker.stdout.readline()
        if attempt >= 7:
            worker.wait(120)
            worker.stdout.close()
            break
        time.sleep(0.01 * (attempt + 1))
        worker.kill()
        kills += worker.wait() != 0
        worker.stdout.close()
        assert sum(catalog.ledger.states("m1").values()) == 2000
    assert kills >= 3
    assert catalog.ledger.count_pending("m1") == 0
    found = [(kept.image_id, kept.valve.value, kept.confidence) for kept in catalog.ledger.labels()]
    wanted = sorted(
        (f"1.2.{number:06d}", valve.value, (number % 100) / 100)
        for number in range(2000)
        for valve in list(Valve)[: number % 5]
    )
    assert sorted(found) == wanted


# --- reports, pairs, views ----------------------------------------------------------------------------------------


def test_reports_come_back_as_they_went_in(catalog):
    item = mined()
    catalog.reports.put([item])
    assert list(catalog.reports.all()) == [item.report]
    assert catalog.reports.get("r-1") == item.report
    assert catalog.reports.get("none") is None
    assert catalog.reports.of_study("9.1") == (item.report,)
    assert tuple(catalog.reports.paragraphs()) == item.paragraphs
    assert catalog.reports.some_paragraphs(["r-1#0", "x"]) == {"r-1#0": item.paragraphs[0]}
    assert catalog.reports.paragraphs_of_study("9.1") == item.paragraphs
    assert catalog.reports.states(["r-1", "r-2"]) == {"r-1": (item.content_sha256, "lex")}
    assert catalog.reports.count() == 1


def test_paragraphs_of_chosen_patients_only(catalog):
    catalog.reports.put([mined(f"r-{number}") for number in range(5)])
    assert len(list(catalog.reports.paragraphs(patients={"p-1"}))) == 5
    assert list(catalog.reports.paragraphs(patients={"p-2"})) == []
    assert list(catalog.reports.paragraphs(patients=())) == []


def test_a_report_put_again_replaces_paragraphs_findings_and_labels(catalog):
    catalog.reports.put([mined(), mined("r-2", study_uid="9.2")])
    catalog.reports.put([mined(words="severe mitral regurgitation", grade=Severity.SEVERE)])
    counts = catalog.counts()
    assert (counts["reports"], counts["paragraphs"], counts["findings"], counts["labels"]) == (2, 2, 2, 2)
    grades = {kept.study_uid: kept.severity.low for kept in catalog.ledger.labels()}
    assert grades == {"9.1": Severity.SEVERE, "9.2": Severity.MILD}


def test_the_reports_of_one_exam_are_folded_into_one_label(catalog):
    catalog.reports.put([mined()], run="run-1")
    catalog.reports.put([mined("r-2", grade=Severity.MODERATE, words="moderate MR")], run="run-2")
    (kept,) = catalog.ledger.labels()
    assert kept.severity == SeverityInterval(Severity.MILD, Severity.MODERATE)
    assert (kept.source, kept.study_uid, kept.image_id, kept.confidence) == (LabelSource.REPORT, "9.1", "", 1.0)
    assert kept.evidence == (Evidence(kind="span", reference="r-2", span=Span(0, 11)),)
    assert (kept.run, kept.lexicon) == ("run-2", "lex")


def test_a_report_moved_to_another_exam_takes_its_labels_along(catalog):
    catalog.reports.put([mined()])
    catalog.reports.put([mined(study_uid="9.5")])
    assert [kept.study_uid for kept in catalog.ledger.labels()] == ["9.5"]


def test_reports_without_an_exam_keep_labels_apart(catalog):
    catalog.reports.put([mined("r-1", study_uid=""), mined("r-2", study_uid="")])
    assert len(list(catalog.ledger.labels())) == 2


def test_many_reports_in_pages(catalog):
    catalog.reports.put([mined(f"r-{number:04d}", study_uid=f"9.{number}") for number in range(1100)])
    found = [paragraph.report_id for paragraph in catalog.reports.paragraphs()]
    assert found == sorted(found)
    assert len(set(found)) == 1100


def test_pairs_and_views(catalog, tmp_path):
    catalog.images.add(catalog.images.source(tmp_path), [image(1)])
    catalog.reports.put([mined()])
    rows = [
        (Pair(image_id="1.2.000001", paragraph_id="r-1#0"), "9.1", "quote"),
        (Pair(image_id="gone", paragraph_id="r-1#0"), "9.1", "quote"),
    ]
    assert catalog.reports.put_pairs(rows) == 2
    assert catalog.reports.put_pairs(rows) == 0
    assert catalog.reports.pairs() == (rows[0][0],)
    views = [
        View(image_id="1.2.000001", valve=Valve.AORTIC, flow=FlowKind.NORMAL),
        View(image_id="gone", valve=Valve.MITRAL, flow=FlowKind.MIXED),
    ]
    assert catalog.reports.put_views(views) == 2
    assert catalog.reports.put_views(views) == 0
    assert catalog.reports.put_views([replace(views[0], flow=FlowKind.STENOSIS)]) == 1
    assert catalog.reports.views() == (replace(views[0], flow=FlowKind.STENOSIS),)


def test_exams_are_counted(catalog, tmp_path):
    catalog.images.add(catalog.images.source(tmp_path), [image(1), image(2), image(13), image(3, study_uid="")])
    catalog.reports.put([mined(study_uid="9.1"), mined("r-2", study_uid="8.8"), mined("r-3", study_uid="")])
    counts = catalog.exam_counts()
    assert counts == {"exams": 2, "exams_without_report": 1, "reports_without_exam": 2}


def test_a_source_knows_whether_it_is_synthetic(catalog, tmp_path):
    assert catalog.images.roots() == ()
    catalog.images.add(catalog.images.source(tmp_path), [image(1)])
    assert catalog.images.roots() == (tmp_path,)
    assert not catalog.images.is_synthetic(tmp_path)
    (tmp_path / "archive.json").write_text('{"synthetic": true}')
    assert catalog.images.is_synthetic(tmp_path)
    (tmp_path / "archive.json").write_text("[]")
    assert not catalog.images.is_synthetic(Path(tmp_path))
