"""What a reader of one file format hands over, and the limits it keeps."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from echomine.domain.records import Calibration, UltrasoundRegion
from echomine.domain.vocabulary import DopplerMode
from echomine.doppler.axis import AxisReading
from echomine.doppler.display import Pixels
from echomine.doppler.region import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadLimits:
    """Sizes above which a file is refused before anything is decoded.

    Attributes:
        file_bytes: Bytes of the file.
        frame_samples: Rows x columns x samples of one frame.
        all_samples: Rows x columns x samples x frames.
    """

    file_bytes: int = 512 * 1024**2
    frame_samples: int = 64 * 1024**2
    all_samples: int = 4 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who and when, as a file states it. Lives in memory only; its repr shows nothing."""

    patient_id: str = ""
    study_uid: str = ""
    sop_uid: str = ""
    performed: date | None = None

    def __repr__(self) -> str:
        return "Identity(...)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceImage:
    """One decoded frame, not yet masked.

    Attributes:
        rows: Height in pixels.
        columns: Width in pixels.
        cut: Gives the pixels of a box, (h, w) or (h, w, 3) in 0..255; colours are worked out for that box only.
        boxes: Its ultrasound regions; everything outside is to be blanked.
        spectral_box: The spectral display.
        region: The DICOM item it was chosen by, None for a picture.
        calibration: Its scale, None when unknown.
        mode: Kind of Doppler when no region states it.
        axis: What was read off its axes; None where the file states the scale.
        notes: What had to be assumed.
    """

    rows: int
    columns: int
    cut: Callable[[Box], Pixels]
    boxes: tuple[Box, ...]
    spectral_box: Box
    identity: Identity
    region: UltrasoundRegion | None = None
    calibration: Calibration | None = None
    mode: DopplerMode = DopplerMode.UNKNOWN
    axis: AxisReading | None = None
    notes: tuple[str, ...] = ()
