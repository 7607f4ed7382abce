"""Clips of apical echo, networks of clips and of frames together (CLAS) against frames alone, on patients left out.

    python -m benchmarks.echo_clips --data CAMUS --workspace WORKSPACE --out FOLDER

The clips run between the labelled frames of a patient by the deformation of ``echomine.synthetic.echo_clips``; the
speckle is drawn with another seed than in training. Only the first and the last frame are real pictures with traced
masks; masks of the frames between come from the deformation and are reported apart.
"""

import argparse
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from benchmarks.apical_echo import structures_of, volume_ml
from benchmarks.structure_table import (
    mean_by_patient,
    print_agreement,
    print_ef_categories,
    print_structures,
    shown,
)
from echomine.archive.workspace import Workspace
from echomine.cardiac.apical_anatomy import apical_violations
from echomine.cardiac.volume_curve import mean_second_difference, volume_curve_ml
from echomine.cardiac.volumes import ejection_fraction_pct
from echomine.metrics.intervals import bootstrap_by_group
from echomine.metrics.structures import StructureScores
from echomine.pipeline.cardiac_models import APICAL_CLIPS, APICAL_ECHO, load_ensemble
from echomine.pipeline.cardiac_pictures import curve_png
from echomine.pipeline.cardiac_result import Curve
from echomine.pipeline.labelled_scans import patient_folds, patient_of
from echomine.pipeline.train_clips import both_masks, labelled_clips
from echomine.synthetic.echo_clips import EchoClip

OTHER_SPECKLE = 20_000


@dataclass
class _Judged:
    """What one way of drawing came to; the truth has no scores."""

    patients: list[str] = field(default_factory=list)
    ends: list[dict[str, StructureScores]] = field(default_factory=list)
    between: list[dict[str, StructureScores]] = field(default_factory=list)
    roughness: list[float] = field(default_factory=list)
    volumes: list[tuple[float, float]] = field(default_factory=list)
    violations: int = 0

    def add(self, clip: EchoClip, masks: np.ndarray) -> np.ndarray:
        """Judges the masks of a clip; gives their volume curve."""
        spacing = (clip.pixel_mm, clip.pixel_mm)
        scores = [structures_of(true, mask, spacing) for true, mask in zip(clip.masks, masks, strict=True)]
        self.patients.append(patient_of(clip.name))
        self.ends += [scores[0], scores[-1]]
        self.between += scores[1:-1]
        self.violations += sum(bool(apical_violations(mask, spacing)) for mask in masks)
        first, last = (volume_ml(mask, spacing, "area-length") for mask in masks[[0, -1]])
        self.volumes.append((first, last))
        curve = volume_curve_ml(masks, spacing)
        self.roughness.append(mean_second_difference(curve))
        return curve

    def print(self, name: str, truth: "_Judged") -> None:
        for scores, label in ((self.ends, "ED and ES"), (self.between, "in between")):
            owners = [one for one in self.patients for _ in range(len(scores) // len(self.patients))]
            print_structures(scores, owners, label=f"{name:6} {label:10}  ")
        print(f"{name:6} frames with a violation of anatomy: {self.violations} of {len(self.ends) + len(self.between)}")
        both = list(zip(self.volumes, truth.volumes, strict=True))
        for at, word in enumerate(("EDV", "ESV")):
            print_agreement(f"{name} {word}", "ml", [(mine[at], true[at]) for mine, true in both])
        fractions = [tuple(ejection_fraction_pct(*one) for one in pair) for pair in both]
        print_agreement(f"{name} EF", "%", fractions)
        print_ef_categories(f"{name} EF", fractions, known="echo_ef")


def _print_smoothness(judged: dict[str, _Judged], names: list[str]) -> None:
    rough = {name: np.array(one.roughness) for name, one in judged.items()}
    print("mean second difference of the volume curve, ml:", {n: round(float(v.mean()), 2) for n, v in rough.items()})
    ratio = bootstrap_by_group(
        lambda rows: float(rough["clip"][rows].mean() / rough["frames"][rows].mean()), names, np.random.default_rng(0)
    )
    print(f"clip / frames: {ratio.value:.2f} ({ratio.low:.2f}-{ratio.high:.2f}), n {len(names)} clips")
    for part in judged["clip"].ends[0]:
        gains = [a[part].dice - b[part].dice for a, b in zip(judged["clip"].ends, judged["frames"].ends, strict=True)]
        owners = [one for one in judged["clip"].patients for _ in range(2)]
        print(f"Dice gained at ED and ES, {part}: {shown(mean_by_patient(gains, owners), 4)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--generation", default="")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    whole = load_ensemble(options.workspace, APICAL_CLIPS, options.generation)
    parents = Workspace.artifacts_of(options.workspace).load(APICAL_CLIPS, whole.generation).parents
    single = load_ensemble(options.workspace, APICAL_ECHO, parents[APICAL_ECHO])
    clips = labelled_clips(options.data, single.preparation, seed=OTHER_SPECKLE)
    folds = patient_folds([clip.name for clip in clips], len(whole.networks))
    judged = {name: _Judged() for name in ("frames", "clip", "truth")}
    names = []
    for frame_network, clip_network, left_out in zip(single.networks, whole.networks, folds, strict=True):
        for clip in [one for one in clips if patient_of(one.name) in left_out]:
            drawn = (*both_masks(frame_network, clip_network, clip, single.preparation), clip.masks)
            curves = [one.add(clip, masks) for one, masks in zip(judged.values(), drawn, strict=True)]
            pictured = [
                Curve(name=name, values=tuple(map(float, curve)), unit="ml", method="")
                for name, curve in zip(judged, curves, strict=True)
            ]
            picture = curve_png(pictured, [(0, len(clip.images) - 1)] * len(pictured))
            (options.out / f"curve_{clip.name}.png").write_bytes(picture)
            names.append(clip.name)
    print(f"{whole.generation} from {single.generation}: {len(names)} clips of {len(clips[0].images)} frames")
    for name in ("frames", "clip"):
        judged[name].print(name, judged["truth"])
    _print_smoothness(judged, names)


if __name__ == "__main__":
    main()
