"""The vote: what the nearest paragraphs, weighted by nearness, say of each valve and disease.

A paragraph that says nothing of a pair has no voice in it: not mentioned is not absent. A negated one, or one that
calls the valve normal, votes for *none*. A lesion is present when enough of the weight says mild or more. The grade is
the weighted mean, rounded, and never on the other side of that decision; the severity interval is a pair of weighted
quantiles around it.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from operator import mul

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ConfigurationError
from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding, Paragraph
from echomine.domain.severity import GRADES, SeverityInterval
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Disease, Severity, Valve

FLOW_PAIRS: tuple[tuple[Valve, Disease], ...] = tuple((valve, disease) for valve in Valve for disease in FLOW_DISEASES)
"""The lesions that a spectral Doppler display can show."""

_FLOW_PLACE = {pair: place for place, pair in enumerate(FLOW_PAIRS)}
_MIDDLE = 0.5
_UNGRADED = len(GRADES)
_SILENCE = (0.0,) * (len(GRADES) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteConfig:
    """Settings of the vote.

    Attributes:
        k: Paragraphs that vote.
        temperature: Softmax temperature on the score; small lets the nearest decide.
        quantile: The severity interval runs from this weighted quantile to its mirror, 0 < q < 0.5.
        presence: Least share of the weight that makes a lesion present. Below one half, because a place between a
            trace and a mild lesion has neighbours of both kinds and a lesion that is missed costs more.
        min_support: Least share of the weight that must speak of a pair for it to be answered.
        normal_is_absent: Whether a normal valve votes against its stenosis and regurgitation.
    """

    k: int = 100
    temperature: float = 0.1
    quantile: float = 0.2
    presence: float = 0.2
    min_support: float = 0.3
    normal_is_absent: bool = True

    def __post_init__(self) -> None:
        if self.k < 1 or self.temperature <= 0:
            raise ConfigurationError(f"a vote needs k >= 1 and a temperature > 0, got {self}")
        if not (0 < self.quantile < _MIDDLE and 0 <= self.min_support <= 1 and 0 < self.presence <= 1):
            raise ConfigurationError(
                f"a vote needs 0 < quantile < 0.5 and shares as presence and min_support, got {self}"
            )


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
        is_present: Whether the vote is for disease: mild or more.
        grade: Weighted mean grade, rounded, on the side of ``is_present``; ``severity.grade`` is the same.
        expected: Weighted mean grade, 0..6; NaN without any grade.
        spread: Weighted standard deviation of the grade; 0 without any.
        top_score: Highest score among the paragraphs that speak of the pair.
        shares: Weight share of each of the seven grades; sums to 1, or to 0 without any.
    """

    valve: Valve
    disease: Disease
    support: float
    present: float
    is_present: bool
    severity: SeverityInterval
    grade: Severity
    expected: float
    spread: float
    top_score: float
    shares: tuple[float, ...] = field(repr=False)

    @property
    def assertion(self) -> Assertion:
        """Present for mild or more, else negated: trace is physiologic."""
        return Assertion.PRESENT if self.is_present else Assertion.NEGATED


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
    tallies: dict[tuple[Valve, Disease], _Tally] = defaultdict(_Tally)
    for ballot, weight in zip(voters, weights.tolist(), strict=True):
        for reading in ballot.readings:
            tallies[reading.valve, reading.disease].add(weight, ballot.score, reading.severity)
    outcomes = [_outcome(pair, tally, config) for pair, tally in sorted(tallies.items(), key=_order)]
    return tuple(outcome for outcome in outcomes if outcome.support >= config.min_support)


class VoteTable:
    """What many paragraphs say of the lesions that a Doppler display can show, as arrays: the same vote, much faster.

    Args:
        readings: What each paragraph says, by its id.
    """

    def __init__(self, readings: Mapping[str, Sequence[Reading]]) -> None:
        self._row = {name: row for row, name in enumerate(readings)}
        self._said = np.zeros((len(readings), len(FLOW_PAIRS)), dtype=bool)
        voices = np.zeros((len(readings), len(FLOW_PAIRS), len(GRADES) + 1))
        for row, spoken in enumerate(readings.values()):
            for reading in spoken:
                place = _FLOW_PLACE.get((reading.valve, reading.disease))
                if place is not None:
                    self._said[row, place] = True
                    voices[row, place] += _voice(reading.severity)
        self._voices = voices.reshape(len(readings), len(FLOW_PAIRS) * (len(GRADES) + 1))

    def vote(
        self,
        names: Sequence[str],
        scores: Sequence[float],
        config: VoteConfig,
        *,
        valve: Valve | None = None,
        weight: float = 1.0,
    ) -> tuple[PairVote, ...]:
        """The outcome of paragraphs, nearest first, for each lesion with enough support.

        Args:
            names: The paragraphs.
            scores: How near each is.
            config: Settings.
            valve: Only lesions of this valve.
            weight: Of all paragraphs together, 0..1: less than 1 where others have a say as well.

        Raises:
            KeyError: If a paragraph is not in the table.
        """
        rows = [self._row[name] for name in names[: config.k]]
        if not rows:
            return ()
        nearness = np.array(scores[: config.k], dtype=np.float64)
        weights = weight * _softmax(nearness, config.temperature)
        said = self._said[rows]
        support = weights @ said
        voices = (weights @ self._voices[rows]).reshape(len(FLOW_PAIRS), len(GRADES) + 1)
        return tuple(
            _outcome(
                FLOW_PAIRS[place],
                _Tally(float(support[place]), voices[place].tolist(), float(nearness[said[:, place]].max())),
                config,
            )
            for place in np.flatnonzero((support >= config.min_support) & (support > 0)).tolist()
            if valve is None or FLOW_PAIRS[place][0] is valve
        )


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


