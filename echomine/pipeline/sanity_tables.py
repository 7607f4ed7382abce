"""What a text space holds to be alike, words and paragraphs, for a person to look at."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Paragraph
from echomine.domain.splits import unit_hash
from echomine.pipeline.similar_cases import finding_words
from echomine.retrieval.text_space import TextSpace

WORDS = ("severe", "mild", "stenosis", "regurgitation", "aortic", "mitral", "trace")
PARAGRAPHS = 6


def nearest_words(space: TextSpace) -> tuple[tuple[str, str], ...]:
    """Rows of a word and its five nearest ones with their scores; a word that the space does not know has none."""
    found = ((word, space.nearest_words(word, 5)) for word in WORDS)
    return tuple((word, ", ".join(f"{one.word} {one.score:.2f}" for one in near)) for word, near in found if near)


def nearest_paragraphs(
    paragraphs: Sequence[Paragraph], vectors: Mapping[str, NDArray[np.float32]]
) -> tuple[tuple[str, str, str], ...]:
    """Rows of what a paragraph says, what the nearest one of another patient says, and its inner product.

    Some paragraphs that say different things, drawn by a hash of their ids. What is said are findings: no text of a
    report is shown.

    Args:
        paragraphs: The pool.
        vectors: (m,) unit vector of each by its id.
    """
    if not paragraphs:
        return ()
    matrix = np.stack([vectors[one.paragraph_id] for one in paragraphs])
    patients = np.array([one.patient for one in paragraphs])
    rows = []
    for place in _drawn(paragraphs):
        others = patients != patients[place]
        if others.any():
            scores = np.where(others, matrix @ matrix[place], -np.inf)
            best = int(scores.argmax())
            rows.append((_said(paragraphs[place]), _said(paragraphs[best]), f"{scores[best]:.2f}"))
    return tuple(rows)


def _drawn(paragraphs: Sequence[Paragraph]) -> list[int]:
    """Places of paragraphs that say different things, in an order that their ids give."""
    first: dict[str, int] = {}
    for place in sorted(range(len(paragraphs)), key=lambda place: unit_hash(paragraphs[place].paragraph_id)):
        if paragraphs[place].findings:
            first.setdefault(_said(paragraphs[place]), place)
    return list(first.values())[:PARAGRAPHS]


def _said(paragraph: Paragraph) -> str:
    return "; ".join(finding_words(paragraph)) or "no finding"
