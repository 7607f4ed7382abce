"""Pairs and views for a lab that made none: proposed from the report of the same exam.

An exam has several images and its report several valve paragraphs; which belongs to which is not known. The first
proposal pairs each image with the paragraph of the gravest lesion, because lesions are what displays are kept for;
each revision gives an image the paragraph of its exam that lies nearest to its place in text space.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding, Pair, Paragraph, View
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Disease, FlowKind, Severity, Valve


def paragraphs_by_study(paragraphs: Sequence[Paragraph]) -> dict[str, list[Paragraph]]:
    """The paragraphs of each exam that name a stenosis, a regurgitation or a normal valve."""
    studies: dict[str, list[Paragraph]] = defaultdict(list)
    for paragraph in paragraphs:
        if paragraph.study_uid and paragraph.findings:
            studies[paragraph.study_uid].append(paragraph)
    return dict(studies)


def propose_pairs(
    image_ids: Sequence[str], study_uids: Sequence[str], studies: Mapping[str, Sequence[Paragraph]]
) -> tuple[Pair, ...]:
    """A first pair for every image whose exam has a report; none for the others."""
    return tuple(
        Pair(image_id=image, paragraph_id=max(studies[study], key=_gravity).paragraph_id, weight=0.5)
        for image, study in zip(image_ids, study_uids, strict=True)
        if study in studies
    )


def revise_pairs(
    pairs: Sequence[Pair],
    places: Mapping[str, NDArray[np.float32]],
    candidates: Mapping[str, Sequence[Paragraph]],
    vectors: Mapping[str, NDArray[np.float32]],
) -> tuple[Pair, ...]:
    """The pairs with each image given the nearest paragraph of its exam.

    Args:
        pairs: The pairs so far.
        places: (m,) place of each image.
        candidates: Paragraphs of each image's exam.
        vectors: (m,) vector of each paragraph.
    """

    def nearest(pair: Pair) -> Pair:
        place = places[pair.image_id]
        best = max(candidates[pair.image_id], key=lambda one: float(vectors[one.paragraph_id] @ place))
        return Pair(image_id=pair.image_id, paragraph_id=best.paragraph_id, weight=pair.weight)

    return tuple(nearest(pair) for pair in pairs)


def propose_views(pairs: Sequence[Pair], paragraphs: Mapping[str, Paragraph]) -> tuple[View, ...]:
    """The view that each paired paragraph speaks of: its gravest valve, with the flows it names there."""
    views = []
    for pair in pairs:
        folded = fold_findings(paragraphs[pair.paragraph_id].findings)
        if folded:
            gravest = max(folded, key=_weight)
            views.append(View(image_id=pair.image_id, valve=gravest.valve, flow=_flow(folded, gravest.valve)))
    return tuple(views)


def _gravity(paragraph: Paragraph) -> tuple[int, str]:
    return max(map(_weight, paragraph.findings)), paragraph.paragraph_id


def _weight(finding: Finding) -> int:
    diseased = finding.assertion is Assertion.PRESENT and finding.disease in FLOW_DISEASES
    return int(finding.severity.high) if diseased else 0


def _flow(findings: Sequence[Finding], valve: Valve) -> FlowKind:
    there = {one.disease for one in findings if one.valve is valve and _weight(one) >= Severity.MILD}
    if there == set(FLOW_DISEASES):
        return FlowKind.MIXED
    if Disease.STENOSIS in there:
        return FlowKind.STENOSIS
    return FlowKind.REGURGITATION if Disease.REGURGITATION in there else FlowKind.NORMAL
