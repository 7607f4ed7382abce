"""Cine MR on patients that no network of theirs has seen: Dice, Hausdorff distance, volumes, ejection fraction, mass.

    python -m benchmarks.cine_mr --data ACDC_FOLDER --out FOLDER [--folds 3] [--epochs 80] [--only 0]

Each fold leaves out one patient of every group. The length of the training is fixed, so nothing is chosen on the
patients left out. Weights lie in FOLDER/foldN.safetensors and are trained where they are missing (14 to 32 minutes
of one idle core each). ``--report`` prints the figures of the folds that are there.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from benchmarks.structure_table import mean_by_patient, print_agreement, print_ef_categories, shown
from echomine.archive.nifti_files import read_nifti
from echomine.archive.volume_geometry import stack_placement
from echomine.cardiac.anatomical_guarantee import valid_volume
from echomine.cardiac.cine_segmentation import segment_cine
from echomine.cardiac.short_axis_anatomy import volume_violations
from echomine.cardiac.volumes import CineVolumes, cine_volumes
from echomine.learning.checkpoints import CheckpointFile
from echomine.learning.cine_mr import CineTraining, LabelledVolume, train_cine_network
from echomine.metrics.structures import label_scores
from echomine.models.segmentation.isensee import IsenseeConfig, IsenseeUNet

STRUCTURES = {"RV": 1, "MYO": 2, "LV": 3}
QUANTITIES = {
    "lv_edv": "lv_edv_ml",
    "lv_esv": "lv_esv_ml",
    "lv_ef": "lv_ef_pct",
    "lv_mass": "lv_mass_g",
    "rv_ef": "rv_ef_pct",
}


def listed_patients(folder: Path) -> list[str]:
    """The patients of a folder, in the order of its index."""
    return [row["patient"] for row in csv.DictReader((folder / "index.csv").read_text().splitlines())]


def read_volume(folder: Path, patient: str, instant: str) -> LabelledVolume:
    """One instant of a patient, with its mask."""
    image = read_nifti(folder / f"{patient}_{instant}.nii.gz", dimensions=(3,))
    mask = read_nifti(folder / f"{patient}_{instant}_gt.nii.gz", dimensions=(3,))
    placement = stack_placement(image.affine, image.spacing_mm)
    return LabelledVolume(
        name=f"{patient}_{instant}",
        image=placement.canonical(image.values),
        mask=placement.canonical(mask.values).astype(np.uint8),
        spacing_mm=placement.spacing_mm,
    )


def trained_network(path: Path, volumes: list[LabelledVolume], config: CineTraining, seed: int) -> IsenseeUNet:
    """The network of a file, trained first where there is none."""
    network = IsenseeUNet(IsenseeConfig(dimensions=config.dimensions, base=config.base))
    if not path.exists():
        checkpoint = CheckpointFile(path.with_suffix(".unfinished"), f"{config} {seed} {[one.name for one in volumes]}")
        network, _ = train_cine_network(volumes, config, seed=seed, checkpoint=checkpoint)
        save_file({name: value.contiguous() for name, value in network.state_dict().items()}, path)
    network.load_state_dict(load_file(path))
    return network.eval()


class _Scores:
    def __init__(self) -> None:
        self.structures: dict[str, list[list[tuple[float, float]]]] = {"network": [], "guaranteed": []}
        self.measured: list[CineVolumes] = []
        self.true: list[CineVolumes] = []
        self.violations = {"network": 0, "guaranteed": 0}
        self.seconds: list[float] = []

    def add(self, network: IsenseeUNet, instants: list[LabelledVolume], config: CineTraining) -> None:
        final = []
        for one in instants:
            start = time.process_time()
            mask = segment_cine([network], one.image, one.spacing_mm, config.preparation)
            valid, _ = valid_volume(mask, one.spacing_mm)
            self.seconds.append(time.process_time() - start)
            for name, drawn in (("network", mask), ("guaranteed", valid)):
                scores = label_scores(one.mask, drawn, STRUCTURES, one.spacing_mm)
                self.structures[name].append([(scores[part].dice, scores[part].hausdorff_mm) for part in STRUCTURES])
                self.violations[name] += sum(map(len, volume_violations(drawn, one.spacing_mm).values()))
            final.append(valid)
        self.measured.append(cine_volumes(final[0], final[1], instants[0].spacing_mm))
        self.true.append(cine_volumes(instants[0].mask, instants[1].mask, instants[0].spacing_mm))

    def report(self, out: Path) -> None:
        count = len(self.true)
        patients = [str(at) for at in range(count) for _ in range(2)]
        print(f"{count} patients, {2 * count} volumes; {np.mean(self.seconds):.1f} s of processor time a volume")
        for name, scores in self.structures.items():
            table = np.array(scores)
            for at, structure in enumerate(STRUCTURES):
                dice, distance = table[:, at, 0], table[:, at, 1]
                mean = shown(mean_by_patient(dice, patients))
                print(
                    f"{name:10} {structure:3} Dice {mean} (ED {dice[::2].mean():.3f}, "
                    f"ES {dice[1::2].mean():.3f}), Hausdorff {distance.mean():.1f} mm"
                )
            print(f"{name:10} violations of anatomy {self.violations[name]}")
        for name, attribute in QUANTITIES.items():
            pairs = [
                (getattr(a, attribute), getattr(b, attribute)) for a, b in zip(self.measured, self.true, strict=True)
            ]
            unit = {"ml": "ml", "pct": "%", "g": "g"}[attribute.rsplit("_", 1)[1]]
            print_agreement(name, unit, pairs, known=name, out=out)
            if name == "lv_ef":
                print_ef_categories(name, pairs, known=name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=80)
    parser.add_argument("--only", type=int, default=-1, help="train one fold and stop")
    parser.add_argument("--report", action="store_true", help="train nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    patients = listed_patients(options.data)
    config, scores = CineTraining(epochs=options.epochs), _Scores()
    for fold in range(options.folds) if options.only < 0 else [options.only]:
        path = options.out / f"fold{fold}.safetensors"
        if options.report and not path.exists():
            print(f"fold {fold} is not trained and left out")
            continue
        left_out = patients[fold :: options.folds]
        known = [read_volume(options.data, one, at) for one in patients if one not in left_out for at in ("ED", "ES")]
        network = trained_network(path, known, config, fold)
        for patient in left_out if options.only < 0 else []:
            scores.add(network, [read_volume(options.data, patient, at) for at in ("ED", "ES")], config)
    if scores.true:
        scores.report(options.out)


if __name__ == "__main__":
    main()
