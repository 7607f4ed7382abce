"""The paragraphs that have a say on an image: the nearest of each valve that it may show.

Which valve a display shows is told by heads that see more of it than its place in text space does, which may lie nearer
to the paragraphs of another valve, on another machine's displays above all. So the paragraphs of each likely valve are
searched by themselves, and the probability of the valve is the weight that they have together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.domain.vocabulary import Valve
from echomine.retrieval.columns import ParagraphFilter
from echomine.retrieval.paragraph_index import Neighbour, ParagraphIndex
from echomine.retrieval.vote import VoteConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ValveNeighbours:
    """The paragraphs about one valve that are nearest to an image.

    Attributes:
        valve: The valve.
        probability: That the image shows it, 0..1.
        neighbours: Best first.
    """

    valve: Valve
    probability: float
    neighbours: tuple[Neighbour, ...]


def near_by_valve(
    index: ParagraphIndex,
    vectors: NDArray[np.float32],
    valves: NDArray[np.float32],
    config: VoteConfig,
    patients: Sequence[str] | None = None,
) -> list[tuple[ValveNeighbours, ...]]:
    """For each of N images the nearest paragraphs of each valve that its vote can answer, the likeliest valve first.

    A lesion needs ``config.min_support`` of all weight to be answered, so the paragraphs of a less likely valve are not
    searched for.

    Args:
        index: The paragraphs.
        vectors: (N, m) places of the images.
        valves: (N, valves) probabilities, in the order of :class:`Valve`.
        config: Settings of the vote.
        patients: N patients, each left out of its own search; ``""`` leaves out none.
    """
    found: list[list[ValveNeighbours]] = [[] for _ in vectors]
    for place, valve in enumerate(Valve):
        likely = np.flatnonzero(valves[:, place] >= config.min_support).tolist()
        if not likely:
            continue
        wanted = ParagraphFilter(valves=frozenset({valve}))
        own = [patients[row] for row in likely] if patients is not None else None
        for row, hits in zip(
            likely, index.search(vectors[likely], config.k, wanted=wanted, own_patients=own), strict=True
        ):
            probability = float(valves[row, place])
            found[row].append(ValveNeighbours(valve=valve, probability=probability, neighbours=tuple(hits)))
    return [tuple(sorted(one, key=lambda near: -near.probability)) for one in found]
