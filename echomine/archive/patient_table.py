"""A table of patients with ventricular volumes and the group each belongs to: what groups are learnt from."""

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from echomine.cardiac.patient_groups import VentricleVolumes
from echomine.cardiac.volumes import myocardial_mass_g
from echomine.domain.errors import ItemError, Reason, UsageError

VOLUMES = ("lv_edv_ml", "lv_esv_ml", "rv_edv_ml", "rv_esv_ml")
MASS, MYOCARDIUM = "lv_mass_g", "myo_volume_ed_mm3"
"""One of them is needed; a volume becomes a mass at 1.05 g/ml."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """One patient.

    Attributes:
        patient: His name in the table, or ``""``.
        volumes: At end diastole and end systole.
        group: What he is known to have.
    """

    patient: str
    volumes: VentricleVolumes
    group: str


def read_patient_table(path: Path) -> tuple[PatientRow, ...]:
    """The rows of a CSV file with the columns group, those of :data:`VOLUMES`, and mass or volume of the myocardium.

    Names of columns are read in small letters; others are left aside.

    Raises:
        UsageError: If the file is not there or a column is missing.
        ItemError: If a row has no group or a volume that is not positive, with its line.
    """
    if not path.is_file():
        raise UsageError(f"there is no table of patients {path}")
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        missing = [name for name in ("group", *VOLUMES) if name not in names]
        if missing or not {MASS, MYOCARDIUM} & set(names):
            wanted = f"group, {', '.join(VOLUMES)} and {MASS} or {MYOCARDIUM}"
            raise UsageError(f"{path.name} needs the columns {wanted}; it has {', '.join(names) or 'none'}")
        reader.fieldnames = names
        return tuple(_row(number, row, path) for number, row in enumerate(reader, start=2))


def _row(number: int, row: Mapping[str, str | None], path: Path) -> PatientRow:
    group = (row.get("group") or "").strip()
    values = [_positive(row.get(name)) for name in VOLUMES]
    muscle = _positive(row.get(MYOCARDIUM))
    mass = _positive(row.get(MASS)) or (myocardial_mass_g(muscle / 1000) if muscle else None)
    if not group or mass is None or None in values:
        raise ItemError(Reason.BAD_ROW, f"line {number} of {path.name} needs a group and volumes above 0")
    edv, esv, rv_edv, rv_esv = (value for value in values if value is not None)
    volumes = VentricleVolumes(lv_edv_ml=edv, lv_esv_ml=esv, rv_edv_ml=rv_edv, rv_esv_ml=rv_esv, lv_mass_g=mass)
    return PatientRow(patient=(row.get("patient") or "").strip(), volumes=volumes, group=group)


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
