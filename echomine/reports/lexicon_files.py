"""The lexicon: terms read from TOML files and checked against a schema, ready for matching."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any, NamedTuple, TypeVar

from echomine.domain.errors import ConfigurationError
from echomine.reports.lexicon_schema import check_record, check_term, checked_phrases, parsed, placed_tables

_HYPHEN = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_SLASH = re.compile(r"(?<=[^\W\d_])/(?=[^\W\d_])")
MeaningT = TypeVar("MeaningT")
RecordT = TypeVar("RecordT", "Measure", "Unit", "Other", "Attribute")


class Kind(StrEnum):
    """What a term stands for."""

    __hash__ = str.__hash__  # sets of kinds are asked at every mention: the hash of an enum is slow

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


class Phrases(NamedTuple):
    """The phrases that begin with one word.

    Attributes:
        alone: What the word means by itself, if anything.
        longer: Second word -> rows of (words, term), the longest first.
    """

    alone: Term | None
    longer: Mapping[str, tuple[tuple[list[str], Term], ...]]

    def terms(self) -> Iterator[tuple[list[str], Term]]:
        """All rows, the longer ones first; the word alone has an empty list of further words."""
        for rows in self.longer.values():
            yield from rows
        if self.alone is not None:
            yield [], self.alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A measurement that reports name.

    Attributes:
        name: ``vmax``, ``mean_gradient``, ...
        dimension: ``velocity``, ``pressure``, ...: its unit must have the same.
        low, high: Plausible range in the unit it is kept in.
        valve: The valve that the name holds, or ``""``.
    """

    name: str
    dimension: str
    low: float
    high: float
    valve: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A way of writing a unit: a number in it times ``factor`` is in ``unit``."""

    dimension: str
    unit: str
    factor: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """A finding beside the eight valve diseases; ``at_valve`` says that it stands at one."""

    kind: str
    at_valve: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """Something told of a lesion besides its grade: ``jet`` is ``eccentric``, ``trend`` is ``unchanged``."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WordLists:
    """Function words, by what the engine uses them for; ``words.toml`` says what each list means."""

    separators: frozenset[str] = frozenset()
    list_phrases: frozenset[str] = frozenset()
    range_words: frozenset[str] = frozenset()
    away: frozenset[str] = frozenset()
    aside: frozenset[str] = frozenset()
    prepositions: frozenset[str] = frozenset()
    right_links: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    grade_links: frozenset[str] = frozenset()
    grade_ends: frozenset[str] = frozenset()
    copulas: frozenset[str] = frozenset()
    degree_words: frozenset[str] = frozenset()
    normal_ends: frozenset[str] = frozenset()
    bare_subjects: frozenset[str] = frozenset()
    capable: frozenset[str] = frozenset()
    otherwise: frozenset[str] = frozenset()
    exceptives: frozenset[str] = frozenset()
    clause_openers: frozenset[str] = frozenset()
    predicates: frozenset[str] = frozenset()
    linking_reasons: frozenset[str] = frozenset()
    visits: frozenset[str] = frozenset()
    relatives: frozenset[str] = frozenset()
    recalled: frozenset[str] = frozenset()
    remaining: frozenset[str] = frozenset()
    regurgitant: frozenset[str] = frozenset()
    flow_words: frozenset[str] = frozenset()
    affirming: frozenset[str] = frozenset()
    contrasting: frozenset[str] = frozenset()
    past_verbs: frozenset[str] = frozenset()
    perfect: frozenset[str] = frozenset()
    binding: frozenset[str] = frozenset()
    relieving: frozenset[str] = frozenset()
    aiming: frozenset[str] = frozenset()
    finite: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()
    new_item: frozenset[str] = frozenset()
    male: frozenset[str] = frozenset()
    female: frozenset[str] = frozenset()
    phasic: frozenset[str] = frozenset()
    pairing: frozenset[str] = frozenset()
    closing: frozenset[str] = frozenset()
    plurals: frozenset[str] = frozenset()
    likeness: frozenset[str] = frozenset()
    dating: frozenset[str] = frozenset()
    tests: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()
    articles: frozenset[str] = frozenset()
    leading: frozenset[str] = frozenset()
    valve_words: frozenset[str] = frozenset()
    unfinished: frozenset[str] = frozenset()
    endable: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    care_or_lesion: frozenset[str] = frozenset()
    small_words: frozenset[str] = frozenset()
    small_words_and_lesions: frozenset[str] = frozenset()
    small_grades: frozenset[str] = frozenset()
    corrections: frozenset[str] = frozenset()
    not_abbreviation: frozenset[str] = frozenset()
    abbreviations: frozenset[str] = frozenset()
    anaesthesia: frozenset[str] = frozenset()
    pronouns: frozenset[str] = frozenset()
    ailments: frozenset[str] = frozenset()
    implanting: frozenset[str] = frozenset()
    repairs: frozenset[str] = frozenset()
    operations: frozenset[str] = frozenset()
    lasting: frozenset[str] = frozenset()
    changes: frozenset[str] = frozenset()
    causes: frozenset[str] = frozenset()
    coordinating_cues: frozenset[str] = frozenset()
    comparing: frozenset[str] = frozenset()
    past_reports: frozenset[str] = frozenset()
    course_words: frozenset[str] = frozenset()
    spelling: frozenset[str] = frozenset()
    not_typos: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """All terms, by their first word, the longest phrases first.

    Attributes:
        lists: Function words.
        phrases: First word -> its phrases.
        sections: Words of a heading -> kind of section.
        measures, units, others, attributes: First word -> rows of (words, what they name).
        known_words: Every single word of the phrases and lists: none of them is a typing error.
        version: First 12 hex digits of the SHA-256 of the files.
    """

    lists: WordLists
    phrases: Mapping[str, Phrases]
    sections: Mapping[tuple[str, ...], str]
    measures: Mapping[str, tuple[tuple[list[str], tuple[Measure, ...]], ...]]
    units: Mapping[str, tuple[tuple[list[str], tuple[Unit, ...]], ...]]
    others: Mapping[str, tuple[tuple[list[str], Other], ...]]
    attributes: Mapping[str, tuple[tuple[list[str], Attribute], ...]]
    known_words: frozenset[str]
    version: str


