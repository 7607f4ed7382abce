"""The vote: what the nearest paragraphs, weighted by nearness, say of each valve and disease.

A paragraph that says nothing of a pair has no voice in it: not mentioned is not absent. A negated one, or one that
    calls
the valve normal, votes for *none*. First comes present (mild or more) or absent, by the larger weight. The grade is the
interquartile mean of the side that won, rounded: nearly as exact as the median where neighbours agree, nearer than it
where they do not. The severity interval is a pair of weighted quantiles around it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ConfigurationError
from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding, Hit, Paragraph
from echomine.domain.severity import GRADES, SeverityInterval
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Disease, Severity, Valve

_MIDDLE = 0.5
_QUARTILES = (0.25, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteConfig:
    """Settings of the vote.

    Attributes:
        k: Paragraphs that vote.
        temperature: Softmax temperature on the score; small lets the nearest decide.
        quantile: The severity interval runs from this weighted quantile to its mirror, 0 < q < 0.5.
        min_support: Least share of the weight that must speak of a pair for it to be answered.
        normal_is_absent: Whether a normal valve votes against its stenosis and regurgitation.
    """

    k: int = 20
    temperature: float = 0.05
    quantile: float = 0.2
    min_support: float = 0.3
    normal_is_absent: bool = True

    def __post_init__(self) -> None:
        if self.k < 1 or self.temperature <= 0:
            raise ConfigurationError(f"a vote needs k >= 1 and a temperature > 0, got {self}")
        if not (0 < self.quantile < _MIDDLE and 0 <= self.min_support <= 1):
            raise ConfigurationError(f"a vote needs 0 < quantile < 0.5 and a share as min_support, got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one paragraph says of one pair: an interval of grades, unspecified for a lesion without one."""

    valve: Valve
    disease: Disease
    severity: SeverityInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class Ballot:
    """One paragraph near a query: how near, and what it says."""

    score: float
    readings: tuple[Reading, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairVote:
    """The outcome for one valve and disease.

    Attributes:
        valve: The valve.
        disease: The disease.
        support: Share of all weight whose paragraphs speak of the pair, 0..1.
        present: Share of that weight that says mild or more, 0..1; a lesion without a grade counts as
            present.
        severity: Interval of grades around ``grade``; unspecified when no paragraph gives a grade.
        grade: Interquartile mean of the side that won, present or absent, rounded; ``severity.grade`` is the same.
        expected: Weighted mean grade, 0..6; NaN without any grade.
        spread: Weighted standard deviation of the grade; 0 without any.
        top_score: Highest score among the paragraphs that speak of the pair.
        shares: Weight share of each of the seven grades; sums to 1, or to 0 without any.
    """

    valve: Valve
    disease: Disease
    support: float
    present: float
    severity: SeverityInterval
    grade: Severity
    expected: float
    spread: float
    top_score: float
    shares: tuple[float, ...] = field(repr=False)

    @property
    def is_present(self) -> bool:
        """Whether the vote is for disease: mild or more."""
        return self.present >= _MIDDLE

    @property
    def assertion(self) -> Assertion:
        """Present for mild or more, else negated: trace is physiologic."""
        return Assertion.PRESENT if self.is_present else Assertion.NEGATED

    @property
    def margin(self) -> float:
        """How clear the vote between present and absent is, 0..1."""
        return abs(2 * self.present - 1)


def readings_of(paragraph: Paragraph, *, normal_is_absent: bool = True) -> tuple[Reading, ...]:
    """What a paragraph says of each pair, findings folded; only present and negated statements speak."""
    folded = fold_findings(paragraph.findings)
    spoken = [finding for finding in folded if finding.assertion in {Assertion.PRESENT, Assertion.NEGATED}]
    plain = [_reading(finding) for finding in spoken if finding.disease is not Disease.NORMAL]
    if not normal_is_absent:
        return tuple(plain)
    normal = [finding.valve for finding in spoken if finding.disease is Disease.NORMAL]
    stated = {(finding.valve, finding.disease) for finding in folded}
    implied = [
        Reading(valve=valve, disease=disease, severity=SeverityInterval.exactly(Severity.NONE))
        for valve in normal
        for disease in FLOW_DISEASES
        if (valve, disease) not in stated
    ]
    return tuple(plain + implied)


def vote(ballots: Sequence[Ballot], config: VoteConfig | None = None) -> tuple[PairVote, ...]:
    """The outcome for each pair with enough support, in the order of the vocabularies; none for no ballots.

    The first ``config.k`` ballots vote, each with the softmax of its score over all of them.
    """
    config = config or VoteConfig()
    voters = ballots[: config.k]
    weights = _softmax(np.array([ballot.score for ballot in voters]), config.temperature)
    spoken: dict[tuple[Valve, Disease], list[tuple[float, float, SeverityInterval]]] = defaultdict(list)
    for ballot, weight in zip(voters, weights.tolist(), strict=True):
        for reading in ballot.readings:
            spoken[reading.valve, reading.disease].append((weight, ballot.score, reading.severity))
    outcomes = [_outcome(pair, voices, config) for pair, voices in sorted(spoken.items(), key=_order)]
    return tuple(outcome for outcome in outcomes if outcome.support >= config.min_support)


def vote_of_hits(hits: Iterable[Hit], config: VoteConfig | None = None) -> tuple[PairVote, ...]:
    """The vote over hits, best first; reads their findings each time, so keep ballots where speed matters."""
    config = config or VoteConfig()
    ballots = [
        Ballot(
            score=hit.score,
            readings=readings_of(hit.paragraph, normal_is_absent=config.normal_is_absent),
        )
        for hit in hits
    ]
    return vote(ballots, config)


def _reading(finding: Finding) -> Reading:
    negated = finding.assertion is Assertion.NEGATED
    severity = SeverityInterval.exactly(Severity.NONE) if negated else finding.severity
    return Reading(valve=finding.valve, disease=finding.disease, severity=severity)


def _order(item: tuple[tuple[Valve, Disease], object]) -> tuple[int, int]:
    valve, disease = item[0]
    return list(Valve).index(valve), list(Disease).index(disease)


def _softmax(scores: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    if not scores.size:
        return scores
    powers = np.exp((scores - scores.max()) / temperature)
    return np.asarray(powers / powers.sum())


def _outcome(
    pair: tuple[Valve, Disease], voices: list[tuple[float, float, SeverityInterval]], config: VoteConfig
) -> PairVote:
    support = sum(weight for weight, _, _ in voices)
    graded, ungraded = _weights_by_grade(voices)
    present = (graded[Severity.MILD :].sum() + ungraded) / support
    shares = _shares(graded, ungraded)
    known = bool(shares.any())
    grade, interval = _grade_and_interval(shares, config.quantile, diseased=present >= _MIDDLE)
    scale = np.arange(len(GRADES))
    expected = float(shares @ scale) if known else float("nan")
    return PairVote(
        valve=pair[0],
        disease=pair[1],
        support=min(1.0, support),
        present=min(1.0, float(present)),
        severity=interval,
        grade=grade,
        expected=expected,
        spread=float(np.sqrt(shares @ (scale - expected) ** 2)) if known else 0.0,
        top_score=max(score for _, score, _ in voices),
        shares=tuple(shares.tolist()),
    )


def _weights_by_grade(
    voices: list[tuple[float, float, SeverityInterval]],
) -> tuple[NDArray[np.float64], float]:
    """Weight of each of the seven grades, intervals spread evenly, and of lesions without a grade."""
    graded = np.zeros(len(GRADES))
    ungraded = 0.0
    for weight, _, severity in voices:
        if severity.is_specified:
            graded[severity.low : severity.high + 1] += weight / (severity.high - severity.low + 1)
        else:
            ungraded += weight
    return graded, ungraded


def _shares(graded: NDArray[np.float64], ungraded: float) -> NDArray[np.float64]:
    """Shares of the grades; a lesion without a grade counts like the present ones that have one.

    All are 0 where no grade can be told: nothing graded, or lesions in the majority and none of them graded.
    """
    diseased = graded[Severity.MILD :].sum()
    absent = graded[: Severity.MILD].sum()
    if diseased:
        factor = np.where(np.arange(len(GRADES)) >= Severity.MILD, 1 + ungraded / diseased, 1.0)
        graded = graded * factor
    elif ungraded >= absent:
        return np.zeros(len(GRADES))
    return np.asarray(graded / graded.sum())


def _grade_and_interval(
    shares: NDArray[np.float64], quantile: float, *, diseased: bool
) -> tuple[Severity, SeverityInterval]:
    """The mean of the winning side and quantiles around it, the wider side cut until their middle is the mean."""
    if not shares.any():
        return Severity.UNSPECIFIED, SeverityInterval.unspecified()
    grade = _middle_grade(shares, diseased=diseased)
    low = min(_quantile(shares, quantile), grade)
    high = max(_quantile(shares, 1 - quantile), grade)
    while SeverityInterval(low, high).grade is not grade:
        if grade - low > high - grade:
            low = Severity(low + 1)
        else:
            high = Severity(high - 1)
    return grade, SeverityInterval(low, high)


def _middle_grade(shares: NDArray[np.float64], *, diseased: bool) -> Severity:
    """The interquartile mean of the winning side, rounded."""
    side = np.arange(len(GRADES)) >= Severity.MILD
    reached = np.cumsum(np.where(side if diseased else ~side, shares, 0.0))
    clipped = np.clip(reached / reached[-1], *_QUARTILES)
    middle = np.diff(clipped, prepend=_QUARTILES[0])
    return Severity(int(middle @ np.arange(len(GRADES)) / middle.sum() + 0.5 + 1e-9))


def _quantile(shares: NDArray[np.float64], quantile: float) -> Severity:
    """The first grade up to which more than ``quantile`` of the weight lies, the graver at a tie."""
    reached = np.cumsum(shares) > quantile + 1e-9
    return GRADES[int(np.argmax(reached))] if reached.any() else GRADES[int(np.flatnonzero(shares)[-1])]
