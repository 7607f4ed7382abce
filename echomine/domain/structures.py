"""Class numbers of the masks of cardiac structures."""

from enum import IntEnum


class ShortAxis(IntEnum):
    """Classes of a short-axis mask, as ACDC numbers them."""

    BACKGROUND = 0
    RV = 1
    MYOCARDIUM = 2
    LV = 3


class Apical(IntEnum):
    """Classes of an apical mask, as CAMUS numbers them; 1 is the cavity inside the endocardium."""

    BACKGROUND = 0
    LV = 1
    MYOCARDIUM = 2
    LA = 3
