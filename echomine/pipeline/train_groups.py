"""Training of the groups that ``cardiac mr`` names, on a table of patients."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from echomine.archive.patient_table import read_patient_table
from echomine.archive.workspace import Workspace
from echomine.cardiac.patient_groups import group_files, left_out_guesses
from echomine.domain.errors import UsageError
from echomine.metrics.intervals import wilson_interval
from echomine.pipeline.cardiac_models import PATIENT_GROUPS

MOST_FOLDS, FEWEST_OF_A_GROUP = 5, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedGroups:
    """A new generation.

    Attributes:
        generation: Its identifier.
        patients: Rows of the table.
        accuracy, low, high: Share of patients told right by classifiers that had not seen them, and its 95 % interval.
    """

    generation: str
    patients: int
    accuracy: float
    low: float
    high: float


def train_groups(table: Path, workspace: Path, *, seed: int) -> TrainedGroups:
    """Judges the classifier on patients left out and writes a generation that holds the table.

    Raises:
        UsageError: If the table is missing or has fewer than two groups of two patients.
        ItemError: If a row cannot be used.
    """
    rows = read_patient_table(table)
    patients, groups = [row.volumes for row in rows], [row.group for row in rows]
    smallest = min(Counter(groups).values(), default=0)
    if len(set(groups)) < 2 or smallest < FEWEST_OF_A_GROUP:
        raise UsageError(f"{table.name} needs two or more groups with {FEWEST_OF_A_GROUP} or more patients each")
    guesses = left_out_guesses(patients, groups, folds=min(MOST_FOLDS, smallest), seed=seed)
    hits = sum(guess.group == group for guess, group in zip(guesses, groups, strict=True))
    share = wilson_interval(hits, len(groups))
    written = Workspace.artifacts_of(workspace).write(
        PATIENT_GROUPS,
        group_files(patients, groups, seed=seed),
        config={"patients": len(rows), "groups": dict(sorted(Counter(groups).items()))},
        seeds={"seed": seed},
        metrics={"accuracy_left_out": share.value, "low": share.low, "high": share.high},
    )
    return TrainedGroups(
        generation=written.generation_id, patients=len(rows), accuracy=share.value, low=share.low, high=share.high
    )
