"""What a file of the lexicon may hold: every fault is named with its file and line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from echomine.domain.errors import ConfigurationError
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_TABLES = frozenset({"term", "words", "measure", "unit", "other", "attribute"})
_KEYS = frozenset({"kind", "value", "phrases", "form", "detail", "valve", "case", "direction", "reach"})
_VALVES = frozenset(valve.value for valve in Valve)
_VALUES: Mapping[str, frozenset[str]] = {
    "valve": _VALVES | {"all", "others"},
    "lesion": frozenset(disease.value for disease in Disease),
    "severity": frozenset(grade.word for grade in Severity),
    "bound": frozenset({"at_least", "at_most"}),
    "cue": frozenset(assertion.value for assertion in Assertion) | {"after"},
    "pseudo": frozenset(),
    "stop": frozenset({"clause", "same", "verb"}),
    "structure": frozenset({"chamber", "finding", "function", "other", "pericardium", "septum", "vessel"}),
    "normal": frozenset({"normal", "competent"}),
    "filler": frozenset({"filler", "quality"}),
    "section": frozenset({"addendum", "drugs", "family", "findings", "history", "impression", "indication", "plan"}),
    "anaphora": frozenset({"same"}),
}
"""Kind of a term -> the values it may have; an empty set leaves them free."""
_CHOICES: Mapping[str, frozenset[str]] = {
    "kind": frozenset(_VALUES),
    "form": frozenset({"", "noun", "adjective", "own", "part", "every", "other", "figure", "test", "earlier"}),
    "case": frozenset({"", "upper", "guarded", "ungraded"}),
    "direction": frozenset({"", "forward", "backward", "both"}),
    "valve": _VALVES | {""},
}
_DIMENSIONS = frozenset(
    {"velocity", "pressure", "area", "indexed_area", "ratio", "volume", "indexed_volume", "percent", "length", "time"}
    | {"indexed_mass"}
)
_BRACES = re.compile(r"(?:[^{}]|\{[^{}]*\})*")
_TYPES: Mapping[object, tuple[str, tuple[type, ...]]] = {
    str: ("text", (str,)),
    float: ("number", (int, float)),
    bool: ("truth (true or false)", (bool,)),
}


def parsed(name: str, text: str) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        ConfigurationError: If it is no TOML or has a table that the lexicon does not know.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"lexicon file {name} is no valid TOML: {error}") from error
    unknown = sorted(set(content) - _TABLES)
    if unknown:
        known = ", ".join(sorted(_TABLES))
        raise ConfigurationError(f"lexicon file {name} has a table {unknown[0]!r}, known are {known}")
    return content


def placed_tables(name: str, text: str, key: str, content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tables ``[[key]]`` of a file, each with the words that say where it stands.

    Raises:
        ConfigurationError: If there is something else under that name.
    """
    tables = content.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigurationError(f"lexicon file {name}: write [[{key}]] over each {key}")
    heading = re.compile(rf"\s*\[\[\s*{key}\s*\]\]")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if heading.match(line)]
    by_line = len(lines) == len(tables)
    for number, table in enumerate(tables):
        place = f"line {lines[number]}" if by_line else f"{key} {number + 1}"
        yield f"lexicon file {name}, {place}", table


def checked_phrases(where: str, table: Mapping[str, Any]) -> list[str]:
    """The phrases of a table.

    Raises:
        ConfigurationError: If there are none, or one is empty or has a brace without its pair.
    """
    phrases = table.get("phrases")
    if not isinstance(phrases, list) or not phrases or not all(isinstance(p, str) and p.strip(" {},") for p in phrases):
        raise ConfigurationError(f"{where}: phrases must be a list of texts, got {phrases!r}")
    for phrase in phrases:
        if not _BRACES.fullmatch(phrase):
            raise ConfigurationError(f"{where}: braces in {phrase!r} must come in pairs, none within another")
    return phrases


def check_term(where: str, table: Mapping[str, Any]) -> None:
    """Checks the keys and words of a ``[[term]]``.

    Raises:
        ConfigurationError: If one is not known.
    """
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise ConfigurationError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(_KEYS))}")
    for key, known in _CHOICES.items():
        _check_word(where, key, table.get(key, None if key == "kind" else ""), known)
    known = _VALUES[table["kind"]]
    ends = str(table.get("value", "")).split("..") if table["kind"] == "severity" else [table.get("value", "")]
    for value in ends if known else ():
        _check_word(where, "value", value, known)
    texts = all(isinstance(table.get(key, ""), str) for key in ("value", "detail"))
    if not texts or type(table.get("reach", 0)) is not int:
        raise ConfigurationError(f"{where}: value and detail must be texts, reach a whole number")


def check_record(where: str, record: "DataclassInstance") -> None:
    """Checks the types, the dimension and the valve of a ``[[measure]]``, ``[[unit]]``, ``[[other]]``, ...

    Raises:
        ConfigurationError: If one is wrong.
    """
    for entry in fields(record):
        value = getattr(record, entry.name)
        wanted, types = _TYPES[entry.type]
        if type(value) not in types:
            raise ConfigurationError(f"{where}: {entry.name} must be a {wanted}, got {value!r}")
    for key, known in (("dimension", _DIMENSIONS), ("valve", _CHOICES["valve"])):
        _check_word(where, key, getattr(record, key, next(iter(known))), known)


def _check_word(where: str, key: str, value: object, known: frozenset[str]) -> None:
    if not isinstance(value, str) or value not in known:
        wanted = ", ".join(sorted(word for word in known if word))
        raise ConfigurationError(f"{where}: {key} is {value!r}, known are {wanted}")
