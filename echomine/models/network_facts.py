"""The facts of all networks, counted once and kept beside the code, so that the table needs no torch.

``python -m benchmarks.write_network_facts`` counts them anew; a test compares.
"""

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files

from echomine.domain.config import config_from

_FILE = files("echomine.models") / "network_facts.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFacts:
    """What the table of networks shows of one; counted in the published form.

    Attributes:
        parameters: All, fixed ones included.
        receptive_field: Rows that a position of the deepest map sees; None if all or unknown.
        stride: Rows of the picture between two positions of that map; None likewise.
        sees: What a position of that map sees: ``interval`` of rows, ``whole`` picture, or ``unknown``.
        gmac: Multiplications with addition for one picture, in 10^9; of detectors with 1000 regions.
        layers: Layers with weights on the longest way through.
        classes, in_channels, picture: The form that was counted.
    """

    name: str
    task: str
    year: int
    parameters: int
    receptive_field: int | None
    stride: int | None
    sees: str
    gmac: float
    layers: int
    source: str
    paper: str
    deviations: tuple[str, ...]
    classes: int
    in_channels: int
    picture: tuple[int, int]


def read_network_facts() -> tuple[NetworkFacts, ...]:
    """Facts of the networks that come with echomine, by task and year."""
    return tuple(config_from(NetworkFacts, row) for row in json.loads(_FILE.read_text(encoding="utf-8")))


def facts_to_json(facts: Iterable[NetworkFacts]) -> str:
    """What :func:`read_network_facts` reads."""
    return json.dumps([dataclasses.asdict(one) for one in facts], indent=1, ensure_ascii=False) + "\n"
