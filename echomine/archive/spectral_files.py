"""Spectral displays read from DICOM files and pictures: the hardened edge to files of unknown origin.

Whatever is wrong with a file, the caller gets an :class:`ItemError` with a reason; what it gets from a good file is
cropped to the ultrasound regions, so that burned-in names outside of them never leave this module.
"""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from echomine.archive import dicom_images, picture_images
from echomine.archive.quiet_reading import QUIET
from echomine.archive.safe_names import content_id, safe_uid
from echomine.archive.source_images import Identity, ReadLimits, SourceImage
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import ImageRecord
from echomine.doppler.display import Pixels, SpectralDisplay, brightness
from echomine.doppler.region import Box, blank_outside, mode_of

DEFAULT_LIMITS = ReadLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFile:
    """An image of the catalog and where its file lies.

    Attributes:
        record: What the catalog knows of it.
        path: Its file.
        notes: What had to be assumed when it was read.
    """

    record: ImageRecord
    path: Path
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralFile:
    """One spectral display with what its file says about it.

    Attributes:
        image_id: SOP instance UID when well formed, else made from the content.
        content_sha256: Hex digest of the file.
        study_uid: StudyInstanceUID, made safe; ``""`` when unknown.
        identity: Patient and date as the file states them: for memory only.
        display: The display, cropped to its region.
        box: Where it stood in the image.
        notes: What had to be assumed, plain sentences without identity.
    """

    image_id: str
    content_sha256: str
    study_uid: str
    identity: Identity
    display: SpectralDisplay
    box: Box
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedPicture:
    """A whole image for showing, black outside its ultrasound regions.

    Attributes:
        pixels: (H, W) or (H, W, 3).
        box: The spectral display within it.
    """

    pixels: Pixels
    box: Box


def read_spectral_file(path: Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> SpectralFile:
    """The spectral display of a DICOM file, PNG or JPEG.

    The bytes are read once. A picture is one uncalibrated display as a whole. Of several frames the first is taken.

    Raises:
        ItemError: With the reason, whatever is wrong with the file; the message names no path and no patient.
    """
    data = read_bounded(path, limits=limits)
    digest = hashlib.sha256(data).hexdigest()
    with _item_errors(), QUIET:
        image = _source_image(data, limits)
        pixels = image.cut(image.spectral_box)
    return SpectralFile(
        image_id=safe_uid(image.identity.sop_uid) or content_id(digest),
        content_sha256=digest,
        study_uid=safe_uid(image.identity.study_uid),
        identity=image.identity,
        display=SpectralDisplay(
            pixels=pixels,
            calibration=image.calibration,
            mode=mode_of(image.region) if image.region else image.mode,
        ),
        box=image.spectral_box,
        notes=image.notes,
    )


def read_known_display(file: ImageFile, *, limits: ReadLimits = DEFAULT_LIMITS) -> SpectralDisplay:
    """The display of a catalogued image, in grey: the strongest channel, as networks see it.

    The same bytes passed every check when they were taken in; only the pixels are worked out again, and cut and scaled
    as the catalog says.

    Raises:
        ItemError: ``source_changed`` when the bytes are not those of then, or why they cannot be read.
    """
    data, record = read_bounded(file.path, limits=limits), file.record
    if hashlib.sha256(data).hexdigest() != record.content_sha256:
        raise ItemError(Reason.SOURCE_CHANGED, "its content changed since it was taken in; ingest its source again")
    with _item_errors(), QUIET:
        if picture_images.is_picture(data):
            pixels = brightness(picture_images.read_picture(data, limits).cut(record.box))
        else:
            pixels = dicom_images.brightness_of_known(data, record.box)
    return SpectralDisplay(pixels=pixels, calibration=record.calibration, mode=record.mode)


def read_masked_picture(path: Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> MaskedPicture:
    """The whole image of a spectral file, with everything outside its ultrasound regions blanked.

    Raises:
        ItemError: As :func:`read_spectral_file`.
    """
    data = read_bounded(path, limits=limits)
    with _item_errors(), QUIET:
        image = _source_image(data, limits)
        pixels = image.cut((0, 0, image.columns, image.rows))
    return MaskedPicture(pixels=blank_outside(pixels, image.boxes), box=image.spectral_box)


def _source_image(data: bytes, limits: ReadLimits) -> SourceImage:
    if picture_images.is_picture(data):
        return picture_images.read_picture(data, limits)
    return dicom_images.read_dicom(data, limits)


@contextmanager
def _item_errors() -> Iterator[None]:
    """Readers of foreign files raise a dozen types of errors; each becomes one typed error."""
    try:
        yield
    except ItemError:
        raise
    except MemoryError as error:
        raise ItemError(Reason.TOO_LARGE, "decoding it needs more memory than there is") from error
    except Exception as error:
        raise ItemError(
            Reason.UNDECODABLE, f"its content cannot be read ({type(error).__name__}); export it again"
        ) from error


def read_bounded(path: Path, *, limits: ReadLimits = DEFAULT_LIMITS) -> bytes:
    """All bytes of a regular file within the size limit.

    Raises:
        ItemError: ``source_missing``, ``unreadable``, ``too_large`` or ``empty_file``.
    """
    try:
        with open(path, "rb", opener=_open_without_blocking) as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ItemError(Reason.UNREADABLE, "it is no regular file")
            if status.st_size > limits.file_bytes:
                raise ItemError(
                    Reason.TOO_LARGE, f"it has {status.st_size:,} bytes, the limit is {limits.file_bytes:,}"
                )
            data = stream.read(status.st_size + 1)
    except FileNotFoundError as error:
        raise ItemError(Reason.SOURCE_MISSING, "it is no longer there; mount or ingest its source again") from error
    except (OSError, ValueError) as error:
        raise ItemError(Reason.UNREADABLE, f"it cannot be opened ({type(error).__name__}); check its rights") from error
    if len(data) > status.st_size:
        raise ItemError(Reason.UNREADABLE, "it grew while it was read; ingest it when it is complete")
    if not data:
        raise ItemError(Reason.EMPTY_FILE, "the file is empty; copy it again")
    return data


def _open_without_blocking(name: str, flags: int) -> int:
    """Opens without waiting for the other end, so that a named pipe in a source does not hang the batch."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
