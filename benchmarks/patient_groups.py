"""The five groups of ACDC from volumes alone: cross-validated on the table, leave-one-out on patients with masks.

    python -m benchmarks.patient_groups --data ACDC_FOLDER

Features and classifier were chosen on the table, whose patients are the development half.
"""

import argparse
import csv
from pathlib import Path

import nibabel
import numpy as np

from echomine.archive.patient_table import read_patient_table
from echomine.cardiac.patient_groups import GROUPS, GroupClassifier, VentricleVolumes, left_out_guesses, volumes_of
from echomine.cardiac.volumes import cine_volumes
from echomine.metrics.agreement import confusion, kappa
from echomine.metrics.intervals import wilson_interval


def _from_masks(folder: Path, patient: str) -> VentricleVolumes:
    masks = [nibabel.load(folder / f"{patient}_{instant}_gt.nii.gz") for instant in ("ED", "ES")]
    arrays = [np.asarray(mask.dataobj).T for mask in masks]
    return volumes_of(cine_volumes(arrays[0], arrays[1], masks[0].header.get_zooms()[::-1]))


def _report(title: str, guessed: list[str], true: list[str]) -> None:
    hits = sum(a == b for a, b in zip(guessed, true, strict=True))
    found = wilson_interval(hits, len(true))
    print(f"{title}: {found.value:.3f} ({found.low:.3f}-{found.high:.3f}), n = {len(true)}")
    table = confusion(guessed, true, list(GROUPS))
    print(f"  kappa {kappa(table):.3f}; rows true, columns guessed, {', '.join(GROUPS)}:\n{table}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    rows = read_patient_table(options.data / "parameters.csv")
    names, volumes, groups = ([getattr(row, name) for row in rows] for name in ("patient", "volumes", "group"))
    for seed in range(options.seeds):
        guessed = [one.group for one in left_out_guesses(volumes, groups, folds=5, seed=seed)]
        _report(f"table, five folds, seed {seed}", guessed, groups)
    imaged = [row["patient"] for row in csv.DictReader((options.data / "index.csv").read_text().splitlines())]
    measured = {patient: _from_masks(options.data, patient) for patient in imaged}
    truth = dict(zip(names, groups, strict=True))
    for title, others in (("the other 14 with masks", imaged), ("all other patients of the table", names)):
        guesses = []
        for patient in imaged:
            known = [name for name in others if name != patient]
            examples = [measured.get(name) or volumes[names.index(name)] for name in known]
            classifier = GroupClassifier(examples, [truth[name] for name in known])
            guesses.append(classifier.guess([measured[patient]])[0].group)
        _report(f"true masks, leave one out, learnt from {title}", guesses, [truth[name] for name in imaged])


if __name__ == "__main__":
    main()
