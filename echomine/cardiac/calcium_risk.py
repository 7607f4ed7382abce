"""Risk categories of an Agatston score. Published schemes differ, so the scheme is always named beside a category."""

import math
from dataclasses import dataclass

from echomine.domain.errors import ConfigurationError, MeasurementError
from echomine.domain.heart_choices import RiskSchemeName


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScheme:
    """Categories by rising score.

    Attributes:
        name: What ``--risk-scheme`` takes.
        source: Where it was published.
        words: Of the K categories.
        limits: K - 1 scores between them.
        limit_belongs_below: Whether a score at a limit is still in the lower category.
    """

    name: str
    source: str
    words: tuple[str, ...]
    limits: tuple[float, ...]
    limit_belongs_below: bool

    def __post_init__(self) -> None:
        if len(self.words) != len(self.limits) + 1 or list(self.limits) != sorted(set(self.limits)):
            raise ConfigurationError(f"risk scheme {self.name} needs rising limits between its categories")

    def category(self, score: float) -> str:
        """The category of a score.

        Raises:
            MeasurementError: If the score is negative or no number.
        """
        if not (math.isfinite(score) and score >= 0):
            raise MeasurementError(f"an Agatston score is 0 or more, got {score}")
        above = (score > limit or (score == limit and not self.limit_belongs_below) for limit in self.limits)
        return self.words[sum(above)]


def _above(name: str, source: str, words: tuple[str, ...], *limits: float) -> RiskScheme:
    return RiskScheme(name=name, source=source, words=words, limits=limits, limit_belongs_below=True)


RISK_SCHEMES: dict[str, RiskScheme] = {
    scheme.name: scheme
    for scheme in (
        RiskScheme(
            name=RiskSchemeName.FOUR,
            source="0, 1-99, 100-399, 400 and more (Hecht et al., J Cardiovasc Comput Tomogr 2017;11:74-84, CAC-DRS)",
            words=("0", "1-99", "100-399", "400 or more"),
            limits=(math.nextafter(0, 1), 100, 400),
            limit_belongs_below=False,
        ),
        _above(
            RiskSchemeName.LESSMANN2018, "Lessmann 2018", ("0-10", "11-100", "101-1000", "above 1000"), 10, 100, 1000
        ),
        _above(
            RiskSchemeName.FIVE,
            "five classes of lung screening",
            ("0", "1-10", "11-100", "101-1000", "above 1000"),
            0,
            10,
            100,
            1000,
        ),
        _above(
            RiskSchemeName.DEEPCAC,
            "Zeleznik et al., Nat Commun 2021;12:715",
            ("very low", "low", "moderate", "high"),
            0,
            100,
            300,
        ),
    )
}


def risk_scheme(name: str) -> RiskScheme:
    """A scheme by name.

    Raises:
        ConfigurationError: If there is none of that name.
    """
    if name not in RISK_SCHEMES:
        raise ConfigurationError(f"no risk scheme is called {name!r}, there are {', '.join(RISK_SCHEMES)}")
    return RISK_SCHEMES[name]
