"""The plan of an archive: which exams there are, what their displays aim at, which exams have a report."""

from dataclasses import dataclass

import numpy as np

from echomine.domain.vocabulary import DopplerMode, Valve
from echomine.synthetic.config import ArchiveConfig
from echomine.synthetic.patients import ExamState, make_exam, make_patient
from echomine.synthetic.physics import SEMILUNAR
from echomine.synthetic.randomness import Stream, generator, unique_uid

_FOLLOW_UP_SHARE = 0.12
_SECOND_IMAGE_SHARE = 0.2
_PRIMARY_SHARE = 0.85


@dataclass(frozen=True, slots=True, kw_only=True)
class ExamPlan:
    """One exam: an entry of the calendar, cheap to make anew into its state."""

    exam_index: int
    patient_index: int
    visit: int
    study_uid: str
    series_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePlan:
    """One display that is to be drawn."""

    image_index: int
    exam: ExamPlan
    number: int
    sop_uid: str
    valve: Valve
    mode: DopplerMode


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlan:
    """The plan of an archive.

    Attributes:
        config, seed: What it was made from.
        paired: Images of reported exams, one an exam.
        unreported: Images of exams without a report.
        viewed: Indices of the images with a hand-made view, ascending.
    """

    config: ArchiveConfig
    seed: int
    paired: tuple[ImagePlan, ...]
    unreported: tuple[ImagePlan, ...]
    viewed: tuple[int, ...]

    @property
    def images(self) -> tuple[ImagePlan, ...]:
        """All images, the paired first."""
        return self.paired + self.unreported


class ExamCalendar:
    """Hands out exams in a row: mostly of new patients, now and then a later visit of one seen before."""

    def __init__(self, seed: int, *, first_exam: int = 0, first_patient: int = 0) -> None:
        self._seed = seed
        self._next_exam = first_exam
        self._next_patient = first_patient
        self._visits: list[int] = [0] * first_patient

    def next_exam(self, rng: np.random.Generator) -> ExamPlan:
        """The next exam."""
        patient, visit = self._choose_patient(rng)
        exam_index = self._next_exam
        self._next_exam += 1
        return ExamPlan(
            exam_index=exam_index,
            patient_index=patient,
            visit=visit,
            study_uid=unique_uid(self._seed, "study", exam_index),
            series_uid=unique_uid(self._seed, "series", exam_index),
        )

    def _choose_patient(self, rng: np.random.Generator) -> tuple[int, int]:
        if self._visits and rng.random() < _FOLLOW_UP_SHARE:
            patient = int(rng.integers(len(self._visits)))
            self._visits[patient] += 1
            return patient, self._visits[patient]
        self._visits.append(0)
        return len(self._visits) - 1, 0


def plan_archive(config: ArchiveConfig, seed: int) -> tuple[ArchivePlan, ExamCalendar]:
    """The plan of the images, and the calendar from which report-only exams are taken on."""
    rng = generator(seed, Stream.PLAN)
    calendar = ExamCalendar(seed)
    paired = [
        _plan_image(config, seed, index, calendar.next_exam(rng), rng) for index in range(config.n_reported_pairs)
    ]
    unreported: list[ImagePlan] = []
    while len(unreported) < config.n_unreported_images:
        exam = calendar.next_exam(rng)
        for number in range(2 if rng.random() < _SECOND_IMAGE_SHARE else 1):
            if len(unreported) < config.n_unreported_images:
                index = len(paired) + len(unreported)
                unreported.append(_plan_image(config, seed, index, exam, rng, number=number))
    viewed = np.sort(rng.permutation(config.n_images)[: config.n_views])
    plan = ArchivePlan(
        config=config,
        seed=seed,
        paired=tuple(paired),
        unreported=tuple(unreported),
        viewed=tuple(int(index) for index in viewed),
    )
    return plan, calendar


def exam_state(config: ArchiveConfig, seed: int, exam: ExamPlan) -> ExamState:
    """The patient at that exam."""
    patient = make_patient(config, seed, exam.patient_index)
    return make_exam(seed, patient, exam.exam_index, exam.visit)


def _plan_image(
    config: ArchiveConfig, seed: int, index: int, exam: ExamPlan, rng: np.random.Generator, *, number: int = 0
) -> ImagePlan:
    state = exam_state(config, seed, exam)
    valve = state.patient.primary
    if rng.random() > _PRIMARY_SHARE or number > 0:
        valve = tuple(Valve)[int(rng.integers(4))]
    pulsed = rng.random() < config.pw_share
    if valve in SEMILUNAR and state.valves[valve].forward.vmax_mps > 2.4:
        pulsed = False
    return ImagePlan(
        image_index=index,
        exam=exam,
        number=number,
        sop_uid=unique_uid(seed, "image", index),
        valve=valve,
        mode=DopplerMode.PW if pulsed else DopplerMode.CW,
    )
