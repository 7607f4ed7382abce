"""The word lists of de-identification: names, titles, clinical words that look like names, ordinary words."""

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources

from echomine.reports.lexicon_files import standard_lexicon

DATA = resources.files("echomine.reports") / "privacy"


@dataclass(frozen=True, slots=True, kw_only=True)
class NameWords:
    """Lists of lower-case words.

    Attributes:
        given, family: First and last names.
        particles: What may stand within a last name.
        titles, credentials: What stands before and after a name.
        labels, by: Phrases that a name follows, after a colon or at once.
        clinical: Eponyms, devices, drugs: never a name by themselves.
        drug_endings: Endings of substance names.
        organisations: Last words of the name of a hospital.
    """

    given: frozenset[str]
    family: frozenset[str]
    particles: frozenset[str]
    titles: frozenset[str]
    credentials: frozenset[str]
    labels: tuple[str, ...]
    by: tuple[str, ...]
    clinical: frozenset[str]
    drugs: frozenset[str]
    drug_endings: tuple[str, ...]
    organisations: tuple[str, ...]


@cache
def read_names() -> NameWords:
    """The lists of ``privacy/names.toml``.

    Raises:
        ValueError: If a list is missing or unknown.
    """
    rows = tomllib.loads((DATA / "names.toml").read_text(encoding="utf-8"))
    known = {field.name for field in fields(NameWords)}
    if set(rows) != known:
        raise ValueError(f"privacy/names.toml holds {sorted(rows)}, wanted are {sorted(known)}")
    words = {name: frozenset(text.split()) for name, text in rows.items()}
    phrases = {name: tuple(" ".join(one.split()) for one in rows[name].split(",")) for name in ("by", "organisations")}
    lines = {"labels": tuple(" ".join(one.split()) for one in rows["labels"].split(","))}
    endings = {"drug_endings": tuple(rows["drug_endings"].split())}
    return NameWords(**(words | phrases | lines | endings))  # type: ignore[arg-type]  # each field has its own kind


@cache
def people() -> frozenset[str]:
    """Given and last names."""
    return read_names().given | read_names().family


@cache
def ordinary_words() -> frozenset[str]:
    """Words of clinical English that are no names: a list, and the words of the lexicon of echo reports."""
    listed = (DATA / "words.txt").read_text(encoding="utf-8").split()
    return frozenset(listed) | (standard_lexicon().known_words - people())


@cache
def plain_words() -> frozenset[str]:
    """Ordinary words that are no name at all."""
    return ordinary_words() - people()