class _Tally:
    """The voices on one pair.

    Args:
        support: Weight of those who speak.
        voices: Weight of each of the seven grades and, last, of a lesion without one.
        top_score: Highest score among them.
    """

    __slots__ = ("support", "top_score", "voices")

    def __init__(self, support: float = 0.0, voices: Sequence[float] = _SILENCE, top_score: float = -math.inf) -> None:
        self.support = support
        self.voices = voices
        self.top_score = top_score

    def add(self, weight: float, score: float, severity: SeverityInterval) -> None:
        """Counts one more voice."""
        self.support += weight
        self.voices = [all_ + weight * own for all_, own in zip(self.voices, _voice(severity), strict=True)]
        self.top_score = max(self.top_score, score)


@lru_cache(maxsize=64)
def _voice(severity: SeverityInterval) -> tuple[float, ...]:
    """A whole vote: an interval is spread evenly over its grades, a lesion without a grade has the last place."""
    if not severity.is_specified:
        return (*(0.0 for _ in GRADES), 1.0)
    share = 1 / (severity.high - severity.low + 1)
    return (*(share if severity.contains(grade) else 0.0 for grade in GRADES), 0.0)


def _outcome(pair: tuple[Valve, Disease], tally: _Tally, config: VoteConfig) -> PairVote:
    """The outcome of one pair; in plain numbers, for an array of seven costs more than it saves."""
    graded, ungraded = tally.voices[:_UNGRADED], tally.voices[_UNGRADED]
    present = min(1.0, (math.fsum(graded[Severity.MILD :]) + ungraded) / tally.support)
    is_present = present >= config.presence
    shares = _shares(graded, ungraded)
    is_graded = any(shares)
    expected = math.fsum(map(mul, shares, GRADES)) if is_graded else math.nan
    grade, interval = _grade_and_interval(shares, expected, config.quantile, is_present=is_present)
    variance = math.fsum(share * (grade - expected) ** 2 for share, grade in zip(shares, GRADES, strict=True))
    return PairVote(
        valve=pair[0],
        disease=pair[1],
        support=min(1.0, tally.support),
        present=present,
        is_present=is_present,
        severity=interval,
        grade=grade,
        expected=expected,
        spread=math.sqrt(variance) if is_graded else 0.0,
        top_score=tally.top_score,
        shares=shares,
    )


def _shares(graded: Sequence[float], ungraded: float) -> tuple[float, ...]:
    """Shares of the grades; a lesion without a grade counts like the present ones that have one.

    All are 0 where no grade can be told: nothing graded, or lesions in the majority and none of them graded.
    """
    absent, diseased = graded[: Severity.MILD], graded[Severity.MILD :]
    of_disease = math.fsum(diseased)
    if not of_disease and ungraded >= math.fsum(absent):
        return _SILENCE[:_UNGRADED]
    factor = 1 + ungraded / of_disease if of_disease else 1.0
    weights = [*absent, *(weight * factor for weight in diseased)]
    total = math.fsum(weights)
    return tuple(weight / total for weight in weights)


def _grade_and_interval(
    shares: Sequence[float], expected: float, quantile: float, *, is_present: bool
) -> tuple[Severity, SeverityInterval]:
    """The mean on the side of the decision, and quantiles around it, cut until their middle is the mean."""
    if math.isnan(expected):
        return Severity.UNSPECIFIED, SeverityInterval.unspecified()
    nearest = Severity(int(expected + 0.5))
    grade = max(nearest, Severity.MILD) if is_present else min(nearest, Severity.TRACE)
    low = min(_quantile(shares, quantile), grade)
    high = max(_quantile(shares, 1 - quantile), grade)
    while SeverityInterval(low, high).grade is not grade:
        if grade - low > high - grade:
            low = Severity(low + 1)
        else:
            high = Severity(high - 1)
    return grade, SeverityInterval(low, high)


def _quantile(shares: Sequence[float], quantile: float) -> Severity:
    """The first grade up to which more than ``quantile`` of the weight lies, the graver at a tie."""
    for grade, reached in zip(GRADES, accumulate(shares), strict=True):
        if reached > quantile + 1e-9:
            return grade
    return max(grade for grade, share in zip(GRADES, shares, strict=True) if share)
