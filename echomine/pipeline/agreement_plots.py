"""Scatter and Bland-Altman plots of two ways to measure, with the published figures beside them."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from echomine.cardiac.published_figures import PublishedFigure
from echomine.metrics.agreement import Agreement, agreement

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_POINT, _LINE, _QUIET = "#2b6cb0", "#c05621", "#5d6b78"


def agreement_png(
    measured: ArrayLike, reference: ArrayLike, *, name: str, unit: str, known: Sequence[PublishedFigure] = ()
) -> bytes:
    """Two plots side by side as PNG bytes.

    Args:
        measured: (N,) values of the method.
        reference: (N,) values of the reference.
        name: What is measured.
        unit: Of both.
        known: Published figures to print.

    Raises:
        MeasurementError: If there are fewer than three pairs or a value is no number.
    """
    from matplotlib.figure import Figure

    mine, theirs = np.asarray(measured, dtype=float), np.asarray(reference, dtype=float)
    found = agreement(mine, theirs)
    figure = Figure(figsize=(10.5, 4.6), dpi=100, facecolor="white")
    _scatter(figure.add_subplot(1, 2, 1), mine, theirs, found, f"{name}, {unit}")
    _bland_altman(figure.add_subplot(1, 2, 2), mine, theirs, found, unit)
    if known:
        words = "; ".join(f"{one.who} {one.statistic} {one.value:g}" for one in known)
        figure.text(0.01, 0.01, f"Published: {words}", fontsize=7, color=_QUIET)
    figure.tight_layout(rect=(0, 0.04, 1, 1))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": "echomine"})
    return buffer.getvalue()


def _scatter(
    axes: "Axes", mine: NDArray[np.float64], theirs: NDArray[np.float64], found: Agreement, label: str
) -> None:
    ends = [float(min(mine.min(), theirs.min())), float(max(mine.max(), theirs.max()))]
    axes.plot(ends, ends, color=_QUIET, linewidth=1)
    axes.scatter(theirs, mine, color=_POINT, s=18)
    r = found.correlation
    axes.set_title(f"r = {r.value:.3f} ({r.low:.3f} to {r.high:.3f}), n = {found.count}", fontsize=10)
    axes.set_xlabel(f"reference {label}")
    axes.set_ylabel(f"measured {label}")


def _bland_altman(
    axes: "Axes", mine: NDArray[np.float64], theirs: NDArray[np.float64], found: Agreement, unit: str
) -> None:
    axes.scatter((mine + theirs) / 2, mine - theirs, color=_POINT, s=18)
    for estimate, style in ((found.bias, "-"), (found.lower_limit, "--"), (found.upper_limit, "--")):
        axes.axhspan(estimate.low, estimate.high, color=_LINE, alpha=0.08)
        axes.axhline(estimate.value, color=_LINE, linestyle=style, linewidth=1)
    axes.set_title(
        f"bias {found.bias.value:.1f} {unit}, limits {found.lower_limit.value:.1f} to {found.upper_limit.value:.1f}",
        fontsize=10,
    )
    axes.set_xlabel(f"mean of both, {unit}")
    axes.set_ylabel(f"measured - reference, {unit}")
