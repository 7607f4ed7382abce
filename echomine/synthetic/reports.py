"""Report texts: what a reader dictates about a patient whose valves are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, Severity, Valve
from echomine.synthetic import wording
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.patients import ExamState
from echomine.synthetic.physics import grade_of
from echomine.synthetic.plan import ExamCalendar, ExamPlan, ImagePlan, exam_state
from echomine.synthetic.randomness import Stream, generator
from echomine.synthetic.sentences import (
    Grades,
    fill,
    grade_word,
    lesion_name,
    lesion_sentence,
    pick,
    valve_description,
)
from echomine.synthetic.wording import Style

_STYLE_SHARES: Mapping[Style, float] = {
    Style.PROSE: 0.3,
    Style.HEADINGS: 0.3,
    Style.NUMBERED: 0.15,
    Style.CAPITALS: 0.1,
    Style.TERSE: 0.15,
}
_SHORT_NAMES = {Style.TERSE: 0.5}
_EDGE_WIDTH = 0.22
_QUIET_PAIR_SHARE = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One paragraph of a report.

    Attributes:
        text: Its characters, without blank lines.
        valves: The valves it names; empty for all other paragraphs.
        is_finding: Whether it is the full description of its one valve.
    """

    text: str
    valves: tuple[Valve, ...] = ()
    is_finding: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDraft:
    """A report of one exam as its paragraphs.

    Attributes:
        report_id: Identifier, made of the seed and the ordinal of the exam.
        exam: The exam reported on.
        state: The patient at the exam.
        grades: The grades that the reader gave.
        passages: In order; blank lines between them make the text.
    """

    report_id: str
    exam: ExamPlan
    state: ExamState
    grades: Grades
    passages: tuple[Passage, ...]

    @property
    def text(self) -> str:
        """The report as one text."""
        return "\n\n".join(passage.text for passage in self.passages) + "\n"

    @property
    def n_valve_paragraphs(self) -> int:
        """How many of its paragraphs name a valve."""
        return sum(1 for passage in self.passages if passage.valves)

    def quote_about(self, valve: Valve) -> str:
        """The paragraph that describes the valve in full.

        Raises:
            LookupError: If the report has none.
        """
        for passage in self.passages:
            if passage.is_finding and passage.valves == (valve,):
                return passage.text
        raise LookupError(f"report {self.report_id} has no paragraph of its own on the {valve.value} valve")


def write_reports(
    config: ArchiveConfig, seed: int, paired: Sequence[ImagePlan], calendar: ExamCalendar
) -> list[ReportDraft]:
    """Reports of the paired exams, then of exams without images, up to the exact number of paragraphs."""
    rng = generator(seed, Stream.REPORT)
    drafts = [write_report(config, seed, plan.exam, described=plan.valve) for plan in paired]
    missing = config.n_valve_paragraphs - sum(draft.n_valve_paragraphs for draft in drafts)
    while missing > 0:
        draft = _cut(write_report(config, seed, calendar.next_exam(rng)), missing)
        missing -= draft.n_valve_paragraphs
        drafts.append(draft)
    return drafts


def write_report(config: ArchiveConfig, seed: int, exam: ExamPlan, *, described: Valve | None = None) -> ReportDraft:
    """The report of one exam; the valve ``described``, if any, surely has a paragraph of its own."""
    state = exam_state(config, seed, exam)
    rng = generator(seed, Stream.REPORT, exam.exam_index)
    grades = reported_grades(config, state, rng)
    style = tuple(_STYLE_SHARES)[int(rng.choice(len(_STYLE_SHARES), p=tuple(_STYLE_SHARES.values())))]
    passages = _passages(style, state, grades, described, rng)
    if style is Style.CAPITALS:
        passages = [replace(passage, text=passage.text.upper()) for passage in passages]
    return ReportDraft(
        report_id=f"R{seed % 10000:04d}-{exam.exam_index:05d}",
        exam=exam,
        state=state,
        grades=grades,
        passages=tuple(passages),
    )


def reported_grades(config: ArchiveConfig, state: ExamState, rng: np.random.Generator) -> Grades:
    """The grades a reader gives: those of the physics, now and then one step off near an edge."""
    return {
        (valve, disease): _read_grade(config, state.valves[valve].latent(disease), rng)
        for valve in Valve
        for disease in FLOW_DISEASES
    }


def _read_grade(config: ArchiveConfig, latent: float, rng: np.random.Generator) -> Severity:
    """The grade, one step off with the configured probability; only a latent near an edge is misread."""
    grade = grade_of(latent)
    place, turn = latent - int(grade), rng.random()
    if grade is Severity.NONE:
        return grade
    step = (place > 1 - _EDGE_WIDTH) - (place < _EDGE_WIDTH)
    edges = 1 if grade in (Severity.TRACE, Severity.SEVERE) else 2
    other = grade + step
    if turn > config.reader_disagreement / (edges * _EDGE_WIDTH) or not Severity.TRACE <= other <= Severity.SEVERE:
        return grade
    return Severity(other)


