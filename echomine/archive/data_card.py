"""The data card of an export: what is in it, how it was made, what is missing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RESEARCH_ONLY = "Research use only. Not a medical device; no label here is a diagnosis."


@dataclass(slots=True)
class ExportTally:
    """Counts of exported labels, filled while they are written.

    Attributes:
        rows: Labels.
        by: Counts of the values of some columns.
        patients, images, exams: What the labels are about.
    """

    rows: int = 0
    by: dict[str, Counter[str]] = field(default_factory=dict)
    patients: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    exams: set[str] = field(default_factory=set)

    COUNTED = ("source", "valve", "disease", "severity_low", "assertion", "split")
    OTHER_SOURCES = "what other sources say"

    def add(self, row: Mapping[str, Any]) -> None:
        """Counts one row."""
        self.rows += 1
        for name in self.COUNTED:
            self.by.setdefault(name, Counter())[row[name]] += 1
        self.by.setdefault(self.OTHER_SOURCES, Counter())[_said_by_others(row)] += 1
        for seen, value in ((self.patients, "patient"), (self.images, "sop_uid"), (self.exams, "study_uid")):
            if row[value]:
                seen.add(row[value])


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """What a card says beside the counts.

    Attributes:
        form: Format of the export.
        settings: The filters, by name.
        versions: Versions of program, models, lexicon, by name.
        exclusions: What is not in it and how much, by name.
        synthetic: Whether all sources are synthetic archives.
        mixed: Whether some are.
        notes: More sentences.
    """

    form: str
    settings: Mapping[str, Any]
    versions: Mapping[str, str]
    exclusions: Mapping[str, int]
    synthetic: bool = False
    mixed: bool = False
    notes: Sequence[str] = ()


def data_card(tally: ExportTally, facts: CardFacts) -> str:
    """The card as Markdown."""
    parts = [
        "# Data card: labels of spectral Doppler images",
        RESEARCH_ONLY,
        *_origin(facts),
        "## Contents",
        f"{tally.rows} labels of {len(tally.images)} images, {len(tally.exams)} exams and "
        f"{len(tally.patients)} patients, as {facts.form}. Patients are split, never images; the part of a patient "
        "follows from a hash of the pseudonym and stays when the archive grows.",
        *(
            _table(name, dict(sorted(tally.by.get(name, {}).items())))
            for name in (*ExportTally.COUNTED, ExportTally.OTHER_SOURCES)
        ),
        "## How it was made",
        _table("setting", facts.settings),
        _table("version", facts.versions),
        "## What is not in it",
        _table("left out", facts.exclusions),
        "## How to read a row",
        "`source` says where a label comes from: `report` is what the report of the exam says, `retrieval` what the "
        "reports of similar images say, `measurement` what was measured. They are never merged. Severities form an "
        "interval on none, trace, mild, mild_moderate, moderate, moderate_severe, severe; `unspecified` is a named "
        "lesion without a grade. A valve without a row was not mentioned, which is not the same as normal. "
        "`confidence` of a report label is 1: it is certain that the report says so. Evidence of the kind `agreement` "
        "is what another source says of the same lesion, its score the grades in between: 2 or more are a conflict.",
        *facts.notes,
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _origin(facts: CardFacts) -> list[str]:
    if facts.synthetic:
        return ["**Synthetic.** All images and reports were made by a program; nothing here is about a real person."]
    if facts.mixed:
        return ["**Partly synthetic.** Some of the sources were made by a program."]
    return []


def _said_by_others(row: Mapping[str, Any]) -> str:
    notes = [piece["note"] for piece in row["evidence"] if piece["kind"] in ("agreement", "conflict")]
    if not notes:
        return "nothing"
    return "the contrary" if any(note.startswith("conflict") for note in notes) else "the same"


def _table(title: str, values: Mapping[str, Any]) -> str:
    if not values:
        return ""
    rows = "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in values.items())
    return f"| {title} | |\n|---|---|\n{rows}"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
