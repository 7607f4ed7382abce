"""Identities that their form gives away: numbers, telephones, mail, addresses, hospitals, great ages."""

import re
from collections.abc import Iterator
from functools import cache

from echomine.reports.privacy_words import read_names

_STREETS = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|circle|cir|way|place|pl|parkway|pkwy|highway|hwy|terrace|"
    "trail|square|sq|plaza|loop|alley|crossing|turnpike|freeway|expressway|stra(?:ss|ß)e"
)
_STATE = r"(?:[A-Z]{2}|[A-Z][a-z]+(?:\s[A-Z][a-z]+)?)"
_TOWN = r"(?:,?\s+[A-Z][\w'.-]{0,30}(?:\s[A-Z][\w'.-]{0,30}){0,3},?\s+" + _STATE + r",?\s+\d{5}(?:-\d{4})?)"
_FLAT = r"(?:,?\s+(?i:apt|apartment|suite|ste|unit|floor|room)\b\.?\s*#?\w{1,6}|,?\s+#\s?\w{1,6})"
_HOUSE = r"\b\d{1,6}[A-Z]?\s+(?:[NSEW]{1,2}\.?\s+)?(?:[A-Z][\w'.-]{0,30}[ \t]+){1,4}"
_ID_LABELS = (
    "mrn|m\\.r\\.n\\.|medical record|med rec|account|acct|accession|ssn|social security|policy|insurance|member|"
    "license|licence|serial|requisition|specimen|health plan|beneficiary|npi|dea"
)
_WEAK_LABELS = "patient|pt|case|chart|record|encounter|visit|device|study|order|exam|hospital|unit|report|job|id"
_NUMBER = r"(?:number|num|no\.?|nr\.?|id|#)"
_ID = r"((?!(?:19|20)\d\d\b)(?=(?:[A-Z/-]{0,8}\d){3})[A-Z0-9][A-Z0-9/-]{1,30}[A-Z0-9])\b"
_PATTERNS: tuple[tuple[str, str, int], ...] = (
    ("email", r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b", 0),
    ("url", r"\b(?:https?://|www\.)[^\s<>\"]{1,300}[^\s<>\".,;:)]", re.IGNORECASE),
    ("id", r"\b\d{1,3}(?:\.\d{1,3}){3}\b|\b\d{1,12}(?:\.\d{1,40}){4,20}\b", 0),
    ("id", r"\b\d{3}-\d{2}-\d{4}\b", 0),
    (
        "id",
        rf"\b(?:{_ID_LABELS})\b\s{{0,2}}{_NUMBER}?\s{{0,2}}(?:[:#=]|is\b)?\s{{0,2}}#?\s{{0,2}}{_ID}",
        re.IGNORECASE,
    ),
    ("id", rf"\b(?:{_WEAK_LABELS})\b\s{{0,2}}{_NUMBER}\s{{0,2}}(?:[:=]|is\b)?\s{{0,2}}#?{_ID}", re.IGNORECASE),
    ("id", r"(?<![\d.,])\d{6,}(?![.,]?\d)\b", 0),
    ("id", r"\b[A-Z]{1,6}-?\d{4,16}[A-Z0-9]{0,8}\b", 0),
    ("id", r"\b[A-Z]{1,6}(?:-[A-Z0-9]{1,8}){0,2}-\d{3,12}(?:-[A-Z0-9]{1,8}){0,3}\b", 0),
    (
        "id",
        r"\b(?!\d{3}-\d{3}-\d{4}\b)\d{2,10}-\d{3,10}(?:-\d{1,10}){0,3}\b|\b\d{1,4}[A-Z]{1,4}\d{3,12}[A-Z0-9]{0,6}\b",
        0,
    ),
    (
        "phone",
        r"(?<![\w.])(?:\+?\d{1,3}[\s.-]{0,2})?(?:\(\d{2,5}\)[\s.-]{0,2}|\d{3}[\s.-])\d{3}[\s.-]?\d{4}"
        r"(?:\s{0,2}(?:x|ext\.?|extension)\s{0,2}\d{1,6}\b|\b)",
        re.IGNORECASE,
    ),
    ("phone", r"(?<!\w)\+\d{1,3}(?:[\s().-]{0,3}\d{1,5}){2,6}(?:x\d{1,6})?\b", 0),
    (
        "phone",
        r"\b(?:phone|telephone|tel|fax|pager|beeper|cell|mobile|extension|ext)\b\.?\s{0,2}(?:number|no\.?|#)?\s{0,2}"
        r"(?:is|at|:)?\s{0,2}([+(]?\d[\d().x/ -]{2,24}\d)\b",
        re.IGNORECASE,
    ),
    ("address", rf"{_HOUSE}(?i:{_STREETS})\b\.?{_FLAT}?{_TOWN}?", 0),
    ("address", rf"{_HOUSE.replace('1,4', '0,4')}[A-Z][\w'.-]{{0,30}}{_FLAT}?{_TOWN}", 0),
    ("address", rf"\b(?i:(?:P\.?\s?O\.?\s+)?box)\s+\d{{1,7}}\b(?:,?\s+[FAD]PO\s+A[AEP]\s+\d{{5}}|{_TOWN})?", 0),
    (
        "address",
        r"\b(?:PSC|Unit|UNIT|US[NSV]{1,2}|USCGC)\s+\w{1,20}[,\s]+(?:(?i:box)\s+\d{1,6}[,\s]+)?"
        r"[FAD]PO\s+A[AEP]\s+\d{5}\b",
        0,
    ),
    ("address", r"(?:\b[A-Z][\w'.-]{1,30}\s){0,2}\b[A-Z][\w'.-]{1,30},\s+[A-Z]{2},?\s+\d{5}(?:-\d{4})?\b", 0),
    (
        "age",
        r"\b(?:9\d|1[01]\d)(?=[ -]?(?:years?|yrs?|y)[ -]?(?:old|o\b))|(?:(?<=\bage )|(?<=\baged ))(?:9\d|1[01]\d)\b",
        re.IGNORECASE,
    ),
)


def find_patterns(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each passage that has the form of an identity; where a label leads to it, without it."""
    for kind, pattern in _compiled():
        for match in pattern.finditer(text):
            group = 1 if pattern.groups and match[1] is not None else 0
            yield match.start(group), match.end(group), kind


@cache
def _compiled() -> tuple[tuple[str, re.Pattern[str]], ...]:
    ends = "|".join(
        re.escape(" ".join(word.title() for word in phrase.split())) for phrase in read_names().organisations
    )
    hospital = rf"\b(?:(?:St\.|[A-Z][\w'&-]{{1,30}})\s+(?:of\s+)?){{1,4}}(?:{ends})\b"
    return (
        *((kind, re.compile(form, flags)) for kind, form, flags in _PATTERNS),
        ("organisation", re.compile(hospital)),
    )
