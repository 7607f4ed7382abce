"""Errors of echomine, one tree.

    EchomineError
    ├── UsageError          wrong option, unknown name, missing file named by the user      exit code 2
    ├── ConfigurationError  a setting that cannot hold                                      exit code 2
    ├── WorkspaceError      the workspace cannot be read or written                         exit code 3
    ├── ArtifactError       a generation is missing, altered or does not fit another        exit code 3
    ├── MeasurementError    a value cannot be computed from what is there
    └── ItemError           one image, report or row is bad: it carries a Reason, the batch goes on

A message names the thing, the value got, what was wanted and the remedy, in one sentence.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why one item was quarantined or skipped: a closed list, written to the catalog as it stands."""

    EMPTY_FILE = "empty_file"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED = "truncated"
    BROKEN_DICOM = "broken_dicom"
    WRONG_MODALITY = "wrong_modality"
    NO_PIXELS = "no_pixels"
    TOO_LARGE = "too_large"
    ENCRYPTED = "encrypted"
    DEFLATED = "deflated"
    UNDECODABLE = "undecodable"
    NO_SPECTRAL_REGION = "no_spectral_region"
    BLANK_PICTURE = "blank_picture"
    PHOTOGRAPH = "photograph"
    COLOUR_DOPPLER = "colour_doppler"
    TWO_DIMENSIONAL = "two_dimensional"
    M_MODE = "m_mode"
    ROTATED = "rotated"
    LOW_RESOLUTION = "low_resolution"
    BAD_REGION = "bad_region"
    DUPLICATE_UID = "duplicate_uid"
    UNREADABLE = "unreadable"
    SOURCE_MISSING = "source_missing"
    SOURCE_CHANGED = "source_changed"
    EMPTY_REPORT = "empty_report"
    BAD_ENCODING = "bad_encoding"
    BAD_ROW = "bad_row"
    NO_EXAM = "no_exam"
    NO_REPORT = "no_report"
    BAD_SPACING = "bad_spacing"
    WRONG_SHAPE = "wrong_shape"
    NOT_HOUNSFIELD = "not_hounsfield"
    BAD_SERIES = "bad_series"
    NO_HEART = "no_heart"
    NO_NETWORKS = "no_networks"
    BAD_PIXELS = "bad_pixels"
    BAD_TARGET = "bad_target"
    FAILED = "failed"


class EchomineError(Exception):
    """Base of all errors that echomine raises on purpose; ``str()`` is one sentence for the user."""

    exit_code = 3


class UsageError(EchomineError):
    """The command or call was wrong: an unknown name, a missing file, an impossible option."""

    exit_code = 2


class ConfigurationError(EchomineError):
    """A setting is unknown or outside its range."""

    exit_code = 2


class WorkspaceError(EchomineError):
    """The workspace or its catalog cannot be read or written."""


class ArtifactError(EchomineError):
    """A generation is missing, altered on disk, or was made for another one."""


class MeasurementError(EchomineError):
    """A value cannot be computed from the samples given."""


class ItemError(EchomineError):
    """One item is bad; it is recorded with its reason and the batch goes on.

    Attributes:
        reason: The code that the catalog keeps.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
