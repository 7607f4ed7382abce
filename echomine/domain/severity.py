"""Intervals on the ordinal severity scale, and the ways to compare grades."""

from dataclasses import dataclass

from echomine.domain.vocabulary import Severity

GRADES: tuple[Severity, ...] = tuple(grade for grade in Severity if grade is not Severity.UNSPECIFIED)
"""The seven ordered grades, none to severe."""

MILD_CLASS, MODERATE_CLASS, SEVERE_CLASS = "mild", "moderate", "severe"


@dataclass(frozen=True, slots=True, order=True)
class SeverityInterval:
    """A closed interval of grades, ``low <= high``.

    ``at least moderate`` is (moderate, severe); ``no more than mild`` is (none, mild) or (trace, mild); an
    ungraded lesion is (unspecified, unspecified).
    """

    low: Severity
    high: Severity

    def __post_init__(self) -> None:
        mixed = (self.low is Severity.UNSPECIFIED) != (self.high is Severity.UNSPECIFIED)
        if mixed or self.low > self.high:
            raise ValueError(f"a severity interval runs from low to high, got {self.low.word} to {self.high.word}")

    @classmethod
    def exactly(cls, grade: Severity) -> "SeverityInterval":
        """The interval that holds one grade only."""
        return cls(grade, grade)

    @classmethod
    def unspecified(cls) -> "SeverityInterval":
        """The interval of a lesion that is named without a grade."""
        return cls(Severity.UNSPECIFIED, Severity.UNSPECIFIED)

    @property
    def is_specified(self) -> bool:
        """Whether a grade is known at all."""
        return self.low is not Severity.UNSPECIFIED

    @property
    def midpoint(self) -> float:
        """Middle of the interval on the scale 0..6.

        Raises:
            ValueError: If no grade is specified.
        """
        if not self.is_specified:
            raise ValueError("an unspecified severity has no midpoint: ask is_specified first")
        return (self.low + self.high) / 2

    @property
    def grade(self) -> Severity:
        """One grade for the interval: the midpoint rounded up (the graver of two), or unspecified."""
        if not self.is_specified:
            return Severity.UNSPECIFIED
        return Severity(int(self.midpoint + 0.5))

    def contains(self, grade: Severity) -> bool:
        """Whether a grade lies within the interval; ``unspecified`` only within ``unspecified``."""
        return self.low <= grade <= self.high

    def overlaps(self, other: "SeverityInterval") -> bool:
        """Whether two intervals share a grade."""
        return self.low <= other.high and other.low <= self.high

    def hull(self, other: "SeverityInterval") -> "SeverityInterval":
        """The smallest interval that holds both; an unspecified one adds nothing."""
        if not self.is_specified:
            return other
        if not other.is_specified:
            return self
        return SeverityInterval(min(self.low, other.low), max(self.high, other.high))


_CLASSES: dict[Severity, frozenset[str]] = {
    Severity.MILD: frozenset({MILD_CLASS}),
    Severity.MILD_MODERATE: frozenset({MILD_CLASS, MODERATE_CLASS}),
    Severity.MODERATE: frozenset({MODERATE_CLASS}),
    Severity.MODERATE_SEVERE: frozenset({MODERATE_CLASS, SEVERE_CLASS}),
    Severity.SEVERE: frozenset({SEVERE_CLASS}),
}


def three_classes(grade: Severity) -> frozenset[str]:
    """The classes mild / moderate / severe that a grade may count as; a half-step counts as either neighbour.

    None, trace and unspecified belong to no class and give the empty set.
    """
    return _CLASSES.get(grade, frozenset())


def is_disease(grade: Severity) -> bool:
    """Whether a grade counts as disease: mild or more. None and trace do not (trace is physiologic)."""
    return grade >= Severity.MILD
