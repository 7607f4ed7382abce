"""Lines of a table of structures and of agreement, as the cardiac benchmarks print them; intervals draw patients."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from echomine.cardiac.ef_category import EF_TABLES, ef_category
from echomine.cardiac.published_figures import published
from echomine.domain.heart_choices import EfTableName, Sex
from echomine.metrics.agreement import agreement, category_agreement
from echomine.metrics.intervals import Estimate, bootstrap_by_group
from echomine.metrics.structures import StructureScores
from echomine.pipeline.agreement_plots import agreement_png


def mean_by_patient(values: ArrayLike, patients: Sequence[str]) -> Estimate:
    """The mean of all pictures; its 95 % interval draws whole patients, whose pictures err together."""
    rows = np.asarray(values, dtype=float)
    return bootstrap_by_group(lambda drawn: float(rows[drawn].mean()), patients, np.random.default_rng(0))


def shown(figure: Estimate, digits: int = 3) -> str:
    """A figure with its interval."""
    return f"{figure.value:.{digits}f} ({figure.low:.{digits}f}-{figure.high:.{digits}f})"


def print_structures(
    scores: Sequence[Mapping[str, StructureScores]], patients: Sequence[str], *, label: str = ""
) -> None:
    """Mean Dice with its interval, mean Hausdorff distance, mean HD95 (pooled, as medpy), of pictures of patients."""
    for name in scores[0]:
        dice = np.array([one[name].dice for one in scores])
        distance = np.mean([one[name].hausdorff_mm for one in scores])
        far = np.mean([one[name].hd95_mm for one in scores])
        print(
            f"{label}{name:11} n {len(dice)} Dice {shown(mean_by_patient(dice, patients))}, "
            f"lowest {dice.min():.3f}, Hausdorff {distance:.1f} mm, HD95 {far:.1f} mm"
        )


def print_agreement(
    name: str, unit: str, pairs: Sequence[Sequence[float | None]], *, known: str = "", out: Path | None = None
) -> None:
    """Correlation, bias and limits of pairs (measured, reference); the plot of both goes into a folder."""
    mine, theirs = zip(*[pair for pair in pairs if None not in pair], strict=True)
    found = agreement(mine, theirs)
    print(
        f"{name:16} n {found.count}, r {shown(found.correlation)}, bias {found.bias.value:.1f} {unit}, "
        f"limits {found.lower_limit.value:.1f} to {found.upper_limit.value:.1f}, MAE {found.mean_absolute_error:.1f}"
    )
    if out is not None:
        plot = agreement_png(mine, theirs, name=name, unit=unit, known=published(known) if known else ())
        (out / f"{name.lower().replace(' ', '_')}.png").write_bytes(plot)


def print_ef_categories(name: str, pairs: Sequence[Sequence[float | None]], *, known: str = "") -> None:
    """Confusion, share and kappa of categories of ejection fractions (measured, reference), and published figures."""
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    for table in EfTableName:
        words = [band.word for band in EF_TABLES[table].bands[Sex.UNKNOWN]]
        mine, theirs = ([ef_category(pair[side], table=table).word for pair in both] for side in (0, 1))
        found = category_agreement(mine, theirs, words, np.random.default_rng(0))
        print(
            f"{name:16} {table}: n {len(both)}, same category {shown(found.share)}, linear kappa {shown(found.kappa)}; "
            f"rows reference, columns measured, {', '.join(words)}: {found.counts.tolist()}"
        )
    for one in published(known) if known else ():
        print(f"  published: {one.who}, {one.statistic} {one.value:g}, {one.source}")