def _cut(draft: ReportDraft, allowed: int) -> ReportDraft:
    """The draft with at most the allowed number of valve paragraphs, the last ones left out."""
    kept, count = [], 0
    for passage in draft.passages:
        count += bool(passage.valves)
        if not passage.valves or count <= allowed:
            kept.append(passage)
    return replace(draft, passages=tuple(kept))


def _passages(
    style: Style, state: ExamState, grades: Grades, described: Valve | None, rng: np.random.Generator
) -> list[Passage]:
    indication = pick(wording.INDICATION_HEADS, rng) + pick(wording.INDICATIONS, rng)
    opening = [Passage(text=indication), Passage(text="FINDINGS:")]
    before = [_filler(state, rng) for _ in range(int(rng.integers(1, 4)))]
    valves = _valve_passages(style, state, grades, described, rng)
    after = [_filler(state, rng) for _ in range(int(rng.integers(0, 3)))]
    closing = [Passage(text=pick(wording.IMPRESSION_HEADS, rng)), _impression(grades, rng)]
    return [*opening, *before, *valves, *after, *closing]


def _filler(state: ExamState, rng: np.random.Generator) -> Passage:
    text = pick(wording.FILLER, rng).format(
        ef=round(state.patient.ejection_fraction_pct / 5) * 5,
        wall=f"{rng.uniform(0.7, 1.5):.1f}",
        lvidd=f"{rng.uniform(3.8, 6.4):.1f}",
        tapse=int(rng.integers(14, 27)),
        la=f"{rng.uniform(2.9, 5.6):.1f}",
        la_word=pick(("normal in size", "mildly dilated", "moderately dilated", "enlarged"), rng),
        root=f"{rng.uniform(2.7, 4.3):.1f}",
        rhythm="atrial fibrillation" if state.patient.fibrillates else "sinus",
        hr=round(state.heart_rate_bpm),
    )
    return Passage(text=text)


def _valve_passages(
    style: Style, state: ExamState, grades: Grades, described: Valve | None, rng: np.random.Generator
) -> list[Passage]:
    order = list(Valve)
    if rng.random() < 0.2:
        order = [order[int(place)] for place in rng.permutation(len(order))]
    quiet = _quiet_pair(grades, described, rng)
    if quiet is not None:
        order = [valve for valve in order if valve not in quiet.valves]
    head = _head_template(style, rng)
    short = _SHORT_NAMES.get(style, 0.1)
    passages = []
    for number, valve in enumerate(order, start=1):
        text = fill(head, valve=valve.value, number=str(number))
        text += valve_description(state, valve, grades, rng, short=short)
        passages.append(Passage(text=text, valves=(valve,), is_finding=True))
    return [*passages, *([quiet] if quiet is not None else [])]


def _head_template(style: Style, rng: np.random.Generator) -> str:
    if style is Style.HEADINGS:
        return pick(wording.VALVE_HEADS, rng)
    if style is Style.TERSE:
        return pick(wording.TERSE_HEADS, rng)
    return "{number}. " if style is Style.NUMBERED else ""


def _quiet_pair(grades: Grades, described: Valve | None, rng: np.random.Generator) -> Passage | None:
    """One paragraph on both right-sided valves, where neither has a lesion worth its own."""
    pair = (Valve.TRICUSPID, Valve.PULMONIC)
    quiet = all(
        grades[valve, Disease.STENOSIS] is Severity.NONE and not is_disease(grades[valve, Disease.REGURGITATION])
        for valve in pair
    )
    wanted = rng.random() < _QUIET_PAIR_SHARE
    if not quiet or not wanted or described in pair:
        return None
    leaks = " ".join(lesion_sentence(valve, Disease.REGURGITATION, grades, rng) for valve in pair)
    return Passage(text=pick(wording.QUIET_PAIR, rng).format(leaks=leaks), valves=pair)


def _impression(grades: Grades, rng: np.random.Generator) -> Passage:
    """The lesions, the gravest first, as a list or a line; a remark that names no valve where there is none."""
    lesions = sorted((key for key, grade in grades.items() if is_disease(grade)), key=lambda key: -grades[key])
    if not lesions:
        return Passage(text=pick(wording.QUIET_IMPRESSIONS, rng))
    lines = [
        fill(
            "{Grade} {lesion}.",
            grade=grade_word(grades[valve, disease], disease, rng),
            lesion=lesion_name(valve, disease, rng),
        )
        for valve, disease in lesions
    ]
    valves = tuple(dict.fromkeys(valve for valve, _ in lesions))
    if rng.random() < 0.5:
        return Passage(text=" ".join(lines), valves=valves)
    numbered = (f"{number}. {line}" for number, line in enumerate(lines, start=1))
    return Passage(text="\n".join(numbered), valves=valves)
