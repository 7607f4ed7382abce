"""The lexicon: terms read from TOML files and checked against a schema, ready for matching."""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from echomine.domain.errors import ConfigurationError

_KEYS = frozenset({"kind", "value", "phrases", "form", "detail", "valve", "case", "direction", "reach"})
_FORMS = frozenset({"", "noun", "adjective", "own", "part", "every", "other"})
_CASES = frozenset({"", "upper", "guarded"})
_DIRECTIONS = frozenset({"", "forward", "backward", "both"})


class Kind(StrEnum):
    """What a term stands for."""

    VALVE = "valve"
    LESION = "lesion"
    SEVERITY = "severity"
    BOUND = "bound"
    CUE = "cue"
    PSEUDO = "pseudo"
    STOP = "stop"
    STRUCTURE = "structure"
    NORMAL = "normal"
    FILLER = "filler"
    SECTION = "section"
    ANAPHORA = "anaphora"


class Term(NamedTuple):
    """The meaning of a phrase."""

    kind: Kind
    value: str
    form: str = ""
    detail: str = ""
    valve: str = ""
    case: str = ""
    direction: str = ""
    reach: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """All terms, by their first word, the longest phrases first.

    Attributes:
        phrases: First word -> rows of (words, term).
        sections: Words of a heading -> kind of section.
        version: First 12 hex digits of the SHA-256 of the files.
    """

    phrases: Mapping[str, tuple[tuple[tuple[str, ...], Term], ...]]
    sections: Mapping[tuple[str, ...], str]
    version: str


@cache
def standard_lexicon() -> Lexicon:
    """The lexicon that ships with echomine, built once per process."""
    folder = resources.files("echomine.reports") / "lexicon"
    files = {
        entry.name: entry.read_text(encoding="utf-8") for entry in folder.iterdir() if entry.name.endswith(".toml")
    }
    return lexicon_from(files)


def lexicon_from(files: Mapping[str, str]) -> Lexicon:
    """A lexicon of the texts of its files (name -> TOML); later names, in order of the alphabet, add to earlier ones.

    Raises:
        ConfigurationError: If a file is no TOML or breaks the schema; the message names file and line.
    """
    phrases: dict[str, dict[tuple[str, ...], Term]] = {}
    sections: dict[tuple[str, ...], str] = {}
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + files[name].encode() + b"\0")
        for words, term in _rows(name, files[name]):
            if term.kind is Kind.SECTION:
                sections[words] = term.value
            else:
                phrases.setdefault(words[0], {})[words] = term
    table = {first: tuple(sorted(rows.items(), key=lambda row: -len(row[0]))) for first, rows in phrases.items()}
    return Lexicon(phrases=table, sections=sections, version=digest.hexdigest()[:12])


def _rows(name: str, text: str) -> Iterable[tuple[tuple[str, ...], Term]]:
    try:
        tables = tomllib.loads(text).get("term", [])
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"lexicon file {name} is no valid TOML: {error}") from error
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[term]]"]
    for line, table in zip(lines, tables, strict=True):
        term = _term(f"lexicon file {name}, line {line}", table)
        for phrase in table["phrases"]:
            for words in expand(phrase):
                yield words, term


def _term(where: str, table: Mapping[str, Any]) -> Term:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise ConfigurationError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(_KEYS))}")
    _check_word(where, "kind", table.get("kind"), frozenset(Kind))
    _check_word(where, "form", table.get("form", ""), _FORMS)
    _check_word(where, "case", table.get("case", ""), _CASES)
    _check_word(where, "direction", table.get("direction", ""), _DIRECTIONS)
    phrases = table.get("phrases")
    if not isinstance(phrases, list) or not phrases or not all(isinstance(p, str) and p.strip() for p in phrases):
        raise ConfigurationError(f"{where}: phrases must be a list of texts, got {phrases!r}")
    return Term(
        kind=Kind(table["kind"]),
        value=str(table.get("value", "")),
        form=table.get("form", ""),
        detail=table.get("detail", ""),
        valve=table.get("valve", ""),
        case=table.get("case", ""),
        direction=table.get("direction", ""),
        reach=int(table.get("reach", 0)),
    )


def _check_word(where: str, key: str, value: object, known: frozenset[str]) -> None:
    if value not in known:
        wanted = ", ".join(sorted(word for word in known if word))
        raise ConfigurationError(f"{where}: {key} is {value!r}, known are {wanted}")


def expand(phrase: str) -> list[tuple[str, ...]]:
    """The phrases that a pattern with braces stands for, as tuples of words.

    ``"{mild,slight} {leak,jet}"`` gives four; nested braces are not supported.
    """
    head, opened, rest = phrase.partition("{")
    if not opened:
        return [tuple(phrase.lower().split())]
    choices, _, tail = rest.partition("}")
    return [words for choice in choices.split(",") for words in expand(head + choice.strip() + tail)]
