"""Report texts: what a reader dictates about a patient whose valves are known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from echomine.domain.severity import is_disease
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, Severity, Valve
from echomine.synthetic import wording
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.patients import ExamState
from echomine.synthetic.physics import SEMILUNAR, ValveState, grade_of
from echomine.synthetic.plan import ExamCalendar, ExamPlan, ImagePlan, exam_state
from echomine.synthetic.randomness import Stream, generator
from echomine.synthetic.wording import Style

_STYLES = tuple(Style)
_EDGE_WIDTH = 0.22


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
        passages: In order; blank lines between them make the text.
    """

    report_id: str
    exam: ExamPlan
    state: ExamState
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
        """The paragraph that describes the valve in full."""
        return next(entry.text for entry in self.passages if entry.is_finding and entry.valves == (valve,))


def write_reports(
    config: ArchiveConfig, seed: int, paired: Sequence[ImagePlan], calendar: ExamCalendar
) -> list[ReportDraft]:
    """Reports of the paired exams, then of exams without images, up to the exact number of paragraphs."""
    rng = generator(seed, Stream.REPORT)
    drafts = [write_report(config, seed, plan.exam) for plan in paired]
    missing = config.n_valve_paragraphs - sum(draft.n_valve_paragraphs for draft in drafts)
    while missing > 0:
        draft = _cut(write_report(config, seed, calendar.next_exam(rng)), missing)
        missing -= draft.n_valve_paragraphs
        drafts.append(draft)
    return drafts


def reported_grades(
    config: ArchiveConfig, state: ExamState, rng: np.random.Generator
) -> Mapping[tuple[Valve, Disease], Severity]:
    """The grades a reader gives: those of the physics, now and then one step off near an edge."""
    return {
        (valve, disease): _read_grade(config, state.valves[valve].latent(disease), rng)
        for valve in Valve
        for disease in FLOW_DISEASES
    }


def write_report(config: ArchiveConfig, seed: int, exam: ExamPlan) -> ReportDraft:
    """The report of one exam; it depends on the seed and the exam's index alone."""
    state = exam_state(config, seed, exam)
    rng = generator(seed, Stream.REPORT, exam.exam_index)
    grades = reported_grades(config, state, rng)
    style = _STYLES[int(rng.choice(len(_STYLES), p=(0.3, 0.3, 0.15, 0.1, 0.15)))]
    return ReportDraft(
        report_id=f"R{seed % 10000:04d}-{exam.exam_index:05d}",
        exam=exam,
        state=state,
        passages=_PASSAGES[style](state, grades, rng),
    )


def _cut(draft: ReportDraft, allowed: int) -> ReportDraft:
    """The draft with at most the allowed number of valve paragraphs, the last ones left out."""
    kept, count = [], 0
    for passage in draft.passages:
        count += bool(passage.valves)
        if not passage.valves or count <= allowed:
            kept.append(passage)
    return replace(draft, passages=tuple(kept))


def _read_grade(config: ArchiveConfig, latent: float, rng: np.random.Generator) -> Severity:
    grade = grade_of(latent)
    within = latent - int(grade)
    turn, side = rng.random(), within < 0.5
    near_edge = within < _EDGE_WIDTH or within > 1 - _EDGE_WIDTH
    if grade is Severity.NONE or not near_edge or turn > config.reader_disagreement / (2 * _EDGE_WIDTH):
        return grade
    return Severity(int(np.clip(grade + (-1 if side else 1), Severity.TRACE, Severity.SEVERE)))


def _pick(options: Sequence[str], rng: np.random.Generator) -> str:
    return options[int(rng.integers(len(options)))]


def _fill(template: str, **words: str) -> str:
    capital = {key.capitalize(): value[:1].upper() + value[1:] for key, value in words.items()}
    return template.format(**words, **capital)


def _grade_word(grade: Severity, disease: Disease, rng: np.random.Generator) -> str:
    if disease is Disease.REGURGITATION and grade in wording.PLUS_GRADES and rng.random() < 0.12:
        return wording.PLUS_GRADES[grade]
    return _pick(wording.GRADE_WORDS[grade], rng)


def _lesion(valve: Valve, disease: Disease, rng: np.random.Generator, *, short: float = 0.0) -> str:
    names = wording.LESION_SHORT if rng.random() < short else wording.LESION_NAMES
    return _pick(names[valve, disease], rng)


def _status(
    valve: Valve, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator, *, short: float
) -> list[str]:
    """Sentences that state stenosis and regurgitation of the valve."""
    present = [disease for disease in FLOW_DISEASES if grades[valve, disease] is not Severity.NONE]
    if not present and rng.random() < 0.7:
        return [_fill(_pick(wording.ABSENT_BOTH, rng), valve=valve.value)]
    if present and rng.random() < 0.4:
        return [_joined_status(valve, present, grades, rng, short=short)]
    sentences = [_one_status(valve, disease, grades, rng, short=short) for disease in FLOW_DISEASES]
    return sentences if rng.random() < 0.6 else sentences[::-1]


