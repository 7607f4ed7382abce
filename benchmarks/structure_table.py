"""Lines of a table of structures and of agreement, as the cardiac benchmarks print them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from echomine.cardiac.published_figures import published
from echomine.metrics.agreement import agreement
from echomine.metrics.structures import StructureScores
from echomine.pipeline.agreement_plots import agreement_png


def print_structures(scores: Sequence[Mapping[str, StructureScores]], *, label: str = "") -> None:
    """Mean Dice with its normal 95 % interval, mean Hausdorff distance, mean HD95 (pooled, as medpy)."""
    for name in scores[0]:
        dice = np.array([one[name].dice for one in scores])
        distance = np.mean([one[name].hausdorff_mm for one in scores])
        far = np.mean([one[name].hd95_mm for one in scores])
        swing = 1.96 * dice.std(ddof=1) / np.sqrt(len(dice))
        print(
            f"{label}{name:11} n {len(dice)} Dice {dice.mean():.3f} "
            f"({dice.mean() - swing:.3f}-{dice.mean() + swing:.3f}), "
            f"lowest {dice.min():.3f}, Hausdorff {distance:.1f} mm, HD95 {far:.1f} mm"
        )


def print_agreement(
    name: str, unit: str, pairs: Sequence[Sequence[float | None]], *, known: str = "", out: Path | None = None
) -> None:
    """Correlation, bias and limits of pairs (measured, reference); the plot of both goes into a folder."""
    mine, theirs = zip(*[pair for pair in pairs if None not in pair], strict=True)
    found = agreement(mine, theirs)
    r = found.correlation
    print(
        f"{name:16} n {found.count}, r {r.value:.3f} ({r.low:.3f}-{r.high:.3f}), bias {found.bias.value:.1f} {unit}, "
        f"limits {found.lower_limit.value:.1f} to {found.upper_limit.value:.1f}, MAE {found.mean_absolute_error:.1f}"
    )
    if out is not None:
        plot = agreement_png(mine, theirs, name=name, unit=unit, known=published(known) if known else ())
        (out / f"{name.lower().replace(' ', '_')}.png").write_bytes(plot)