@cache
def standard_lexicon(language: str = "en") -> Lexicon:
    """The lexicon of a language that ships with echomine, built once per process.

    Raises:
        ConfigurationError: If there is none for the language; the message lists those there are.
    """
    return lexicon_from(standard_files(language))


def standard_files(language: str = "en") -> dict[str, str]:
    """The files of a language's lexicon, name -> TOML text, to be read as they are or extended.

    Raises:
        ConfigurationError: If there is none for the language.
    """
    folder = resources.files("echomine.reports") / "lexicon"
    known = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
    if language not in known:
        raise ConfigurationError(f"no lexicon for language {language!r}, there are {', '.join(known)}")
    entries = (folder / language).iterdir()
    return {entry.name: entry.read_text(encoding="utf-8") for entry in entries if entry.name.endswith(".toml")}


def lexicon_from(files: Mapping[str, str], *, site: Mapping[str, str] | None = None) -> Lexicon:
    """A lexicon of the texts of its files (name -> TOML), and of those that a site adds.

    A phrase that stands in two files means what the later one says; they are read by the alphabet, those of the site
    last. A user adds terms by ``lexicon_from(standard_files(), site={name: text})``.

    Raises:
        ConfigurationError: If a file is no TOML or breaks the schema; the message names file and line.
    """
    phrases: dict[tuple[str, ...], Term] = {}
    measures: dict[tuple[str, ...], tuple[Measure, ...]] = {}
    units: dict[tuple[str, ...], tuple[Unit, ...]] = {}
    others: dict[tuple[str, ...], Other] = {}
    attributes: dict[tuple[str, ...], Attribute] = {}
    sections: dict[tuple[str, ...], str] = {}
    lists: dict[str, frozenset[str]] = {}
    digest = hashlib.sha256()
    for name, text in (*sorted(files.items()), *sorted((site or {}).items())):
        digest.update(name.encode() + b"\0" + text.encode() + b"\0")
        content = parsed(name, text)
        _add_lists(name, content.get("words", {}), lists)
        for words, term in _rows(name, text, "term", content, _term):
            if term.kind is Kind.SECTION:
                sections[words] = term.value
            else:
                phrases[words] = term
        for words, measure in _rows(name, text, "measure", content, _record(Measure)):
            measures[words] = (*measures.get(words, ()), measure)
        for words, unit in _rows(name, text, "unit", content, _record(Unit)):
            units[words] = (*units.get(words, ()), unit)
        others.update(_rows(name, text, "other", content, _record(Other)))
        attributes.update(_rows(name, text, "attribute", content, _record(Attribute)))
    return Lexicon(
        lists=WordLists(**lists),
        phrases=_by_two_words(phrases),
        sections=sections,
        measures=_by_first_word(measures),
        units=_by_first_word(units),
        others=_by_first_word(others),
        attributes=_by_first_word(attributes),
        known_words=_known_words([phrases, measures, others, attributes, sections], lists),
        version=digest.hexdigest()[:12],
    )


