"""Pairs and views for a lab that made none: proposed from the report of the same exam.

Which paragraph of a report belongs to which image is not known. What is measured on an image proposes one, with a
probability; a transform learnt on the proposals then has its say, and proposes again. A pair weighs as much as it is
likely, and only likely ones tell a view.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding, Pair, Paragraph, View
from echomine.domain.vocabulary import FLOW_DISEASES, Disease, FlowKind, Severity, Valve
from echomine.pipeline.exam_match import ExamParagraphs, lesion_grade

NEARNESS = 8.0
"""Factor of the cosine between an image's place and a paragraph, beside the logarithm of how well it fits."""
LEAST_OF_A_VIEW = 0.5


def paragraphs_by_study(paragraphs: Sequence[Paragraph]) -> dict[str, list[Paragraph]]:
    """The paragraphs of each exam that name a stenosis, a regurgitation or a normal valve."""
    studies: dict[str, list[Paragraph]] = defaultdict(list)
    for paragraph in paragraphs:
        if paragraph.study_uid and paragraph.findings:
            studies[paragraph.study_uid].append(paragraph)
    return dict(studies)


def propose_pairs(exams: Mapping[str, ExamParagraphs]) -> tuple[Pair, ...]:
    """A first pair for every image, by its id, whose exam has a report."""
    return tuple(_pair(image, exam, None) for image, exam in exams.items())


def revise_pairs(
    exams: Mapping[str, ExamParagraphs],
    places: Mapping[str, NDArray[np.float32]],
    vectors: Mapping[str, NDArray[np.float32]],
) -> tuple[Pair, ...]:
    """The pairs anew, now that each image has a place in text space.

    Args:
        exams: Paragraphs that may speak of each image.
        places: (m,) place of each image.
        vectors: (m,) vector of each paragraph.
    """

    def near(image: str, exam: ExamParagraphs) -> NDArray[np.float64]:
        return np.array([NEARNESS * float(vectors[one.paragraph_id] @ places[image]) for one in exam.paragraphs])

    return tuple(_pair(image, exam, near(image, exam)) for image, exam in exams.items())


def _pair(image: str, exam: ExamParagraphs, near: NDArray[np.float64] | None) -> Pair:
    paragraph, probability = exam.likeliest(near)
    return Pair(image_id=image, paragraph_id=paragraph.paragraph_id, weight=probability)


def propose_views(pairs: Sequence[Pair], paragraphs: Mapping[str, Paragraph]) -> tuple[View, ...]:
    """The view that each likely pair's paragraph speaks of: its gravest valve, with the flows it names there."""
    views = []
    for pair in pairs:
        folded = fold_findings(paragraphs[pair.paragraph_id].findings)
        if folded and pair.weight >= LEAST_OF_A_VIEW:
            worst = max(folded, key=lesion_grade)
            views.append(View(image_id=pair.image_id, valve=worst.valve, flow=_flow(folded, worst.valve)))
    return tuple(views)


def _flow(findings: Sequence[Finding], valve: Valve) -> FlowKind:
    there = {one.disease for one in findings if one.valve is valve and lesion_grade(one) >= Severity.MILD}
    if there == set(FLOW_DISEASES):
        return FlowKind.MIXED
    if Disease.STENOSIS in there:
        return FlowKind.STENOSIS
    return FlowKind.REGURGITATION if Disease.REGURGITATION in there else FlowKind.NORMAL
