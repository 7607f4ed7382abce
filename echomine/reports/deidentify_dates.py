"""Dates in a text, and the same dates some days earlier, written in the same way."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

_NAMES = "january february march april may june july august september october november december"
MONTHS = tuple(_NAMES.split())
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_ENDING = r"(?:st|nd|rd|th)?"
_YEAR = r"(?:19|20)\d{2}"
_FORMS = (
    rf"(?<![\d./-])(?P<y1>{_YEAR})(?P<s1>[-/.])(?P<m1>\d{{1,2}})(?P=s1)(?P<d1>\d{{1,2}})(?!\d)",
    rf"(?<![\d./-])(?P<m2>\d{{1,2}})(?P<s2>[/-])(?P<d2>\d{{1,2}})(?P=s2)(?P<y2>{_YEAR}|\d{{2}})(?![\d/-])",
    rf"(?<![\d./-])(?P<d3>\d{{1,2}})\.(?P<m3>\d{{1,2}})\.(?P<y3>{_YEAR})(?!\d)",
    rf"(?<!\d)(?P<y4>{_YEAR})(?P<m4>0[1-9]|1[0-2])(?P<d4>0[1-9]|[12]\d|3[01])(?!\d)",
    rf"\b(?P<n5>{_MONTH})\b\.?\s{{0,2}}(?P<d5>\d{{1,2}}){_ENDING}\b(?:\s{{0,2}},?\s{{0,2}}(?P<y5>{_YEAR})\b)?",
    rf"\b(?P<d6>\d{{1,2}}){_ENDING}(?:\s+of)?[\s-]{{1,2}}(?P<n6>{_MONTH})\b\.?(?:[\s,-]{{1,3}}(?P<y6>{_YEAR}|(?<=-)\d{{2}})\b)?",
    rf"\b(?P<n7>{_MONTH})\b\.?,?\s{{1,2}}(?:of\s)?(?P<y7>{_YEAR})\b",
    r"(?:(?<=\bon )|(?<=\bof )|(?<=\bin )|(?<=\bdated )|(?<=\bsince )|(?<=\buntil ))"
    r"(?P<m8>\d{1,2})/(?P<d8>\d{1,2})(?![\d/])",
)
_DATES = tuple(re.compile(form, re.IGNORECASE) for form in _FORMS)
NO_YEAR = 2001


def find_dates(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each date; years alone are none."""
    for form in _DATES:
        for match in form.finditer(text):
            if _parts(match) is not None:
                yield match.start(), match.end(), "date"


def shifted(text: str, days: int) -> str:
    """A date so many days earlier, in its own form; ``""`` when the text is no date.

    Of numbers alone the first is the month where it can be (``3/4/2020`` is 4 March); a month without a day moves as
    its 15th, a day without a year as of a year that has no leap day.
    """
    for form in _DATES:
        match = form.search(f"on {text}" if "/" in text else text)
        if match and match[0] == text:
            parts = _parts(match)
            return "" if parts is None else _written(match, parts[0] - timedelta(days=days), swapped=parts[1])
    return ""


def _named(match: re.Match[str]) -> dict[str, str]:
    return {name[0]: value for name, value in match.groupdict().items() if value is not None}


def _parts(match: re.Match[str]) -> tuple[date, bool] | None:
    """The date, and whether its day stands where the month is expected; None when there is no such day."""
    named = _named(match)
    year = _year(named.get("y", str(NO_YEAR)))
    month = _month(named["n"]) if "n" in named else int(named["m"])
    day = int(named.get("d", 15))
    swapped = month > 12 >= day and "n" not in named
    if swapped:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]) and not (month == 2 and day == 29):
        return None
    return date(year, month, min(day, monthrange(year, month)[1])), swapped


def _year(text: str) -> int:
    number = int(text)
    return number if number > 99 else number + (2000 if number < 50 else 1900)


def _month(name: str) -> int:
    return next(number for number, month in enumerate(MONTHS, start=1) if month.startswith(name.lower()[:3]))


def _written(match: re.Match[str], new: date, *, swapped: bool) -> str:
    """The matched text with its parts replaced, widths and case kept."""
    text, offset = match[0], match.start()
    values = {"d": new.month if swapped else new.day, "m": new.day if swapped else new.month}
    places = sorted(
        ((match.start(name), match.end(name), name[0], value) for name, value in match.groupdict().items() if value),
        reverse=True,
    )
    for start, end, part, old in places:
        if part == "s":
            continue
        if part == "y":
            written = f"{new.year % 100:02}" if len(old) == 2 else str(new.year)
        elif part == "n":
            written = _month_name(old, new.month)
        else:
            written = f"{values[part]:0{len(old)}}" if old.startswith("0") or len(old) == 2 else str(values[part])
        text = text[: start - offset] + written + text[end - offset :]
    return re.sub(r"(\d)(?:st|nd|rd|th)\b", lambda found: found[1] + _ending(new.day), text)


def _month_name(old: str, number: int) -> str:
    name = MONTHS[number - 1] if len(old) > 4 or old.lower() in MONTHS[4:7] else MONTHS[number - 1][:3]
    if old.isupper():
        return name.upper()
    return name if old.islower() else name.title()


def _ending(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