def _one_status(
    valve: Valve,
    disease: Disease,
    grades: Mapping[tuple[Valve, Disease], Severity],
    rng: np.random.Generator,
    *,
    short: float,
) -> str:
    grade, lesion = grades[valve, disease], _lesion(valve, disease, rng, short=short)
    if grade is Severity.NONE:
        return _fill(_pick(wording.ABSENT_ONE, rng), lesion=lesion)
    return _fill(_pick(wording.PRESENT_ONE, rng), lesion=lesion, grade=_grade_word(grade, disease, rng))


def _joined_status(
    valve: Valve,
    present: Sequence[Disease],
    grades: Mapping[tuple[Valve, Disease], Severity],
    rng: np.random.Generator,
    *,
    short: float,
) -> str:
    first = present[0]
    other = FLOW_DISEASES[1 - FLOW_DISEASES.index(first)]
    words = {
        "lesion": _lesion(valve, first, rng, short=short),
        "grade": _grade_word(grades[valve, first], first, rng),
        "other": _lesion(valve, other, rng, short=short),
    }
    if len(present) == 1:
        return _fill(_pick(wording.FIRST_PRESENT_THEN_ABSENT, rng), **words)
    words["other_grade"] = _grade_word(grades[valve, other], other, rng)
    return _fill(_pick(wording.BOTH_PRESENT, rng), **words)


