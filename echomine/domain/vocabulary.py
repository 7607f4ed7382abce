"""Closed vocabularies of the field."""

from enum import IntEnum, StrEnum


class Valve(StrEnum):
    """The four heart valves."""

    AORTIC = "aortic"
    MITRAL = "mitral"
    TRICUSPID = "tricuspid"
    PULMONIC = "pulmonic"


class Disease(StrEnum):
    """What can be wrong with a valve; ``normal`` says that a report calls it normal."""

    STENOSIS = "stenosis"
    REGURGITATION = "regurgitation"
    PROLAPSE = "prolapse"
    SCLEROSIS_CALCIFICATION = "sclerosis_calcification"
    THICKENING = "thickening"
    VEGETATION = "vegetation"
    PROSTHESIS = "prosthesis"
    NORMAL = "normal"


FLOW_DISEASES: tuple[Disease, Disease] = (Disease.STENOSIS, Disease.REGURGITATION)
"""The diseases that a spectral Doppler display can show."""


class Severity(IntEnum):
    """Ordinal grade of a lesion; ``UNSPECIFIED`` is a named lesion without a grade."""

    UNSPECIFIED = -1
    NONE = 0
    TRACE = 1
    MILD = 2
    MILD_MODERATE = 3
    MODERATE = 4
    MODERATE_SEVERE = 5
    SEVERE = 6

    @property
    def word(self) -> str:
        """The word used in files: ``none``, ``trace``, ..., ``severe``, ``unspecified``."""
        return self.name.lower()

    @classmethod
    def from_word(cls, word: str) -> "Severity":
        """The grade that a word names.

        Raises:
            ValueError: If the word is none of the eight.
        """
        try:
            return cls[word.strip().upper()]
        except KeyError:
            known = ", ".join(grade.word for grade in cls)
            raise ValueError(f"{word!r} is no severity, known are {known}") from None


class Assertion(StrEnum):
    """How a report speaks of a finding. Not mentioned is not absent: it has no record at all."""

    PRESENT = "present"
    NEGATED = "negated"
    POSSIBLE = "possible"
    HISTORICAL = "historical"
    FAMILY = "family"
    HYPOTHETICAL = "hypothetical"
    NOT_ASSESSED = "not_assessed"


class LabelSource(StrEnum):
    """Where a label comes from; sources are never mixed silently."""

    REPORT = "report"
    RETRIEVAL = "retrieval"
    MEASUREMENT = "measurement"


class DopplerMode(StrEnum):
    """Kind of spectral Doppler."""

    CW = "CW"
    PW = "PW"
    UNKNOWN = "unknown"

    def shows(self, disease: Disease) -> bool:
        """Whether a display of this kind can show a disease.

        Both show a stenosis by its forward flow. Pulsed wave samples one place and aliases above about 2 m/s, so a
        regurgitant jet is not judged from it.
        """
        if disease is Disease.REGURGITATION:
            return self is not DopplerMode.PW
        return disease is Disease.STENOSIS


class FlowKind(StrEnum):
    """The coarse word for what a spectral display shows (the second column of ``views.csv``)."""

    NORMAL = "normal"
    STENOSIS = "stenosis"
    REGURGITATION = "regurgitation"
    MIXED = "mixed"


class CalibrationSource(StrEnum):
    """Where the scale of a display comes from."""

    DICOM = "dicom"
    AXIS = "axis"
    NONE = "none"


class ItemState(StrEnum):
    """State of one image in one run of labelling."""

    PENDING = "pending"
    LABELLED = "labelled"
    ABSTAINED = "abstained"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


class Split(StrEnum):
    """Part of a data set that a patient belongs to."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"
