"""A network of cine MR volumes beside one of slices: Dice on the same patients left out, of each and of both averaged.

    python -m benchmarks.cine_volumes --data ACDC_FOLDER --out FOLDER [--fold 0] [--epochs 80]

Folds and FOLDER are those of ``benchmarks.cine_mr``. FOLDER/foldN.safetensors (slices) and FOLDER/volumesN.safetensors
are trained where they are missing. The length of the training is fixed, so nothing is chosen on the patients left out.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.cine_mr import STRUCTURES, listed_patients, read_volume, trained_network
from benchmarks.structure_table import mean_by_patient, shown
from echomine.cardiac.cine_segmentation import segment_by_all
from echomine.cardiac.ensemble import SliceEnsemble
from echomine.metrics.structures import StructureScores, label_scores
from echomine.pipeline.cardiac_models import CINE_MR, CINE_MR_3D
from echomine.pipeline.train_slices import slice_settings

FOLDS = 3


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=80)
    return parser.parse_args()


def _ensembles(options: argparse.Namespace, left_out: list[str]) -> dict[str, tuple[SliceEnsemble, ...]]:
    known = [one for one in listed_patients(options.data) if one not in left_out]
    volumes = [read_volume(options.data, one, at) for one in known for at in ("ED", "ES")]
    found = []
    for kind, stem in ((CINE_MR, "fold"), (CINE_MR_3D, "volumes")):
        config = replace(slice_settings(kind), epochs=options.epochs)
        start = time.process_time()
        network = trained_network(options.out / f"{stem}{options.fold}.safetensors", volumes, config, options.fold)
        weights = sum(value.numel() for value in network.parameters())
        print(f"{kind}: {weights:,} weights, {(time.process_time() - start) / 60:.1f} min of processor time to have it")
        found.append(SliceEnsemble(networks=(network,), preparation=config.preparation))
    return {"slices": (found[0],), "volumes": (found[1],), "both": tuple(found)}


def _print(name: str, structure: str, scores: list[StructureScores], patients: list[str]) -> None:
    dice = [one.dice for one in scores]
    far = float(np.mean([one.hausdorff_mm for one in scores]))
    print(
        f"{name:8} {structure:3} n {len(dice)} Dice {shown(mean_by_patient(dice, patients))} "
        f"(ED {np.mean(dice[::2]):.3f}, ES {np.mean(dice[1::2]):.3f}), Hausdorff {far:.1f} mm"
    )


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    left_out = listed_patients(options.data)[options.fold :: FOLDS]
    ensembles = _ensembles(options, left_out)
    scans = [read_volume(options.data, one, at) for one in left_out for at in ("ED", "ES")]
    patients = [one for one in left_out for _ in range(2)]
    for name, some in ensembles.items():
        drawn = [segment_by_all(some, one.image, one.spacing_mm) for one in scans]
        scores = [
            label_scores(one.mask, mask, STRUCTURES, one.spacing_mm) for one, mask in zip(scans, drawn, strict=True)
        ]
        for structure in STRUCTURES:
            _print(name, structure, [one[structure] for one in scores], patients)


if __name__ == "__main__":
    main()
