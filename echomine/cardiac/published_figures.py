"""Published agreement of methods and of observers, to print beside measured figures."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFigure:
    """One number of a paper.

    Attributes:
        quantity: What was compared: ``lv_ef``, ``lv_edv``, ``hausdorff_lv``, ...
        who: The method, or ``between observers`` or ``one observer twice``.
        statistic: ``r``, ``mm``, ``kappa``, ``F1``, ``MAE %``.
        value: The number.
        source: Paper and data.
    """

    quantity: str
    who: str
    statistic: str
    value: float
    source: str


_ACDC = "ACDC, 50 test patients (Isensee 2017; Bernard 2018)"
_CAMUS = "CAMUS (Leclerc 2019; Wei 2020)"
_CT = "lung screening CT (Lessmann 2018)"
_BETWEEN, _TWICE = "between observers", "one observer twice"

PUBLISHED: tuple[PublishedFigure, ...] = tuple(
    PublishedFigure(quantity=quantity, who=who, statistic=statistic, value=value, source=source)
    for quantity, who, statistic, value, source in (
        ("lv_ef", "ensemble of U-Nets", "r", 0.990, _ACDC),
        ("lv_edv", "ensemble of U-Nets", "r", 0.997, _ACDC),
        ("lv_mass", "ensemble of U-Nets", "r", 0.987, _ACDC),
        ("rv_ef", "ensemble of U-Nets", "r", 0.910, _ACDC),
        ("hausdorff_lv", "ensemble of U-Nets", "mm", 6.2, _ACDC),
        ("hausdorff_rv", "ensemble of U-Nets", "mm", 9.9, _ACDC),
        ("hausdorff_myo", "ensemble of U-Nets", "mm", 7.2, _ACDC),
        ("hausdorff_lv", _BETWEEN, "mm", 7.1, _ACDC),
        ("hausdorff_rv", _BETWEEN, "mm", 13.2, _ACDC),
        ("hausdorff_myo", _BETWEEN, "mm", 7.4, _ACDC),
        ("hausdorff_lv", _TWICE, "mm", 4.7, _ACDC),
        ("hausdorff_rv", _TWICE, "mm", 8.4, _ACDC),
        ("hausdorff_myo", _TWICE, "mm", 5.6, _ACDC),
        ("echo_ef", "joint motion and segmentation", "r", 0.926, _CAMUS),
        ("echo_edv", "joint motion and segmentation", "r", 0.958, _CAMUS),
        ("echo_esv", "joint motion and segmentation", "r", 0.979, _CAMUS),
        ("echo_ef", "encoder-decoder", "r", 0.80, _CAMUS),
        ("echo_ef", "encoder-decoder", "MAE %", 5.6, _CAMUS),
        ("echo_ef", _BETWEEN, "r", 0.801, _CAMUS),
        ("echo_ef", _TWICE, "r", 0.896, _CAMUS),
        ("calcium_category", "two networks", "kappa", 0.91, _CT),
        ("calcium", "two networks", "F1", 0.90, _CT),
        ("calcium", _BETWEEN, "F1", 0.95, _CT),
    )
)


def published(quantity: str) -> tuple[PublishedFigure, ...]:
    """The published numbers of a quantity; none where nothing is known."""
    return tuple(one for one in PUBLISHED if one.quantity == quantity)
