"""Text without its patient: names, dates, identifiers, telephone numbers and addresses replaced.

A placeholder states the kind and a keyed pseudonym, ``[NAME-1f0c9a4e]``: the same name under the same key gives the
same one, and without the key it leads back to nobody. Dates are moved by a number of days that belongs to the patient,
so that the time between two of his exams stays. What stays as it is: years alone, ages below 90, places without a
street.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from echomine.domain.records import Span
from echomine.reports.deidentify_dates import find_dates, shifted
from echomine.reports.deidentify_names import find_names
from echomine.reports.deidentify_patterns import find_patterns


class PhiKind(StrEnum):
    """What was replaced."""

    NAME = "name"
    DATE = "date"
    ID = "id"
    PHONE = "phone"
    EMAIL = "email"
    URL = "url"
    ADDRESS = "address"
    ORGANISATION = "organisation"
    AGE = "age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """One passage that was replaced; it does not hold what stood there.

    Attributes:
        kind: What it was.
        span: Where it stood in the text given.
        placeholder: What stands there now.
    """

    kind: PhiKind
    span: Span
    placeholder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeidentifiedText:
    """A text without identities.

    Attributes:
        text: The new text.
        replaced: What was replaced, in order.
    """

    text: str
    replaced: tuple[Replacement, ...]


def deidentify(text: str, *, key: bytes, patient: str, names: Sequence[str] = ()) -> DeidentifiedText:
    """The text with every identity that is found replaced.

    Args:
        text: A report; an empty one stays empty.
        key: Secret of the pseudonyms, 16 bytes or more; without it they cannot be made again.
        patient: Whose report it is, as a stable id or pseudonym: it decides by how many days dates move.
        names: Names known to belong to the patient or staff, found wherever they stand.

    Raises:
        ValueError: If the key is shorter than 16 bytes.

    References:
        45 CFR 164.514(b)(2), the "safe harbor" list. It is a help, not a guarantee: look before you share.
    """
    if len(key) < 16:
        raise ValueError(f"a key of pseudonyms needs 16 bytes or more, got {len(key)}")
    days = days_of(key, patient)
    found = _apart([*find_dates(text), *find_patterns(text), *find_names(text, names=names)])
    full = _full_names(text[start:end] for start, end, kind in found if kind == PhiKind.NAME)
    replaced = tuple(
        Replacement(
            kind=PhiKind(kind),
            span=Span(start, end),
            placeholder=_placeholder(PhiKind(kind), text[start:end], days, lambda word: _pseudonym(key, word), full),
        )
        for start, end, kind in found
    )
    return DeidentifiedText(text=_rewritten(text, replaced), replaced=replaced)


def days_of(key: bytes, patient: str) -> int:
    """By how many days the dates of a patient move into the past: 1 to 365."""
    digest = hmac.new(key, f"days\0{patient}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return 1 + int.from_bytes(digest[:8], "big") % 365


def _pseudonym(key: bytes, word: str) -> str:
    return hmac.new(key, f"phi\0{word}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:8]


def _apart(found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Passages that do not overlap, in order; of overlapping ones the union, by the kind of the longest."""
    merged: list[tuple[int, int, str]] = []
    for start, end, kind in sorted(found):
        if merged and start < merged[-1][1]:
            first, last, before = merged[-1]
            longest = kind if end - start > last - first else before
            merged[-1] = (first, max(last, end), longest)
        else:
            merged.append((start, end, kind))
    return merged


def _placeholder(kind: PhiKind, original: str, days: int, pseudonym: Callable[[str], str], full: dict[str, str]) -> str:
    if kind is PhiKind.AGE:
        return "90+"
    if kind is PhiKind.DATE:
        return shifted(original, days) or "[DATE]"
    word = normal_name(original) if kind is PhiKind.NAME else re.sub(r"[\W_]+", "", original).casefold()
    return f"[{kind.value.upper()}-{pseudonym(f'{kind.value}:{full.get(word, word)}')}]"


def normal_name(name: str) -> str:
    """A name as it is compared: ``SMITH, Jane A.`` is ``jane smith``."""
    last, comma, first = name.partition(",")
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", f"{first} {last}" if comma else name)
    whole = [word for word in words if len(word) > 1] or words
    return " ".join(whole).casefold()


def _full_names(names: Iterable[str]) -> dict[str, str]:
    """Last names that stand for one fuller name of the same text."""
    fuller: dict[str, set[str]] = {}
    for name in map(normal_name, names):
        if " " in name:
            fuller.setdefault(name.rpartition(" ")[2], set()).add(name)
    return {last: found.copy().pop() for last, found in fuller.items() if len(found) == 1}


def _rewritten(text: str, replaced: Sequence[Replacement]) -> str:
    pieces, place = [], 0
    for one in replaced:
        pieces += [text[place : one.span.start], one.placeholder]
        place = one.span.end
    return "".join([*pieces, text[place:]])