def _morphology(
    valve: Valve, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> str:
    if is_disease(grades[valve, Disease.STENOSIS]):
        return _pick(wording.STENOTIC_MORPHOLOGY[valve], rng)
    if grades[valve, Disease.REGURGITATION] >= Severity.MILD_MODERATE and rng.random() < 0.7:
        return _pick(wording.LEAKING_MORPHOLOGY[valve], rng)
    return _pick(wording.NORMAL_MORPHOLOGY[valve], rng)


def _measured(value: float, rng: np.random.Generator) -> float:
    return value * float(1 + rng.normal(0, 0.015))


def _measurements(state: ExamState, valve: Valve, rng: np.random.Generator) -> list[str]:
    """Sentences with the numbers that a display of this valve gives."""
    entry = state.valves[valve]
    sentences = _ejection_numbers(entry, rng) if valve in SEMILUNAR else _inflow_numbers(entry, rng)
    jet = entry.jet
    if jet is None or not is_disease(grade_of(entry.regurgitation_latent)):
        return sentences
    if jet.half_time_ms:
        sentences.append(f"The regurgitant pressure half-time is {_measured(jet.half_time_ms, rng):.0f} ms.")
    elif valve is Valve.TRICUSPID:
        sentences.append(_pressure_sentence(jet.vmax_mps, state.atrial_pressure_mmhg))
    else:
        sentences.append(f"The regurgitant jet reaches {_measured(jet.vmax_mps, rng):.1f} m/s.")
    return sentences


def _pressure_sentence(jet_mps: float, atrial_mmhg: int) -> str:
    pressure = 4 * round(jet_mps, 1) ** 2 + atrial_mmhg
    return (
        f"The peak velocity of the TR jet is {jet_mps:.1f} m/s, for an estimated RVSP of {pressure:.0f} mmHg "
        f"with a right atrial pressure of {atrial_mmhg} mmHg."
    )


def _ejection_numbers(entry: ValveState, rng: np.random.Generator) -> list[str]:
    vmax = _measured(entry.forward.vmax_mps, rng)
    mean = 0.58 * 4 * vmax**2
    if not is_disease(grade_of(entry.stenosis_latent)):
        return [f"Peak velocity is {vmax:.1f} m/s."]
    options = [
        f"The peak velocity is {vmax:.1f} m/s with a mean gradient of {mean:.0f} mmHg.",
        f"Vmax {vmax:.1f} m/s, peak gradient {4 * vmax**2:.0f} mmHg, mean gradient {mean:.0f} mmHg.",
        f"Peak and mean gradients are {4 * vmax**2:.0f} and {mean:.0f} mmHg.",
    ]
    return [_pick(options, rng)]


def _inflow_numbers(entry: ValveState, rng: np.random.Generator) -> list[str]:
    mean, half_time = (
        _measured(entry.forward.mean_gradient_mmhg, rng),
        _measured(entry.forward.half_time_ms, rng),
    )
    if not is_disease(grade_of(entry.stenosis_latent)):
        return [f"The mean gradient is {max(mean, 0.4):.0f} mmHg."] if mean >= 1 else []
    if entry.valve is Valve.TRICUSPID:
        return [f"The mean gradient is {mean:.1f} mmHg with a pressure half-time of {half_time:.0f} ms."]
    area = 220.0 / half_time
    options = [
        f"The mean gradient is {mean:.1f} mmHg and the pressure half-time {half_time:.0f} ms.",
        f"Mean gradient {mean:.0f} mmHg, valve area {area:.1f} cm2 by pressure half-time.",
        f"Pressure half-time {half_time:.0f} ms, giving a valve area of {area:.1f} cm2.",
    ]
    return [_pick(options, rng)]


def _finding(
    state: ExamState,
    valve: Valve,
    grades: Mapping[tuple[Valve, Disease], Severity],
    rng: np.random.Generator,
    *,
    short: float = 0.1,
) -> str:
    sentences = [_morphology(valve, grades, rng), *_status(valve, grades, rng, short=short)]
    diseased = any(is_disease(grades[valve, disease]) for disease in FLOW_DISEASES)
    if rng.random() < (0.75 if diseased else 0.2):
        sentences += _measurements(state, valve, rng)
    return " ".join(sentences)


def _filler(state: ExamState, rng: np.random.Generator) -> str:
    return _pick(wording.FILLER, rng).format(
        ef=round(state.patient.ejection_fraction_pct / 5) * 5,
        wall=f"{rng.uniform(0.7, 1.5):.1f}",
        lvidd=f"{rng.uniform(3.8, 6.4):.1f}",
        tapse=int(rng.integers(14, 27)),
        la=f"{rng.uniform(2.9, 5.6):.1f}",
        la_word=_pick(("normal in size", "mildly dilated", "moderately dilated", "enlarged"), rng),
        root=f"{rng.uniform(2.7, 4.3):.1f}",
        rhythm="atrial fibrillation" if state.patient.fibrillates else "sinus",
        hr=round(state.heart_rate_bpm),
    )


def _valve_order(rng: np.random.Generator) -> list[Valve]:
    order = list(Valve)
    return order if rng.random() < 0.8 else [order[int(place)] for place in rng.permutation(4)]


def _impression(
    grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> list[tuple[Valve, str]]:
    """One line per lesion of the impression, the gravest first."""
    lesions = [key for key, grade in grades.items() if is_disease(grade)]
    lesions.sort(key=lambda key: -grades[key])
    return [
        (
            valve,
            _fill(
                "{grade} {lesion}.",
                grade=_grade_word(grades[valve, disease], disease, rng).capitalize(),
                lesion=_lesion(valve, disease, rng),
            ),
        )
        for valve, disease in lesions
    ]


def _impression_passage(
    grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> list[Passage]:
    lines = _impression(grades, rng)
    if not lines:
        return [Passage(text="No significant abnormality of the left ventricle.")]
    valves = tuple(dict.fromkeys(valve for valve, _ in lines))
    if rng.random() < 0.5:
        return [Passage(text=" ".join(line for _, line in lines), valves=valves)]
    numbered = "\n".join(f"{number}. {line}" for number, (_, line) in enumerate(lines, start=1))
    return [Passage(text=numbered, valves=valves)]


def _body(
    state: ExamState,
    grades: Mapping[tuple[Valve, Disease], Severity],
    rng: np.random.Generator,
    *,
    head: Callable[[Valve, int], str],
    short: float = 0.1,
) -> tuple[Passage, ...]:
    passages = [Passage(text=f"INDICATION: {_pick(wording.INDICATIONS, rng)}"), Passage(text="FINDINGS:")]
    passages += [Passage(text=_filler(state, rng)) for _ in range(int(rng.integers(1, 3)))]
    for number, valve in enumerate(_valve_order(rng), start=1):
        text = head(valve, number) + _finding(state, valve, grades, rng, short=short)
        passages.append(Passage(text=text, valves=(valve,), is_finding=True))
    passages += [Passage(text=_filler(state, rng)) for _ in range(int(rng.integers(0, 3)))]
    return (*passages, Passage(text="IMPRESSION:"), *_impression_passage(grades, rng))


def _prose(
    state: ExamState, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> tuple[Passage, ...]:
    return _body(state, grades, rng, head=lambda _valve, _number: "")


def _headings(
    state: ExamState, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> tuple[Passage, ...]:
    return _body(state, grades, rng, head=lambda valve, _number: f"{valve.value.upper()} VALVE: ")


def _numbered(
    state: ExamState, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> tuple[Passage, ...]:
    return _body(state, grades, rng, head=lambda _valve, number: f"{number}. ")


def _terse(
    state: ExamState, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> tuple[Passage, ...]:
    return _body(
        state, grades, rng, head=lambda valve, _number: f"{valve.value.capitalize()} valve - ", short=0.5
    )


def _capitals(
    state: ExamState, grades: Mapping[tuple[Valve, Disease], Severity], rng: np.random.Generator
) -> tuple[Passage, ...]:
    return tuple(replace(entry, text=entry.text.upper()) for entry in _prose(state, grades, rng))


_PASSAGES: Mapping[
    Style,
    Callable[[ExamState, Mapping[tuple[Valve, Disease], Severity], np.random.Generator], tuple[Passage, ...]],
] = {
    Style.PROSE: _prose,
    Style.HEADINGS: _headings,
    Style.NUMBERED: _numbered,
    Style.CAPITALS: _capitals,
    Style.TERSE: _terse,
}