def _known_words(
    tables: Iterable[Mapping[tuple[str, ...], object]], lists: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    known = {word for table in tables for words in table for word in words}
    return frozenset(known.union(*lists.values()))


def _by_two_words(rows: Mapping[tuple[str, ...], Term]) -> dict[str, Phrases]:
    table = {}
    for first, entries in _by_first_word(rows).items():
        alone = next((term for words, term in entries if len(words) == 1), None)
        longer: dict[str, list[tuple[list[str], Term]]] = {}
        for words, term in entries:
            if len(words) > 1:
                longer.setdefault(words[1], []).append((words, term))
        table[first] = Phrases(alone, {second: tuple(found) for second, found in longer.items()})
    return table


def _by_first_word(
    rows: Mapping[tuple[str, ...], MeaningT],
) -> dict[str, tuple[tuple[list[str], MeaningT], ...]]:
    table: dict[str, list[tuple[list[str], MeaningT]]] = {}
    for words, meaning in sorted(rows.items(), key=lambda row: -len(row[0])):
        table.setdefault(words[0], []).append((list(words), meaning))
    return {first: tuple(entries) for first, entries in table.items()}


def _add_lists(name: str, words: object, lists: dict[str, frozenset[str]]) -> None:
    if not isinstance(words, dict):
        raise ConfigurationError(f"lexicon file {name}: words must be a table of lists, under the heading [words]")
    known = {entry.name for entry in fields(WordLists)}
    for key, value in words.items():
        if key not in known or not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise ConfigurationError(
                f"lexicon file {name}: {key!r} must be a list of texts named one of {', '.join(sorted(known))}"
            )
        lists[key] = lists.get(key, frozenset()) | frozenset(value)


def _rows(
    name: str,
    text: str,
    key: str,
    content: Mapping[str, Any],
    build: Callable[[str, Mapping[str, Any]], MeaningT],
) -> Iterator[tuple[tuple[str, ...], MeaningT]]:
    """The phrases of one kind of table, each with its meaning."""
    for where, table in placed_tables(name, text, key, content):
        meaning = build(where, table)
        for phrase in checked_phrases(where, table):
            for words in expand(phrase):
                yield words, meaning


def _record(kind: type[RecordT]) -> Callable[[str, Mapping[str, Any]], RecordT]:
    """A builder of records of a class from a table, for :func:`_rows`."""

    def build(where: str, table: Mapping[str, Any]) -> RecordT:
        try:
            record = kind(**{key: value for key, value in table.items() if key != "phrases"})
        except TypeError as error:
            raise ConfigurationError(f"{where}: {error}") from error
        check_record(where, record)
        return record

    return build


def _term(where: str, table: Mapping[str, Any]) -> Term:
    check_term(where, table)
    return Term(
        **{"value": ""}
        | {key: value for key, value in table.items() if key != "phrases"}
        | {"kind": Kind(table["kind"])}
    )


def expand(phrase: str) -> list[tuple[str, ...]]:
    """The phrases that a pattern with braces stands for, as tuples of words.

    ``"{mild,slight} {leak,jet}"`` gives four; nested braces are not supported. A hyphen parts two words, a slash
    is a word of its own, as in a text.
    """
    head, opened, rest = phrase.partition("{")
    if not opened:
        return [tuple(_SLASH.sub(" / ", _HYPHEN.sub(" ", phrase.lower())).split())]
    choices, _, tail = rest.partition("}")
    return [words for choice in choices.split(",") for words in expand(head + choice.strip() + tail)]
