"""Items that could not be taken in, each with its reason."""

from dataclasses import dataclass
from enum import StrEnum

from echomine.domain.errors import Reason
from echomine.domain.vocabulary import ItemState

SKIPPED = frozenset(
    {
        Reason.WRONG_MODALITY,
        Reason.NO_PIXELS,
        Reason.NO_SPECTRAL_REGION,
        Reason.BLANK_PICTURE,
        Reason.PHOTOGRAPH,
        Reason.COLOUR_DOPPLER,
        Reason.TWO_DIMENSIONAL,
        Reason.M_MODE,
    }
)
"""Sound files that hold no spectral display: nothing to repair."""


class ItemKind(StrEnum):
    """What kind of item a problem is about."""

    IMAGE = "image"
    REPORT = "report"
    PAIR = "pair"
    VIEW = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemProblem:
    """One item that was not taken in.

    Attributes:
        where: Printable identifier of the item: an image id, or ``file-`` and a digest; no file name.
        kind: What it was to be.
        reason: The code.
        message: One sentence that says what to do; names no path and no patient.
        relative_path: Where it lies below its source, printable (see ``safe_names.stored_path``).
    """

    where: str
    kind: ItemKind
    reason: Reason
    message: str
    relative_path: str = ""

    @property
    def state(self) -> ItemState:
        """Skipped for sound files without a spectral display, else quarantined."""
        return state_of(self.reason)


def state_of(reason: Reason) -> ItemState:
    """The state that a reason leads to."""
    return ItemState.SKIPPED if reason in SKIPPED else ItemState.QUARANTINED
