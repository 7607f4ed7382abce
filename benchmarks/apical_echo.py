"""Apical echo on patients that no network of theirs has seen: Dice, Hausdorff distance, volumes, ejection fraction.

    echomine cardiac train echo --data CAMUS --folds 4 --workspace WORKSPACE
    python -m benchmarks.apical_echo --data CAMUS --workspace WORKSPACE --out FOLDER

Each network of the generation judges the patients that it had left out, alone. Volumes of its masks (area-length and
discs, four-chamber view, length of the instant itself) are compared with those of the traced masks.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.structure_table import print_agreement, print_ef_categories, print_structures
from echomine.cardiac.apical_anatomy import apical_violations
from echomine.cardiac.apical_guarantee import valid_apical
from echomine.cardiac.apical_volumes import ApicalProfile, apical_profile, area_length_ml, single_plane_discs_ml
from echomine.cardiac.cine_segmentation import segment_cine
from echomine.cardiac.volumes import ejection_fraction_pct
from echomine.domain.structures import Apical
from echomine.metrics.structures import StructureScores, structure_scores
from echomine.pipeline.cardiac_models import APICAL_ECHO, load_ensemble
from echomine.pipeline.labelled_scans import labelled_scans, patient_folds, patient_of

STRUCTURES: dict[str, tuple[Apical, ...]] = {
    "LV endo": (Apical.LV,),
    "LV epi": (Apical.LV, Apical.MYOCARDIUM),
    "myocardium": (Apical.MYOCARDIUM,),
    "LA": (Apical.LA,),
}
METHODS: dict[str, Callable[[ApicalProfile], float]] = {
    "area-length": area_length_ml,
    "discs": single_plane_discs_ml,
}


def structures_of(
    truth: NDArray[np.uint8], drawn: NDArray[np.uint8], spacing_mm: tuple[float, ...]
) -> dict[str, StructureScores]:
    """Scores of the structures of one picture."""
    return {
        name: structure_scores(np.isin(truth, parts), np.isin(drawn, parts), spacing_mm)
        for name, parts in STRUCTURES.items()
    }


def volume_ml(mask: NDArray[np.uint8], spacing_mm: tuple[float, ...], method: str) -> float:
    """Volume of the ventricle of a mask."""
    return METHODS[method](apical_profile(mask == Apical.LV, spacing_mm, atrium=mask == Apical.LA))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--generation", default="")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    ensemble = load_ensemble(options.workspace, APICAL_ECHO, options.generation)
    scans = labelled_scans(APICAL_ECHO, options.data)
    folds = patient_folds([one.name for one in scans], len(ensemble.networks))
    scores: list[dict[str, StructureScores]] = []
    guaranteed: list[dict[str, StructureScores]] = []
    volumes: dict[str, dict[str, list[tuple[float, float]]]] = {name: {"ED": [], "ES": []} for name in METHODS}
    broken, left, seconds, patients = 0, 0, [], []
    for network, left_out in zip(ensemble.networks, folds, strict=True):
        for one in [scan for scan in scans if patient_of(scan.name) in left_out]:
            start = time.process_time()
            drawn = segment_cine(
                [network], one.image, one.spacing_mm, ensemble.preparation, mirrors=ensemble.mirrors, turned=False
            )[0]
            seconds.append(time.process_time() - start)
            spacing = one.spacing_mm[1:]
            patients.append(patient_of(one.name))
            scores.append(structures_of(one.mask[0], drawn, spacing))
            broken += bool(apical_violations(drawn, spacing))
            valid = valid_apical(drawn, spacing).mask
            left += bool(apical_violations(valid, spacing))
            guaranteed.append(structures_of(one.mask[0], valid, spacing))
            for name, parts in volumes.items():
                both = (volume_ml(valid, spacing, name), volume_ml(one.mask[0], spacing, name))
                parts[one.name[-2:]].append(both)
    print(f"{ensemble.generation}: {len(scores)} pictures, {np.mean(seconds):.2f} s of processor time a picture")
    print_structures(scores, patients)
    print_structures(guaranteed, patients, label="guaranteed ")
    print(f"pictures with a violation of anatomy: {broken} of {len(scores)}, after the guarantee {left}")
    for name, parts in volumes.items():
        fractions = [
            tuple(ejection_fraction_pct(edv[at], esv[at]) for at in (0, 1))
            for edv, esv in zip(parts["ED"], parts["ES"], strict=True)
        ]
        for word, unit, pairs in (("EDV", "ml", parts["ED"]), ("ESV", "ml", parts["ES"]), ("EF", "%", fractions)):
            print_agreement(f"{name} {word}", unit, pairs, known=f"echo_{word.lower()}", out=options.out)
        print_ef_categories(f"{name} EF", fractions, known="echo_ef")


if __name__ == "__main__":
    main()
