import pytest

from echomine.cardiac.ef_category import EF_TABLES, Sex, ef_category
from echomine.domain.errors import ConfigurationError, MeasurementError
from echomine.domain.vocabulary import Severity


@pytest.mark.parametrize(
    ("ef", "sex", "word"),
    [
        (60, Sex.MALE, "normal"),
        (52, Sex.MALE, "normal"),
        (53, Sex.FEMALE, "mildly abnormal"),
        (54, Sex.FEMALE, "normal"),
        (41, Sex.MALE, "mildly abnormal"),
        (40, Sex.MALE, "moderately abnormal"),
        (30, Sex.MALE, "moderately abnormal"),
        (29.4, Sex.MALE, "severely abnormal"),
        (-5, Sex.MALE, "severely abnormal"),
    ],
)
def test_table_4_of_lang(ef, sex, word):
    assert ef_category(ef, sex=sex).word == word


@pytest.mark.parametrize(
    ("ef", "word"), [(40.4, "reduced"), (41, "mildly reduced"), (49, "mildly reduced"), (50, "preserved")]
)
def test_table_3_of_the_heart_failure_guideline(ef, word):
    assert ef_category(ef, table="esc2021").word == word


def test_severity_grows_as_the_fraction_falls():
    grades = [ef_category(ef).severity for ef in (60, 45, 35, 20)]
    assert grades == [Severity.NONE, Severity.MILD, Severity.MODERATE, Severity.SEVERE]


def test_unknown_table_lists_what_there_is():
    with pytest.raises(ConfigurationError, match="ase2015, esc2021"):
        ef_category(50, table="mine")


@pytest.mark.parametrize("value", [101, float("nan")])
def test_impossible_values(value):
    with pytest.raises(MeasurementError):
        ef_category(value)


def test_every_table_names_its_source():
    assert all("Table" in table.source for table in EF_TABLES.values())
