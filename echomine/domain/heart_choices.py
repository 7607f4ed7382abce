"""What can be chosen when a heart scan is measured or a network for it is trained: closed lists."""

from enum import StrEnum


class Sex(StrEnum):
    """Sex, where a table depends on it."""

    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


class EfTableName(StrEnum):
    """Guideline for the category of an ejection fraction."""

    ASE2015 = "ase2015"
    ESC2021 = "esc2021"


class AgatstonConvention(StrEnum):
    """How slices other than 3 mm apart count.

    ``per_slice`` is the rule of 1990, made for 3 mm slices; ``scaled`` multiplies each slice by its spacing / 3 mm, so
    that thin slices do not count several times.
    """

    PER_SLICE = "per_slice"
    SCALED = "scaled"


class RiskSchemeName(StrEnum):
    """Risk categories of an Agatston score."""

    FOUR = "four"
    LESSMANN2018 = "lessmann2018"
    FIVE = "five"
    DEEPCAC = "deepcac"


class TrainedKind(StrEnum):
    """What is trained for heart scans."""

    MR = "mr"
    MR3D = "mr3d"
    ECHO = "echo"
    CLIPS = "clips"
    CALCIUM = "calcium"
    GROUPS = "groups"
