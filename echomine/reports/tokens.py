"""Tokens of a paragraph for the text spaces: words, binned measurements, and what it was found to say.

Two kinds of token stand in one document. :func:`tokens_of` gives the words as written. :func:`concept_tokens`
adds one token per thing that was *read* from the same text (``aortic|stenosis|moderate``), so that two
wordings of one finding share a token, and a ladder of thresholds (``aortic|stenosis|>=mild``), so that
neighbouring grades share most of theirs: the vectors then follow the ordinal scale. It is weak supervision
from the text alone: no label enters.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from echomine.domain.folding import fold_findings
from echomine.domain.records import Finding
from echomine.domain.severity import GRADES, SeverityInterval
from echomine.domain.vocabulary import FLOW_DISEASES, Assertion, Disease, Severity, Valve

_UNIT_SCALE: dict[str, tuple[str, float]] = {
    "m/s": ("mps", 1.0),
    "m/sec": ("mps", 1.0),
    "cm/s": ("mps", 0.01),
    "cm/sec": ("mps", 0.01),
    "mmhg": ("mmhg", 1.0),
    "cm2": ("cm2", 1.0),
    "msec": ("ms", 1.0),
    "ms": ("ms", 1.0),
    "ml": ("ml", 1.0),
    "cc": ("ml", 1.0),
    "cm": ("cm", 1.0),
    "mm": ("cm", 0.1),
    "%": ("pct", 1.0),
}
"""Spelling of a unit, blanks taken out -> (name in the token, factor to that unit)."""

_BIN_WIDTH: dict[str, float] = {
    "mps": 0.5,
    "mmhg": 10.0,
    "cm2": 0.25,
    "ms": 50.0,
    "ml": 10.0,
    "cm": 0.5,
    "pct": 10.0,
}

_NUMBER = r"\d+(?:[.,]\d+)?"
_UNIT = (
    r"m\s?/\s?sec|m\s?/\s?s|cm\s?/\s?sec|cm\s?/\s?s|mm\s?hg"
    r"|sq\.?\s?cm|cm\s?(?:\^\s?2|2|²)|msec|ms|ml|cc|cm|mm"
)
_TOKEN = re.compile(
    rf"""
    (?P<word>[^\W\d_]+(?:'[^\W\d_]+)?)
    | (?P<low>{_NUMBER}) (?:\s?(?:-|–|to)\s?(?P<high>{_NUMBER}))? \s? (?P<unit>(?:{_UNIT})(?![^\W\d_])|%)
    | (?P<plus>\d(?:\s?(?:-|–|to)\s?\d)?\s?\+)
    | (?P<number>{_NUMBER})
    """,
    re.VERBOSE | re.IGNORECASE,
)


def tokens_of(text: str) -> list[str]:
    """The tokens of a text in reading order, none of which holds a blank.

    Words are lower-cased and split at hyphens. ``AS`` in a text with lower-case letters stays upper-case: the
    abbreviation of aortic stenosis is no ``as``. A number with a unit becomes one token of the middle of its
    bin (``3.4 m/s`` and ``3.5 m/s`` are both ``mps_3.5``, ``340 cm/s`` too), a range two; a grade by plus
    signs stays (``2+``, ``1-2+``); any other number is ``num``. An empty text gives an empty list.
    """
    shouting = text.upper() == text
    tokens: list[str] = []
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "word":
            word = match.group()
            tokens.append(word if word == "AS" and not shouting else word.lower())
        else:
            tokens += _tokens_of_number(match)
    return tokens


def concept_tokens(findings: Iterable[Finding]) -> list[str]:
    """One token per statement, with a ladder of thresholds for present lesions, in vocabulary order.

    A moderate aortic stenosis gives ``aortic|stenosis|moderate`` and ``aortic|stenosis|>=trace`` up to
    ``>=moderate``; an interval gives each grade it holds and the ladder up to its middle, rounded up; an
    ungraded lesion ``aortic|stenosis|unspecified`` and ``>=trace``; a negated one ``aortic|stenosis|absent``;
    a normal valve ``aortic|normal`` and the absence of stenosis and regurgitation, where the text says
    nothing else of them. Every other assertion gives one token that names it (``aortic|stenosis|possible``).
    Findings are folded first.
    """
    folded = fold_findings(findings)
    stated = {(finding.valve, finding.disease) for finding in folded}
    return list(chain.from_iterable(_tokens_of_finding(finding, stated) for finding in folded))


def _tokens_of_number(match: re.Match[str]) -> list[str]:
    if match["unit"]:
        bounds = [value for value in (match["low"], match["high"]) if value]
        return [_measurement_token(value, match["unit"]) for value in bounds]
    if match["plus"]:
        return [re.sub(r"\s?(?:-|–|to)\s?", "-", match["plus"].lower()).replace(" ", "")]
    return ["num"]


def _measurement_token(value: str, unit: str) -> str:
    spelling = re.sub(r"[\s^.]", "", unit.lower()).replace("²", "2").replace("sqcm", "cm2")
    name, factor = _UNIT_SCALE[spelling]
    width = _BIN_WIDTH[name]
    middle = round(float(value.replace(",", ".")) * factor / width + 1e-9) * width
    return f"{name}_{middle:g}"


def _tokens_of_finding(finding: Finding, stated: set[tuple[Valve, Disease]]) -> Sequence[str]:
    if finding.disease is not Disease.NORMAL:
        return _tokens_of_lesion(finding.valve, finding.disease, finding.assertion, finding.severity)
    unsaid = [disease for disease in FLOW_DISEASES if (finding.valve, disease) not in stated]
    return [f"{finding.valve}|{Disease.NORMAL}", *(f"{finding.valve}|{disease}|absent" for disease in unsaid)]


@lru_cache(maxsize=1 << 14)  # more than there are combinations
def _tokens_of_lesion(
    valve: Valve, disease: Disease, assertion: Assertion, severity: SeverityInterval
) -> tuple[str, ...]:
    stem = f"{valve}|{disease}"
    if assertion is Assertion.NEGATED:
        return (f"{stem}|absent",)
    if assertion is not Assertion.PRESENT:
        return (f"{stem}|{assertion}",)
    return tuple(_present_tokens(stem, severity))


def _present_tokens(stem: str, severity: SeverityInterval) -> list[str]:
    if not severity.is_specified:
        return [f"{stem}|unspecified", f"{stem}|>=trace"]
    if severity.high is Severity.NONE:
        return [f"{stem}|absent"]
    grades = [f"{stem}|{grade.word}" for grade in GRADES if severity.contains(grade)]
    ladder = [f"{stem}|>={grade.word}" for grade in GRADES if Severity.NONE < grade <= severity.grade]
    return grades + ladder
