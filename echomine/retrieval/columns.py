"""What the index knows of each paragraph besides its vector: columns for fast filters."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date

import numpy as np
from numpy.typing import NDArray

from echomine.domain.records import Paragraph
from echomine.domain.vocabulary import Valve

_BIT: dict[Valve, int] = {valve: 1 << place for place, valve in enumerate(Valve)}
_NO_DATE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ParagraphFilter:
    """Which paragraphs a search may return; an empty field lets all pass.

    Attributes:
        valves: Those that speak of at least one of these.
        first, last: Those performed within these days, both included; an unknown date does not pass.
        sites: Those from one of these sources.
        patients: Those of one of these patients.
        without_patients: Those of none of these patients.
    """

    valves: frozenset[Valve] = frozenset()
    first: date | None = None
    last: date | None = None
    sites: frozenset[str] = frozenset()
    patients: frozenset[str] = frozenset()
    without_patients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ParagraphColumns:
    """N paragraphs as columns.

    Attributes:
        paragraph_ids: (N,) str.
        patients: (N,) str, ``""`` when unknown.
        sites: (N,) str.
        valves: (N,) uint8, one bit for each valve that the findings name.
        days: (N,) int32 proleptic ordinal of the exam date, 0 when unknown.
    """

    paragraph_ids: NDArray[np.str_]
    patients: NDArray[np.str_]
    sites: NDArray[np.str_]
    valves: NDArray[np.uint8]
    days: NDArray[np.int32]

    @classmethod
    def of(cls, paragraphs: Sequence[Paragraph]) -> "ParagraphColumns":
        """The columns of paragraphs."""
        return cls(
            paragraph_ids=_texts(paragraph.paragraph_id for paragraph in paragraphs),
            patients=_texts(paragraph.patient for paragraph in paragraphs),
            sites=_texts(paragraph.site for paragraph in paragraphs),
            valves=np.array([_valve_bits(paragraph) for paragraph in paragraphs], dtype=np.uint8),
            days=np.array([_day(paragraph.performed) for paragraph in paragraphs], dtype=np.int32),
        )

    def __len__(self) -> int:
        return int(self.paragraph_ids.size)

    def joined(self, other: "ParagraphColumns") -> "ParagraphColumns":
        """These rows, then those of another."""
        names = [entry.name for entry in fields(self)]
        return ParagraphColumns(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names})

    def at(self, rows: NDArray[np.int64]) -> "ParagraphColumns":
        """Some of the rows."""
        return ParagraphColumns(**{entry.name: getattr(self, entry.name)[rows] for entry in fields(self)})

    def passing(self, wanted: ParagraphFilter) -> NDArray[np.bool_]:
        """(N,) whether each paragraph passes the filter."""
        mask = np.ones(len(self), dtype=bool)
        if wanted.valves:
            mask &= (self.valves & sum(_BIT[valve] for valve in wanted.valves)) != 0
        if wanted.first or wanted.last:
            last = _day(wanted.last) if wanted.last else date.max.toordinal()
            mask &= (self.days != _NO_DATE) & (self.days >= _day(wanted.first)) & (self.days <= last)
        if wanted.sites:
            mask &= np.isin(self.sites, sorted(wanted.sites))
        if wanted.patients:
            mask &= np.isin(self.patients, sorted(wanted.patients))
        if wanted.without_patients:
            mask &= ~np.isin(self.patients, sorted(wanted.without_patients))
        return mask


def _texts(values: Iterable[str]) -> NDArray[np.str_]:
    return np.array(list(values), dtype=np.str_)


def _valve_bits(paragraph: Paragraph) -> int:
    bits = 0
    for finding in paragraph.findings:
        bits |= _BIT[finding.valve]
    return bits


def _day(performed: date | None) -> int:
    return performed.toordinal() if performed else _NO_DATE
