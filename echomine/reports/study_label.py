"""One finding per valve and disease for a whole report."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import groupby

from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding
from echomine.domain.vocabulary import Assertion
from echomine.reports.lexicon_files import Lexicon, standard_lexicon
from echomine.reports.scanning import scan

_RULING = ("addendum", "impression")
_TODAY = frozenset({Assertion.PRESENT, Assertion.NEGATED, Assertion.POSSIBLE})


def study_findings(findings: Iterable[Finding], *, lexicon: Lexicon | None = None) -> tuple[Finding, ...]:
    """One finding per valve and disease, by this rule; conflicts are told by ``find_conflicts``, not hidden here.

    What is said of today counts before what is historical, hypothetical or of the family; an addendum, which is later,
    counts before the impression, and the impression before the rest of the report; what is left folds as
    ``echomine.domain.folding`` says. No findings give an empty tuple.
    """
    words = lexicon or standard_lexicon()
    ordered = sorted(findings, key=_pair)
    sections = {finding.section for finding in ordered}
    kinds = {name: section_kind(name, lexicon=words) for name in sections}
    kept = [finding for _, group in groupby(ordered, key=_pair) for finding in _ruling(list(group), kinds)]
    return fold_findings(kept)


def section_kind(section: str, *, lexicon: Lexicon | None = None) -> str:
    """Kind of a section by its heading: ``impression``, ``findings``, ``indication``, ... or ``""`` if unknown."""
    words = lexicon or standard_lexicon()
    return words.sections.get(_heading_words(section), "")


@lru_cache(maxsize=1024)
def _heading_words(section: str) -> tuple[str, ...]:
    return tuple(scan(section).words)


def _pair(finding: Finding) -> tuple[str, str]:
    return finding.valve, finding.disease


def _ruling(findings: list[Finding], kinds: Mapping[str, str]) -> list[Finding]:
    today = [finding for finding in findings if finding.assertion in _TODAY] or findings
    by_kind = ([finding for finding in today if kinds[finding.section] == kind] for kind in _RULING)
    return next(filter(None, by_kind), today)
