"""Calcium scoring on SYNTHETIC chest CTs that no network has seen.

    echomine cardiac train calcium --workspace WORKSPACE
    python -m benchmarks.calcium_scoring --workspace WORKSPACE [--count 40] [--seed 7]

Truth is the calcium of the phantom where the scan shows 130 HU or more in a candidate. Volumes are counted by voxel,
lesions by candidate; the intervals draw whole scans.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from echomine.cardiac.calcium import CORONARIES, CalciumSite, calcium_scores, candidates
from echomine.cardiac.calcium_finder import find_calcium, voxels_by_candidate
from echomine.cardiac.calcium_risk import risk_scheme
from echomine.metrics.agreement import KappaWeights, agreement, confusion, kappa
from echomine.metrics.intervals import Estimate, bootstrap_by_group, wilson_interval
from echomine.pipeline.cardiac_models import load_calcium_finder
from echomine.pipeline.train_calcium import true_site
from echomine.synthetic.chest_ct import ChestCt, make_chest_ct

SITES = [site for site in CalciumSite if site is not CalciumSite.BACKGROUND]
GROUPS = {"coronary": CORONARIES, **{site.name: (site,) for site in SITES}, "any site": tuple(SITES)}


def _counts(truth: np.ndarray, drawn: np.ndarray, voxel_mm3: float) -> dict[str, list[float]]:
    """True positive, false positive and missed volume of each group, in mm3; coronaries together count any of them."""
    table = {}
    for name, sites in GROUPS.items():
        t, d = np.isin(truth, sites), np.isin(drawn, sites)
        table[name] = [float(np.count_nonzero(part)) * voxel_mm3 for part in (t & d, ~t & d, t & ~d)]
    return table


def _shown(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"


def _sensitivity(sums: np.ndarray) -> float:
    return float(sums[0] / (sums[0] + sums[2])) if sums[0] + sums[2] else float("nan")


def _f1(sums: np.ndarray) -> float:
    return float(2 * sums[0] / (2 * sums[0] + sums[1] + sums[2])) if sums.sum() else float("nan")


def _lesions(chest: ChestCt, drawn: np.ndarray) -> dict[str, list[int]]:
    """The same of candidates."""
    numbered, _ = candidates(chest.values_hu, chest.spacing_mm)
    table = {name: [0, 0, 0] for name in GROUPS}
    for voxels in voxels_by_candidate(numbered):
        site, named = true_site(chest, voxels), int(drawn[tuple(voxels[0])])
        for name, sites in GROUPS.items():
            hit, told = site in sites, named in sites
            for at, counts in enumerate((hit and told, told and not hit, hit and not told)):
                table[name][at] += counts
    return table


def _print_groups(volumes: list[dict[str, list[float]]], lesions: list[dict[str, list[int]]]) -> None:
    names = [str(at) for at in range(len(volumes))]
    for group in GROUPS:
        parts = []
        for rows in (volumes, lesions):
            table = np.array([row[group] for row in rows], dtype=float)
            figures = [
                _shown(bootstrap_by_group(lambda r, t=table, f=f: f(t[r].sum(axis=0)), names, np.random.default_rng(0)))
                for f in (_sensitivity, _f1)
            ]
            parts.append((table, figures))
        (table, by_volume), (counted, by_lesion) = parts
        print(
            f"{group:13} volume: sensitivity {by_volume[0]}, F1 {by_volume[1]}, false {table[:, 1].mean():.1f} mm3 a "
            f"scan; lesions (n {int(counted[:, [0, 2]].sum())}, false {int(counted[:, 1].sum())}): sensitivity "
            f"{by_lesion[0]}, F1 {by_lesion[1]}"
        )


def _print_scores(scores: list[tuple[float, float]]) -> None:
    for name in ("four", "lessmann2018"):
        scheme = risk_scheme(name)
        mine, theirs = ([scheme.category(pair[side]) for pair in scores] for side in (0, 1))
        counted = confusion(mine, theirs, scheme.words)
        share = _shown(wilson_interval(int(np.trace(counted)), len(scores)))
        weighted = kappa(counted, weights=KappaWeights.LINEAR)
        print(f"risk {name}: {np.trace(counted)} of {len(scores)} agree, {share}, linear kappa {weighted:.3f}")
        print(f"  rows true, columns measured, {', '.join(scheme.words)}: {counted.tolist()}")
    found = agreement([a for a, _ in scores], [b for _, b in scores])
    error = found.mean_absolute_error
    print(f"coronary Agatston: r {_shown(found.correlation)}, bias {found.bias.value:.1f}, MAE {error:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--generation", default="")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    finder = load_calcium_finder(options.workspace, options.generation)
    volumes, lesions, scores, seconds = [], [], [], []
    for at in range(options.count):
        chest = make_chest_ct(np.random.default_rng([options.seed, at]))
        start = time.process_time()
        drawn = find_calcium(chest.values_hu, chest.spacing_mm, finder)
        seconds.append(time.process_time() - start)
        numbered, _ = candidates(chest.values_hu, chest.spacing_mm)
        truth = np.where(numbered > 0, chest.mask, 0)
        volumes.append(_counts(truth, drawn, float(np.prod(chest.spacing_mm))))
        lesions.append(_lesions(chest, drawn))
        mine, theirs = (
            calcium_scores(chest.values_hu, np.isin(mask, CORONARIES), chest.spacing_mm).agatston
            for mask in (drawn, truth)
        )
        scores.append((mine, theirs))
    print(f"{finder.generation}: {options.count} SYNTHETIC CTs, {np.mean(seconds):.1f} s of processor time each")
    _print_groups(volumes, lesions)
    _print_scores(scores)


if __name__ == "__main__":
    main()
