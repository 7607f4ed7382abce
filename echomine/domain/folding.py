"""Folding several findings into one per valve and disease."""

from collections.abc import Iterable
from itertools import groupby, product

from echomine.domain.records import Finding
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Valve

_STRENGTH: dict[Assertion, int] = {
    Assertion.PRESENT: 0,
    Assertion.NEGATED: 1,
    Assertion.POSSIBLE: 2,
    Assertion.HISTORICAL: 3,
    Assertion.NOT_ASSESSED: 4,
    Assertion.HYPOTHETICAL: 5,
    Assertion.FAMILY: 6,
}
_PLACE: dict[tuple[Valve, Disease], int] = {pair: place for place, pair in enumerate(product(Valve, Disease))}


def fold_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """One finding per (valve, disease), in the order of the vocabularies.

    The strongest assertion wins (present, negated, possible, historical, ...); among findings of that
    assertion the severities are joined to their hull, and span, quote and section are those of the gravest,
    the first in the text where equal. ``normal`` is dropped for a valve with a present lesion. No findings
    give an empty tuple.
    """
    ordered = sorted(findings, key=_pair)
    folded = [_fold_one(list(group)) for _, group in groupby(ordered, key=_pair)]
    diseased = {
        finding.valve
        for finding in folded
        if finding.assertion is Assertion.PRESENT and finding.disease is not Disease.NORMAL
    }
    return tuple(
        finding for finding in folded if finding.disease is not Disease.NORMAL or finding.valve not in diseased
    )


def _pair(finding: Finding) -> int:
    return _PLACE[finding.valve, finding.disease]


def _fold_one(findings: list[Finding]) -> Finding:
    if len(findings) == 1:
        return findings[0]
    strongest = min((finding.assertion for finding in findings), key=_STRENGTH.__getitem__)
    kept = [finding for finding in findings if finding.assertion is strongest]
    severity = SeverityInterval.unspecified()
    for finding in kept:
        severity = severity.hull(finding.severity)
    gravest = min(kept, key=lambda finding: (-finding.severity.high, finding.span))
    return Finding(
        valve=gravest.valve,
        disease=gravest.disease,
        severity=severity,
        assertion=strongest,
        span=gravest.span,
        quote=gravest.quote,
        section=gravest.section,
        detail=gravest.detail,
    )
