"""What one quantified scan says: values with units and methods, a category, doubts, anatomy."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echomine.archive.durable_files import write_bytes
from echomine.cardiac.ef_category import EF_TABLES, ef_category
from echomine.cardiac.short_axis_anatomy import SHORT_AXIS_LIMITS, ShortAxisCriterion
from echomine.cardiac.volumes import FLAG_SENTENCES, NO_PAIR, Flag
from echomine.domain.heart_choices import Sex

DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CardiacValue:
    """One number; None where it could not be computed.

    Attributes:
        name: ``lv_ef``, ``lv_edv``, ``agatston_coronary``, ...
        value: In ``unit``.
        method: How it was computed.
        technique: A short name of the way, where several are in use; ``""`` otherwise.
    """

    name: str
    value: float | None
    unit: str
    method: str
    technique: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A word of a guideline for one value.

    Attributes:
        of: Name of the value.
        word: The category.
        scheme: Name of the table.
        source: Guideline and table.
    """

    of: str
    word: str
    scheme: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnatomyNote:
    """One violation of anatomy in a mask.

    Attributes:
        instant: ``ed``, ``es``, ...
        slice_number: Counted from 0 along the canonical axis.
        criterion: Its name.
        value, limit: In ``unit``.
        remedy: How the slice became valid; ``""`` when it was left as it is.
    """

    instant: str
    slice_number: int
    criterion: str
    value: float
    limit: float
    unit: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A value of every frame of a clip.

    Attributes:
        name: ``lv_volume_a4c``, ...
        values: One a frame, in ``unit``; None where it could not be computed.
        method: How it was computed.
    """

    name: str
    values: tuple[float | None, ...]
    unit: str
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientGroup:
    """The group that a patient's volumes are likest to.

    Attributes:
        name: As in the table it was learnt from.
        meaning: In words, ``""`` for a name that is not known.
        shares: Probability of every group.
        model: Generation of the classifier.
    """

    name: str
    meaning: str
    shares: Mapping[str, float]
    model: str

    def sentence(self) -> str:
        """For a person to read."""
        words = f"{self.name}, {self.meaning}" if self.meaning else self.name
        return f"Group: {words}, probability {self.shares[self.name]:.2f}; research use, no diagnosis"

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "group": self.name,
            "meaning": self.meaning,
            "probability": _rounded(self.shares[self.name]),
            "probabilities": {name: _rounded(share) for name, share in self.shares.items()},
            "model": self.model,
            "use": "research only",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CardiacResult:
    """The answer to one scan.

    Attributes:
        kind: ``mr``, ``echo`` or ``calcium``.
        values: Numbers.
        categories: Words of guidelines.
        flags: Doubts, each with a sentence.
        anatomy: Violations found, before they were mended.
        anatomy_valid: Whether the masks that were measured have no violation; None when it was not judged.
        curves: Values of every frame, where clips were measured.
        group: Of the patient, where a classifier was trained and the volumes suffice.
        model: Generation of the networks, or where the mask came from.
        notes: What had to be assumed.
        files: What was written, by kind.
    """

    kind: str
    values: tuple[CardiacValue, ...]
    categories: tuple[Category, ...] = ()
    flags: tuple[Flag, ...] = ()
    anatomy: tuple[AnatomyNote, ...] = ()
    anatomy_valid: bool | None = None
    curves: tuple[Curve, ...] = ()
    group: PatientGroup | None = None
    model: str = ""
    notes: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def value(self, name: str) -> float | None:
        """The number of a name; None when there is none."""
        return next((one.value for one in self.values if one.name == name), None)

    def document(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "kind": self.kind,
            "values": {
                one.name: {"value": _rounded(one.value), "unit": one.unit, "method": one.method} for one in self.values
            },
            "categories": [
                {"of": one.of, "category": one.word, "scheme": one.scheme, "source": one.source}
                for one in self.categories
            ],
            "flags": [{"flag": flag.value, "meaning": FLAG_SENTENCES[flag]} for flag in self.flags],
            "anatomy": {
                "valid": self.anatomy_valid,
                "violations_found": [
                    {
                        "instant": one.instant,
                        "slice": one.slice_number,
                        "criterion": one.criterion,
                        "value": _rounded(one.value),
                        "limit": one.limit,
                        "unit": one.unit,
                        "remedy": one.remedy,
                    }
                    for one in self.anatomy
                ],
            },
            "curves": {
                one.name: {"values": [_rounded(value) for value in one.values], "unit": one.unit, "method": one.method}
                for one in self.curves
            },
            "patient_group": self.group.document() if self.group else None,
            "model": self.model,
            "notes": list(self.notes),
            "files": dict(self.files),
            "use": "research only",
        }

    def rows(self) -> list[tuple[str, str, str]]:
        """Value rows for a table: name, number with unit, method or category."""
        words = {one.of: f"{one.word} ({one.scheme})" for one in self.categories}
        return [
            (
                one.name,
                "-" if one.value is None else f"{one.value:.1f} {one.unit}".strip(),
                " · ".join(part for part in (words.get(one.name, ""), one.method) if part),
            )
            for one in self.values
        ]


def anatomy_notes(
    instant: str,
    violations: Mapping[int, Mapping[ShortAxisCriterion, float]],
    remedies: Mapping[int, str],
) -> list[AnatomyNote]:
    """Notes of the violations of one instant."""
    return [
        AnatomyNote(
            instant=instant,
            slice_number=at,
            criterion=criterion.value,
            value=value,
            limit=SHORT_AXIS_LIMITS[criterion].value,
            unit=SHORT_AXIS_LIMITS[criterion].unit,
            remedy=remedies.get(at, ""),
        )
        for at, found in violations.items()
        for criterion, value in found.items()
    ]


def ef_categories(
    values: Sequence[CardiacValue], *, table: str, sex: Sex, flags: Sequence[Flag] = ()
) -> tuple[Category, ...]:
    """The category of the left ventricle's ejection fraction, if there is one and it is one of both instants."""
    if set(flags) & NO_PAIR:
        return ()
    found = [one.value for one in values if one.name == "lv_ef" and one.value is not None]
    return tuple(
        Category(
            of="lv_ef", word=ef_category(value, table=table, sex=sex).word, scheme=table, source=EF_TABLES[table].source
        )
        for value in found
    )


def ef_notes(values: Sequence[CardiacValue], *, table: str, sex: Sex, flags: Sequence[Flag] = ()) -> tuple[str, ...]:
    """What a category assumes where the limits depend on a sex that is not known."""
    if sex is not Sex.UNKNOWN or not EF_TABLES[table].depends_on_sex:
        return ()
    found = (ef_categories(values, table=table, sex=one, flags=flags) for one in (Sex.MALE, Sex.FEMALE))
    return tuple(
        "the sex is not given: the category is by the limits for men"
        + ("" if man.word == woman.word else f"; for a woman it would be {woman.word}")
        for man, woman in zip(*found, strict=True)
    )


def write_result(result: CardiacResult, out: Path) -> Path:
    """Writes the JSON beside masks and picture."""
    path = out / "result.json"
    write_bytes(path, (json.dumps(result.document(), indent=2, ensure_ascii=False) + "\n").encode())
    return path


def unique_flags(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    """Flags once each, in the order they came."""
    return tuple(dict.fromkeys(flags))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
