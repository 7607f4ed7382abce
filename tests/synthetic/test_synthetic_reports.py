"""Report texts against the patients they are about."""

import re
from itertools import pairwise

import numpy as np
import pytest

from echomine.domain.config import config_from
from echomine.domain.errors import ConfigurationError
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, Severity, Valve
from echomine.synthetic.config import LECTURE, SMALL, ArchiveConfig
from echomine.synthetic.plan import plan_archive
from echomine.synthetic.reports import ReportDraft, write_reports
from echomine.synthetic.sentences import fill
from echomine.synthetic.wording import GRADE_WORDS, PLUS_GRADES

NAMES = re.compile(r"\b(aortic|mitral|tricuspid|pulmonic)\b(?! root)", re.IGNORECASE)


@pytest.fixture(scope="module")
def lecture() -> list[ReportDraft]:
    plan, calendar = plan_archive(LECTURE, 4)
    return write_reports(LECTURE, 4, plan.paired, calendar)


@pytest.fixture(scope="module")
def small() -> list[ReportDraft]:
    plan, calendar = plan_archive(SMALL, 4)
    return write_reports(SMALL, 4, plan.paired, calendar)


def test_the_lecture_has_exactly_10253_valve_paragraphs(lecture: list[ReportDraft]) -> None:
    blocks = [block for draft in lecture for block in draft.text.split("\n\n")]
    assert sum(1 for block in blocks if NAMES.search(block)) == 10253


def test_paragraphs_are_not_copies(lecture: list[ReportDraft]) -> None:
    texts = [entry.text for draft in lecture for entry in draft.passages if entry.is_finding]
    assert len(set(texts)) > 0.85 * len(texts)


def test_a_finding_paragraph_names_its_valve_alone(small: list[ReportDraft]) -> None:
    for draft in small:
        for passage in draft.passages:
            named = {Valve(word.lower()) for word in NAMES.findall(passage.text)}
            assert named == set(passage.valves)
            assert passage.text == passage.text.strip()
            assert "\n\n" not in passage.text


def test_every_paired_report_describes_the_valve_of_its_image(small: list[ReportDraft]) -> None:
    plan, _ = plan_archive(SMALL, 4)
    for image, draft in zip(plan.paired, small, strict=False):
        assert draft.exam == image.exam
        assert draft.quote_about(image.valve) in draft.text


def test_a_missing_description_is_an_error(small: list[ReportDraft]) -> None:
    grouped = next(
        draft
        for draft in small
        if any(len(entry.valves) == 2 and "stenosis." in entry.text for entry in draft.passages if not entry.is_finding)
        and not any(entry.valves == (Valve.PULMONIC,) and entry.is_finding for entry in draft.passages)
    )
    with pytest.raises(LookupError, match="pulmonic"):
        grouped.quote_about(Valve.PULMONIC)


def test_the_grade_given_stands_in_the_paragraph(small: list[ReportDraft]) -> None:
    for draft in small:
        for valve, disease in draft.grades:
            grade = draft.grades[valve, disease]
            own = [entry.text.lower() for entry in draft.passages if entry.is_finding and entry.valves == (valve,)]
            if own and grade is not Severity.NONE:
                words = {*GRADE_WORDS[grade], PLUS_GRADES.get(grade, GRADE_WORDS[grade][0])}
                assert any(word in own[0] for word in words), own[0]


def test_readers_disagree_by_one_step_in_about_nine_percent(lecture: list[ReportDraft]) -> None:
    steps = np.array(
        [
            draft.grades[valve, disease] - draft.state.valves[valve].grade(disease)
            for draft in lecture
            for valve in Valve
            for disease in FLOW_DISEASES
            if draft.state.valves[valve].grade(disease) is not Severity.NONE
        ]
    )
    assert set(steps) == {-1, 0, 1}
    assert np.mean(steps != 0) == pytest.approx(LECTURE.reader_disagreement, abs=0.02)


def test_printed_numbers_are_those_of_the_physics(lecture: list[ReportDraft]) -> None:
    checked = 0
    for draft in lecture[:600]:
        for valve in (Valve.AORTIC, Valve.PULMONIC):
            vmax = draft.state.valves[valve].forward.vmax_mps
            for passage in draft.passages:
                found = re.search(r"(?:Vmax|velocity is|peak velocity is) (\d\.\d) m/s", passage.text)
                if found and passage.is_finding and passage.valves == (valve,):
                    assert float(found[1]) == pytest.approx(vmax, abs=0.06 + 0.06 * vmax)
                    checked += 1
    assert checked > 100


def test_every_grade_and_lesion_occurs(lecture: list[ReportDraft]) -> None:
    for valve in Valve:
        for disease in (Disease.STENOSIS, Disease.REGURGITATION):
            found = {draft.grades[valve, disease] for draft in lecture}
            assert found == {grade for grade in Severity if grade >= 0}


def test_ids_are_unique_and_exams_in_order(lecture: list[ReportDraft]) -> None:
    assert len({draft.report_id for draft in lecture}) == len(lecture)
    assert all(first.exam.exam_index < second.exam.exam_index for first, second in pairwise(lecture))


def test_capitals_of_a_slot() -> None:
    assert fill("{Lesion} {LESION} {lesion}", lesion="mild AS") == "Mild AS MILD AS mild AS"


@pytest.mark.parametrize(
    "values",
    [
        {"n_views": 99, "n_reported_pairs": 5, "n_unreported_images": 5},
        {"n_valve_paragraphs": 10},
        {"reader_disagreement": 0.6},
        {"pw_share": 1.2},
        {"n_unreported_images": -1},
    ],
)
def test_impossible_archives_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        config_from(ArchiveConfig, values)
