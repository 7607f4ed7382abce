"""Words of the guidelines for an ejection fraction."""

from dataclasses import dataclass

from echomine.domain.errors import ConfigurationError, MeasurementError
from echomine.domain.heart_choices import EfTableName, Sex
from echomine.domain.vocabulary import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class EfBand:
    """One row of a table: the category holds from ``at_least_pct`` up to the next band.

    Attributes:
        word: As the guideline says it.
        at_least_pct: Lowest ejection fraction, in percent.
        severity: Of the reduction, for tables that grade it.
    """

    word: str
    at_least_pct: float
    severity: Severity = Severity.UNSPECIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class EfTable:
    """A named table of categories.

    Attributes:
        name: What ``--table`` takes.
        source: The guideline and its table.
        bands: From the highest to the lowest, by sex; for an unknown one those of men, as :attr:`depends_on_sex` tells.
    """

    name: str
    source: str
    bands: dict[Sex, tuple[EfBand, ...]]

    @property
    def depends_on_sex(self) -> bool:
        """Whether men and women have other limits."""
        return self.bands[Sex.MALE] != self.bands[Sex.FEMALE]


def _ase_bands(normal_pct: float) -> tuple[EfBand, ...]:
    return (
        EfBand(word="normal", at_least_pct=normal_pct, severity=Severity.NONE),
        EfBand(word="mildly abnormal", at_least_pct=41, severity=Severity.MILD),
        EfBand(word="moderately abnormal", at_least_pct=30, severity=Severity.MODERATE),
        EfBand(word="severely abnormal", at_least_pct=float("-inf"), severity=Severity.SEVERE),
    )


_HEART_FAILURE = (
    EfBand(word="preserved", at_least_pct=50),
    EfBand(word="mildly reduced", at_least_pct=41),
    EfBand(word="reduced", at_least_pct=float("-inf")),
)

EF_TABLES: dict[str, EfTable] = {
    EfTableName.ASE2015: EfTable(
        name=EfTableName.ASE2015,
        source="Lang et al., J Am Soc Echocardiogr 2015;28:1-39, Table 4 (men 52-72 %, women 54-74 % normal)",
        bands={Sex.MALE: _ase_bands(52), Sex.FEMALE: _ase_bands(54), Sex.UNKNOWN: _ase_bands(52)},
    ),
    EfTableName.ESC2021: EfTable(
        name=EfTableName.ESC2021,
        source="McDonagh et al., Eur Heart J 2021;42:3599-3726, Table 3 (<= 40, 41-49, >= 50 %)",
        bands=dict.fromkeys(Sex, _HEART_FAILURE),
    ),
}


def ef_category(ef_pct: float, *, table: str = EfTableName.ASE2015, sex: Sex = Sex.UNKNOWN) -> EfBand:
    """The band of an ejection fraction; it is rounded to whole percent first, as the tables are written in them.

    Raises:
        ConfigurationError: If there is no such table.
        MeasurementError: If the value is no number or above 100 %.
    """
    if table not in EF_TABLES:
        raise ConfigurationError(
            f"no table of ejection fractions is called {table!r}, there are {', '.join(EF_TABLES)}"
        )
    if not ef_pct <= 100:
        raise MeasurementError(f"an ejection fraction is at most 100 %, got {ef_pct}")
    whole = int(ef_pct + 0.5) if ef_pct >= 0 else -1
    return next(band for band in EF_TABLES[table].bands[sex] if whole >= band.at_least_pct)
